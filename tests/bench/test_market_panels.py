"""The simulated market as histories: campaigns as told, clients as their sums."""

import numpy as np
import pytest

from bench.market_panels import Panels, panels_of
from ingestion.simulator.market.agency import Agency, draw_agency
from ml.forecast.rolling_origin import known_at_origin
from ml.panel import Floats, Measure

ORIGINS = (200, 333, 419)


@pytest.fixture(scope="module")
def agency() -> Agency:
    return draw_agency(3)


@pytest.fixture(scope="module")
def panels(agency: Agency) -> tuple[Panels, Panels]:
    return panels_of(agency)


def by_hand(campaigns: Floats, names: list[str], client: str) -> Floats:
    """Sum of a client's campaigns, day by day, one cell after the other."""
    rows = [row for row, name in enumerate(names) if name == client]
    sums = np.full(campaigns.shape[1], np.nan)
    for step in range(campaigns.shape[1]):
        begun = [row for row in rows if not np.isnan(campaigns[row, : step + 1]).all()]
        if begun:
            sums[step] = sum(campaigns[row, step] for row in begun)
    return sums


def test_what_is_known_last_is_the_truth_and_zero_after_the_end(
    agency: Agency, panels: tuple[Panels, Panels]
) -> None:
    paid = [row for row, series in enumerate(agency.series) if series.campaign]
    final = agency.final["revenue"][paid]
    begun = np.maximum.accumulate(~np.isnan(final), axis=1)
    latest = panels[0].history.latest().values[Measure.REVENUE]
    np.testing.assert_array_equal(latest, np.where(begun, np.nan_to_num(final), np.nan))


@pytest.mark.parametrize("origin", ORIGINS)
def test_clients_are_the_sums_of_their_campaigns_at_every_origin(
    panels: tuple[Panels, Panels], origin: int
) -> None:
    campaigns, clients = (known_at_origin(one.history, origin) for one in panels)
    names = [series.client for series in campaigns.series]
    for row, series in enumerate(clients.series):
        for measure in (Measure.SPEND, Measure.REVENUE):
            np.testing.assert_allclose(
                clients.values[measure][row],
                by_hand(campaigns.values[measure], names, series.client),
            )


def test_plans_are_summed_and_money_is_compared_in_dollars(
    panels: tuple[Panels, Panels],
) -> None:
    campaigns, clients = panels
    assert clients.planned.sum() == pytest.approx(campaigns.planned.sum())
    currencies = {one.currency for one in clients.history.series}
    assert len(set(clients.dollars)) == len(currencies)
    dollars = dict(
        zip((one.currency for one in clients.history.series), clients.dollars, strict=True)
    )
    assert dollars.get("USD", 1.0) == 1.0
    assert dollars["GBP"] == pytest.approx(1 / 0.78)

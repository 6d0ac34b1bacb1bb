"""What the world says went wrong is found in its figures, and nowhere else."""

from collections import defaultdict

import numpy as np
import pytest

from ingestion.simulator.market.agency import Agency, iter_agencies
from ingestion.simulator.market.clients import Size
from ingestion.simulator.market.incidents import Incident, Kind
from ingestion.simulator.market.streams import Floats

SIZE = Size(agencies=30)

Found = dict[Kind, list[tuple[Incident, float]]]


def rows_of(agency: Agency, one: Incident) -> list[int]:
    return [
        row
        for row, series in enumerate(agency.series)
        if series.client == one.client
        and (one.channel is None or (series.campaign and series.channel == one.channel))
        and one.campaign in {None, series.campaign}
    ]


def share(agency: Agency, one: Incident, told: Floats, expected: Floats) -> float:
    cells = np.ix_(rows_of(agency, one), range(one.first_step, one.last_step + 1))
    whole = np.nansum(expected[cells])
    return float(np.nansum(told[cells]) / whole) if whole > 30 else np.nan


@pytest.fixture(scope="module")
def found() -> Found:
    """What is told over what was to be expected of each incident's cells."""
    shares: Found = defaultdict(list)
    for agency in iter_agencies(seed=11, size=SIZE):
        spend = np.nan_to_num(agency.final["spend"])
        expected = agency.response.conversions(spend)
        for one in agency.incidents:
            if one.kind in {Kind.SPEND_RUNAWAY, Kind.PAUSED_CAMPAIGN}:
                found = share(agency, one, agency.final["spend"], agency.planned)
            else:
                found = share(agency, one, agency.final["conversions"], expected)
            if not np.isnan(found):
                shares[one.kind].append((one, found))
    return shares


@pytest.mark.parametrize(
    "kind",
    [
        Kind.TRACKING_BREAK,
        Kind.SITE_OUTAGE,
        Kind.DOUBLE_COUNTING,
        Kind.SPEND_RUNAWAY,
        Kind.PAUSED_CAMPAIGN,
    ],
)
def test_figures_change_by_the_factor_that_the_truth_tells(found: Found, kind: Kind) -> None:
    assert len(found[kind]) >= 8
    off = [told - one.factor for one, told in found[kind]]
    # Two incidents now and then fall together: the median tells of the rule.
    assert np.median(off) == pytest.approx(0.0, abs=0.06 * max(1.0, found[kind][0][0].factor))


@pytest.mark.parametrize("kind", [Kind.LATE_DATA, Kind.PRICE_CHANGE])
def test_late_data_and_known_prices_leave_final_figures_as_expected(
    found: Found, kind: Kind
) -> None:
    assert np.median([told for _, told in found[kind]]) == pytest.approx(1.0, abs=0.07)


def test_only_late_data_is_no_incident() -> None:
    assert [kind for kind in Kind if not kind.is_incident] == [Kind.LATE_DATA]


def test_a_new_price_is_in_order_values_from_its_day_to_the_end() -> None:
    agency, one = next(
        (agency, one)
        for agency in iter_agencies(seed=11, size=SIZE)
        for one in agency.incidents
        if one.kind is Kind.PRICE_CHANGE and one.first_step > 0
    )
    row = rows_of(agency, one)[0]
    values = agency.response.order_value[row]
    assert one.last_step == agency.days - 1
    assert values[one.first_step] / values[one.first_step - 1] == pytest.approx(one.factor)

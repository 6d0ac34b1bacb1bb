"""The frozen market: the same for ever, and true to what it says about itself."""

import datetime as dt
from hashlib import sha256

import numpy as np
import pytest

from ingestion.simulator.market.agency import SIZE, START, Agency, draw_agency, iter_agencies
from ingestion.simulator.market.arrivals import TOLD_AFTER
from ingestion.simulator.market.clients import Size
from ingestion.simulator.market.incidents import Kind
from ingestion.simulator.market.streams import Floats

MEASURES = ("spend", "conversions", "revenue", "sessions")
DAY = 86_400_000_000


@pytest.fixture(scope="module")
def agency() -> Agency:
    return draw_agency(3)


def last_told(agency: Agency, measure: str) -> Floats:
    """Read one by one, so that it shares nothing with how revisions are laid out."""
    told = np.full(agency.planned.shape, np.nan)
    revisions = agency.revisions
    for row, step, value in zip(
        revisions.row, revisions.step, revisions.values[measure], strict=True
    ):
        told[row, step] = value
    return told


def digest(agency: Agency) -> str:
    found = sha256()
    for name in MEASURES:
        found.update(np.nan_to_num(agency.final[name], nan=-1.0).round(2).tobytes())
    found.update(agency.revisions.known_at.tobytes())
    found.update(agency.planned.round(2).tobytes())
    found.update(repr(agency.incidents).encode())
    return found.hexdigest()


def test_an_agency_of_the_frozen_world_is_what_it_was(agency: Agency) -> None:
    assert digest(agency)[:16] == "d7234bca7942f71c"


def test_another_seed_is_another_world(agency: Agency) -> None:
    assert digest(draw_agency(3, seed=1)) != digest(agency)


def test_a_client_is_the_same_whatever_else_its_agency_has() -> None:
    one, two = (
        draw_agency(0, size=Size(agencies=1, days=60, clients=(count, count))) for count in (1, 2)
    )
    assert one.series == two.series[: len(one.series)]
    np.testing.assert_array_equal(one.final["revenue"], two.final["revenue"][: len(one.series)])


def test_all_agencies_come_in_turn() -> None:
    size = Size(agencies=3, days=30, clients=(1, 1), channels=(2, 2), campaigns=(1, 1))
    agencies = list(iter_agencies(size=size))
    assert [one.name for one in agencies] == ["agency-000", "agency-001", "agency-002"]
    assert [len(one.series) for one in agencies] == [3, 3, 3]
    assert (SIZE.agencies, SIZE.days) == (50, 420)
    assert START.weekday() == 0


@pytest.mark.parametrize("measure", MEASURES)
def test_the_last_revision_is_the_final_figure(agency: Agency, measure: str) -> None:
    np.testing.assert_array_equal(last_told(agency, measure), agency.final[measure])


def test_revisions_are_sorted_and_told_once_a_morning(agency: Agency) -> None:
    revisions = agency.revisions
    keys = np.stack([revisions.row, revisions.step, revisions.known_at]).astype(np.int64)
    order = np.lexsort(keys[::-1])
    np.testing.assert_array_equal(order, np.arange(len(order)))
    assert len(np.unique(keys, axis=1).T) == len(order)


def test_a_day_is_told_from_the_next_morning_until_it_is_thirty_days_old(agency: Agency) -> None:
    revisions = agency.revisions
    first = (START - dt.date(1970, 1, 1)).days * DAY + DAY // 4
    age = (revisions.known_at - first) // DAY - revisions.step
    late = [one for one in agency.incidents if one.kind is Kind.LATE_DATA]
    assert late
    touched = np.zeros(agency.planned.shape, dtype=np.bool_)
    for one in late:
        rows = [
            row
            for row, series in enumerate(agency.series)
            if series.campaign and (series.client, series.channel) == (one.client, one.channel)
        ]
        touched[rows, one.first_step : one.last_step + 1] = True
    on_time = ~touched[revisions.row, revisions.step]
    assert set(np.unique(age[on_time])) == set(TOLD_AFTER)
    assert age[~on_time].min() > 1
    assert age.max() == TOLD_AFTER[-1]


def test_conversions_arrive_and_never_leave(agency: Agency) -> None:
    revisions = agency.revisions
    same = (np.diff(revisions.row) == 0) & (np.diff(revisions.step) == 0)
    assert (np.diff(revisions.values["conversions"])[same] >= 0).all()
    # Spend is only ever credited.
    spend = np.nan_to_num(revisions.values["spend"])
    assert (np.diff(spend)[same] <= 0).all()


def test_the_true_response_never_falls_when_more_is_spent(agency: Agency) -> None:
    spend = np.nan_to_num(agency.final["spend"])
    less, more = (agency.response.revenue(spend * factor) for factor in (1.0, 1.2))
    assert (more >= less).all()
    assert (more > less).any()
    nothing = agency.response.conversions(np.zeros_like(spend))
    np.testing.assert_allclose(nothing, agency.response.claimed)


def test_what_is_counted_is_what_was_expected_on_average() -> None:
    size = Size(agencies=12, clients=(3, 3))
    told, expected = 0.0, 0.0
    for agency in iter_agencies(seed=7, size=size):
        touched = np.zeros(agency.planned.shape, dtype=np.bool_)
        for one in agency.incidents:
            rows = [row for row, series in enumerate(agency.series) if series.client == one.client]
            if one.kind is not Kind.PRICE_CHANGE:
                touched[rows, one.first_step : one.last_step + 1] = True
        usable = ~touched & ~np.isnan(agency.final["conversions"])
        mean = agency.response.conversions(np.nan_to_num(agency.final["spend"]))
        told += float(agency.final["conversions"][usable].sum())
        expected += float(mean[usable].sum())
    # Day shocks have a mean a little above 1: exp(0.09 t) with 4 degrees of freedom.
    assert told / expected == pytest.approx(1.01, abs=0.02)


def test_actual_spend_keeps_near_its_plan_where_nothing_happens(agency: Agency) -> None:
    planned, actual = agency.planned, np.nan_to_num(agency.final["spend"])
    runs = (planned > 0) & (actual > 0)
    off = np.abs(np.log(actual[runs] / planned[runs]))
    assert np.median(off) < 0.1
    assert (np.nan_to_num(actual[planned == 0]) == 0).all()


def test_campaigns_have_no_figures_outside_their_life(agency: Agency) -> None:
    for row, series in enumerate(agency.series):
        known = ~np.isnan(agency.final["conversions"][row])
        if series.campaign is None:
            assert known.all()
            assert np.isnan(agency.final["spend"][row]).all()
        else:
            days = np.flatnonzero(known)
            assert len(days) == days[-1] - days[0] + 1
            assert (agency.planned[row, ~known] == 0).all()

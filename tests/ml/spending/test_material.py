"""What curves are learnt from: final days, whoever runs and has results, what counts beside."""

import datetime as dt
import uuid

import numpy as np
import pytest

from ml.panel import DAILY, Floats, Measure, Panel, Series
from ml.spending.material import Event, Experiment, LeftOut, TooLittleDataError, gather

START = dt.date(2026, 1, 1)
DAYS = 120
TODAY = START + dt.timedelta(days=DAYS)
NAMES = ("paid_search", "paid_social", "display")


def _day(step: int) -> dt.date:
    return START + dt.timedelta(days=step)


def panel(spend: Floats, revenue: Floats) -> Panel:
    series = tuple(Series("acme", name, None, "EUR") for name in NAMES[: len(spend)])
    values = {
        Measure.SPEND: spend,
        Measure.REVENUE: revenue,
        Measure.CONVERSIONS: revenue / 50,
    }
    return Panel(DAILY, START, series, values)


def spends(items: int = 2) -> Floats:
    spend: Floats = np.exp(np.random.default_rng(1).normal(4, 0.4, (items, DAYS)))
    return spend


def test_results_that_still_grow_are_not_learnt_from_and_their_spend_is() -> None:
    spend = spends()
    found = gather(panel(spend, 3 * spend), Measure.REVENUE, TODAY)
    # 30 days after its own a day is final: that of 90 days before the last one is the last.
    assert found.final_day == _day(DAYS - 30)
    known = np.isfinite(found.observed.outcomes)
    assert known[:, : DAYS - 29].all()
    assert not known[:, DAYS - 29 :].any()
    assert (found.observed.spend == spend).all()
    assert (found.start, found.last_day) == (START, _day(DAYS - 1))


def test_days_that_not_everybody_has_told_are_waited_for() -> None:
    spend = spends()
    spend[1, -3:] = np.nan
    found = gather(panel(spend, 3 * spend), Measure.REVENUE, TODAY)
    assert found.last_day == _day(DAYS - 4)


def test_an_account_that_is_gone_is_not_waited_for() -> None:
    spend = spends()
    spend[1, -20:] = np.nan
    found = gather(panel(spend, 3 * spend), Measure.REVENUE, TODAY)
    assert found.last_day == _day(DAYS - 1)
    assert found.observed.spend[1, -20:].tolist() == [0.0] * 20


def test_before_it_began_an_item_spent_nothing_and_shows_nothing() -> None:
    spend = spends()
    spend[1, :40] = np.nan
    found = gather(panel(spend, 3 * spend), Measure.REVENUE, TODAY)
    assert found.observed.spend[1, :40].tolist() == [0.0] * 40
    assert np.isnan(found.observed.outcomes[1, :40]).all()


def test_credits_of_a_platform_are_no_negative_spend() -> None:
    spend = spends()
    spend[0, 5] = -3.0
    found = gather(panel(spend, 3 * np.abs(spend)), Measure.REVENUE, TODAY)
    assert found.observed.spend[0, 5] == 0.0


def test_who_claims_nothing_or_is_too_young_is_left_out() -> None:
    spend = spends(3)
    spend[1, :80] = np.nan
    revenue = 3 * spend
    revenue[2] = 0.0
    found = gather(panel(spend, revenue), Measure.REVENUE, TODAY, shown={"display": "Display"})
    assert found.observed.names == ("paid_search",)
    assert found.left_out == (
        LeftOut(
            "paid_social", "paid_social has 11 days of spend whose revenue is final; it takes 28"
        ),
        LeftOut("display", "no platform has claimed any revenue for Display"),
    )


def test_if_nobody_is_left_the_reasons_are_told() -> None:
    spend = spends(1)
    with pytest.raises(TooLittleDataError, match="no platform has claimed any conversions for"):
        gather(panel(spend, 0 * spend), Measure.CONVERSIONS, TODAY)
    spend[0, -28:] = 0.0
    with pytest.raises(TooLittleDataError, match="nothing has spent of late"):
        gather(panel(spend, 3 * spend), Measure.REVENUE, TODAY)


def test_events_of_the_time_that_is_seen_are_columns() -> None:
    sale = Event("sale", frozenset({_day(10), _day(130)}))
    later = Event("launch", frozenset({_day(125)}))
    spend = spends()
    found = gather(panel(spend, 3 * spend), Measure.REVENUE, TODAY, [later, sale])
    assert found.events == ("sale",)
    assert found.observed.calendar.events[:, 0].nonzero()[0].tolist() == [10]


def test_lift_tests_within_the_time_count_with_their_daily_change() -> None:
    def test(first: int, last: int, key: str) -> Experiment:
        return Experiment(uuid.uuid4(), key, _day(first), _day(last), 280.0, 700.0, 90.0)

    inside, before = test(20, 47, "paid_social"), test(-1, 20, "paid_social")
    elsewhere = test(20, 47, "video")
    spend = spends()
    found = gather(panel(spend, 3 * spend), Measure.REVENUE, TODAY, (), [inside, before, elsewhere])
    assert found.tests_used == (inside.id,)
    (one,) = found.tests
    assert (one.item, one.start, one.stop, one.change) == (1, 20, 48, 10.0)
    assert (one.effect, one.standard_error) == (700.0, 90.0)


def test_one_that_moves_is_enough() -> None:
    spend = spends()
    spend[0] = 50.0
    assert gather(panel(spend, 3 * spend), Measure.REVENUE, TODAY).observed.names == NAMES[:2]
    spend[1] = 20.0
    with pytest.raises(TooLittleDataError, match="no spend has moved enough"):
        gather(panel(spend, 3 * spend), Measure.REVENUE, TODAY)

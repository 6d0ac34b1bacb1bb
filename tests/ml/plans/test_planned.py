"""Plans as figures of days."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.panel import Floats, Series
from ml.plans.planned import PlannedSpend, planned_spend

MARCH = dt.date(2026, 3, 1)
SERIES = (
    Series("acme", "search", "a:1", "EUR"),
    Series("acme", "search", "a:2", "EUR"),
    Series("acme", "video", "a:3", "EUR"),
    Series("bolt", "search", "b:1", "EUR"),
    Series("acme", "search", "c:1", "USD"),
)
RECENT = np.array([30.0, 10.0, 60.0, 5.0, 7.0])
NAN = float("nan")


def plan(amount: str, channel: str | None = None, campaign: str | None = None) -> PlannedSpend:
    end = dt.date(2026, 3, 10)
    return PlannedSpend("acme", channel, campaign, MARCH, end, Decimal(amount), "EUR")


def first_day(*plans: PlannedSpend, recent: Floats = RECENT) -> list[float]:
    found: list[float] = planned_spend(plans, SERIES, recent, MARCH, 1)[:, 0].tolist()
    return found


def test_an_amount_is_spread_evenly_over_its_days_and_no_others() -> None:
    told = planned_spend([plan("100", campaign="a:1")], SERIES, RECENT, dt.date(2026, 2, 28), 12)
    assert told[0].tolist() == pytest.approx([NAN, *[10.0] * 10, NAN], nan_ok=True)
    assert np.isnan(told[1:]).all()


def test_a_channel_s_plan_is_shared_as_money_was_spent_of_late() -> None:
    told = first_day(plan("1000", channel="search"))
    assert told == pytest.approx([75, 25, NAN, NAN, NAN], nan_ok=True)


def test_a_channel_holds_its_campaigns_and_a_client_its_channels() -> None:
    plans = [plan("2000"), plan("1000", channel="search"), plan("400", campaign="a:1")]
    assert first_day(*plans) == pytest.approx([40, 60, 100, NAN, NAN], nan_ok=True)


def test_campaigns_that_plan_more_than_their_channel_leave_nothing() -> None:
    told = first_day(plan("100", channel="search"), plan("400", campaign="a:1"))
    assert told == pytest.approx([40, 0, NAN, NAN, NAN], nan_ok=True)


def test_campaigns_that_have_spent_nothing_share_equally() -> None:
    told = first_day(plan("1000", channel="search"), recent=np.zeros(5))
    assert told == pytest.approx([50, 50, NAN, NAN, NAN], nan_ok=True)


@given(st.lists(st.floats(0, 1e6), min_size=5, max_size=5), st.integers(1, 10**9))
def test_nothing_of_a_client_s_plan_is_lost_or_added(recent: list[float], cents: int) -> None:
    amount = Decimal(cents) / 100
    total = PlannedSpend("acme", None, None, MARCH, MARCH, amount, "EUR")
    told = planned_spend([total], SERIES, np.array(recent), MARCH, 1)
    assert np.nansum(told) == pytest.approx(float(amount))
    assert np.isnan(told[3:]).all()

"""Totals are told when they are mature, and not a day before."""

import datetime as dt

import numpy as np
import pytest

from ml.ledger.ripe import MATURE_AFTER, ripe_totals
from ml.panel import DAILY, Measure, Panel, Series

START = dt.date(2026, 1, 1)
VALUES = np.array([np.arange(20.0), np.full(20, 2.0)])
BOTH = dict.fromkeys((Measure.SPEND, Measure.REVENUE), VALUES)
PANEL = Panel(DAILY, START, (Series("a"), Series("b")), BOTH)


def day(number: int) -> dt.date:
    return START + dt.timedelta(days=number)


def told(measure: Measure, today: int, origin: int = 5) -> list[list[float | None]]:
    totals = ripe_totals(PANEL, measure, day(origin), (2, 7), day(today))
    return [[None if np.isnan(one) else one for one in row] for row in totals]


def test_ages_by_measure() -> None:
    assert MATURE_AFTER == {
        Measure.SPEND: 3,
        Measure.SESSIONS: 3,
        Measure.CONVERSIONS: 30,
        Measure.REVENUE: 30,
        Measure.ORDERS: 3,
        Measure.SALES: 3,
    }


@pytest.mark.parametrize(("measure", "age"), [(Measure.SPEND, 3), (Measure.REVENUE, 30)])
def test_a_total_is_mature_with_its_last_day(measure: Measure, age: int) -> None:
    two, seven = 5.0 + 6.0, 5.0 + 6 + 7 + 8 + 9 + 10 + 11
    assert told(measure, 6 + age - 1) == [[None, None], [None, None]]
    assert told(measure, 6 + age) == [[two, None], [4.0, None]]
    assert told(measure, 11 + age - 1) == [[two, None], [4.0, None]]
    assert told(measure, 11 + age) == [[two, seven], [4.0, 14.0]]


def test_days_that_are_not_known_tell_nothing() -> None:
    assert told(Measure.SPEND, 400, origin=-1) == [[None, None], [None, None]]
    assert told(Measure.SPEND, 400, origin=14) == [[29.0, None], [4.0, None]]
    assert told(Measure.SPEND, 400, origin=19) == [[None, None], [None, None]]
    gap = VALUES.copy()
    gap[0, 6] = np.nan
    totals = ripe_totals(
        Panel(DAILY, START, PANEL.series, {Measure.SPEND: gap}),
        Measure.SPEND, day(5), (1, 2), day(400),
    )  # fmt: skip
    np.testing.assert_array_equal(totals, [[5.0, np.nan], [2.0, 4.0]])

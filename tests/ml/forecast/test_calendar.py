"""Holidays and events are marked on the steps in which they lie, for the client they belong to."""

import datetime as dt

import numpy as np
import pytest

from domain.errors import InvalidInputError
from ml.forecast.calendar import NO_CALENDAR, Calendar
from ml.panel import DAILY, WEEKLY, Cadence, Measure, Panel, Series

CLIENTS = (Series("acme"), Series("zeta"))


def panel(start: dt.date, steps: int, cadence: Cadence = DAILY) -> Panel:
    return Panel(cadence, start, CLIENTS, {Measure.SPEND: np.ones((2, steps))})


def test_a_holiday_is_marked_in_its_country_only() -> None:
    calendar = Calendar({"acme": "DE", "zeta": "GB"})
    marks = calendar.holidays_of(panel(dt.date(2025, 10, 1), 2), 3)
    # German Unity Day is 3 October.
    assert marks.tolist() == [[0, 0, 1, 0, 0], [0, 0, 0, 0, 0]]


def test_a_week_is_marked_by_the_share_of_its_days() -> None:
    calendar = Calendar({"acme": "DE"})
    # 22 to 28 December holds the 25th and the 26th, the next week New Year's Day.
    marks = calendar.holidays_of(panel(dt.date(2025, 12, 22), 1, WEEKLY), 1)
    np.testing.assert_allclose(marks[0], [2 / 7, 1 / 7])


def test_events_are_of_their_client_with_both_ends() -> None:
    sale = (dt.date(2025, 11, 28), dt.date(2025, 11, 30))
    marks = Calendar(events={"zeta": (sale,)}).events_of(panel(dt.date(2025, 11, 27), 3), 2)
    assert marks.tolist() == [[0, 0, 0, 0, 0], [0, 1, 1, 1, 0]]


def test_without_a_calendar_no_day_is_marked() -> None:
    seen = panel(dt.date(2025, 12, 20), 10)
    assert not NO_CALENDAR.holidays_of(seen, 5).any()
    assert not NO_CALENDAR.events_of(seen, 5).any()


def test_an_unknown_country_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="'XX'"):
        Calendar({"acme": "XX"}).holidays_of(panel(dt.date(2025, 1, 1), 2), 1)

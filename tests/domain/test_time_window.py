"""Windows of days: closed ranges, shifting and splitting."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInputError
from domain.time_window import DateRange, split_days


def test_counts_both_ends() -> None:
    assert DateRange(dt.date(2026, 3, 1), dt.date(2026, 3, 31)).days == 31


def test_refuses_an_end_before_the_start() -> None:
    with pytest.raises(InvalidInputError) as caught:
        DateRange(dt.date(2026, 3, 2), dt.date(2026, 3, 1))
    assert caught.value.message == "the period ends on 2026-03-01 before it starts on 2026-03-02"


def test_shifts_across_a_leap_day() -> None:
    window = DateRange(dt.date(2024, 3, 1), dt.date(2024, 3, 2))
    assert window.shifted(-1) == DateRange(dt.date(2024, 2, 29), dt.date(2024, 3, 1))


@given(st.dates(dt.date(2000, 1, 1), dt.date(2050, 1, 1)), st.integers(0, 800), st.integers(1, 90))
def test_parts_cover_each_day_once(start: dt.date, length: int, step: int) -> None:
    window = DateRange(start, start + dt.timedelta(days=length))
    parts = split_days(window, step)
    assert [day for part in parts for day in part] == list(window)
    assert all(part.days == step for part in parts[:-1])

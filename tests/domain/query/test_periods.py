import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInputError
from domain.query.periods import BasePeriod, Shift, find_base
from domain.query.request import Align, CompareTo, Comparison
from domain.time_window import DateRange, Grain

PREVIOUS = Comparison(CompareTo.PREVIOUS_PERIOD)
BY_WEEKDAY = Comparison(CompareTo.PREVIOUS_PERIOD, Align.WEEKDAY)
LAST_YEAR = Comparison(CompareTo.SAME_PERIOD_LAST_YEAR)
LAST_YEAR_WEEKDAY = Comparison(CompareTo.SAME_PERIOD_LAST_YEAR, Align.WEEKDAY)


def period(text: str) -> DateRange:
    start, end = text.split("/")
    return DateRange(dt.date.fromisoformat(start), dt.date.fromisoformat(end))


@pytest.mark.parametrize(
    ("asked", "comparison", "grain", "base", "shift", "amount"),
    [
        ("2026-03-01/2026-03-31", PREVIOUS, None, "2026-01-29/2026-02-28", "DAY", 31),
        ("2026-03-01/2026-03-31", PREVIOUS, Grain.WEEK, "2026-01-29/2026-02-28", "DAY", 31),
        ("2026-03-01/2026-03-31", PREVIOUS, Grain.MONTH, "2026-02-01/2026-02-28", "MONTH", 1),
        ("2024-03-01/2024-03-31", PREVIOUS, Grain.MONTH, "2024-02-01/2024-02-29", "MONTH", 1),
        ("2026-01-01/2026-02-28", PREVIOUS, Grain.MONTH, "2025-11-01/2025-12-31", "MONTH", 2),
        ("2026-03-01/2026-03-31", PREVIOUS, Grain.QUARTER, "2026-01-29/2026-02-28", "DAY", 31),
        ("2026-04-01/2026-06-30", PREVIOUS, Grain.QUARTER, "2026-01-01/2026-03-31", "MONTH", 3),
        ("2026-01-01/2026-12-31", PREVIOUS, Grain.YEAR, "2025-01-01/2025-12-31", "MONTH", 12),
        ("2026-04-01/2026-06-29", PREVIOUS, Grain.MONTH, "2026-01-01/2026-03-31", "DAY", 90),
        ("2026-03-16/2026-03-16", BY_WEEKDAY, None, "2026-03-09/2026-03-09", "DAY", 7),
        ("2026-03-16/2026-03-22", BY_WEEKDAY, None, "2026-03-09/2026-03-15", "DAY", 7),
        ("2026-03-16/2026-03-23", BY_WEEKDAY, None, "2026-03-02/2026-03-09", "DAY", 14),
        ("2026-03-01/2026-03-31", LAST_YEAR, None, "2025-03-01/2025-03-31", "MONTH", 12),
        ("2024-02-01/2024-02-29", LAST_YEAR, None, "2023-02-01/2023-02-28", "MONTH", 12),
        ("2025-02-01/2025-02-28", LAST_YEAR, None, "2024-02-01/2024-02-29", "MONTH", 12),
        ("2025-02-02/2025-02-28", LAST_YEAR, None, "2024-02-02/2024-02-28", "MONTH", 12),
        ("2024-02-29/2024-02-29", LAST_YEAR, None, "2023-02-28/2023-02-28", "MONTH", 12),
        ("2026-03-01/2026-03-31", LAST_YEAR_WEEKDAY, None, "2025-03-02/2025-04-01", "DAY", 364),
    ],
)  # fmt: skip
def test_finds_the_base(  # one argument a column
    asked: str, comparison: Comparison, grain: Grain | None, base: str, shift: str, amount: int
) -> None:
    found = find_base(period(asked), comparison, grain)
    assert found == BasePeriod(period(base), Shift(shift), amount)


days = st.dates(dt.date(1990, 1, 1), dt.date(2080, 1, 1))
periods = st.builds(
    lambda start, length: DateRange(start, start + dt.timedelta(days=length)),
    days,
    st.integers(0, 900),
)


@given(periods)
def test_weekdays_meet(asked: DateRange) -> None:
    for comparison in (BY_WEEKDAY, LAST_YEAR_WEEKDAY):
        base = find_base(asked, comparison, None)
        assert base.period.start.weekday() == asked.start.weekday()
        assert base.period.days == asked.days


@given(periods, st.none() | st.sampled_from(Grain))
def test_the_previous_period_never_overlaps(asked: DateRange, grain: Grain | None) -> None:
    assert find_base(asked, PREVIOUS, grain).period.end == asked.start - dt.timedelta(days=1)
    assert find_base(asked, BY_WEEKDAY, grain).period.end < asked.start


def test_refuses_a_base_before_the_calendar() -> None:
    with pytest.raises(InvalidInputError) as raised:
        find_base(period("0001-01-05/0001-02-05"), LAST_YEAR, None)
    assert str(raised.value) == (
        "nothing can be compared with 0001-01-05: its base lies before the year 1 "
        "(ask for a later period)"
    )
    with pytest.raises(InvalidInputError):
        find_base(period("0001-01-05/0001-02-05"), PREVIOUS, None)

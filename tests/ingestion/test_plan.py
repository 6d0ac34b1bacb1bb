"""Planning: new days, restated days, and changes since the last cursor."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.time_window import DateRange
from ingestion.connector.job import CursorWindow
from ingestion.plan import Coverage, cursor_window, date_windows, days_of_sync, earliest_day

BERLIN = "Europe/Berlin"


def _coverage(
    *, covered_to: dt.date | None = None, cursor: dt.datetime | None = None, zone: str = BERLIN
) -> Coverage:
    return Coverage(dt.date(2026, 10, 1), covered_to, cursor, zone)


def _utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def test_first_time_reads_all_days_up_to_yesterday() -> None:
    windows = date_windows(
        _coverage(), now=_utc("2026-10-31T12:00"), restates_days=30, sync_days=14
    )
    assert windows == [
        DateRange(dt.date(2026, 10, 1), dt.date(2026, 10, 14)),
        DateRange(dt.date(2026, 10, 15), dt.date(2026, 10, 28)),
        DateRange(dt.date(2026, 10, 29), dt.date(2026, 10, 30)),
    ]


@pytest.mark.parametrize(
    ("slice_days", "days"), [(1, 7), (2, 6), (3, 6), (4, 4), (7, 7), (14, 14), (30, 30)]
)
def test_a_sync_holds_whole_slices_up_to_a_week(slice_days: int, days: int) -> None:
    assert days_of_sync(slice_days) == days


def test_yesterday_is_the_accounts_own() -> None:
    # 22:30 UTC on the 4th is already the 5th in Berlin (summer time) and still the 4th in New York.
    now = _utc("2026-10-04T22:30")
    berlin = date_windows(_coverage(), now=now, restates_days=3, sync_days=90)
    york = date_windows(_coverage(zone="America/New_York"), now=now, restates_days=3, sync_days=90)
    assert berlin[-1].end == dt.date(2026, 10, 4)
    assert york[-1].end == dt.date(2026, 10, 3)


def test_reads_restated_days_again() -> None:
    windows = date_windows(
        _coverage(covered_to=dt.date(2026, 11, 19)),
        now=_utc("2026-11-21T12:00"),
        restates_days=7,
        sync_days=90,
    )
    assert windows == [DateRange(dt.date(2026, 11, 14), dt.date(2026, 11, 20))]


def test_a_long_outage_leaves_no_gap() -> None:
    windows = date_windows(
        _coverage(covered_to=dt.date(2026, 10, 9)),
        now=_utc("2026-11-21T12:00"),
        restates_days=7,
        sync_days=90,
    )
    # When the 9th was read, on the 10th, it and the five days before it were still provisional.
    assert windows == [DateRange(dt.date(2026, 10, 4), dt.date(2026, 11, 20))]


def test_nothing_before_the_first_day_is_over() -> None:
    assert (
        date_windows(_coverage(), now=_utc("2026-10-01T12:00"), restates_days=7, sync_days=14) == []
    )


@given(st.integers(0, 200), st.integers(1, 60), st.integers(1, 40), st.integers(0, 300))
def test_covers_every_day_that_is_new_or_restated(
    covered: int, restates: int, step: int, today: int
) -> None:
    start = dt.date(2026, 10, 1)
    covered_to = start + dt.timedelta(days=covered)
    now = _utc("2026-10-01T12:00") + dt.timedelta(days=today)
    days = {
        day
        for window in date_windows(
            _coverage(covered_to=covered_to), now=now, restates_days=restates, sync_days=step
        )
        for day in window
    }
    yesterday = now.date() - dt.timedelta(days=1)
    wanted = {
        start + dt.timedelta(days=n)
        for n in range(501)
        if start + dt.timedelta(days=n) <= yesterday
        and (n > covered or min((yesterday - start).days, covered + 1) - n < restates)
    }
    assert days == wanted


@given(st.lists(st.integers(1, 90), min_size=1, max_size=8), st.integers(1, 60))
def test_every_day_is_read_when_it_is_final(pauses: list[int], restates: int) -> None:
    start = dt.date(2026, 10, 1)
    final: set[dt.date] = set()
    covered_to: dt.date | None = None
    now = _utc("2026-10-01T12:00")
    for pause in pauses:
        now += dt.timedelta(days=pause)
        yesterday = now.date() - dt.timedelta(days=1)
        windows = date_windows(
            _coverage(covered_to=covered_to), now=now, restates_days=restates, sync_days=14
        )
        days = {day for window in windows for day in window}
        final |= {day for day in days if (yesterday - day).days >= restates - 1}
        covered_to = yesterday
    last = now.date() - dt.timedelta(days=restates)
    assert final == {start + dt.timedelta(days=n) for n in range((last - start).days + 1)}


def test_days_that_the_provider_keeps_no_longer_are_not_asked_for() -> None:
    def first(covered_to: dt.date | None, history_days: int) -> dt.date:
        windows = date_windows(
            _coverage(covered_to=covered_to),
            now=_utc("2027-10-01T22:30"),  # already the 2nd in Berlin
            restates_days=28,
            sync_days=365,
            history_days=history_days,
        )
        return windows[0].start

    assert first(None, 0) == dt.date(2026, 10, 1)
    assert first(None, 30) == dt.date(2027, 9, 2)
    assert first(dt.date(2026, 12, 31), 90) == dt.date(2027, 7, 4)
    assert first(dt.date(2027, 9, 30), 90) == dt.date(2027, 9, 4)  # restated days are younger


def test_the_earliest_day_is_the_accounts_own() -> None:
    now = _utc("2026-11-02T04:30")
    assert earliest_day(1, now=now, time_zone="America/New_York") == dt.date(2026, 10, 31)
    assert earliest_day(1, now=now, time_zone=BERLIN) == dt.date(2026, 11, 1)
    assert earliest_day(0, now=now, time_zone=BERLIN) == dt.date.min


def test_changes_begin_at_the_accounts_midnight() -> None:
    now = _utc("2026-10-03T08:00")
    assert cursor_window(_coverage(), now=now, lookback=dt.timedelta(hours=1)) == CursorWindow(
        _utc("2026-09-30T22:00"), now
    )


def test_changes_are_read_with_an_overlap() -> None:
    now = _utc("2026-10-03T08:00")
    coverage = _coverage(cursor=_utc("2026-10-03T07:00"))
    assert cursor_window(coverage, now=now, lookback=dt.timedelta(minutes=10)) == CursorWindow(
        _utc("2026-10-03T06:50"), now
    )


def test_no_changes_before_the_start() -> None:
    assert (
        cursor_window(_coverage(), now=_utc("2026-09-30T21:59"), lookback=dt.timedelta(0)) is None
    )

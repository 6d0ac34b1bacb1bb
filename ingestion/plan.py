"""Which windows a stream needs now: what is new, and what the provider may still restate.

    stream rules + what is covered + now -> windows, oldest first

Days are counted in the account's time zone, up to yesterday: today's figures are complete nowhere.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from domain.time_window import DateRange, split_days
from ingestion.connector.job import CursorWindow

__all__ = ["Coverage", "cursor_window", "date_windows", "days_of_sync", "earliest_day"]

_WEEK: Final = 7


@dataclass(frozen=True, slots=True)
class Coverage:
    """What earlier syncs of a stream have published.

    Attributes:
        start: First day that the agency wants.
        covered_to: Last day published so far; None: nothing yet.
        cursor: UTC instant up to which changes were read; None: nothing yet.
        time_zone: IANA zone of the account.
    """

    start: dt.date
    covered_to: dt.date | None
    cursor: dt.datetime | None
    time_zone: str


def earliest_day(history_days: int, *, now: dt.datetime, time_zone: str) -> dt.date:
    """The first day for which a provider answers that keeps so many; 0: it keeps all."""
    if not history_days:
        return dt.date.min
    return now.astimezone(ZoneInfo(time_zone)).date() - dt.timedelta(days=history_days)


def days_of_sync(slice_days: int) -> int:
    """Days of one sync of a stream that asks for so many in a request.

    Whole slices, up to a week of them: to plan, land and publish a sync costs some 60 milliseconds,
    more than a small request. Longer slices are a sync each, so that what fails stays small.
    """
    return slice_days * max(1, _WEEK // slice_days)


def date_windows(
    coverage: Coverage,
    *,
    now: dt.datetime,
    restates_days: int,
    sync_days: int,
    history_days: int = 0,
) -> list[DateRange]:
    """Windows of a stream that is asked by day; empty while the first day is not over.

    Begins at the first day not covered or the first that the provider could still restate when it
    was last read, however long ago that was, but never before the agency's start. Days for which
    the provider answers no longer are in no window: what was read of them once stays.
    """
    yesterday = now.astimezone(ZoneInfo(coverage.time_zone)).date() - dt.timedelta(days=1)
    begin = coverage.start
    if coverage.covered_to is not None:
        following = coverage.covered_to + dt.timedelta(days=1)
        provisional = min(yesterday, following) - dt.timedelta(days=restates_days - 1)
        begin = max(begin, min(following, provisional))
    begin = max(begin, earliest_day(history_days, now=now, time_zone=coverage.time_zone))
    if begin > yesterday:
        return []
    return split_days(DateRange(begin, yesterday), sync_days)


def cursor_window(
    coverage: Coverage, *, now: dt.datetime, lookback: dt.timedelta
) -> CursorWindow | None:
    """The window of a stream that is asked by its time of change; None when nothing can be new.

    Begins `lookback` before the last cursor, since providers publish changes late.
    """
    if coverage.cursor is not None:
        start = coverage.cursor - lookback
    else:
        midnight = dt.datetime.combine(coverage.start, dt.time(), ZoneInfo(coverage.time_zone))
        start = midnight.astimezone(dt.UTC)
    return CursorWindow(start, now) if start < now else None

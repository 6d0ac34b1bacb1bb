"""Windows of calendar days, and the grains that they are shown at.

A `DateRange` is closed: both ends belong to it, as people say it ("1 to 31 March"). Dates are
reporting dates in the account's own time zone, never instants.
"""

import datetime as dt
import enum
from collections.abc import Iterator
from dataclasses import dataclass

from domain.errors import InvalidInputError

__all__ = ["DateRange", "Grain", "split_days"]


class Grain(enum.Enum):
    """Calendar unit of a date column. Weeks start on Monday (ISO 8601)."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    QUARTER = "QUARTER"
    YEAR = "YEAR"


@dataclass(frozen=True, slots=True, order=True)
class DateRange:
    """Days from `start` to `end`, both included.

    Raises:
        InvalidInputError: `end` before `start`.
    """

    start: dt.date
    end: dt.date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise InvalidInputError(
                f"the period ends on {self.end} before it starts on {self.start}",
                hint="give the earlier date first",
            )

    @property
    def days(self) -> int:
        """Number of days in the range, at least one."""
        return (self.end - self.start).days + 1

    def shifted(self, days: int) -> "DateRange":
        """The same length, moved by `days` (negative: earlier)."""
        delta = dt.timedelta(days=days)
        return DateRange(self.start + delta, self.end + delta)

    def __iter__(self) -> Iterator[dt.date]:
        return (self.start + dt.timedelta(days=n) for n in range(self.days))


def split_days(window: DateRange, days: int) -> list[DateRange]:
    """Cut a window into consecutive ranges of `days` days; the last one may be shorter."""
    step = dt.timedelta(days=days)
    starts = [window.start + n * step for n in range(-(-window.days // days))]
    return [
        DateRange(start, min(start + step - dt.timedelta(days=1), window.end)) for start in starts
    ]

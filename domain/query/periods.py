"""The base period of a comparison, and how its days are laid beside the asked ones.

    period + comparison + grain -> find_base -> BasePeriod: its days, moved, lie in the asked period

    PREVIOUS_PERIOD        DATE     as many days, ending the day before
                                    asked by month, quarter or year, and made of whole ones: as many
                                    whole ones before, the first beside the first
                           WEEKDAY  moved back by the fewest whole weeks that leave no overlap
    SAME_PERIOD_LAST_YEAR  DATE     the same dates a year before; whole months stay whole months
                           WEEKDAY  moved back by 364 days

29 February: asked, it has nothing beside it, unless the period starts with it: then it stands
beside 28 February. In the base, it is counted with 28 February, so that rows still add up to the
total.
"""

import calendar
import datetime as dt
import enum
from dataclasses import dataclass
from typing import Final

from domain.errors import InvalidInputError
from domain.query.request import Align, CompareTo, Comparison
from domain.time_window import DateRange, Grain

__all__ = ["BasePeriod", "Shift", "find_base"]

_MONTHS: Final = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.YEAR: 12}
_YEAR_MONTHS: Final = 12
_YEAR_DAYS: Final = 364  # 52 whole weeks
_WEEK_DAYS: Final = 7


class Shift(enum.Enum):
    """What a base day is moved by to lie beside its asked day."""

    DAYS = "DAY"
    MONTHS = "MONTH"


@dataclass(frozen=True, slots=True)
class BasePeriod:
    """The days to compare with.

    Attributes:
        period: Reporting dates, both ends included.
        shift: Unit of `amount`.
        amount: Added to a base day it gives the day that it lies beside, then not before the first
            asked day; positive.
    """

    period: DateRange
    shift: Shift
    amount: int


def find_base(period: DateRange, comparison: Comparison, grain: Grain | None) -> BasePeriod:
    """Find the base period.

    Raises:
        InvalidInputError: It would begin before the year 1.
    """
    try:
        if comparison.align is Align.WEEKDAY:
            return _by_days(period, _whole_weeks(period, comparison.to))
        if comparison.to is CompareTo.SAME_PERIOD_LAST_YEAR:
            return _by_months(period, _YEAR_MONTHS)
        if grain in _MONTHS and _is_whole(period, _MONTHS[grain]):
            return _by_months(period, _count_months(period))
        return _by_days(period, period.days)
    except (OverflowError, ValueError) as error:
        raise InvalidInputError(
            f"nothing can be compared with {period.start}: its base lies before the year 1",
            hint="ask for a later period",
        ) from error


def _whole_weeks(period: DateRange, to: CompareTo) -> int:
    if to is CompareTo.SAME_PERIOD_LAST_YEAR:
        return _YEAR_DAYS
    return -(-period.days // _WEEK_DAYS) * _WEEK_DAYS


def _by_days(period: DateRange, days: int) -> BasePeriod:
    return BasePeriod(period.shifted(-days), Shift.DAYS, days)


def _by_months(period: DateRange, months: int) -> BasePeriod:
    end = _earlier(period.end, months)
    if _is_whole(period, 1):
        end = end.replace(day=calendar.monthrange(end.year, end.month)[1])
    return BasePeriod(DateRange(_earlier(period.start, months), end), Shift.MONTHS, months)


def _earlier(day: dt.date, months: int) -> dt.date:
    """The same day of an earlier month, or that month's last day."""
    year, month = divmod(day.year * _YEAR_MONTHS + day.month - 1 - months, _YEAR_MONTHS)
    last = calendar.monthrange(year, month + 1)[1]
    return dt.date(year, month + 1, min(day.day, last))


def _is_whole(period: DateRange, months: int) -> bool:
    """Whether the period is made of whole calendar units of so many months."""
    start, end = period.start, period.end
    ends_whole = end.day == calendar.monthrange(end.year, end.month)[1]
    begins = start.day == 1 and (start.month - 1) % months == 0
    return begins and ends_whole and end.month % months == 0


def _count_months(period: DateRange) -> int:
    years = period.end.year - period.start.year
    return years * _YEAR_MONTHS + period.end.month - period.start.month + 1

"""The argument `period`: which reporting dates a question is about.

    {last: 30, unit: DAY} | {from, to} | {month: "2026-10"} -> DateRange

`last` counts complete units before today in the agency's time zone: numbers of today are not whole.
"""

import calendar
import datetime as dt
import enum
import re
from typing import Final
from zoneinfo import ZoneInfo

import strawberry

from domain.errors import InvalidInputError
from domain.ports import Clock
from domain.time_window import DateRange

__all__ = ["Period", "PeriodUnit", "resolve_period"]

_MAXIMUM_DAYS: Final = 3_700  # ten years
_MONTH: Final = re.compile(r"(\d{4})-(\d{2})")
_MONTHS: Final = 12
_FORMS: Final = (
    'use one of {last: 30, unit: DAY}, {from: "2026-03-01", to: "2026-03-31"} '
    'and {month: "2026-03"}'
)


@strawberry.enum(description="Calendar unit of `last`. Weeks start on Monday.")
class PeriodUnit(enum.Enum):
    """Calendar unit of `last`."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


@strawberry.input(
    description="Reporting dates, both ends included: the last complete units before today in the "
    "agency's time zone, two dates, or a month. Exactly one of the three."
)
class Period:
    """See the description."""

    last: int | None = strawberry.field(
        default=None, description="How many complete units before today."
    )
    unit: PeriodUnit = strawberry.field(
        default=PeriodUnit.DAY, description="Of `last`; weeks start on Monday."
    )
    from_: dt.date | None = strawberry.field(
        name="from", default=None, description="First date, together with `to`."
    )
    to: dt.date | None = strawberry.field(default=None, description="Last date, included.")
    month: str | None = strawberry.field(
        default=None, description="A calendar month, for example 2026-10."
    )


def resolve_period(period: Period, *, clock: Clock, time_zone: str) -> DateRange:
    """The dates that a period means now.

    Args:
        period: As the caller wrote it.
        clock: Present instant.
        time_zone: IANA name of the agency's zone.

    Raises:
        InvalidInputError: Not exactly one of the three forms, or more than ten years (caller).
    """
    forms = (
        period.last is not None,
        period.from_ is not None or period.to is not None,
        period.month is not None,
    )
    if sum(forms) != 1:
        raise InvalidInputError("the period must be given in exactly one way", hint=_FORMS)
    window = _window(period, clock, time_zone)
    if window.days > _MAXIMUM_DAYS:
        raise InvalidInputError(
            f"the period has {window.days:,} days, the limit is {_MAXIMUM_DAYS:,}",
            hint="ask for a shorter period",
        )
    return window


def _window(period: Period, clock: Clock, time_zone: str) -> DateRange:
    if period.last is not None:
        today = clock().astimezone(ZoneInfo(time_zone)).date()
        return _last(period.last, period.unit, today)
    if period.month is not None:
        return _month(period.month)
    if period.from_ is None or period.to is None:
        raise InvalidInputError("the period has only one end", hint=_FORMS)
    return DateRange(period.from_, period.to)


def _last(count: int, unit: PeriodUnit, today: dt.date) -> DateRange:
    if not 1 <= count <= _MAXIMUM_DAYS:
        raise InvalidInputError(
            f"last must be between 1 and {_MAXIMUM_DAYS:,}, not {count:,}", hint=_FORMS
        )
    if unit is PeriodUnit.MONTH:
        first = _first_of_month(today, -count)
        return DateRange(first, today.replace(day=1) - dt.timedelta(days=1))
    length = 7 if unit is PeriodUnit.WEEK else 1
    end = today - dt.timedelta(days=today.weekday() if unit is PeriodUnit.WEEK else 0)
    return DateRange(end - dt.timedelta(days=count * length), end - dt.timedelta(days=1))


def _first_of_month(day: dt.date, months: int) -> dt.date:
    number = day.year * _MONTHS + day.month - 1 + months
    year, month = divmod(number, _MONTHS)
    if year < dt.MINYEAR:
        raise InvalidInputError("the period starts before the calendar does", hint=_FORMS)
    return dt.date(year, month + 1, 1)


def _month(text: str) -> DateRange:
    match = _MONTH.fullmatch(text)
    if match is None or not 1 <= int(match[2]) <= _MONTHS or int(match[1]) < dt.MINYEAR:
        raise InvalidInputError(f"{text!r} is not a month", hint="write 2026-03")
    year, month = int(match[1]), int(match[2])
    last = calendar.monthrange(year, month)[1]
    return DateRange(dt.date(year, month, 1), dt.date(year, month, last))

"""The argument `period`."""

import datetime as dt

import pytest

from api.graphql.periods import Period, PeriodUnit, resolve_period
from domain.errors import InvalidInputError
from domain.time_window import DateRange

# 00:30 in Berlin on 16 March, still 15 March in UTC and in New York.
NIGHT = dt.datetime(2026, 3, 15, 23, 30, tzinfo=dt.UTC)


def resolve(period: Period, zone: str = "Europe/Berlin", now: dt.datetime = NIGHT) -> DateRange:
    return resolve_period(period, clock=lambda: now, time_zone=zone)


def days(first: str, last: str) -> DateRange:
    return DateRange(dt.date.fromisoformat(first), dt.date.fromisoformat(last))


@pytest.mark.parametrize(
    ("period", "zone", "expected"),
    [
        (Period(last=1), "Europe/Berlin", days("2026-03-15", "2026-03-15")),
        (Period(last=1), "America/New_York", days("2026-03-14", "2026-03-14")),
        (Period(last=30), "Europe/Berlin", days("2026-02-14", "2026-03-15")),
        # 16 March 2026 is a Monday: the week before it is complete in Berlin only.
        (Period(last=1, unit=PeriodUnit.WEEK), "Europe/Berlin", days("2026-03-09", "2026-03-15")),
        (Period(last=2, unit=PeriodUnit.WEEK), "UTC", days("2026-02-23", "2026-03-08")),
        (Period(last=1, unit=PeriodUnit.MONTH), "UTC", days("2026-02-01", "2026-02-28")),
        (Period(last=3, unit=PeriodUnit.MONTH), "UTC", days("2025-12-01", "2026-02-28")),
        (Period(month="2024-02"), "UTC", days("2024-02-01", "2024-02-29")),
        (
            Period(from_=dt.date(2026, 1, 5), to=dt.date(2026, 1, 5)),
            "UTC",
            days("2026-01-05", "2026-01-05"),
        ),
    ],
)
def test_resolves(period: Period, zone: str, expected: DateRange) -> None:
    assert resolve(period, zone) == expected


@pytest.mark.parametrize(
    ("period", "message"),
    [
        (Period(), "the period must be given in exactly one way"),
        (Period(last=1, month="2026-01"), "the period must be given in exactly one way"),
        (Period(from_=dt.date(2026, 1, 1)), "the period has only one end"),
        (Period(last=0), "last must be between 1 and 3,700, not 0"),
        (Period(last=10**9, unit=PeriodUnit.MONTH), "last must be between 1 and 3,700"),
        (Period(last=3_700, unit=PeriodUnit.WEEK), "the period has 25,900 days"),
        (Period(month="2026-13"), "'2026-13' is not a month"),
        (Period(month="0000-01"), "'0000-01' is not a month"),
        (Period(month="March"), "'March' is not a month"),
        (
            Period(from_=dt.date(2026, 2, 1), to=dt.date(2026, 1, 1)),
            "the period ends on 2026-01-01 before it starts on 2026-02-01",
        ),
        (
            Period(from_=dt.date(2000, 1, 1), to=dt.date(2026, 1, 1)),
            "the period has 9,498 days, the limit is 3,700",
        ),
    ],
)
def test_refuses(period: Period, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        resolve(period)

"""Deadlines: the law's own examples, and another way to reckon each of them.

Sources: Regulation 1182/71, article 3; EDPB Guidelines 01/2022, paragraphs 157 to 162.
"""

import bisect
import datetime as dt
import functools
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from domain.privacy.deadlines import (
    CURRENT_POLICY,
    POLICIES,
    WorkCalendar,
    assist_by,
    due_at,
    end_of_period,
    is_without_delay,
)
from domain.privacy.rights import ProcessingRole
from gdpr.requests.working_days import country_of, work_calendar

BERLIN = work_calendar("Europe/Berlin")
NO_HOLIDAYS = WorkCalendar(ZoneInfo("UTC"), lambda _: False)
UTC = dt.UTC

# Far east and west, half and quarter hours, clocks changed at midnight (Cairo, Havana, Santiago,
# Azores), by half an hour (Lord Howe), in Ramadan (Casablanca), and never.
ZONES = (
    "Europe/Berlin", "Europe/London", "America/New_York", "America/St_Johns", "America/Havana",
    "America/Santiago", "Atlantic/Azores", "Africa/Cairo", "Africa/Casablanca", "Asia/Kolkata",
    "Asia/Kathmandu", "Asia/Tokyo", "Australia/Lord_Howe", "Pacific/Kiritimati",
    "Pacific/Pago_Pago", "UTC",
)  # fmt: skip


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("received", "months", "due"),
    [
        # "receives a request on 5 March: until and including 5 April", a Friday in 2024.
        ("2024-03-05T10:00+01:00", 1, "2024-04-05T22:00+00:00"),
        # "31 August: 30 September", when that is worked.
        ("2026-08-31T10:00+02:00", 1, "2026-09-30T22:00+00:00"),
        # Saturday 31 January, 28 February is a Saturday: Monday.
        ("2026-01-31T10:00+01:00", 1, "2026-03-02T23:00+00:00"),
        # Good Friday, weekend and Easter Monday: Tuesday 7 April.
        ("2026-03-03T10:00+01:00", 1, "2026-04-07T22:00+00:00"),
        # Both periods run from receipt: 30 April, not 28 February and two months.
        ("2026-01-31T10:00+01:00", 3, "2026-04-30T22:00+00:00"),
        # 1 May, a Friday, is kept by the whole country; so is the weekend.
        ("2026-02-01T10:00+01:00", 3, "2026-05-04T22:00+00:00"),
        # A leap day.
        ("2028-01-29T10:00+01:00", 1, "2028-02-29T23:00+00:00"),
        # Half an hour before midnight in Berlin is a day before half an hour after it.
        ("2026-06-10T21:30+00:00", 1, "2026-07-10T22:00+00:00"),
        ("2026-06-10T22:30+00:00", 1, "2026-07-13T22:00+00:00"),
    ],
)
def test_examples(received: str, months: int, due: str) -> None:
    assert due_at(CURRENT_POLICY, at(received), BERLIN, is_extended=months == 3) == at(due)


def test_figures_are_those_of_the_law_under_their_own_name() -> None:
    assert list(POLICIES) == ["gdpr-2018"]
    policy = POLICIES["gdpr-2018"]
    assert (policy.act_months, policy.extension_months) == (1, 2)
    assert policy.breach == policy.assist == dt.timedelta(hours=72)
    assert policy.identity_working_days == 3


def test_a_processor_helps_within_72_hours_and_a_controller_helps_nobody() -> None:
    received = at("2026-03-27T10:00+01:00")  # the clocks go forward in the night to the 29th
    helped = assist_by(CURRENT_POLICY, ProcessingRole.PROCESSOR, received)
    assert helped == at("2026-03-30T11:00+02:00")
    assert assist_by(CURRENT_POLICY, ProcessingRole.CONTROLLER, received) is None


def test_only_full_days_that_the_clock_stood_still_count() -> None:
    received = at("2026-06-01T10:00+02:00")
    for paused, due in (
        (dt.timedelta(hours=23, minutes=59), "2026-07-01T22:00+00:00"),
        (dt.timedelta(days=1), "2026-07-02T22:00+00:00"),
        (dt.timedelta(days=3, hours=20), "2026-07-06T22:00+00:00"),  # the 4th is a Saturday
    ):
        assert due_at(CURRENT_POLICY, received, BERLIN, paused=paused) == at(due)


def test_identity_is_asked_for_soon_within_three_working_days() -> None:
    received = at("2026-03-31T10:00+02:00")  # Tuesday before Easter
    # Wednesday, Thursday, and after Good Friday to Easter Monday: Tuesday.
    for asked, is_soon in (("2026-04-07T21:59:59+00:00", True), ("2026-04-07T22:00+00:00", False)):
        assert is_without_delay(CURRENT_POLICY, received, at(asked), BERLIN) is is_soon


def test_a_period_has_two_working_days_at_least() -> None:
    # Article 3(5): received on Thursday, one day's period: Friday is not enough.
    thursday = dt.date(2026, 6, 11)
    assert end_of_period(thursday, NO_HOLIDAYS, months=0, more_days=1) == dt.date(2026, 6, 15)
    assert end_of_period(thursday, NO_HOLIDAYS, months=0, more_days=5) == dt.date(2026, 6, 16)
    closed = WorkCalendar(ZoneInfo("UTC"), lambda day: day.month == 7 and day.day < 31)
    assert end_of_period(dt.date(2026, 6, 30), closed, months=1) == dt.date(2026, 8, 3)


def test_countries_are_those_of_the_zone() -> None:
    assert [country_of(zone) for zone in ("Europe/Berlin", "Europe/Copenhagen", "UTC")] == [
        "DE",
        "DK",
        None,
    ]
    day_of_unity = dt.date(2026, 10, 3)
    assert work_calendar("Europe/Berlin").is_public_holiday(day_of_unity)
    assert not work_calendar("Europe/Paris").is_public_holiday(day_of_unity)
    # Epiphany is kept by three states only.
    assert not BERLIN.is_public_holiday(dt.date(2026, 1, 6))
    assert not work_calendar("UTC").is_public_holiday(dt.date(2026, 12, 25))


@pytest.mark.parametrize("zone", ZONES)
def test_equals_the_other_way_to_reckon_at_month_ends(zone: str) -> None:
    first = dt.date(2027, 1, 1)
    days = [first + dt.timedelta(days=count) for count in range(365)]
    _compare(zone, [day for day in days if day.day >= 28 or day.day == 1])


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES)
def test_equals_the_other_way_to_reckon_on_every_day_of_nine_years(zone: str) -> None:
    first = dt.date(2024, 1, 1)
    count = (dt.date(2033, 1, 1) - first).days
    _compare(zone, [first + dt.timedelta(days=number) for number in range(count)])


def _compare(zone: str, days: list[dt.date]) -> None:
    ours, oracle = work_calendar(zone), Oracle(zone)
    for day in days:
        for hour in (0, 11, 23):
            received = dt.datetime.combine(day, dt.time(hour, 30), UTC)
            for months, is_extended in ((1, False), (3, True)):
                for paused in (0, 9):
                    got = due_at(
                        CURRENT_POLICY,
                        received,
                        ours,
                        is_extended=is_extended,
                        paused=dt.timedelta(days=paused),
                    )
                    assert got == oracle.due(received, months, paused), (received, months, paused)
            soon = oracle.end_of_working_day(received, 3)
            assert is_without_delay(
                CURRENT_POLICY, received, soon - dt.timedelta(microseconds=1), ours
            )
            assert not is_without_delay(CURRENT_POLICY, received, soon, ours)


class Oracle:
    """The same dates from a list of all working days, and instants by looking for the day's end."""

    def __init__(self, zone: str) -> None:
        import holidays  # noqa: PLC0415

        self._zone = ZoneInfo(zone)
        country = _COUNTRIES[zone]
        kept = set()
        if country:
            kept = set(holidays.country_holidays(country, years=range(2023, 2035)))
        day = dt.date(2023, 6, 1)
        self._worked: list[dt.date] = []
        while day < dt.date(2034, 6, 1):
            if day.isoweekday() not in {6, 7} and day not in kept:
                self._worked.append(day)
            day = day + relativedelta(days=1)

    def due(self, received: dt.datetime, months: int, paused: int) -> dt.datetime:
        start = received.astimezone(self._zone).date()
        wanted = start + relativedelta(months=months) + relativedelta(days=paused)
        position = bisect.bisect_left(self._worked, wanted)
        second = bisect.bisect_right(self._worked, start) + 1
        return self._end(self._worked[max(position, second)])

    def end_of_working_day(self, received: dt.datetime, number: int) -> dt.datetime:
        start = received.astimezone(self._zone).date()
        return self._end(self._worked[bisect.bisect_right(self._worked, start) + number - 1])

    @functools.cache  # noqa: B019  # as short-lived as the test
    def _end(self, day: dt.date) -> dt.datetime:
        """The first minute that is of a later day there, by halving two days of minutes."""
        start = dt.datetime.combine(day, dt.time(), UTC) - dt.timedelta(days=1)
        low, high = 0, 4 * 24 * 60
        while high - low > 1:
            middle = (low + high) // 2
            there = (start + dt.timedelta(minutes=middle)).astimezone(self._zone).date()
            low, high = (middle, high) if there <= day else (low, middle)
        return start + dt.timedelta(minutes=high)


# Written by hand: who keeps these zones.
_COUNTRIES = {
    "Europe/Berlin": "DE", "Europe/London": "GB", "America/New_York": "US",
    "America/St_Johns": "CA", "America/Havana": "CU", "America/Santiago": "CL",
    "Atlantic/Azores": "PT", "Africa/Cairo": "EG", "Africa/Casablanca": "MA", "Asia/Kolkata": "IN",
    "Asia/Kathmandu": "NP", "Asia/Tokyo": "JP", "Australia/Lord_Howe": "AU",
    "Pacific/Kiritimati": "KI", "Pacific/Pago_Pago": "AS", "UTC": "",
}  # fmt: skip


@given(
    st.timedeltas(dt.timedelta(0), dt.timedelta(days=25_000)),
    st.timedeltas(dt.timedelta(0), dt.timedelta(days=25_000)),
    st.integers(0, 400),
    st.sampled_from(ZONES),
)
def test_later_receipt_is_never_due_earlier(
    one: dt.timedelta, other: dt.timedelta, paused: int, zone: str
) -> None:
    days = WorkCalendar(ZoneInfo(zone), lambda _: False)
    in_force = dt.datetime(2018, 5, 25, tzinfo=UTC)
    first, second = sorted((in_force + one, in_force + other))
    due, later = (due_at(CURRENT_POLICY, when, days) for when in (first, second))
    assert due <= later
    stood = dt.timedelta(days=paused)
    assert due <= due_at(CURRENT_POLICY, first, days, paused=stood)
    assert due < due_at(CURRENT_POLICY, first, days, is_extended=True)
    assert 28 <= (days.day_of(due - dt.timedelta(seconds=1)) - days.day_of(first)).days <= 33

"""Instants of the schedule: exact over zones, and on the days when clocks change."""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.schedule.calendar import (
    deadline_at,
    newest_ready_day,
    next_deadline,
    ready_at,
)

THREE: Final = dt.time(3)
DAY: Final = dt.timedelta(days=1)
ZONES: Final = sorted(available_timezones() - {"localtime", "Factory"})

zones = st.sampled_from(ZONES)
# Samoa left out a whole day at the end of 2011; nobody has done so since.
days = st.dates(dt.date(2012, 1, 3), dt.date(2037, 12, 1))
hours = st.times(max_value=dt.time(7, 59)).map(lambda time: time.replace(second=0, microsecond=0))
instants = st.datetimes(
    dt.datetime(2012, 1, 3),  # noqa: DTZ001  # the zone is given apart
    dt.datetime(2037, 12, 1),  # noqa: DTZ001
    timezones=st.just(dt.UTC),
)


def _utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def _day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("day", "at", "zone", "instant"),
    [
        ("2026-11-19", THREE, "Europe/Berlin", "2026-11-20T02:00"),
        ("2026-07-19", THREE, "Europe/Berlin", "2026-07-20T01:00"),
        ("2026-11-19", THREE, "Asia/Kolkata", "2026-11-19T21:30"),
        ("2026-11-19", THREE, "America/Los_Angeles", "2026-11-20T11:00"),
        ("2026-11-19", THREE, "Pacific/Kiritimati", "2026-11-19T13:00"),
        # Clocks go forward at 02:00, to 03:00: there is no 02:30, and half past two means 03:30.
        ("2026-03-28", dt.time(2, 30), "Europe/Berlin", "2026-03-29T01:30"),
        # Clocks go back at 03:00, to 02:00: the second half past two counts.
        ("2026-10-24", dt.time(2, 30), "Europe/Berlin", "2026-10-25T01:30"),
        ("2026-10-24", THREE, "Europe/Berlin", "2026-10-25T02:00"),
        ("2026-03-07", dt.time(2, 15), "America/New_York", "2026-03-08T07:15"),
        ("2026-10-31", dt.time(1, 15), "America/New_York", "2026-11-01T06:15"),
        # In Santiago the day begins at one when clocks go forward.
        ("2026-09-05", dt.time(0, 15), "America/Santiago", "2026-09-06T04:15"),
    ],
)
def test_ready_in_the_accounts_zone(day: str, at: dt.time, zone: str, instant: str) -> None:
    assert ready_at(_day(day), at, zone) == _utc(instant)


@pytest.mark.parametrize(
    ("day", "zone", "instant"),
    [
        ("2026-11-19", "Europe/Berlin", "2026-11-20T07:00"),
        ("2026-07-19", "Europe/Berlin", "2026-07-20T06:00"),
        ("2026-03-28", "Europe/Berlin", "2026-03-29T06:00"),  # a night of 23 hours
        ("2026-10-24", "Europe/Berlin", "2026-10-25T07:00"),  # a night of 25 hours
        ("2026-11-19", "Australia/Sydney", "2026-11-19T21:00"),
        ("2026-10-03", "Australia/Lord_Howe", "2026-10-03T21:00"),  # clocks go forward by half
        ("2026-11-19", "America/Los_Angeles", "2026-11-20T16:00"),
    ],
)
def test_deadline_at_eight_in_the_clients_zone(day: str, zone: str, instant: str) -> None:
    assert deadline_at(_day(day), zone) == _utc(instant)


def test_newest_ready_day_changes_at_the_instant() -> None:
    assert newest_ready_day(_utc("2026-11-20T01:59"), THREE, "Europe/Berlin") == _day("2026-11-18")
    assert newest_ready_day(_utc("2026-11-20T02:00"), THREE, "Europe/Berlin") == _day("2026-11-19")


def test_next_deadline_is_the_coming_morning() -> None:
    assert next_deadline(_utc("2026-11-20T06:59"), "Europe/Berlin") == _utc("2026-11-20T07:00")
    assert next_deadline(_utc("2026-11-20T07:00"), "Europe/Berlin") == _utc("2026-11-21T07:00")


@given(days, zones)
def test_a_deadline_reads_eight_on_the_clients_clock(day: dt.date, zone: str) -> None:
    local = deadline_at(day, zone).astimezone(ZoneInfo(zone))
    assert (local.date(), local.time()) == (day + DAY, dt.time(8))


@given(days, hours, zones)
def test_ready_never_comes_before_its_hour(day: dt.date, at: dt.time, zone: str) -> None:
    local = ready_at(day, at, zone).astimezone(ZoneInfo(zone))
    assert (local.date(), local.time()) >= (day + DAY, at)


@given(days, hours, zones)
def test_days_get_ready_in_order(day: dt.date, at: dt.time, zone: str) -> None:
    assert ready_at(day, at, zone) <= ready_at(day + DAY, at, zone)
    assert deadline_at(day, zone) <= deadline_at(day + DAY, zone)


@given(instants, hours, zones)
def test_the_newest_ready_day_is_ready_and_the_next_is_not(
    now: dt.datetime, at: dt.time, zone: str
) -> None:
    day = newest_ready_day(now, at, zone)
    assert ready_at(day, at, zone) <= now < ready_at(day + DAY, at, zone)


@given(instants, zones)
def test_the_next_deadline_lies_within_a_day(now: dt.datetime, zone: str) -> None:
    ahead = next_deadline(now, zone) - now
    # Stations in Antarctica move their clocks by up to three hours.
    assert dt.timedelta(0) < ahead <= dt.timedelta(hours=27)

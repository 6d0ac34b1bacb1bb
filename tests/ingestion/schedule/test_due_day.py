"""Which day is due, and whether it is there."""

import datetime as dt
from typing import Any, Final

import pytest

from ingestion.schedule.due_day import account_zone, due_day, is_covered, is_there
from tenancy.tables import Client, Connection, StreamState
from tests.night.sources import STREAM, make_source

SOURCE: Final = make_source("alpha")
THREE: Final = dt.time(3)
START: Final = dt.date(2026, 11, 1)
READY: Final = dt.datetime(2026, 11, 20, 2, tzinfo=dt.UTC)


def day(number: int) -> dt.date:
    return dt.date(2026, 11, number)


@pytest.mark.parametrize(
    ("minutes", "done", "due"),
    [
        (-1, 17, 18),
        (-1, 18, 19),
        (0, 18, 19),
        (0, 19, 20),
        (0, 10, 19),  # a sync reads all days that are missing
    ],
)
def test_the_newest_complete_day_until_it_is_there(minutes: int, done: int, due: int) -> None:
    now = READY + dt.timedelta(minutes=minutes)
    found = due_day(now, THREE, "Europe/Berlin", START, lambda one: one <= day(done))
    assert found == day(due)


def test_not_before_the_first_day_that_is_wanted() -> None:
    assert due_day(READY, THREE, "Europe/Berlin", day(25), lambda _: False) == day(25)


def test_a_stream_that_is_behind_holds_the_day_open() -> None:
    assert is_covered(SOURCE, {STREAM: _state(19)}, day(19))
    assert not is_covered(SOURCE, {STREAM: _state(18)}, day(19))
    assert not is_covered(SOURCE, {STREAM: StreamState(covered_to=None)}, day(19))
    assert not is_covered(SOURCE, {}, day(19))


def test_what_was_read_before_it_was_complete_is_not_there() -> None:
    assert is_there(SOURCE, {STREAM: _state(19)}, day(19), READY)
    early = _state(19, published_at=READY - dt.timedelta(minutes=1))
    assert not is_there(SOURCE, {STREAM: early}, day(19), READY)
    assert is_covered(SOURCE, {STREAM: early}, day(19))


@pytest.mark.parametrize(
    ("settings", "zone"),
    [
        ({"time_zone": "Atlantic/Azores"}, "Atlantic/Azores"),
        ({"time_zone": "GMT+2 (Berlin)"}, "Europe/Berlin"),
        ({}, "Europe/Berlin"),
    ],
)
def test_an_unknown_zone_is_the_clients(settings: dict[str, Any], zone: str) -> None:
    client = Client(time_zone="Europe/Berlin")
    assert account_zone(Connection(settings=settings), client) == zone


def _state(covered_to: int, published_at: dt.datetime = READY) -> StreamState:
    return StreamState(covered_to=day(covered_to), published_at=published_at)

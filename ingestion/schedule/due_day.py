"""Which reporting day of a connection is due next, and whether a day is there.

    now + the source's hour + account's zone + what is there -> day

One day at a time: the newest whose figures are complete, until it is there; then the one that is
complete next. A sync reads everything that is missing, so an older day is never due for itself.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Final
from zoneinfo import available_timezones

from ingestion.connector.spec import SourceSpec
from ingestion.schedule.calendar import newest_ready_day
from tenancy.tables import Client, Connection, StreamState

__all__ = ["account_zone", "due_day", "is_covered", "is_there"]

_DAY: Final = dt.timedelta(days=1)

StreamStates = Mapping[str, StreamState]  # of one connection, by stream


@cache
def _known_zones() -> Collection[str]:
    return available_timezones()


def account_zone(connection: Connection, client: Client) -> str:
    """IANA zone of an account; the client's when the platform told one that nobody knows."""
    told: str = connection.settings.get("time_zone", "")
    return told if told in _known_zones() else client.time_zone


def due_day(
    now: dt.datetime, at: dt.time, zone: str, start: dt.date, is_done: Callable[[dt.date], bool]
) -> dt.date:
    """The day that has to be read next.

    Args:
        now: UTC instant.
        at: The source's hour, see `ReadyRule`.
        zone: Of the account.
        start: First day that the agency wants.
        is_done: Whether a day was read after its figures were complete.
    """
    newest = newest_ready_day(now, at, zone)
    return max(newest + _DAY if is_done(newest) else newest, start)


def is_covered(source: SourceSpec, states: StreamStates, day: dt.date) -> bool:
    """Whether every stream of a connection has been published up to a day."""
    return all(
        (state := states.get(name)) is not None
        and state.covered_to is not None
        and state.covered_to >= day
        for name in source.streams
    )


def is_there(
    source: SourceSpec, states: StreamStates, day: dt.date, complete_at: dt.datetime
) -> bool:
    """Whether the day has been published since the platform's figures of it were complete."""
    published = [states[name].published_at for name in source.streams if name in states]
    return is_covered(source, states, day) and all(at and at >= complete_at for at in published)

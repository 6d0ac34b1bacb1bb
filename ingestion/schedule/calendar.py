"""When a day's figures can be read, and when they have to be there.

    day + the source's hour + account's zone -> ready_at
    day + client's zone -> deadline_at, at eight the next morning

Hours on a clock are turned into instants by the zone's own rules. An hour that comes twice, or
not at all, when clocks change, is taken so that nothing is read too early and nothing is promised
too late: ready is the later of its two readings, the deadline the earlier one.

Source: PEP 495 (`fold`): outside of the gap and the repeated hour both readings are the same.
"""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

__all__ = ["DEADLINE", "deadline_at", "newest_ready_day", "next_deadline", "ready_at"]

DEADLINE: Final = dt.time(8)

_DAY: Final = dt.timedelta(days=1)


def ready_at(day: dt.date, at: dt.time, time_zone: str) -> dt.datetime:
    """UTC instant from which the figures of a reporting day are complete.

    Args:
        day: In the account's calendar.
        at: Time of the next day.
        time_zone: IANA zone of the account.
    """
    return max(_readings(day + _DAY, at, time_zone))


def deadline_at(day: dt.date, time_zone: str) -> dt.datetime:
    """UTC instant by which the figures of a reporting day have to be there.

    Args:
        day: The reporting day.
        time_zone: IANA zone of the client.
    """
    return min(_readings(day + _DAY, DEADLINE, time_zone))


def next_deadline(now: dt.datetime, time_zone: str) -> dt.datetime:
    """The first deadline after an instant, whichever day it is about."""
    today = now.astimezone(ZoneInfo(time_zone)).date()
    this_morning = deadline_at(today - _DAY, time_zone)
    return this_morning if this_morning > now else deadline_at(today, time_zone)


def newest_ready_day(now: dt.datetime, at: dt.time, time_zone: str) -> dt.date:
    """The last reporting day whose figures are complete; arguments as of `ready_at`."""
    yesterday = now.astimezone(ZoneInfo(time_zone)).date() - _DAY
    return yesterday if ready_at(yesterday, at, time_zone) <= now else yesterday - _DAY


def _readings(day: dt.date, at: dt.time, time_zone: str) -> tuple[dt.datetime, dt.datetime]:
    local = dt.datetime.combine(day, at, ZoneInfo(time_zone))
    return local.astimezone(dt.UTC), local.replace(fold=1).astimezone(dt.UTC)

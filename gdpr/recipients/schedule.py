"""When a recipient is told again, and when somebody hears that it cannot be: without a clock."""

import datetime as dt
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["GIVEN_UP_AFTER", "TOLD_AFTER", "next_look", "next_wait"]

TOLD_AFTER: Final = dt.timedelta(days=2)  # down for so long: an officer is told
GIVEN_UP_AFTER: Final = dt.timedelta(days=14)  # half of the law's month is left to do it by hand

_WAITS: Final = (
    dt.timedelta(minutes=1),
    dt.timedelta(minutes=10),
    *(dt.timedelta(hours=hours) for hours in (1, 3, 6, 12)),
)
_LONGEST: Final = dt.timedelta(days=1)
_FIRST_LOOK: Final = dt.timedelta(minutes=30)  # what Google asks for, and ever later afterwards


def next_wait(attempts: int, retry_after: str, now: dt.datetime) -> dt.timedelta:
    """How long to wait after an attempt that failed: ever longer, a day at most.

    Args:
        attempts: Made so far, at least one.
        retry_after: The recipient's own word, seconds or a date; empty: none.
        now: UTC instant.
    """
    wait = _WAITS[attempts - 1] if attempts <= len(_WAITS) else _LONGEST
    return min(max(wait, _asked(retry_after, now)), _LONGEST)


def next_look(elapsed: dt.timedelta) -> dt.timedelta:
    """How long to wait before a recipient is asked whether it is done: the time doubles.

    Args:
        elapsed: Since it accepted what it was told.

    Source: developers.google.com/data-manager/api/devguides/diagnostics (2026-11).
    """
    return min(max(elapsed, _FIRST_LOOK), _LONGEST)


def _asked(text: str, now: dt.datetime) -> dt.timedelta:
    if text.isascii() and text.isdigit():
        return dt.timedelta(seconds=int(text[:9]))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return dt.timedelta()
    return at.replace(tzinfo=at.tzinfo or dt.UTC) - now

"""When a delivery is tried again: the rules, without a clock.

    attempts so far, the endpoint's own word -> next_wait -> how long, or None: given up

Source: Standard Webhooks 1.0.0, "Deliverability and reliability" (schedule) and "Delivery success
and failure" (Retry-After); RFC 9110 section 10.2.3.
"""

import datetime as dt
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["GIVEN_UP_AFTER", "next_wait", "read_retry_after"]

_WAITS: Final = (
    dt.timedelta(seconds=5),
    dt.timedelta(minutes=5),
    dt.timedelta(minutes=30),
    *(dt.timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
GIVEN_UP_AFTER: Final = len(_WAITS) + 1  # attempts: the first one is made at once
_JITTER: Final = 0.2  # so much longer at most: what failed together does not come together again
_LONGEST_RETRY_AFTER: Final = dt.timedelta(days=1)


def next_wait(
    attempts: int, *, jitter: float, asked: dt.timedelta | None = None
) -> dt.timedelta | None:
    """How long to wait after an attempt that failed.

    Args:
        attempts: Made so far, at least one.
        jitter: Random, in [0, 1).
        asked: How long the endpoint wants to be left alone; None: it did not say.

    Returns:
        None when it has been tried often enough.
    """
    if attempts >= GIVEN_UP_AFTER:
        return None
    wait = _WAITS[attempts - 1] * (1 + _JITTER * jitter)
    return wait if asked is None else max(wait, asked)


def read_retry_after(text: str, now: dt.datetime) -> dt.timedelta | None:
    """How long an endpoint wants to be left alone: at most a day.

    Args:
        text: Of the header: seconds or a date; empty: it has none.
        now: UTC instant.

    Returns:
        None when the header says nothing that can be understood.
    """
    if text.isascii() and text.isdigit():
        wait = dt.timedelta(seconds=min(int(text[:9]), _LONGEST_RETRY_AFTER.total_seconds()))
    else:
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None
        wait = at.replace(tzinfo=at.tzinfo or dt.UTC) - now
    return min(max(wait, dt.timedelta()), _LONGEST_RETRY_AFTER)

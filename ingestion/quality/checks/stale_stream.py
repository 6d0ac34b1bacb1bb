"""A stream that has fallen behind while others of its connection go on.

last day published of the stream -> days behind the account's yesterday

Whether a connection as a whole is in time is the schedule's to tell. Here one stream stays behind:
its report was refused, its syncs are held, or its data never comes whole.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Final

from ingestion.quality.finding import Check, Finding
from tenancy.tables import IncidentSeverity

__all__ = ["STALE_STREAM", "find_staleness"]

STALE_STREAM: Final = Check(
    "stale_stream",
    "A stream stays behind",
    "bosco sync, and look at the error of its last sync",
)

# Analytics settles within 48 hours; beyond that, and a day of grace, no platform is slow by nature.
TOLERATED_DAYS: Final = 3


def find_staleness(covered_to: dt.date, yesterday: dt.date) -> Iterator[Finding]:
    """Compare what is published with what could be."""
    behind = (yesterday - covered_to).days
    if behind > TOLERATED_DAYS:
        yield Finding(
            STALE_STREAM,
            IncidentSeverity.WARNING,
            f"the last day is {covered_to}, {behind} days behind",
        )

"""A day without rows between days with rows, in a stream that has rows every day.

days published now -> days without rows, neighbours with rows, four weeks without a gap before

Platforms leave out days on which nothing happened, so an account that is paused on weekends, or for
good, has gaps of its own: only a gap in what never had one is told.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Final

from domain.facts.fact import Supersession
from ingestion.quality.evidence import StreamRecord
from ingestion.quality.finding import Check, Finding, told_days
from tenancy.tables import IncidentSeverity

__all__ = ["MISSING_DAYS", "find_missing_days"]

MISSING_DAYS: Final = Check(
    "missing_days",
    "Days are missing",
    "compare the day with the platform; the next syncs read it again while the platform restates",
)

GAPLESS_DAYS: Final = 28
_DAY: Final = dt.timedelta(days=1)


def find_missing_days(record: StreamRecord) -> Iterator[Finding]:
    """Look for gaps in the days that were published now."""
    if record.replaced is None or record.fact.supersession is not Supersession.SLICE:
        return
    missing = [day for day in record.replaced if _is_gap(record, day)]
    if missing:
        yield Finding(
            MISSING_DAYS,
            IncidentSeverity.WARNING,
            f"there is nothing for {told_days(missing)}, though the days around have rows and"
            f" the {GAPLESS_DAYS} days before were whole",
        )


def _is_gap(record: StreamRecord, day: dt.date) -> bool:
    if day in record.days or day + _DAY not in record.days:
        return False
    return all(day - n * _DAY in record.days for n in range(1, GAPLESS_DAYS + 1))

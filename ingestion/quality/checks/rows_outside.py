"""Rows of days that were not asked for. They do not count, so somebody has to know of them.

days landed -> days of the slice -> rows beside it
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from ingestion.quality.evidence import Evidence
from ingestion.quality.finding import RELEASE, Check, Finding, told_days
from tenancy.tables import IncidentSeverity

__all__ = ["ROWS_OUTSIDE", "find_rows_outside"]

ROWS_OUTSIDE: Final = Check(
    "rows_outside",
    "Rows of days that were not asked for",
    f"check the account's time zone and the date field of the source file; {RELEASE}",
)

TOLERATED: Final = Decimal("0.1")


def find_rows_outside(evidence: Evidence) -> Iterator[Finding]:
    """Count rows beside the slice. The slice of a file is made of its rows."""
    days = evidence.sync.days
    if days is None or not evidence.sync.replaces_days:
        return
    beside = {
        day: figures.rows
        for day, figures in sorted(evidence.landed.items())
        if not days.start <= day <= days.end
    }
    if not beside:
        return
    rows = sum(figures.rows for figures in evidence.landed.values())
    lost = sum(beside.values())
    yield Finding(
        ROWS_OUTSIDE,
        IncidentSeverity.CRITICAL if lost > rows * TOLERATED else IncidentSeverity.WARNING,
        f"{lost:,} of {rows:,} rows are of {told_days(list(beside))},"
        f" outside {days.start} to {days.end}: they do not count",
    )

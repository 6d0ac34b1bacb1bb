"""A column that used to have values and has none any more.

    values told before, and now -> columns that fell silent

Platforms rename and retire fields without an error: the field is simply not sent.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from domain.facts.fact import Role
from ingestion.quality.evidence import Evidence
from ingestion.quality.figures import Days, watched
from ingestion.quality.finding import RELEASE, Check, Finding, told_name
from tenancy.tables import IncidentSeverity

__all__ = ["EMPTY_COLUMN", "find_empty_columns"]

EMPTY_COLUMN: Final = Check(
    "empty_column",
    "A column has no values any more",
    f"look for the field in the platform's change log and mend the source file; {RELEASE}",
)

# A handful of rows may lack a value by chance, and a column that was rarely filled may stay empty.
ENOUGH_ROWS: Final = 20
ENOUGH_BEFORE: Final = 50
USUALLY_FILLED: Final = Decimal("0.5")


def find_empty_columns(evidence: Evidence) -> Iterator[Finding]:
    """Compare what is filled with what used to be."""
    rows, rows_before = _rows(evidence.landed), _rows(evidence.published)
    if rows < ENOUGH_ROWS or rows_before < ENOUGH_BEFORE:
        return
    silent = [
        column
        for column in watched(evidence.sync.fact)
        if not _told(evidence.landed, column.name)
        and _told(evidence.published, column.name) >= rows_before * USUALLY_FILLED
    ]
    if not silent:
        return
    is_measure = any(column.role is Role.MEASURE for column in silent)
    names = ", ".join(told_name(column.name) for column in silent)
    yield Finding(
        EMPTY_COLUMN,
        IncidentSeverity.CRITICAL if is_measure else IncidentSeverity.WARNING,
        f"{names} has no value in {rows:,} rows",
    )


def _rows(days: Days) -> int:
    return sum(figures.rows for figures in days.values())


def _told(days: Days, column: str) -> int:
    return sum(figures.told[column] for figures in days.values())

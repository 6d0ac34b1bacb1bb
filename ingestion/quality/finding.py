"""What a check says: which one, how much it matters, what it saw.

evidence -> check -> Finding, ... -> held sync or not, incident, alert
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tenancy.tables import IncidentSeverity

__all__ = ["RELEASE", "Check", "Finding", "told_amount", "told_days", "told_name"]

RELEASE: Final = "if the figures are right, let them pass: bosco quality release"

_SHOWN_DAYS: Final = 3
_WHOLE_FROM: Final = 100


@dataclass(frozen=True, slots=True)
class Check:
    """A question that is asked of data.

    Attributes:
        name: Snake case; never changes, incidents are kept by it.
        title: What is wrong when it finds something, without a full stop.
        hint: What to do about it.
    """

    name: str
    title: str
    hint: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a check found.

    Attributes:
        check: Which.
        severity: `CRITICAL` holds the sync back, when it is asked before publication.
        message: What was found, with days and figures; never personal data.
    """

    check: Check
    severity: IncidentSeverity
    message: str

    @property
    def holds(self) -> bool:
        """Whether the sync must not be published."""
        return self.severity is IncidentSeverity.CRITICAL


def told_days(days: Sequence[dt.date]) -> str:
    """Days for a message: the first three of them, and how many more."""
    shown = ", ".join(day.isoformat() for day in days[:_SHOWN_DAYS])
    more = len(days) - _SHOWN_DAYS
    return f"{shown} and {more} more" if more > 0 else shown


def told_amount(value: Decimal) -> str:
    """A figure for a message: 12,345 or 12.35 or 0.0124."""
    size = abs(value)
    digits = (
        0 if size >= _WHOLE_FROM or value == value.to_integral_value() else 2 if size >= 1 else 4
    )
    return f"{value:,.{digits}f}"


def told_name(column: str) -> str:
    """A column for a message."""
    return column.replace("_", " ")

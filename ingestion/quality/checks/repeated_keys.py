"""Rows of one sync that share a key and say different things: all but one of them would be lost.

keys that stand twice, with other amounts -> their share of the rows

A record that a platform sends twice, because pages move while they are read, says the same both
times, or nearly: that is no loss. Many keys with several rows mean that the key lacks a part, such
as a new breakdown.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from ingestion.quality.evidence import Evidence
from ingestion.quality.finding import RELEASE, Check, Finding
from tenancy.tables import IncidentSeverity

__all__ = ["REPEATED_KEYS", "find_repeated_keys"]

REPEATED_KEYS: Final = Check(
    "repeated_keys",
    "Different rows have the same key",
    f"complete the key in the source file and sync again; {RELEASE}",
)

# Figures of the present day move while pages are read: a row or two may differ, not one in fifty.
TOLERATED: Final = Decimal("0.02")
A_FEW: Final = 3


def find_repeated_keys(evidence: Evidence) -> Iterator[Finding]:
    """Count the keys that would lose rows."""
    conflicts = evidence.conflicts
    if not conflicts:
        return
    keys = sum(figures.rows for figures in evidence.landed.values())
    is_many = conflicts > A_FEW and conflicts > keys * TOLERATED
    yield Finding(
        REPEATED_KEYS,
        IncidentSeverity.CRITICAL if is_many else IncidentSeverity.WARNING,
        f"{conflicts:,} of {keys:,} keys have several rows with different amounts;"
        " one row of each would count",
    )

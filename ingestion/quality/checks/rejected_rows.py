"""Rows in quarantine: what they hold is missing from the sync.

rows landed, rows rejected -> their share
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from ingestion.quality.evidence import Evidence
from ingestion.quality.finding import RELEASE, Check, Finding
from tenancy.tables import IncidentSeverity

__all__ = ["REJECTED_ROWS", "find_rejected_rows"]

REJECTED_ROWS: Final = Check(
    "rejected_rows",
    "Rows do not fit and are missing",
    f"bosco quarantine list says why; mend the source file and sync again; {RELEASE}",
)

# One odd row must not keep a whole account waiting. When a fifth is missing, the source file is
# wrong, not the rows: held, the sync is read again as soon as the file is right.
TOLERATED: Final = Decimal("0.2")
A_FEW: Final = 5


def find_rejected_rows(evidence: Evidence) -> Iterator[Finding]:
    """Judge how much is missing; whoever imports a file is told at once anyway."""
    rows, rejected = evidence.sync.rows, evidence.sync.quarantined
    if not rejected or evidence.sync.is_file:
        return
    share = Decimal(rejected) / (rows + rejected)
    empties_days = not rows and evidence.sync.replaces_days
    is_hollow = empties_days or (rejected >= A_FEW and share > TOLERATED)
    yield Finding(
        REJECTED_ROWS,
        IncidentSeverity.CRITICAL if is_hollow else IncidentSeverity.WARNING,
        f"{rejected:,} of {rows + rejected:,} rows are in quarantine",
    )

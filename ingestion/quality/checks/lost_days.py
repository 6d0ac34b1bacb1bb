"""Days that were there and would be gone, or mostly, when the sync replaced them.

    days visible now -> the same days as landed -> less than half of rows and of amounts

Platforms restate days by some percent; what halves a day is an answer that was cut, a filter, or an
account that was read with fewer rights.
"""

import datetime as dt
import statistics
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from ingestion.quality.evidence import Evidence
from ingestion.quality.figures import DayFigures, lead_of
from ingestion.quality.finding import RELEASE, Check, Finding, told_amount, told_days, told_name
from tenancy.tables import IncidentSeverity

__all__ = ["LOST_DAYS", "find_lost_days"]

LOST_DAYS: Final = Check(
    "lost_days", "Days would lose most of their data", f"sync again; {RELEASE}"
)

# Credits for invalid clicks and late corrections take away a tenth, in bad cases a third.
KEPT: Final = Decimal("0.5")
# A day that hardly counts may come and go.
ENOUGH_ROWS: Final = 5
ENOUGH_OF_MEDIAN: Final = Decimal("0.25")


def find_lost_days(evidence: Evidence) -> Iterator[Finding]:
    """Compare each day with what is visible of it.

    Who sends a file means what it says, and of a part (search terms) platforms withhold now more,
    now less.
    """
    days = evidence.sync.days
    if days is None or not evidence.sync.replaces_days or evidence.sync.is_file:
        return
    if evidence.sync.fact.is_partial:
        return
    lead = lead_of(evidence.sync.fact)
    visible = [figures.amount(lead) for figures in evidence.published.values()]
    floor = statistics.median(visible) * ENOUGH_OF_MEDIAN if visible else Decimal(0)
    lost = {
        day: (before, after)
        for day, before in sorted(evidence.published.items())
        if days.start <= day <= days.end
        and before.rows >= ENOUGH_ROWS
        and before.amount(lead) >= floor
        and _is_lost(before, after := evidence.landed.get(day, _NOTHING), lead)
    }
    if lost:
        yield Finding(LOST_DAYS, IncidentSeverity.CRITICAL, _message(lost, lead))


_NOTHING: Final = DayFigures(0, {}, {}, {})


def _is_lost(before: DayFigures, after: DayFigures, lead: str) -> bool:
    has_less = after.amount(lead) < before.amount(lead) * KEPT or not before.amount(lead)
    return after.rows < before.rows * KEPT and has_less


def _message(lost: dict[dt.date, tuple[DayFigures, DayFigures]], lead: str) -> str:
    before, after = next(iter(lost.values()))
    return (
        f"on {told_days(list(lost))}: {after.rows:,} rows and {told_amount(after.amount(lead))}"
        f" {told_name(lead)} would replace {before.rows:,} rows and"
        f" {told_amount(before.amount(lead))}"
    )

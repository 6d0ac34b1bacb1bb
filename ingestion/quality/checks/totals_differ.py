"""The sum of a stream against the platform's own totals of the same days.

    totals told in the same run -> sum of the rows -> difference beyond the tolerance

Which fact tells whose totals is declared with the facts (`totals_of`). Totals that were told
hours earlier or later are not compared: the platform may have restated them in between.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from domain.facts import FACTS
from domain.facts.fact import Fact
from ingestion.quality.evidence import Evidence
from ingestion.quality.figures import DayFigures
from ingestion.quality.finding import RELEASE, Check, Finding, told_amount, told_name
from tenancy.tables import IncidentSeverity

__all__ = ["TOLD_TOGETHER", "TOTALS_DIFFER", "find_other_totals", "totals_of"]

TOTALS_DIFFER: Final = Check(
    "totals_differ", "Rows do not add up to the platform's own totals", f"sync again; {RELEASE}"
)

# The two are asked for minutes apart in one run; a long queue may stretch that.
TOLD_TOGETHER: Final = dt.timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a sum may be off.

    Attributes:
        share: Of the total.
        least: In any case.
        per_row: Besides, for each row: platforms round every row by itself.
    """

    share: Decimal
    least: Decimal
    per_row: Decimal = Decimal(0)


_COUNTED: Final = Tolerance(Decimal("0.01"), Decimal(10))
# Analytics estimates sessions from sketches (HyperLogLog, 1.6 % at 99 % confidence) and withholds
# rows of few people.
_ESTIMATED: Final = Tolerance(Decimal("0.05"), Decimal(20))
TOLERANCES: Final = {
    # Agencies reconcile to one percent; rows are rounded to cents.
    "spend": Tolerance(Decimal("0.01"), Decimal(1), per_row=Decimal("0.005")),
    "impressions": _COUNTED,
    "clicks": _COUNTED,
    "sessions": _ESTIMATED,
    "page_views": _ESTIMATED,
}


def totals_of(fact: Fact) -> Fact | None:
    """The fact in which platforms tell the totals of this one; None: nowhere, or only in part."""
    if fact.is_partial:
        return None
    base = fact.refines or fact.name
    return next((other for other in FACTS.values() if other.totals_of == base), None)


def find_other_totals(evidence: Evidence) -> Iterator[Finding]:
    """Compare sums day by day; a cut that is finer than what totals are made of warns only."""
    if evidence.totals is None or evidence.sync.days is None or evidence.sync.is_file:
        return
    for measure, tolerance in TOLERANCES.items():
        off = {
            day: (landed.amount(measure), total.sums[measure])
            for day, total in sorted(evidence.totals.items())
            if day in evidence.sync.days
            and measure in total.sums
            and _is_off(landed := evidence.landed.get(day, _NOTHING), total, measure, tolerance)
        }
        if off:
            is_base = not evidence.sync.fact.refines
            severity = IncidentSeverity.CRITICAL if is_base else IncidentSeverity.WARNING
            yield Finding(TOTALS_DIFFER, severity, _message(off, measure))


_NOTHING: Final = DayFigures(0, {}, {}, {})


def _is_off(landed: DayFigures, total: DayFigures, measure: str, tolerance: Tolerance) -> bool:
    expected = total.sums[measure]
    allowed = max(expected * tolerance.share, tolerance.least) + landed.rows * tolerance.per_row
    return abs(landed.amount(measure) - expected) > allowed


def _message(off: dict[dt.date, tuple[Decimal, Decimal]], measure: str) -> str:
    day, (found, expected) = next(iter(off.items()))
    more = f", and {len(off) - 1} more days differ" if len(off) > 1 else ""
    return (
        f"on {day}: rows add up to {told_amount(found)} {told_name(measure)},"
        f" the platform's total is {told_amount(expected)}{more}"
    )

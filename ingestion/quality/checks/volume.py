"""A day that is far from the same weekday of the weeks before.

    latest days -> eight weeks of the same weekday: median and spread -> far outside both

Robust on purpose: the median does not move with a holiday, and an account whose days differ anyway
is not measured. Rows of ads are campaigns, devices and the like: their number hardly depends on how
much is spent, so a launch, a budget that is cut in half or a sale leave it alone. Rows of orders
are events, which a holiday may cut to a fifth or multiply by ten.
"""

import datetime as dt
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ingestion.quality.evidence import StreamRecord
from ingestion.quality.figures import lead_of
from ingestion.quality.finding import Check, Finding, told_amount, told_name
from tenancy.tables import IncidentSeverity

__all__ = ["VOLUME", "find_odd_volumes"]

VOLUME: Final = Check(
    "volume",
    "A day is far from what its weekday usually brings",
    "compare the day with the platform; if it is right, resolve the incident",
)


@dataclass(frozen=True, slots=True)
class Range:
    """What a day may bring, as factors of its weekday's median."""

    least: Decimal
    most: Decimal


_ENTITIES: Final = Range(Decimal("0.35"), Decimal(3))
_EVENTS: Final = Range(Decimal("0.1"), Decimal(20))
_VISITS: Final = Range(Decimal("0.2"), Decimal(5))
_ROWS: Final = {
    "orders": _EVENTS,
    "order_lines": _EVENTS,
    "refunds": _EVENTS,
    "customers": _EVENTS,
    "web_daily": _VISITS,
}
# Whoever stops the largest campaign takes most of the amount away: worth a notice, no more. Nothing
# at all is a pause.
_AMOUNT: Final = Range(Decimal("0.1"), Decimal(20))

LATEST_DAYS: Final = 3  # older days were judged when they were new
WEEKS: Final = 8
ENOUGH_WEEKS: Final = 4
ENOUGH_ROWS: Final = 20  # campaigns of small accounts come and go
STEADY: Final = Decimal("0.25")  # of the median: the most that weeks may usually differ
FAR: Final = 6  # spreads from the median
_TO_DEVIATION: Final = Decimal("1.4826")  # of normal data: standard deviation per median deviation
_WEEK: Final = dt.timedelta(weeks=1)


def find_odd_volumes(record: StreamRecord) -> Iterator[Finding]:
    """Look at the latest days; those without rows are another check's."""
    last = record.yesterday if record.replaced is None else record.replaced.end
    allowed = _ROWS.get(record.fact.name, _ENTITIES)
    lead = lead_of(record.fact)
    for day in (last - dt.timedelta(days=ago) for ago in range(LATEST_DAYS)):
        if day not in record.days:
            continue
        if message := _odd(record, day, "rows", allowed):
            yield Finding(VOLUME, IncidentSeverity.WARNING, message)
            return
        if record.days[day].amount(lead) and (message := _odd(record, day, lead, _AMOUNT)):
            yield Finding(VOLUME, IncidentSeverity.NOTICE, message)
            return


def _odd(record: StreamRecord, day: dt.date, name: str, allowed: Range) -> str | None:
    usual = _usual(record, day, name)
    if usual is None:
        return None
    median, spread = usual
    found = record.days[day].amount(name)
    is_far = abs(found - median) > FAR * spread
    if not is_far or median * allowed.least <= found <= median * allowed.most:
        return None
    return (
        f"{day} has {told_amount(found)} {told_name(name)},"
        f" its weekday usually {told_amount(median)}"
    )


def _usual(record: StreamRecord, day: dt.date, name: str) -> tuple[Decimal, Decimal] | None:
    """Median and spread of the weekday; None: too few rows or weeks, or too restless."""
    before = [day - n * _WEEK for n in range(1, WEEKS + 1)]
    weeks = [record.days[one] for one in before if one in record.days]
    if len(weeks) < ENOUGH_WEEKS:
        return None
    if statistics.median(figures.rows for figures in weeks) < ENOUGH_ROWS:
        return None
    amounts = [figures.amount(name) for figures in weeks]
    median = statistics.median(amounts)
    spread = _TO_DEVIATION * statistics.median(abs(amount - median) for amount in amounts)
    return None if spread > median * STEADY else (median, spread)

"""Values that nothing can have: less than none, more clicks than impressions, clicks for a fortune.

figures of a day -> below zero, part above whole, price beyond every market
"""

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from ingestion.quality.evidence import Evidence
from ingestion.quality.figures import DayFigures
from ingestion.quality.finding import RELEASE, Check, Finding, told_amount, told_days, told_name
from tenancy.tables import IncidentSeverity

__all__ = ["IMPOSSIBLE_VALUES", "find_impossible_values"]

IMPOSSIBLE_VALUES: Final = Check(
    "impossible_values",
    "Values that cannot be",
    f"mend the mapping of the source or the file; {RELEASE}",
)

# What is counted or paid. Revenue, tax, shipping and pieces may be taken back: they are not here.
NEVER_NEGATIVE: Final = (
    "spend",
    "impressions",
    "clicks",
    "conversions",
    "sessions",
    "engaged_sessions",
    "new_users",
    "page_views",
    "key_events",
    "refunded",
    "orders_to_date",
)

# A single row can have a click today for an impression of yesterday; the day of a whole account
# cannot have more of the part than of the whole, once there are enough.
PARTS: Final = (("clicks", "impressions"), ("engaged_sessions", "sessions"))
ENOUGH: Final = 50

# The dearest clicks of any market cost some hundreds of euros, or two hundred thousand dong.
# Micros read as units make a million of every unit.
DEAREST_CLICK: Final = Decimal(250_000)
ENOUGH_CLICKS: Final = 10


def find_impossible_values(evidence: Evidence) -> Iterator[Finding]:
    """Look at each day for itself; needs no history."""
    questions: list[Callable[[DayFigures], str | None]] = [_too_dear]
    if evidence.sync.stream.rest is None:  # what parts leave of a whole may be a little below zero
        questions.append(_below_zero)
    if not evidence.sync.is_file:  # a sheet may count clicks of one channel, impressions of others
        questions.append(_part_above_whole)
    for question in questions:
        found = {
            day: words
            for day, figures in sorted(evidence.landed.items())
            if (words := question(figures)) is not None
        }
        if found:
            yield Finding(IMPOSSIBLE_VALUES, IncidentSeverity.CRITICAL, _message(found))


def _below_zero(figures: DayFigures) -> str | None:
    for name in NEVER_NEGATIVE:
        if rows := figures.below_zero.get(name):
            return f"{told_name(name)} is negative in {rows:,} of {figures.rows:,} rows"
    return None


def _part_above_whole(figures: DayFigures) -> str | None:
    for part, whole in PARTS:
        is_told = figures.told.get(part) == figures.told.get(whole) == figures.rows
        few, many = figures.amount(part), figures.amount(whole)
        if is_told and few >= ENOUGH and few > many:
            return f"{few:,} {told_name(part)} for {many:,} {told_name(whole)}"
    return None


def _too_dear(figures: DayFigures) -> str | None:
    clicks, spend = figures.amount("clicks"), figures.amount("spend")
    if clicks < ENOUGH_CLICKS or spend <= clicks * DEAREST_CLICK:
        return None
    return f"a click costs {told_amount(spend / clicks)}"


def _message(found: dict[dt.date, str]) -> str:
    return f"on {told_days(list(found))}: {next(iter(found.values()))}"

"""Amounts in the wrong unit: cents for euros, micros for units, or all of them nothing.

    amount per count of a day -> against its usual size -> thirty times more or less: a slip

A campaign that is launched or stopped moves amounts and counts together; a unit moves the amount
alone. What one impression costs may change tenfold when an account changes from display to search,
and then a click's price does not: both have to be off. A price that was let through once is usual:
it is compared with the last days as well, and with what the same day said before.
"""

import datetime as dt
import statistics
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from ingestion.quality.evidence import Evidence
from ingestion.quality.figures import DayFigures, Days
from ingestion.quality.finding import RELEASE, Check, Finding, told_amount, told_days, told_name
from tenancy.tables import IncidentSeverity

__all__ = ["UNIT_SLIP", "find_unit_slips"]

UNIT_SLIP: Final = Check(
    "unit_slip", "Amounts look like another unit", f"compare one day with the platform; {RELEASE}"
)

# Units that are mixed up differ by 100 (cents), 1,000 or 1,000,000 (micros); the prices of one
# account differ from day to day by a factor of three, in a sale or a new market by ten.
FACTOR: Final = Decimal(30)

# Amount -> the counts that it is measured by, each with the least count whose quotient is no
# accident. Revenue that platforms claim is left out: its worth is a setting of the advertiser.
_COUNTS: Final[Mapping[str, Mapping[str, int]]] = {
    "spend": {"impressions": 1_000, "clicks": 30},
    "purchase_revenue": {"key_events": 20},
    "revenue": {"rows": 10},
    "refunded": {"rows": 10},
    "line_revenue": {"rows": 20},
}
USUAL_AFTER_DAYS: Final = 5  # fewer days are no habit
LATEST_DAYS: Final = 7


def find_unit_slips(evidence: Evidence) -> Iterator[Finding]:
    """Compare what one thing costs with what it used to cost."""
    for amount, counts in _COUNTS.items():
        if evidence.sync.fact.column(amount) is None:
            continue
        if not evidence.sync.replaces_days:
            slip = _slipped_whole(evidence, amount, counts)
            if slip is not None:
                yield Finding(UNIT_SLIP, IncidentSeverity.CRITICAL, _message(slip, amount))
        elif slips := _slipped_days(evidence, amount, counts):
            first = _message(next(iter(slips.values())), amount)
            message = f"on {told_days(list(slips))}: {first}"
            yield Finding(UNIT_SLIP, IncidentSeverity.CRITICAL, message)


Slip = tuple[str, Decimal, Decimal]  # count, price, usual price


def _slipped_days(
    evidence: Evidence, amount: str, counts: Mapping[str, int]
) -> dict[dt.date, Slip]:
    slips = {}
    for day, figures in sorted(evidence.landed.items()):
        slip = _slip(figures, evidence.published, evidence.published.get(day), amount, counts)
        if slip is not None:
            slips[day] = slip
    return slips


def _slipped_whole(evidence: Evidence, amount: str, counts: Mapping[str, int]) -> Slip | None:
    """Of rows that changed, whatever their day: all of them together."""
    return _slip(_together(evidence.landed), evidence.published, None, amount, counts)


def _slip(
    figures: DayFigures,
    published: Days,
    before: DayFigures | None,
    amount: str,
    counts: Mapping[str, int],
) -> Slip | None:
    """The first count by which the amount is off, when it is off by all of them."""
    found: list[Slip] = []
    for count, least in counts.items():
        price = _price(figures, amount, count, least)
        if price is not None:
            usual = _usual_prices(published, before, amount, count, least)
            found += [(count, price, one) for one in usual if one]
    if not found:
        return None
    dearer = all(price >= usual * FACTOR for _, price, usual in found)
    cheaper = all(price * FACTOR <= usual for _, price, usual in found)
    return found[0] if dearer or cheaper else None


def _usual_prices(
    published: Days, before: DayFigures | None, amount: str, count: str, least: int
) -> list[Decimal]:
    """What counts as usual: the five weeks, the last days, the day itself as it was before."""
    prices = [
        price
        for _, figures in sorted(published.items())
        if (price := _price(figures, amount, count, least)) is not None
    ]
    if len(prices) < USUAL_AFTER_DAYS:
        return []
    usual = [statistics.median(prices), statistics.median(prices[-LATEST_DAYS:])]
    told_before = None if before is None else _price(before, amount, count, least)
    return usual if told_before is None else [*usual, told_before]


def _price(figures: DayFigures, amount: str, count: str, least: int) -> Decimal | None:
    total = figures.amount(count)
    return figures.amount(amount) / total if total >= least else None


def _together(days: Days) -> DayFigures:
    sums: dict[str, Decimal] = {}
    for figures in days.values():
        for name, value in figures.sums.items():
            sums[name] = sums.get(name, Decimal(0)) + value
    return DayFigures(sum(figures.rows for figures in days.values()), sums, {}, {})


def _message(slip: Slip, amount: str) -> str:
    count, price, usual = slip
    many, one = (
        (1_000, "1,000 impressions") if count == "impressions" else (1, told_name(count[:-1]))
    )
    return (
        f"{told_name(amount)} per {one} is {told_amount(price * many)},"
        f" usually it is {told_amount(usual * many)}"
    )

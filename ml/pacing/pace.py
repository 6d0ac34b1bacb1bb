"""Where a month's spend will end, and what each day left may cost to end on the budget.

    spend so far + forecast of the days not known + budget -> landing, verdict, required days

A day without a figure is unknown, not zero: past days that a source has not told are expected to
have cost what the forecast says, with its uncertainty, so late data never looks like under-spend.
A verdict is only given with confidence; otherwise the month is on track or too little is known.
"""

import datetime as dt
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Final

import numpy as np

from domain.errors import InvalidInputError
from domain.money import Currency
from ml.forecast.forecast import QUANTILES
from ml.pacing.budget import Budget, Month
from ml.pacing.quantile_law import probability_at_most
from ml.panel import Floats

__all__ = ["CONFIDENCE", "TOLERANCE", "Pace", "Spending", "Verdict", "compute_pace"]

# An agency corrects a budget by hand: 5 % is less than a day of a month and a half, and four of
# five alerts being right is what people still act on.
TOLERANCE: Final = 0.05
CONFIDENCE: Final = 0.8


class Verdict(enum.Enum):
    """How a month goes."""

    ON_TRACK = "on_track"  # or nothing can be said with confidence
    OVER = "over"
    UNDER = "under"
    TOO_LITTLE_KNOWN = "too_little_known"  # there is no forecast


@dataclass(frozen=True, slots=True, eq=False)
class Spending:
    """Spend of one month, as far as it is known.

    Attributes:
        month: Which month.
        currency: Of all amounts.
        spent: Shape (days of the month,); NaN: not known. Today and later are not read: a day
            that goes on still grows.
        expected: Shape (days of the month,), >= 0: usual or forecast spend of each day; gives
            the pattern of the week and stands for days not known. NaN: there is no forecast.
        rest: Shape (quantiles of `QUANTILES`,): forecast of the total of all days not known.
    """

    month: Month
    currency: Currency
    spent: Floats
    expected: Floats
    rest: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Pace:
    """How the spend of a month goes.

    Attributes:
        month: Which month.
        currency: Of all amounts.
        budget: Of the whole month, by its last change.
        spent: Sum of the days known.
        missing: Days that are over without a figure.
        planned: What was planned by the end of yesterday.
        landing: Shape (quantiles of `QUANTILES`,): spend at the end of the month.
        verdict: How it goes.
        probability: That spend ends above the budget and its tolerance (`OVER`), below it
            (`UNDER`), or within it.
        required: What each day left is to cost, so that the month ends on the budget to the
            cent; 0 when that is spent already.
        change: Required over expected spend of the days left; 1.2: a fifth more a day. None: no
            spend is expected.
    """

    month: Month
    currency: Currency
    budget: Decimal
    spent: float
    missing: tuple[dt.date, ...]
    planned: float
    landing: Floats
    verdict: Verdict
    probability: float
    required: Mapping[dt.date, Decimal]
    change: float | None

    @property
    def is_alert(self) -> bool:
        """Whether somebody should be told."""
        return self.verdict in {Verdict.OVER, Verdict.UNDER}


def compute_pace(spending: Spending, budget: Budget, today: dt.date) -> Pace:
    """Tell where a month ends.

    Args:
        spending: What is known and expected.
        budget: What is wanted.
        today: Date in the client's time zone; the day after the month tells how it ended.

    Raises:
        InvalidInputError: Currencies differ, arrays do not fit the month, or there is no budget.
    """
    _check(spending, budget)
    month = spending.month
    amount = budget.amount(month)
    over = min(max((today - month.first).days, 0), month.days)  # days that are over
    spent = np.where(np.arange(month.days) < over, spending.spent, np.nan)
    is_known = np.isfinite(spent)
    known = float(spent[is_known].sum())
    rest = spending.rest if not is_known.all() else np.zeros(len(QUANTILES))
    landing = known + rest
    verdict, probability = _judge(landing, known, float(amount))
    expected = np.nan_to_num(spending.expected)
    missing = [place for place in range(over) if not is_known[place]]
    left = _required(amount, known + float(expected[missing].sum()), expected[over:], budget.unit)
    usual = float(expected[over:].sum())
    return Pace(
        month=month,
        currency=budget.currency,
        budget=amount,
        spent=known,
        missing=tuple(month.day(place) for place in missing),
        planned=float(budget.planned(month, expected)[over - 1]) if over else 0.0,
        landing=landing,
        verdict=verdict,
        probability=probability,
        required={month.day(over + place): cost for place, cost in enumerate(left)},
        change=float(sum(left)) / usual if usual else None,
    )


def _check(spending: Spending, budget: Budget) -> None:
    if spending.currency != budget.currency:
        raise InvalidInputError(
            f"spend is in {spending.currency}, the budget in {budget.currency}",
            hint="set the budget in the currency of the account",
        )
    shape = (spending.month.days,)
    if spending.spent.shape != shape or spending.expected.shape != shape:
        raise InvalidInputError(
            f"{spending.month.first:%B %Y} has {spending.month.days} days",
            hint="give spend and expected spend of each of them, NaN where unknown",
        )


def _judge(landing: Floats, known: float, amount: float) -> tuple[Verdict, float]:
    high, low = amount * (1 + TOLERANCE), amount * (1 - TOLERANCE)
    if known > high:  # whatever comes, it is spent
        return Verdict.OVER, 1.0
    if not np.isfinite(landing).all():
        return Verdict.TOO_LITTLE_KNOWN, float("nan")
    above = 1 - probability_at_most(landing, high)
    below = probability_at_most(landing, np.nextafter(low, -np.inf))
    if above >= CONFIDENCE:
        return Verdict.OVER, above
    if below >= CONFIDENCE:
        return Verdict.UNDER, below
    return Verdict.ON_TRACK, 1 - above - below


def _required(amount: Decimal, gone: float, pattern: Floats, unit: Decimal) -> Sequence[Decimal]:
    """What is left, over the days left, in whole units: the largest fractions are rounded up."""
    if not len(pattern):
        return []
    left = amount - (Decimal(repr(gone)) / unit).to_integral_value() * unit
    units = max(int((left / unit).to_integral_value(ROUND_FLOOR)), 0)
    weights = pattern if pattern.any() else np.ones(len(pattern))
    exact = units * weights / weights.sum()
    whole = np.floor(exact).astype(np.int64)
    by_fraction = np.argsort(whole - exact, kind="stable")
    whole[by_fraction[: units - int(whole.sum())]] += 1
    return [int(count) * unit for count in whole]

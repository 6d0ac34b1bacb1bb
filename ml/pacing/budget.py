"""What a client wants to spend in a month, and how that was changed on the way.

    amounts with the day each applies from -> amount of the month, and what was planned by a day

A monthly budget is an amount for the whole month, whenever in it it was set: a change on the 16th
from 3,100 to 6,200 means 6,200 for this month. What was planned by a day goes along with it: what
was planned until the change stays as it was, what is then left is spread over the days left.

Days are dates in the client's calendar; nothing here knows a time zone.
"""

import calendar
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from domain.errors import InvalidInputError
from domain.money import Currency
from ml.panel import Floats

__all__ = ["CENT", "Budget", "BudgetChange", "Month"]

CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the calendar."""

    year: int
    month: int

    @classmethod
    def of(cls, day: dt.date) -> "Month":
        """The month that a day is in."""
        return cls(day.year, day.month)

    @property
    def first(self) -> dt.date:
        """Its first day."""
        return dt.date(self.year, self.month, 1)

    @property
    def days(self) -> int:
        """How many it has."""
        return calendar.monthrange(self.year, self.month)[1]

    def day(self, place: int) -> dt.date:
        """Day at a place, counted from 0."""
        return self.first + dt.timedelta(days=place)


@dataclass(frozen=True, slots=True)
class BudgetChange:
    """From a day on, the whole month is to cost this much."""

    day: dt.date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Budget:
    """Monthly budget of a client, channel or campaign.

    Attributes:
        currency: Of all amounts.
        changes: By day; the first one is what it was at first. It applies to later months, too.
        unit: Smallest amount of the currency that can be set.
    """

    currency: Currency
    changes: Sequence[BudgetChange]
    unit: Decimal = CENT

    def __post_init__(self) -> None:
        days = [change.day for change in self.changes]
        if not days or days != sorted(set(days)):
            raise InvalidInputError(
                "the changes of a budget are not in the order of their days",
                hint="give one amount a day, earliest first, and at least one",
            )
        if any(change.amount < 0 for change in self.changes):
            raise InvalidInputError("a budget is negative", hint="use 0 to plan no spend")

    def amount(self, month: Month) -> Decimal:
        """What the month is to cost by its last change.

        Raises:
            InvalidInputError: There was no budget yet.
        """
        last = month.day(month.days - 1)
        amounts = [change.amount for change in self.changes if change.day <= last]
        if not amounts:
            raise InvalidInputError(
                f"there is no budget for {month.first:%B %Y}",
                hint=f"the first one is from {self.changes[0].day}",
            )
        return amounts[-1]

    def planned(self, month: Month, pattern: Floats) -> Floats:
        """Cumulative spend that was planned by the end of each day.

        Args:
            month: Which month.
            pattern: Shape (days of the month,), >= 0: how days are weighed against each other;
                all 0: they are alike.

        Returns:
            Shape (days of the month,), in the currency; 0 on days before the first budget.
        """
        weights = pattern if pattern.any() else np.ones(month.days)
        planned = np.zeros(month.days)
        for change in self.changes:
            begin = max((change.day - month.first).days, 0)
            if begin < month.days:
                before = planned[begin - 1] if begin else 0.0
                left = np.cumsum(weights[begin:])
                share = left / left[-1] if left[-1] else np.linspace(0, 1, len(left) + 1)[1:]
                planned[begin:] = before + (float(change.amount) - before) * share
        return planned

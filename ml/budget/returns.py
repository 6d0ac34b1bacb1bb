"""What a budget brings until its end and after it, spent evenly, in every draw of the curves.

    curves, steps, demand -> amounts of an item -> adstock that starts where history ended
                                                -> outcome of the horizon + what is carried past it

What past spend would bring anyway is not credited to the plan, and what the plan brings after its
last day is: otherwise the end of every month looks like a bad time to advertise.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from domain.errors import InvalidInputError
from ml.panel import Floats
from ml.response.curves import Curves
from ml.response.shapes import Shape, effects

__all__ = ["PlannedReturns", "Returns"]

# Less than a hundredth of a day's spend still works after this many steps at a retention of 0.85.
_STEPS_AFTER: Final = 28


class Returns(Protocol):
    """Outcome of amounts, item by item: what a plan is made of."""

    @property
    def draws(self) -> int:
        """How many equally likely answers there are."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Of the items."""
        ...

    def highest(self, item: int) -> int:
        """Largest amount, in minor units, that the observed range supports."""
        ...

    def outcome(self, item: int, amounts: Floats) -> Floats:
        """What amounts in minor units bring beyond spending nothing, shape (draws, amounts)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class PlannedReturns:
    """Of response curves.

    Attributes:
        curves: Draws of all items.
        demand: How many times the average a spend brings, on each step of the horizon.
        minor_units: Minor units in one unit of currency.
    """

    curves: Curves
    demand: Floats
    minor_units: int = 100

    def __post_init__(self) -> None:
        if not len(self.demand):
            raise InvalidInputError("A budget needs at least one day.")

    @property
    def draws(self) -> int:
        """Number of draws."""
        return self.curves.draws

    @property
    def names(self) -> tuple[str, ...]:
        """Of the items."""
        return self.curves.names

    def highest(self, item: int) -> int:
        """Largest amount, in minor units, that the observed range supports."""
        return int(self.curves.limit[item] * len(self.demand) * self.minor_units)

    def outcome(self, item: int, amounts: Floats) -> Floats:
        """What amounts in minor units bring beyond spending nothing, shape (draws, amounts)."""
        within, after = self.outcome_in_time(item, amounts)
        return within + after

    def outcome_in_time(self, item: int, amounts: Floats) -> tuple[Floats, Floats]:
        """The outcome until the end of the horizon, and that after it."""
        steps = len(self.demand)
        reference = self.curves.reference[item]
        spend = amounts / (self.minor_units * steps * reference)
        shape = self.curves.shape
        one = Shape(
            *(
                values[:, item, None, None]
                for values in (shape.level, shape.retention, shape.half, shape.slope)
            )
        )
        carried = self.curves.carried[:, item, None, None] / reference
        left = one.retention ** np.arange(1, steps + 1)
        alone = left * carried
        level = alone + (1 - left) * spend[:, None]
        within = (effects(level, one) - effects(alone, one)) @ self.demand
        fading = one.retention ** np.arange(1, _STEPS_AFTER + 1)
        last, last_alone = fading * level[..., -1:], fading * alone[..., -1:]
        after: Floats = (effects(last, one) - effects(last_alone, one)).sum(axis=-1)
        return within, after

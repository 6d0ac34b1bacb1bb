"""What a response is learned from: spend, outcomes, the calendar, and experiments.

Two cases, one shape. A platform attributes outcomes to each campaign: every item feeds an outcome
of its own. Or only the outcome of the whole client is known (its shop's revenue): all items feed
the same one. `feeds` says which.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.errors import InvalidInputError
from ml.panel import Floats
from ml.response.season import Calendar

__all__ = ["LiftTest", "Observed"]


@dataclass(frozen=True, slots=True)
class LiftTest:
    """An experiment: spend was changed on purpose, and the difference was measured.

    Attributes:
        item: Index of the item.
        start: First step of the change.
        stop: Step after the last one; the effect is counted on the same steps.
        change: Spend per step that there was because of the test (negative: that was missing).
            It is part of the observed spend.
        effect: Measured difference of the outcome, summed over the steps; same sign as `change`
            when spend helps.
        standard_error: Of `effect`.
    """

    item: int
    start: int
    stop: int
    change: float
    effect: float
    standard_error: float


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Spend and outcomes of one client.

    Attributes:
        names: Of the items, as users know them.
        channels: Channel of each item.
        spend: Shape (items, steps), in currency units.
        outcomes: Shape (outcomes, steps); NaN: not known.
        feeds: Outcome that each item feeds.
        calendar: Columns of the steps.
        controls: What else moved the outcomes, shape (steps, any); standardised.
    """

    names: tuple[str, ...]
    channels: tuple[str, ...]
    spend: Floats
    outcomes: Floats
    feeds: npt.NDArray[np.intp]
    calendar: Calendar
    controls: Floats

    def __post_init__(self) -> None:
        items, steps = self.spend.shape
        if not (len(self.names) == len(self.channels) == len(self.feeds) == items):
            raise InvalidInputError("Names, channels, feeds and spend tell of different items.")
        lengths = {self.outcomes.shape[1], self.calendar.steps, self.controls.shape[0], steps}
        if lengths != {steps}:
            raise InvalidInputError("Spend, outcomes, calendar and controls differ in length.")
        if not np.isfinite(self.spend).all() or (self.spend < 0).any():
            raise InvalidInputError(
                "Spend must be known and not negative on every step.",
                hint="Fill days on which nothing ran with 0.",
            )
        if not (self.spend > 0).any(axis=1).all():
            idle = self.names[int(np.argmin((self.spend > 0).any(axis=1)))]
            raise InvalidInputError(
                f"{idle!r} never spent anything, so nothing can be said of it.",
                hint="Leave it out.",
            )
        if not np.isfinite(self.outcomes).any(axis=1).all():
            raise InvalidInputError("An outcome is not known on any step.")

"""One figure that was looked at: how far it is from what was expected, and what that costs.

    figure, expectation, shares known by age -> is it large, whatever still arrives -> Deviation

A rare figure need not matter: a second condition asks for size, relative and in money. Late data
is no size. What is short must be short even if as much is still to come as on one day in twenty;
what is too much must be too much for a mature figure, since late arrivals only add to it.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.panel import Measure, Series

__all__ = ["LARGE", "Deviation", "depth_of", "is_ancestor", "is_related"]

LARGE: Final = 0.25  # of what is expected; below it people wait for the next day

# Of the client's usual daily spend (for spend) or revenue: what nobody would call about.
_SMALLEST_STAKE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Deviation:
    """A figure that was looked at, and what was expected at its age.

    Attributes:
        series: Whose.
        measure: Of what.
        day: Of the figure.
        age: Days after it; figures, expectation and bounds are of this age.
        actual: What is known.
        expected: Median.
        low: Lower bound of 95 %.
        high: Upper bound of 95 %.
        usual: Share of the mature figure that is usually known at this age.
        least: Share that is known when it is late as one day in twenty.
        p_value: How rare; two-sided.
        is_discovery: Rare enough among all that its agency is shown today.
        stake: Money that the deviation is worth; NaN: no money is known.
        daily_stake: Usual money a day of the client, to measure it with; NaN: as above.
    """

    series: Series
    measure: Measure
    day: dt.date
    age: int
    actual: float
    expected: float
    low: float
    high: float
    usual: float
    least: float
    p_value: float
    is_discovery: bool
    stake: float
    daily_stake: float

    @property
    def change(self) -> float:
        """Relative to what was expected; -0.5: half of it."""
        return self.actual / self.expected - 1 if self.expected > 0 else np.inf

    @property
    def depth(self) -> int:
        """0: client, 1: channel, 2: campaign."""
        return depth_of(self.series)

    @property
    def direction(self) -> int:
        """1: more than expected, -1: less."""
        return 1 if self.actual >= self.expected else -1

    @property
    def is_large(self) -> bool:
        """Whether it stays large whatever still arrives; nothing is large against nothing."""
        if self.expected <= 0:
            return self.measure is Measure.SPEND and self.actual > 0
        mature = self.expected / self.usual
        if self.direction > 0:
            return self.actual >= (1 + LARGE) * mature
        return self.actual / self.least <= (1 - LARGE) * mature

    @property
    def is_alarming(self) -> bool:
        """Rare, large and worth money."""
        is_dear = np.isnan(self.stake) or self.stake >= _SMALLEST_STAKE * self.daily_stake
        return bool(self.is_discovery and self.is_large and is_dear)


def depth_of(series: Series) -> int:
    """0: client, 1: channel, 2: campaign."""
    return (series.channel is not None) + (series.campaign is not None)


def is_ancestor(one: Series, other: Series) -> bool:
    """Whether the figures of the other are a part of those of the one, or the same."""
    return (
        one.client == other.client
        and one.channel in {None, other.channel}
        and one.campaign in {None, other.campaign}
    )


def is_related(one: Series, other: Series) -> bool:
    """Whether one is a part of the other."""
    return is_ancestor(one, other) or is_ancestor(other, one)

"""How complete the figures of a step are at each age: the chain ladder.

    values by age -> development factors -> share of the final figure that is known at each age

Conversions of a day arrive for weeks. Trailing ratios that take young days as they stand are too
low, and lower the faster an account grows. The factor from one age to the next is the ratio of sums
over the cells that have been seen at both; the share known at an age is the inverse of the product
of the factors still to come. Ratios then set what is known against the exposure *used up so far*
(Cape Cod), which does not blow up the noise of the youngest days as dividing them would.

Sources: Mack, T. (1993), Distribution-free calculation of the standard error of chain ladder
reserve estimates, ASTIN Bulletin 23(2), eq. 2; Stanard, J. N. (1985), PCAS 72 (Cape Cod).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.forecast.snapshots import MAX_AGE, Snapshots
from ml.panel import Floats, Measure, Panel

__all__ = ["Completion", "development", "learn_completion", "mean_completion"]

# Older cells tell less of how the platform reports now.
_WINDOW: Final = 120

# A figure known to less than this share says more of the lag than of the day.
_LEAST_SHARE: Final = 0.05

Key = tuple[Measure, str | None]  # channel; None: all channels together


@dataclass(frozen=True, slots=True, eq=False)
class Completion:
    """Share of the final figure by measure, channel and age.

    Attributes:
        curves: Shape (MAX_AGE,) each; entry a - 1: share known at age a. May exceed 1 where
            platforms take figures back. What is missing counts as complete.
    """

    curves: Mapping[Key, Floats]

    def shares(self, panel: Panel, measure: Measure) -> Floats:
        """Share known of each cell of a panel that has just been taken: shape (series, steps)."""
        age = np.minimum(np.arange(panel.steps, 0, -1), MAX_AGE) - 1
        channels = [series.channel for series in panel.series]
        curves = {channel: self._curve(measure, channel)[age] for channel in set(channels)}
        return np.array([curves[channel] for channel in channels]).reshape(len(channels), -1)

    def _curve(self, measure: Measure, channel: str | None) -> Floats:
        whole = self.curves.get((measure, None), np.ones(MAX_AGE))
        return self.curves.get((measure, channel), whole)


def development(by_age: Floats, origin: int) -> Floats:
    """Shares known at each age, from the cells seen before an origin.

    Args:
        by_age: Shape (cells, steps, MAX_AGE), see `Snapshots`.
        origin: Only what was known when step `origin - 1` had just ended counts.

    Returns:
        Shape (MAX_AGE,); 1 where no cell has been seen at both ages.
    """
    first = max(origin - _WINDOW, 0)
    cube = by_age[:, first:origin]
    steps = np.arange(first, origin)
    later = np.arange(2, MAX_AGE + 1)
    was_seen = (steps[:, None] + later[None, :] <= origin)[None]
    young, old = cube[:, :, :-1], cube[:, :, 1:]
    both = was_seen & np.isfinite(young) & np.isfinite(old)
    before = np.where(both, young, 0.0).sum(axis=(0, 1))
    after = np.where(both, old, 0.0).sum(axis=(0, 1))
    factors = np.divide(after, before, out=np.ones(MAX_AGE - 1), where=(before > 0) & (after > 0))
    to_come = np.append(np.cumprod(factors[::-1])[::-1], 1.0)
    shares: Floats = np.maximum(1.0 / to_come, _LEAST_SHARE)
    return shares


def learn_completion(snapshots: Snapshots, origin: int) -> Completion:
    """Curves of one agency, by channel and over all, from what was known at an origin."""
    channels = np.array([series.channel or "" for series in snapshots.history.series])
    curves: dict[Key, Floats] = {}
    for measure, by_age in snapshots.by_age.items():
        curves[measure, None] = development(by_age, origin)
        for channel in sorted(set(channels) - {""}):
            curves[measure, channel] = development(by_age[channels == channel], origin)
    return Completion(curves)


def mean_completion(learnt: Sequence[Completion]) -> Completion:
    """What holds over agencies: the plain mean, so that amounts of money do not weigh."""
    keys = sorted(
        {key for one in learnt for key in one.curves}, key=lambda key: (key[0].value, key[1] or "")
    )
    return Completion(
        {
            key: np.mean([one.curves[key] for one in learnt if key in one.curves], axis=0)
            for key in keys
        }
    )

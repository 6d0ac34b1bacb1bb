"""Intervals that cover what they say: split conformal, by group, and mended by later scores.

    past residuals / own noise -> sorted scores by group -> quantile with finite-sample correction

A residual divided by the series' own noise is comparable over series; its quantiles come from
origins that the model was not fitted on. The bounds are taken at each side by itself, because
advertising figures are skewed: the lower is the floor((n + 1) a / 2)-th smallest score, the upper
the ceil((n + 1) (1 - a / 2))-th, which under exchangeability leaves at most a outside (Vovk 2005;
Romano 2019, eq. 8). Adaptive conformal inference then moves a with every scored forecast, so that
coverage holds in the long run even when the world has moved (Gibbs and Candes 2021, eq. 2).

Sources: Romano, Y., Patterson, E. and Candes, E. (2019), Conformalized Quantile Regression; Gibbs,
I. and Candes, E. (2021), Adaptive Conformal Inference Under Distribution Shift.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ml.panel import Floats

__all__ = ["Adaptation", "Group", "Scores", "group_quantile", "score_quantile"]

# What a calibrated group is kept as: enough for the tails of 95 %, small enough to ship.
_KEPT: Final = 1_000
_LEAST_SCORES: Final = 40  # 95 % two-sided needs 39 for a finite bound on each side
_RATE: Final = 0.02  # of ACI: a miss moves the level by 2 points, some weeks to adapt
_ADAPTED: Final = 4  # names of a group that tell total or step, measure, regime and horizon
_WIDEST: Final = 0.001
_MIDDLE: Final = 0.5


def score_quantile(scores: Floats, level: float) -> float:
    """Bound of the scores at a level, with the finite-sample correction outwards.

    Args:
        scores: Sorted, ascending, without NaN, at least one.
        level: Between 0 and 1; below a half a lower bound, above it an upper one, at it the median.

    Returns:
        The extreme score where there are too few for the level: the bound is then too narrow, and
        groups that small are not used on their own.
    """
    count = len(scores)
    if level == _MIDDLE:
        return float(np.median(scores))
    if level < _MIDDLE:
        rank = math.floor((count + 1) * level + 1e-9)
    else:
        rank = math.ceil((count + 1) * level - 1e-9)
    return float(scores[min(max(rank, 1), count) - 1])


# Widest name first: total or step, measure, regime, place of the horizon, level, noise.
Group = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Sorted scores of each group.

    Attributes:
        by_group: Groups and all their wider ones.
    """

    by_group: Mapping[Group, Floats]

    @classmethod
    def of(cls, groups: Sequence[Group], scores: Floats) -> "Scores":
        """Sort scores into their groups and every wider one; NaN is left out."""
        gathered: dict[Group, list[int]] = {}
        for place, group in enumerate(groups):
            if np.isfinite(scores[place]):
                for depth in range(len(group) + 1):
                    gathered.setdefault(group[:depth], []).append(place)
        return cls({group: _thinned(np.sort(scores[places])) for group, places in gathered.items()})

    def of_group(self, group: Group) -> Floats:
        """Scores of the narrowest group around this one that has enough."""
        for depth in range(len(group), 0, -1):
            found = self.by_group.get(group[:depth])
            if found is not None and len(found) >= _LEAST_SCORES:
                return found
        return self.by_group.get((), np.zeros(1))


@dataclass(frozen=True, slots=True)
class Adaptation:
    """Levels moved by what later happened.

    Attributes:
        alphas: Share left outside for (group, nominal share); nominal where missing. Groups are
            cut after the horizon: all series of an agency speak for each other.
    """

    alphas: Mapping[tuple[Group, float], float] = field(default_factory=dict)

    def alpha(self, group: Group, nominal: float) -> float:
        """Share to be left outside now."""
        return self.alphas.get((group[:_ADAPTED], nominal), nominal)

    def after(self, group: Group, nominal: float, missed: Sequence[float]) -> "Adaptation":
        """Levels after more forecasts have been scored: a += rate (nominal - missed).

        Args:
            group: Whose.
            nominal: Share that is to be left outside.
            missed: In order of time: 1 for an actual outside, 0 for one within; of several that
                came at once their mean.
        """
        alpha = self.alpha(group, nominal)
        for was_missed in missed:
            alpha += _RATE * (nominal - was_missed)
            alpha = min(max(alpha, _WIDEST), 1 - _WIDEST)
        return Adaptation({**self.alphas, (group[:_ADAPTED], nominal): alpha})


def group_quantile(scores: Scores, adaptation: Adaptation, group: Group, level: float) -> float:
    """Score at a level, as far out as this group now needs."""
    if level == _MIDDLE:
        return score_quantile(scores.of_group(group), level)
    nominal = round(2 * min(level, 1 - level), 9)
    half = adaptation.alpha(group, nominal) / 2
    return score_quantile(scores.of_group(group), half if level < _MIDDLE else 1 - half)


def _thinned(ordered: Floats) -> Floats:
    if len(ordered) <= _KEPT:
        return ordered
    places = np.round(np.linspace(0, len(ordered) - 1, _KEPT)).astype(np.intp)
    kept: Floats = ordered[places]
    return kept

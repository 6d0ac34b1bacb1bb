"""How rare a figure is among its own past: conformal p-values of deviations.

    figure, expectation -> score -> own centre and spread -> rank among the past -> p-value

The score is the log of figure over expectation, so a half is as far as a double. Each series'
scores are put on its own centre (of the weekday) and spread; then a score's rank among all past
ones of series of a like volume is its p-value. Centre and spread are symmetric functions of past
and new scores together, so if they are exchangeable the rank is uniform, whatever their law.

Why pooled: n past scores tell no p-value below 1/(n + 1), and a tenant with 200 figures a day needs
rarer ones than a year of one series can show. Beyond the most extreme past score the p-value goes
on falling along a Pareto tail (Hill's index): up to there it is exact, below 1/(n + 1) estimated.

Robust: medians and quartile ranges; steps that were in an alarm are left out by the caller. A past
incident that nobody saw makes p-values larger, never smaller.

Sources: V. Vovk et al., Algorithmic Learning in a Random World, 2005, section 2.2; S. Bates et al.,
"Testing for outliers with conformal p-values", Annals of Statistics 51(1), 2023; B. M. Hill, "A
simple general approach to inference about the tail of a distribution", Annals 3(5), 1975.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.anomalies.expectation import Steps
from ml.anomalies.quantiles import row_median, row_quantile
from ml.panel import Floats

__all__ = ["Scored", "compute_scores", "two_sided_p_value", "upper_p_values", "volume_groups"]

# Share of the usual level that is added to both sides: a day without a conversion where two are
# usual is no infinite deviation.
_OFFSET: Final = 0.1
_NORMAL_RANGE: Final = 1.349  # quartile range of a standard normal
_FEWEST: Final = 14  # own scores that weigh as much as the group's spread
_PRIOR_WEEKS: Final = 8.0  # scores of a weekday that weigh as much as all days
_SMALLEST_SPREAD: Final = 1e-3  # a tenth of a percent is never an anomaly
_GROUP: Final = 60  # series: half a year of fewer shows no tail as rare as is asked for
_TAIL: Final = (1.5, 8.0)  # Hill indices: heavier has no mean, lighter is as good as normal
BoolVector = np.ndarray[tuple[int], np.dtype[np.bool_]]
BoolMatrix = np.ndarray[tuple[int, int], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Deviations of some figures and their past, comparable across series.

    Attributes:
        z: Shape (rows, columns): score on the row's own centre and spread; NaN: not known.
        centre: Same shape: score that is usual for the step.
        spread: Shape (rows, 1).
        offset: Shape (rows, 1): what both sides of a score were raised by.
    """

    z: Floats
    centre: Floats
    spread: Floats
    offset: Floats

    def bound(self, expected: Floats, z: Floats) -> Floats:
        """Figures of the last column that would have a score `z`; both shape (rows,)."""
        offset = self.offset[:, 0]
        score = self.centre[:, -1] + z * self.spread[:, 0]
        bound: Floats = np.maximum((expected + offset) * np.exp(score) - offset, 0)
        return bound


def compute_scores(actual: Floats, expected: Floats, steps: Steps, season: int) -> Scored:
    """Put deviations on their series' own centre and spread.

    Args:
        actual: Shape (rows, columns), >= 0; the last column is the new figure, NaN: left out.
        expected: Same shape.
        steps: Same shape: which step each figure is of.
        season: Steps until the pattern comes again.
    """
    # Of steps with something to expect, so that an early end or a late begin does not count; a
    # series without any is not judged.
    offset = _OFFSET * row_median(np.where(expected > 0, expected, np.nan))
    score = np.log((actual + offset) / (expected + offset))
    centre = _centre(score, steps, season)
    residual = score - centre
    own = _range(residual) / _NORMAL_RANGE
    count = np.isfinite(residual).sum(axis=1, keepdims=True)
    known = own[np.isfinite(own)]
    common = float(np.median(known)) if len(known) else np.nan
    spread = np.sqrt((count * own**2 + _FEWEST * common**2) / (count + _FEWEST))
    spread = np.maximum(spread, _SMALLEST_SPREAD)
    return Scored(residual / spread, centre, spread, offset)


def volume_groups(volume: Floats) -> list[np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Rows of a like volume: small campaigns have heavier tails than a client's total.

    Args:
        volume: Shape (rows,).
    """
    order = np.argsort(volume, kind="stable")
    return [group for group in np.array_split(order, max(len(order) // _GROUP, 1)) if len(group)]


def upper_p_values(new: Floats, past: Floats) -> Floats:
    """Probability that a score is as high as each new one, if it is of the kind of the past.

    Args:
        new: Shape (scores,).
        past: Shape (past scores,), no NaN.

    Returns:
        Shape (scores,): (1 + past scores as high) / (past scores + 1); NaN where new is.
    """
    ordered = np.sort(past)
    count = len(ordered)
    as_high = count - np.searchsorted(ordered, new, side="left")
    exact = (1.0 + as_high) / (count + 1)
    if not count or ordered[-1] <= 0:
        return np.where(np.isfinite(new), exact, np.nan)
    beyond = np.maximum(new / ordered[-1], 1.0)
    tailed = exact * np.where(as_high == 0, beyond ** -_hill_index(ordered), 1.0)
    return np.where(np.isfinite(new), tailed, np.nan)


def two_sided_p_value(upper: Floats, lower: Floats) -> Floats:
    """Probability of being as far on either side."""
    both: Floats = np.minimum(1.0, 2 * np.minimum(upper, lower))
    return both


def _hill_index(ordered: Floats) -> float:
    """Pareto index of the highest scores; ordered ascending, the last one is positive."""
    highest = ordered[-max(int(np.sqrt(len(ordered))), 2) :]
    highest = highest[highest > 0]
    excess = float(np.log(highest / highest[0]).mean())
    low, high = _TAIL
    return low if len(highest) < 2 or excess == 0 else min(max(1 / excess, low), high)  # noqa: PLR2004


def _centre(score: Floats, steps: Steps, season: int) -> Floats:
    """Median of all scores, moved towards that of the same weekday as far as it is known."""
    centre = np.broadcast_to(row_median(score), score.shape).copy()
    for phase in range(season if season > 1 else 0):
        is_phase = steps % season == phase
        own = np.where(is_phase, score, np.nan)
        count = np.isfinite(own).sum(axis=1, keepdims=True)
        weight = count / (count + _PRIOR_WEEKS)
        moved = centre + weight * np.nan_to_num(row_median(own) - centre)
        centre = np.where(is_phase, moved, centre)
    return centre


def _range(matrix: Floats) -> Floats:
    return row_quantile(matrix, 0.75) - row_quantile(matrix, 0.25)

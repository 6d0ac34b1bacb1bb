"""The pattern within a season, believed as far as it repeats.

    figures over the centred mean -> mean by phase -> shrunk to 1 by what repeats -> index

A phase's index is the mean of (figure / local level) over the past seasons. Its variance over
phases, less what chance alone would give, is what repeats: where that is nothing the index is 1, so
a series without a season costs nothing (credibility, as in `ml.forecast.credibility`).
"""

from typing import Final

import numpy as np

from ml.panel import Floats

__all__ = ["seasonal_index"]

_MOST_CYCLES: Final = 26  # half a year of weeks: habits drift
_LEAST_INDEX: Final = 0.02


def seasonal_index(figures: Floats, season: int) -> Floats:
    """Index of each phase of the season.

    Args:
        figures: Shape (series, steps); NaN: not known.
        season: Steps of a cycle.

    Returns:
        Shape (series, season), mean 1; entry p belongs to the steps p, p + season, ... after the
        last column.
    """
    count, steps = figures.shape
    cycles = min((steps - 2 * (season // 2)) // season, _MOST_CYCLES)
    if season < 2 or cycles < 2:  # noqa: PLR2004  # what is seen once has not repeated
        return np.ones((count, season))
    # The cycles looked at, and half a season on both sides for the centred means.
    recent = figures[:, steps - cycles * season - 2 * (season // 2) :]
    folded = _over_local_level(recent, season).reshape(count, cycles, season)
    known = np.isfinite(folded)
    seen = known.sum(axis=1)
    sums = np.where(known, folded, 0.0).sum(axis=1)
    means = np.divide(sums, seen, out=np.ones_like(sums), where=seen > 0)
    scatter = (np.where(known, folded - means[:, None, :], 0.0) ** 2).sum(axis=(1, 2))
    freedom = np.maximum(seen - 1, 0).sum(axis=1)
    within = np.divide(scatter, freedom, out=np.full(count, np.inf), where=freedom > 0)
    chance = within / np.maximum(seen.mean(axis=1), 1.0)
    spread = means.var(axis=1, ddof=1)
    trust = np.divide(
        np.maximum(spread - chance, 0.0), spread, out=np.zeros(count), where=spread > 0
    )
    index = np.maximum(1 + trust[:, None] * (means - 1), _LEAST_INDEX)
    # The last half season has no centred mean: the phases are turned back by what was left out.
    index = np.roll(index, -((season // 2) % season), axis=1)
    shaped: Floats = index / index.mean(axis=1, keepdims=True)
    return shaped


def _over_local_level(figures: Floats, season: int) -> Floats:
    half = season // 2
    # An even season takes its two ends by half (the 2 x m moving average).
    window = np.full(2 * half + 1, 1.0)
    if season % 2 == 0:
        window[[0, -1]] = 0.5
    known = np.isfinite(figures)
    sums = _sliding(np.where(known, figures, 0.0), window)
    weights = _sliding(known.astype(np.float64), window)
    is_full = weights >= window.sum() * 0.75
    level = np.divide(sums, weights, out=np.full_like(sums, np.nan), where=is_full)
    middle = figures[:, half : figures.shape[1] - half]
    return np.divide(middle, level, out=np.full_like(level, np.nan), where=level > 0)


def _sliding(figures: Floats, window: Floats) -> Floats:
    total = np.cumsum(np.pad(figures, ((0, 0), (1, 0))), axis=1)
    width = len(window)
    sums: Floats = total[:, width:] - total[:, :-width]
    if window[0] < 1:
        last = figures.shape[1] - width + 1
        sums = sums - 0.5 * (figures[:, :last] + figures[:, width - 1 :])
    return sums

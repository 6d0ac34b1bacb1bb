"""Bands around any point: how far it was off on the panel's own past.

    panel -> point at past steps -> errors over their series' scale -> quantiles -> bands

Split conformal prediction: errors of all series are pooled, each over the typical error of its own
series, for each step ahead and for each total apart, so errors may grow with the distance and be
lopsided. Each total is tried at the latest origins that it fits behind, so a week has a band long
before a quarter has. Where there are too few errors for a bound, it is not known. A series with
little past borrows its scale from the panel, by its level. Past points see figures as they are
known now, not as they were then: a band tells nothing of figures still to be restated, which
`ml.forecast.rolling_origin` measures.

Source: Lei, G'Sell, Rinaldo, Tibshirani, Wasserman, "Distribution-free predictive inference for
regression", 2018, section 2.2 (split) and 5.2 (locally weighted).
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from ml.forecast.baselines.points import Point, Situation
from ml.forecast.forecast import QUANTILES
from ml.forecast.scores import MEDIAN
from ml.panel import Floats

__all__ = ["banded", "steps_missing"]

Flags = npt.NDArray[np.bool_]

_ORIGINS: Final = 24
# Prime to a week and to a day of hours, so that past points begin at every place of a season.
_SPACING: Final = 5
_EARLIEST: Final = 14  # steps that a past point needs before it
_LEVEL_STEPS: Final = 28
_HAIR: Final = 1e-9
_LEAST_ERRORS: Final = 9  # of which the extremes are the bounds of 80 %
_BORROWED: Final = 4  # a series' own errors weigh as much as the panel's from so many origins on


def banded(point: Point, situation: Situation, horizons: Sequence[int]) -> tuple[Floats, Floats]:
    """Tell steps and totals as quantiles.

    Args:
        point: Gives the median.
        situation: What is known.
        horizons: Steps of each total, ascending; the last is the situation's horizon.

    Returns:
        Shapes (series, steps, quantiles) and (series, horizons, quantiles). Bounds are NaN where
        the panel is too short to have been forecast often enough: see `steps_missing`.
    """
    median = point(situation)
    level = _level(situation.figures)
    is_positive: Flags = np.all(np.nan_to_num(situation.figures) >= 0, axis=1)
    steps, totals, begin = [], [], 0
    for horizon in horizons:
        errors = _past_errors(point, replace(situation, horizon=horizon))
        of_steps, of_total = errors[..., begin:], errors.sum(axis=2, keepdims=True)
        middle, sums = median[:, begin:horizon], median[:, :horizon].sum(axis=1, keepdims=True)
        steps.append(_around(middle, of_steps, _scale(of_steps, level, pooled=True), is_positive))
        totals.append(_around(sums, of_total, _scale(of_total, level, pooled=False), is_positive))
        begin = horizon
    return np.concatenate(steps, axis=1), np.concatenate(totals, axis=1)


def steps_missing(known: int, series: int, horizon: int) -> int:
    """How many more steps have to become known before a total has a band of 80 %.

    Args:
        known: Steps of the panel of which figures are known.
        series: How many series it has; at least one.
        horizon: Steps of the total.

    Returns:
        0: it has one.
    """
    origins = math.ceil(_LEAST_ERRORS / series)
    return max(_EARLIEST + horizon + (origins - 1) * _SPACING - known, 0)


def _past_errors(point: Point, situation: Situation) -> Floats:
    """Actual minus point, shape (origins, series, steps); NaN: not known."""
    horizon = situation.horizon
    latest = situation.figures.shape[1] - horizon
    origins = [
        latest - place * _SPACING
        for place in range(_ORIGINS)
        if latest - place * _SPACING >= _EARLIEST
    ]
    errors = np.full((max(len(origins), 1), len(situation.figures), horizon), np.nan)
    for place, origin in enumerate(origins):
        then = _then(situation, origin)
        has_past = (~np.isnan(then.figures)).sum(axis=1, keepdims=True) >= _EARLIEST
        told = np.where(has_past, point(then), np.nan)
        errors[place] = situation.figures[:, origin : origin + horizon] - told
    return errors


def _then(situation: Situation, origin: int) -> Situation:
    spend = situation.spend
    planned = None
    if spend is not None and situation.planned is not None:
        planned = spend[:, origin : origin + situation.horizon]
    return replace(
        situation,
        figures=situation.figures[:, :origin],
        spend=None if spend is None else spend[:, :origin],
        planned=planned,
    )


def _level(figures: Floats) -> Floats:
    window = np.abs(figures[:, -_LEVEL_STEPS:])
    known = ~np.isnan(window)
    level: Floats = np.where(known, window, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return level


def _scale(errors: Floats, level: Floats, *, pooled: bool) -> Floats:
    """Typical absolute error of each series: of all its steps pooled, or of each column."""
    size = np.abs(errors)
    known = ~np.isnan(size)
    axes = (0, 2) if pooled else 0
    count = known.sum(axis=axes, keepdims=True)[0]
    total = np.where(known, size, 0.0).sum(axis=axes, keepdims=True)[0]
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    times = count / errors.shape[2] if pooled else count
    borrowed = level[:, None] * _typical(mean / np.where(level > 0, level, np.nan)[:, None])
    own = times * np.nan_to_num(mean)
    scale: Floats = (own + _BORROWED * borrowed) / (times + _BORROWED)
    spread: Floats = np.broadcast_to(scale, errors.shape[1:])
    return spread


def _typical(relative: Floats) -> Floats:
    """Median of each column; NaN where nothing is known."""
    ordered = np.sort(relative, axis=0)  # NaN last
    count = (~np.isnan(relative)).sum(axis=0)
    middle: Floats = ordered[np.maximum(count - 1, 0) // 2, np.arange(relative.shape[1])]
    return middle


def _around(median: Floats, errors: Floats, scale: Floats, is_positive: Flags) -> Floats:
    safe = np.where(scale > 0, scale, np.nan)
    pooled = np.sort((errors / safe).reshape(-1, errors.shape[2]), axis=0)
    count = (~np.isnan(pooled)).sum(axis=0)
    told = np.empty((*median.shape, len(QUANTILES)))
    columns = np.arange(errors.shape[2])
    for place, level in enumerate(QUANTILES):
        if place == MEDIAN:
            told[..., place] = median
            continue
        # A hair inwards: 39 errors are enough for 0.025, whatever floating point says.
        rank = np.floor((count + 1) * level + _HAIR)
        if place > MEDIAN:
            rank = np.ceil((count + 1) * level - _HAIR)
        is_enough = (rank >= 1) & (rank <= count)
        chosen = np.where(is_enough, rank, 1).astype(np.intp) - 1
        offset = np.where(is_enough, pooled[chosen, columns], np.nan)
        # The point is the median: a bound never crosses it.
        offset = np.minimum(offset, 0.0) if place < MEDIAN else np.maximum(offset, 0.0)
        # What has never been off is told without a width, whatever others are like.
        told[..., place] = median + np.where(scale == 0, 0.0, scale * offset)
    return np.where(is_positive[:, None, None], np.maximum(told, 0.0), told)

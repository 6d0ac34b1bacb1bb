"""Bands around any point: how far it was off on the panel's own past.

    panel -> point at past steps -> errors over their series' scale -> quantiles -> bands

Split conformal prediction: errors of all series are pooled, each over the typical error of its own
series, for each step ahead and for each total apart, so errors may grow with the distance and be
lopsided. A series with little past borrows its scale from the panel, by its level. Past points see
figures as they are known now, not as they were then: a band tells nothing of figures still to be
restated, which `ml.forecast.rolling_origin` measures.

Source: Lei, G'Sell, Rinaldo, Tibshirani, Wasserman, "Distribution-free predictive inference for
regression", 2018, section 2.2 (split) and 5.2 (locally weighted).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from ml.forecast.baselines.points import Point, Situation
from ml.forecast.forecast import QUANTILES
from ml.forecast.rolling_origin import totals_of
from ml.forecast.scores import MEDIAN
from ml.panel import Floats

__all__ = ["banded"]

Flags = npt.NDArray[np.bool_]

_ORIGINS: Final = 24
# Prime to a week and to a day of hours, so that past points begin at every place of a season.
_SPACING: Final = 5
_EARLIEST: Final = 14  # steps that a past point needs before it
_LEVEL_STEPS: Final = 28
_BORROWED: Final = 4  # a series' own errors weigh as much as the panel's from so many origins on


def banded(point: Point, situation: Situation, horizons: Sequence[int]) -> tuple[Floats, Floats]:
    """Tell steps and totals as quantiles.

    Args:
        point: Gives the median.
        situation: What is known.
        horizons: Steps of each total, ascending; the last is the situation's horizon.

    Returns:
        Shapes (series, steps, quantiles) and (series, horizons, quantiles). Bounds are NaN where
        the panel is too short to have been forecast once.
    """
    median = point(situation)
    errors = _past_errors(point, situation)
    level = _level(situation.figures)
    totals = np.stack([totals_of(one, horizons) for one in errors])
    is_positive: Flags = np.all(np.nan_to_num(situation.figures) >= 0, axis=1)
    return (
        _around(median, errors, _scale(errors, level, pooled=True), is_positive),
        _around(
            totals_of(median, horizons), totals, _scale(totals, level, pooled=False), is_positive
        ),
    )


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
        errors[place] = situation.figures[:, origin : origin + horizon] - point(then)
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
    for place, level in enumerate(QUANTILES):
        if place == MEDIAN:
            told[..., place] = median
            continue
        rank = np.floor((count + 1) * level) if place < MEDIAN else np.ceil((count + 1) * level)
        chosen = np.clip(rank, 1, np.maximum(count, 1)).astype(np.intp) - 1
        offset = pooled[chosen, np.arange(len(chosen))]
        # The point is the median: a bound never crosses it.
        offset = np.minimum(offset, 0.0) if place < MEDIAN else np.maximum(offset, 0.0)
        told[..., place] = median + scale * offset
    return np.where(is_positive[:, None, None], np.maximum(told, 0.0), told)

"""What a person would say who has a pencil: the points that every model has to beat.

    figures so far, spend so far, planned spend -> last value | a season ago | mean | return x plan

Each is the median of its baseline's forecast. Where a point has nothing to go on, it falls back to
a plainer one: a season to the last value, a return to the mean; a series of which nothing is known
stays NaN.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ml.panel import Floats

__all__ = ["Point", "Situation", "last_value", "mean_of", "return_of", "season_ago"]


@dataclass(frozen=True, slots=True, eq=False)
class Situation:
    """What a point is told from.

    Attributes:
        figures: Known so far, shape (series, steps); NaN: not known.
        spend: Known so far, same shape; None: there is none.
        planned: Spend of the next steps, shape (series, horizon); None: unknown.
        season: Steps until the pattern comes again.
        horizon: Steps to tell.
    """

    figures: Floats
    spend: Floats | None
    planned: Floats | None
    season: int
    horizon: int


Point = Callable[[Situation], Floats]  # shape (series, horizon)


def last_value(situation: Situation) -> Floats:
    """The last known figure, for every step."""
    return _flat(_last(situation.figures), situation.horizon)


def season_ago(situation: Situation) -> Floats:
    """The figure of the same place in the last season; the last value where it is not known."""
    return _season_ago(situation.figures, situation.season, situation.horizon)


def mean_of(steps: int) -> Point:
    """The mean of the last steps that are known, for every step to come."""

    def point(situation: Situation) -> Floats:
        return _flat(_mean(situation.figures, steps), situation.horizon)

    return point


def return_of(steps: int) -> Point:
    """Spend to come times what a unit of spend has brought in the last steps.

    Where spend is unknown, it is taken to be that of a season ago.
    """

    def point(situation: Situation) -> Floats:
        mean = _flat(_mean(situation.figures, steps), situation.horizon)
        if situation.spend is None:
            return mean
        figures, spend = situation.figures[:, -steps:], situation.spend[:, -steps:]
        known = ~np.isnan(figures) & ~np.isnan(spend)
        spent = np.where(known, spend, 0.0).sum(axis=1)
        brought = np.where(known, figures, 0.0).sum(axis=1)
        ratio = brought / np.where(spent > 0, spent, np.nan)
        ahead = situation.planned
        if ahead is None:
            ahead = _season_ago(situation.spend, situation.season, situation.horizon)
        return np.where(spent[:, None] > 0, ratio[:, None] * ahead, mean)

    return point


def _season_ago(figures: Floats, season: int, horizon: int) -> Floats:
    last = _flat(_last(figures), horizon)
    if figures.shape[1] < season:
        return last
    same = figures[:, figures.shape[1] - season + np.arange(horizon) % season]
    return np.where(np.isnan(same), last, same)


def _last(figures: Floats) -> Floats:
    if not figures.shape[1]:
        return np.full(len(figures), np.nan)
    place = figures.shape[1] - 1 - (~np.isnan(figures[:, ::-1])).argmax(axis=1)
    last: Floats = figures[np.arange(len(figures)), place]
    return last


def _mean(figures: Floats, steps: int) -> Floats:
    window = figures[:, -steps:]
    known = ~np.isnan(window)
    mean = np.where(known, window, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.where(known.any(axis=1), mean, _last(figures))


def _flat(values: Floats, horizon: int) -> Floats:
    return np.repeat(values[:, None], horizon, axis=1)

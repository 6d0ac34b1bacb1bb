"""The model is served where it beats the baseline on the series' own past, else the baseline.

    trials -> loss of the model, of each baseline -> best baseline of the panel
    -> advantage of the model by series, shrunk to the panel's -> clearly above nothing? model

A handful of trials decides little by itself: the advantage of a series is drawn to that of the
panel by credibility, and must be above zero by a standard deviation of what is then still
uncertain. A baseline gives the median only: the model's band is kept, and widened to hold it,
because a baseline's own band does not know of figures still to come.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ml.forecast.baselines.catalogue import (
    BASELINES,
    MEAN_7,
    MEAN_28,
    NAIVE,
    SEASONAL_NAIVE,
    Baseline,
)
from ml.forecast.baselines.points import Situation
from ml.forecast.credibility import credibility, spread_of
from ml.forecast.forecast import Forecast
from ml.forecast.outlook import Outlook
from ml.forecast.record import trial_origins
from ml.panel import Floats, Measure

__all__ = ["Choice", "choose", "with_baseline"]

Flags = npt.NDArray[np.bool_]

_PLAIN: Final = (NAIVE, SEASONAL_NAIVE, MEAN_7, MEAN_28)  # spend has no return on itself
_CAUTION: Final = 1.0  # standard deviations
_MEDIAN: Final = 2  # place in `QUANTILES`


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Where the baseline is served.

    Attributes:
        baseline: The best one of the panel.
        is_served: Shape (series,): the baseline is, instead of the model.
    """

    baseline: Baseline
    is_served: Flags


def choose(outlook: Outlook) -> Choice:
    """Compare the model's anchor with the baselines on past origins.

    The anchor speaks for the model: at each trial with weights learnt from the other ones. So is
    the baseline picked: the best of six on the very trials would look better than it is.
    """
    rivals = _PLAIN if outlook.measure is Measure.SPEND else BASELINES
    losses = np.array([_relative(outlook, _told_by(outlook, rival)) for rival in rivals])
    best, honest = _best(losses)
    advantage = honest - _relative(outlook, outlook.past_told)
    weights = np.concatenate(
        [np.full(len(one.came), one.independence) for one in outlook.anchors.trials]
    )
    return Choice(rivals[best], _is_doubtful(advantage, weights))


def with_baseline(forecast: Forecast, choice: Choice, outlook: Outlook) -> Forecast:
    """The forecast, with the baseline as the median where it is served."""
    point = choice.baseline.point(_now(outlook))
    sums = np.cumsum(point, axis=1)[:, [horizon - 1 for horizon in outlook.horizons]]
    rows = choice.is_served & np.isfinite(point).all(axis=1)
    methods = tuple(
        choice.baseline.name if served else method
        for served, method in zip(rows, forecast.methods, strict=True)
    )
    return Forecast(
        forecast.measure,
        forecast.horizons,
        _centred(forecast.steps, point, rows),
        _centred(forecast.totals, sums, rows),
        methods,
    )


def _is_doubtful(advantage: Floats, weights: Floats) -> Flags:
    """Series whose advantage (trials, series) is not clearly above 0; untried ones are not."""
    known = np.isfinite(advantage)
    exposure = np.where(known, weights[:, None], 0.0).T
    series = len(exposure)
    spread = spread_of(advantage.T, exposure, np.zeros(series, dtype=np.int64))
    tried = exposure.sum(axis=1)
    own = np.divide(
        (exposure * np.nan_to_num(advantage.T)).sum(axis=1),
        tried,
        out=np.zeros(series),
        where=tried > 0,
    )
    trust = credibility(tried, spread.within, spread.between)
    expected = trust * own + (1 - trust) * np.nan_to_num(spread.mean)
    doubt = np.sqrt(spread.between * (1 - trust))
    doubtful: Flags = (tried > 0) & (expected - _CAUTION * doubt <= 0)
    return doubtful


def _told_by(outlook: Outlook, baseline: Baseline) -> list[Floats]:
    """Totals of a baseline at the trials of each horizon: shapes (trials, series)."""
    told = []
    for horizon in outlook.horizons:
        totals = [
            baseline.point(_then(outlook, origin, horizon)).sum(axis=1)
            for origin in trial_origins(outlook.basis, horizon)
        ]
        told.append(np.array(totals).reshape(len(totals), len(outlook.panel.series)))
    return told


def _then(outlook: Outlook, origin: int, horizon: int) -> Situation:
    basis = outlook.basis.until(origin)
    ahead = outlook.basis.spend[:, origin : origin + horizon]
    return Situation(
        figures=basis.figures,
        spend=basis.spend,
        planned=None if outlook.ahead is None else np.nan_to_num(ahead),
        season=basis.cadence.season,
        horizon=horizon,
    )


def _now(outlook: Outlook) -> Situation:
    return Situation(
        figures=outlook.panel.values[outlook.measure],
        spend=outlook.basis.spend,
        planned=outlook.ahead,
        season=outlook.panel.cadence.season,
        horizon=outlook.horizons[-1],
    )


def _relative(outlook: Outlook, told: Sequence[Floats]) -> Floats:
    """Absolute errors over the usual total, all horizons' trials: shape (trials, series)."""
    return np.concatenate(
        [
            np.divide(
                np.abs(trials.came - totals),
                usual,
                out=np.full(trials.came.shape, np.nan),
                where=usual > 0,
            )
            for trials, totals, usual in zip(
                outlook.anchors.trials, told, outlook.usual, strict=True
            )
        ]
    )


def _best(losses: Floats) -> tuple[int, Floats]:
    """The best baseline, and at each trial the losses of the one that is best at the others.

    Args:
        losses: Shape (baselines, trials, series).

    Returns:
        Its place, and losses of shape (trials, series).
    """
    known = np.isfinite(losses)
    sums = np.where(known, losses, 0.0).sum(axis=2)
    counts = known.sum(axis=2)
    picked = np.argmin(
        _mean(sums.sum(axis=1, keepdims=True) - sums, counts.sum(axis=1, keepdims=True) - counts),
        axis=0,
    )
    best = int(np.argmin(_mean(sums.sum(axis=1), counts.sum(axis=1))))
    return best, losses[picked, np.arange(losses.shape[1])]


def _mean(sums: Floats, counts: npt.NDArray[np.int64]) -> Floats:
    mean: Floats = np.divide(sums, counts, out=np.full_like(sums, np.inf), where=counts > 0)
    return mean


def _centred(quantiles: Floats, point: Floats, rows: Flags) -> Floats:
    moved = quantiles.copy()
    moved[rows, :, _MEDIAN] = point[rows]
    moved[rows, :, :_MEDIAN] = np.minimum(moved[rows, :, :_MEDIAN], point[rows][..., None])
    moved[rows, :, _MEDIAN + 1 :] = np.maximum(
        moved[rows, :, _MEDIAN + 1 :], point[rows][..., None]
    )
    return moved

"""Half model, half baseline, where that beats the baseline on the series' own past; else baseline.

    trials -> loss of each baseline -> best baseline of the panel -> mean of it and the model
    -> advantage of the mean by series, shrunk to the panel's -> clearly above nothing? the mean

Absolute error is convex: the mean of two forecasts is never worse than the worse one, and often
better than both, as what one tells too high the other may tell too low. So the model never speaks
without the baseline, and where it loses it costs half. The trials of one series decide little by
themselves: its advantage is drawn to that of the panel by credibility, and must be above zero by
`_CAUTION` standard deviations of what is then still uncertain. A baseline moves the median only:
the model's band is kept, and widened to hold it, because a baseline's own band does not know of
figures still to come.

Source: Clemen, R. T. (1989), Combining forecasts: a review and annotated bibliography,
International Journal of Forecasting 5(4): equal weights are hard to beat.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

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
from ml.forecast.medians import Flags, centred
from ml.forecast.outlook import Outlook, unlogged
from ml.forecast.record import trial_origins
from ml.panel import Floats, Measure

__all__ = ["Choice", "choose", "with_baseline"]

_PLAIN: Final = (NAIVE, SEASONAL_NAIVE, MEAN_7, MEAN_28)  # spend has no return on itself
_MODEL_SHARE: Final = 0.5  # of the mean
_CAUTION: Final = 1.5  # standard deviations
_MOST_LOSS: Final = 2.0  # of the usual total: no single trial decides
_NOTHING: Final = 1e-9
_MEDIAN: Final = 2  # place in `QUANTILES`


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Where the baseline is served.

    Attributes:
        baseline: The best one of the panel.
        is_served: Shape (series,): the baseline is, by itself.
        is_heard: Same shape: the median is the mean of baseline and model. Neither: the series has
            no past to judge by, and the model speaks alone.
    """

    baseline: Baseline
    is_served: Flags
    is_heard: Flags


def choose(outlook: Outlook, shift: Floats) -> Choice:
    """Compare the mean of the model's anchor and the best baseline with the latter on past origins.

    The anchor speaks for the model: at each trial with weights learnt from the other ones.

    Args:
        outlook: Of the panel.
        shift: Median residual that the model's medians are moved by, shape (horizons, series).
    """
    baseline = _best_baseline(outlook)
    told = _told_by(outlook, baseline)
    medians = zip(shift, outlook.past_told, outlook.usual, strict=True)
    own = [unlogged(middle, before, usual) for middle, before, usual in medians]
    mean = [_mixed(*pair) for pair in zip(told, own, strict=True)]
    weights = _weights(outlook)
    advantage = _relative(outlook, told) - _relative(outlook, mean)
    is_tried = (np.isfinite(advantage) & (weights > 0)).any(axis=0)
    is_doubtful = _is_doubtful(advantage, weights)
    return Choice(baseline, is_doubtful, is_tried & ~is_doubtful)


def _best_baseline(outlook: Outlook) -> Baseline:
    """The one with the least loss on past origins of the whole panel."""
    rivals = _PLAIN if outlook.measure is Measure.SPEND else BASELINES
    weights = _weights(outlook)
    losses = [_mean(_relative(outlook, _told_by(outlook, one)), weights) for one in rivals]
    return rivals[int(np.argmin(losses))]


def with_baseline(forecast: Forecast, choice: Choice, outlook: Outlook) -> Forecast:
    """The forecast, its median moved to the baseline where that is served, half-way where heard."""
    point = choice.baseline.point(_now(outlook))
    sums = np.cumsum(point, axis=1)[:, [horizon - 1 for horizon in outlook.horizons]]
    is_told = np.isfinite(point).all(axis=1)
    rows, half = choice.is_served & is_told, choice.is_heard & is_told
    steps, totals = (
        centred(centred(quantiles, told, rows), _mixed(told, quantiles[..., _MEDIAN]), half)
        for quantiles, told in ((forecast.steps, point), (forecast.totals, sums))
    )
    methods = tuple(
        choice.baseline.name if served else method
        for served, method in zip(rows, forecast.methods, strict=True)
    )
    return Forecast(
        forecast.measure,
        forecast.horizons,
        steps,
        totals,
        methods,
    )


def _is_doubtful(advantage: Floats, weights: Floats) -> Flags:
    """Series whose advantage (trials, series) is not clearly above 0; untried ones are not."""
    known = np.isfinite(advantage)
    exposure = np.where(known, weights, 0.0).T
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
    """Absolute errors of all trials over the usual total: shape (trials, series)."""
    losses = []
    for trials, totals, usual in zip(outlook.anchors.trials, told, outlook.usual, strict=True):
        off = np.abs(trials.came - totals)
        loss = np.divide(off, usual, out=np.full(off.shape, np.nan), where=usual > 0)
        losses.append(np.minimum(loss, _MOST_LOSS))
    return np.concatenate(losses)


def _weights(outlook: Outlook) -> Floats:
    """Weight of each trial of each series: its volume over the mean of its client's series.

    A campaign that has ended is told exactly by any baseline, and matters to nobody.
    """
    keys = [(one.client, one.currency or "") for one in outlook.panel.series]
    number = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    client = np.array([number[key] for key in keys], dtype=np.int64)
    parts = []
    for trials, usual in zip(outlook.anchors.trials, outlook.usual, strict=True):
        volume = np.nan_to_num(usual)
        mean = (np.bincount(client, volume) / np.bincount(client))[client]
        share = np.divide(volume, mean, out=np.zeros_like(volume), where=mean > 0)
        parts.append(np.tile(share * trials.independence, (len(trials.came), 1)))
    return np.concatenate(parts)


def _mean(losses: Floats, weights: Floats) -> float:
    """Weighted mean of what is known; infinite where nothing is."""
    weight = np.where(np.isfinite(losses), weights, 0.0)
    total = float(weight.sum())
    return float((weight * np.nan_to_num(losses)).sum()) / total if total > _NOTHING else np.inf


def _mixed(baseline: Floats, model: Floats) -> Floats:
    mean: Floats = _MODEL_SHARE * model + (1 - _MODEL_SHARE) * baseline
    return mean

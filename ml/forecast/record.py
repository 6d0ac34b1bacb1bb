"""How each expert would have done at the last origins of a series' own past.

    basis, horizons -> past origins -> totals by expert, and what came -> weights -> one anchor

A horizon of h steps is tried at the last `TRIALS` origins that are at least h steps old, whole
seasons back, so that horizons share them. Only what is known now is used; figures that are still
growing count as what they are expected to become, and not at all below `_RIPE`. The weights are
inverse squared losses (Bates-Granger), with a prior of `_PRIOR` trials at the loss that the expert
usually has among the series of the panel, so that a few lucky trials decide little.

Sources: Bates, J. M. and Granger, C. W. J. (1969), The combination of forecasts, OR 20(4);
Timmermann, A. (2006), Forecast combinations, Handbook of Economic Forecasting 1, section 2.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.forecast.anchor import (
    EXPERT_COUNT,
    RATIO_COUNT,
    Basis,
    expert_totals,
    experts,
    rates_of,
    short_season,
)
from ml.panel import Floats

__all__ = [
    "TRIALS",
    "Anchors",
    "Trials",
    "anchors_of",
    "stacked",
    "trials_of",
    "weights_of",
    "without_plan",
]

TRIALS: Final = 26  # half a year of weeks; eight of them pick the wrong expert now and then
_PRIOR: Final = 4.0
_POWER: Final = 2.0  # of the inverse squared loss: 1 hardly tells good from bad, 4 picks one
_LEAST_LOSS: Final = 1e-6  # of the mean: none is trusted without end
_RIPE: Final = 0.8  # share complete over the horizon
_LEAST_STEPS: Final = 3  # of the past, to judge by


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Past totals of one horizon.

    Attributes:
        came: Shape (trials, series), newest first; NaN: not known or not ripe.
        told: Shape (trials, experts, series).
        independence: Share of a trial that the one before has not seen: horizons overlap.
    """

    came: Floats
    told: Floats
    independence: float


@dataclass(frozen=True, slots=True, eq=False)
class Anchors:
    """What the experts agree on.

    Attributes:
        told: Steps of each expert, shape (experts, series, last horizon).
        totals: Shape (horizons, series).
        steps: Shape (series, last horizon).
        by_expert: Totals of each, shape (horizons, experts, series).
        trials: By horizon.
        weights: Shape (horizons, experts, series).
    """

    told: Floats
    totals: Floats
    steps: Floats
    by_expert: Floats
    trials: tuple[Trials, ...]
    weights: Floats


def anchors_of(basis: Basis, horizons: tuple[int, ...], ahead: Floats | None) -> Anchors:
    """Weigh the experts of every series by its own past.

    Args:
        basis: What is known.
        horizons: Ascending.
        ahead: Spend that is planned, shape (series, last horizon); None: unknown, so the experts of
            the level alone speak.
    """
    told = experts(rates_of(basis), _spend_or_unknown(ahead, len(basis.figures), horizons[-1]))
    return _weighed(told, trials_of(basis, horizons, is_planned=ahead is not None), horizons)


def without_plan(anchors: Anchors, horizons: tuple[int, ...]) -> Anchors:
    """The same where spend is unknown: the experts of the ratio are silent, now and in trials."""
    told, is_ratio = anchors.told.copy(), slice(0, RATIO_COUNT)
    told[is_ratio] = np.nan
    trials = []
    for one in anchors.trials:
        silenced = one.told.copy()
        silenced[:, is_ratio] = np.nan
        trials.append(Trials(one.came, silenced, one.independence))
    return _weighed(told, tuple(trials), horizons)


def _weighed(told: Floats, trials: tuple[Trials, ...], horizons: tuple[int, ...]) -> Anchors:
    weights = np.array([weights_of(one) for one in trials])
    cumulated = np.cumsum(told, axis=2)
    by_expert = np.array([cumulated[:, :, horizon - 1] for horizon in horizons])
    totals = np.array([stacked(*pair) for pair in zip(by_expert, weights, strict=True)])
    steps = np.empty(told.shape[1:])
    begin = 0
    for end, weight in zip(horizons, weights, strict=True):
        steps[:, begin:end] = stacked(told[:, :, begin:end], weight[:, :, None])
        begin = end
    return Anchors(told, totals, steps, by_expert, trials, weights)


def trial_origins(basis: Basis, horizon: int) -> list[int]:
    """Origins at which a horizon is tried, newest first."""
    season = short_season(basis.cadence)
    latest = basis.figures.shape[1] - math.ceil(horizon / season) * season
    origins = (latest - trial * season for trial in range(TRIALS))
    return [origin for origin in origins if origin >= _LEAST_STEPS]


def trials_of(basis: Basis, horizons: tuple[int, ...], *, is_planned: bool) -> tuple[Trials, ...]:
    """Every expert's totals at the past origins of each horizon."""
    wanted: dict[int, list[int]] = {}
    for horizon in horizons:
        for origin in trial_origins(basis, horizon):
            wanted.setdefault(origin, []).append(horizon)
    told = {
        origin: _totals(basis, origin, lengths, is_planned=is_planned)
        for origin, lengths in wanted.items()
    }
    return tuple(_trials(basis, horizon, told) for horizon in horizons)


def stacked_trials(trials: Trials) -> Floats:
    """What the stack would have told, shape (trials, series), by weights from the other trials."""
    sums, count = _losses(trials)
    all_sums, all_count = sums.sum(axis=0), count.sum(axis=0)
    told = np.empty_like(trials.came)
    for place in range(len(trials.came)):
        elsewhere = np.maximum(all_sums - sums[place], 0.0)
        weights = _weights(elsewhere, all_count - count[place])
        told[place] = stacked(trials.told[place], weights)
    return told


def weights_of(trials: Trials) -> Floats:
    """Weight of each expert, shape (experts, series); sums to 1 over all experts."""
    sums, count = _losses(trials)
    return _weights(sums.sum(axis=0), count.sum(axis=0))


def _losses(trials: Trials) -> tuple[Floats, Floats]:
    """Squared errors and how much they count, shape (trials, experts, series) each."""
    losses = (trials.told - trials.came[:, None, :]) ** 2
    is_known = np.isfinite(losses)
    return (
        np.where(is_known, losses, 0.0) * trials.independence,
        is_known * trials.independence,
    )


def _weights(sums: Floats, count: Floats) -> Floats:
    total = count.sum(axis=0)
    mean = np.divide(sums.sum(axis=0), total, out=np.zeros(total.shape), where=total > 0)
    scaled = np.divide(sums, mean, out=count.copy(), where=mean > 0)
    tried = count.sum(axis=1, keepdims=True)
    usual = np.divide(
        scaled.sum(axis=1, keepdims=True), tried, out=np.ones_like(tried), where=tried > 0
    )
    loss = (scaled + _PRIOR * usual) / (count + _PRIOR)
    raw: Floats = np.maximum(loss, _LEAST_LOSS) ** -_POWER
    weights: Floats = raw / raw.sum(axis=0)
    return weights


def stacked(told: Floats, weights: Floats) -> Floats:
    """Weighted mean over the first axis, of those that speak; NaN where none does."""
    speaks = np.isfinite(told)
    weight = np.where(speaks, weights, 0.0)
    total = weight.sum(axis=0)
    sums = (weight * np.where(speaks, told, 0.0)).sum(axis=0)
    mean: Floats = np.divide(sums, total, out=np.full_like(sums, np.nan), where=total > 0)
    return mean


def _spend_or_unknown(ahead: Floats | None, count: int, length: int) -> Floats:
    return np.full((count, length), np.nan) if ahead is None else ahead


def _totals(
    basis: Basis, origin: int, lengths: list[int], *, is_planned: bool
) -> dict[int, Floats]:
    rates = rates_of(basis.until(origin))
    totals = {}
    for length in lengths:
        spent = np.nan_to_num(basis.spend[:, origin : origin + length]) if is_planned else None
        ahead = _spend_or_unknown(spent, len(basis.figures), length)
        totals[length] = expert_totals(rates, ahead)
    return totals


def _trials(basis: Basis, horizon: int, told: dict[int, dict[int, Floats]]) -> Trials:
    origins = trial_origins(basis, horizon)
    count = len(basis.figures)
    came = np.empty((len(origins), count))
    for place, origin in enumerate(origins):
        window = slice(origin, origin + horizon)
        total = basis.figures[:, window].sum(axis=1)
        share = basis.complete[:, window].mean(axis=1)
        came[place] = np.where(share >= _RIPE, total / share, np.nan)
    shown = [told[origin][horizon] for origin in origins]
    silent = np.empty((0, EXPERT_COUNT, count))
    independence = min(short_season(basis.cadence) / horizon, 1.0)
    return Trials(came, np.array(shown) if shown else silent, independence)

"""XGBoost as people reach for it: no anchor, no calibration.

    past origins of panels -> lags, means, spend over their level -> trees -> steps

Three of the baselines: trained on the tenant alone, on all tenants together, and with the raw
quantile loss. Figures are divided by the series' own level, since without that pooled trees would
learn the largest tenant only; what a unit of spend brings is not told to them. Totals are sums of
medians and have no bounds, since quantiles do not add up.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import xgboost as xgb

from ml.forecast.baselines.points import Situation
from ml.forecast.forecast import QUANTILES, Forecast
from ml.forecast.rolling_origin import totals_of
from ml.forecast.scores import MEDIAN
from ml.panel import Floats, Measure, Panel

__all__ = [
    "PER_TENANT",
    "PER_TENANT_QUANTILE",
    "POOLED",
    "POOLED_QUANTILE",
    "Boosting",
    "pooled",
    "situation_of",
]

POOLED: Final = "XGBoost pooled, no anchor"
POOLED_QUANTILE: Final = "quantile XGBoost pooled"

_ROUNDS: Final = 100
_ORIGINS: Final = 24
_SPACING: Final = 5
_LEVEL: Final = 28  # steps
_STEPS: Final = 7  # of each past origin, drawn
_MOST_ROWS: Final = 30_000
_SEED: Final = 6
_SHARED: Final = {"tree_method": "hist", "max_depth": 6, "eta": 0.08, "nthread": 1, "seed": _SEED}


@dataclass(frozen=True, slots=True)
class Boosting:
    """A `Forecaster` of trees.

    Attributes:
        name: Stands in tables.
        is_quantile: All quantiles by the raw quantile loss; else only the median, by the absolute.
        booster: Trained; None: it is trained on each panel that it is asked about.
    """

    name: str
    is_quantile: bool
    booster: xgb.Booster | None = None

    def forecast(
        self, known: Panel, measure: Measure, horizons: tuple[int, ...], planned: Floats | None
    ) -> Forecast:
        situation = situation_of(known, measure, horizons[-1], planned)
        booster = self.booster or _train([situation], is_quantile=self.is_quantile)
        count, horizon = len(known.series), horizons[-1]
        told = np.asarray(booster.predict(xgb.DMatrix(_flat(_features(situation)))))
        told = told.reshape(count, horizon, -1) * _level(situation)[:, None, None]
        steps = np.full((count, horizon, len(QUANTILES)), np.nan)
        if self.is_quantile:
            steps[:] = np.sort(told, axis=-1)
        else:
            steps[..., MEDIAN] = told[..., 0]
        totals = np.full((count, len(horizons), len(QUANTILES)), np.nan)
        totals[..., MEDIAN] = totals_of(steps[..., MEDIAN], horizons)
        return Forecast(measure, horizons, steps, totals, (self.name,) * count)


PER_TENANT: Final = Boosting("XGBoost per tenant", is_quantile=False)
PER_TENANT_QUANTILE: Final = Boosting("quantile XGBoost per tenant", is_quantile=True)


def pooled(situations: Iterable[Situation]) -> tuple[Boosting, Boosting]:
    """Trained on all tenants: the median alone, and all quantiles raw."""
    read = list(situations)
    return (
        Boosting(POOLED, False, _train(read, is_quantile=False)),
        Boosting(POOLED_QUANTILE, True, _train(read, is_quantile=True)),
    )


def situation_of(known: Panel, measure: Measure, horizon: int, planned: Floats | None) -> Situation:
    return Situation(
        figures=known.values[measure],
        spend=known.values.get(Measure.SPEND),
        planned=planned,
        season=known.cadence.season,
        horizon=horizon,
    )


def _train(situations: Iterable[Situation], *, is_quantile: bool) -> xgb.Booster:
    blocks = [_rows(situation) for situation in situations]
    rows, targets = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    kept = np.random.default_rng(_SEED).permutation(len(rows))[:_MOST_ROWS]
    rows, targets = rows[kept], targets[kept]
    loss: dict[str, object] = {"objective": "reg:absoluteerror"}
    if is_quantile:
        loss = {"objective": "reg:quantileerror", "quantile_alpha": list(QUANTILES)}
    return xgb.train(_SHARED | loss, xgb.DMatrix(rows, targets), num_boost_round=_ROUNDS)


def _rows(situation: Situation) -> tuple[Floats, Floats]:
    chance = np.random.default_rng(_SEED)
    latest = situation.figures.shape[1] - situation.horizon
    rows, targets = [], []
    for origin in range(latest, _LEVEL, -_SPACING)[:_ORIGINS]:
        ahead = slice(origin, origin + situation.horizon)
        spend = situation.spend
        has_plan = spend is not None and situation.planned is not None
        then = replace(
            situation,
            figures=situation.figures[:, :origin],
            spend=None if spend is None else spend[:, :origin],
            planned=spend[:, ahead] if spend is not None and has_plan else None,
        )
        level = _level(then)
        drawn = chance.permutation(situation.horizon)[:_STEPS]
        target = situation.figures[:, ahead][:, drawn] / np.where(level > 0, level, np.nan)[:, None]
        usable = ~np.isnan(target)
        rows.append(_features(then)[:, drawn][usable])
        targets.append(target[usable])
    return np.concatenate(rows), np.concatenate(targets)


def _features(situation: Situation) -> Floats:
    """Shape (series, horizon, features); NaN: not known."""
    figures, horizon, season = situation.figures, situation.horizon, situation.season
    level = _level(situation)
    safe = np.where(level > 0, level, np.nan)[:, None]
    ahead = np.arange(horizon)
    columns = [
        np.broadcast_to(ahead + 1.0, (len(figures), horizon)),
        np.broadcast_to((figures.shape[1] + ahead) % season, (len(figures), horizon)),
        _same_place(figures, season, horizon) / safe,
        _same_place(figures[:, :-season], season, horizon) / safe,
    ]
    columns += [_repeated(_mean(figures, steps) / safe[:, 0], horizon) for steps in (1, 3, 7, 14)]
    if situation.spend is not None:
        spent = _mean(situation.spend, _LEVEL)
        usual = np.where(spent > 0, spent, np.nan)
        columns.append(_repeated(_mean(situation.spend, 7) / usual, horizon))
        planned = situation.planned
        nothing = np.full((len(figures), horizon), np.nan)
        columns.append(nothing if planned is None else planned / usual[:, None])
    return np.stack(columns, axis=-1)


def _same_place(figures: Floats, season: int, horizon: int) -> Floats:
    if figures.shape[1] < season:
        return np.full((len(figures), horizon), np.nan)
    return figures[:, figures.shape[1] - season + np.arange(horizon) % season]


def _level(situation: Situation) -> Floats:
    return _mean(np.abs(situation.figures), _LEVEL)


def _mean(figures: Floats, steps: int) -> Floats:
    window = figures[:, -steps:]
    known = ~np.isnan(window)
    total = np.where(known, window, 0.0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)


def _repeated(values: Floats, horizon: int) -> Floats:
    return np.repeat(values[:, None], horizon, axis=1)


def _flat(features: Floats) -> Floats:
    flat: Floats = features.reshape(-1, features.shape[-1])
    return flat

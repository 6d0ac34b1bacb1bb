"""AutoETS, AutoARIMA and AutoTheta of statsforecast, one series at a time, with their own bands.

    series -> known figures -> model chosen by information criterion -> mean, 80 and 95 % bounds

Spend is not told to them. Bounds of totals are left out: the models give those of steps only.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from statsforecast.models import AutoARIMA, AutoETS, AutoTheta

from ml.forecast.forecast import QUANTILES, Forecast
from ml.forecast.rolling_origin import totals_of
from ml.forecast.scores import MEDIAN
from ml.panel import Floats, Measure, Panel

__all__ = ["Statistical", "auto_arima", "auto_ets", "auto_theta"]

_LEAST: Final = 12  # known figures; with fewer the models fail, and the last value is told
_NAMES: Final = ("lo-95", "lo-80", "mean", "hi-80", "hi-95")


@dataclass(frozen=True, slots=True)
class Statistical:
    """A `Forecaster` that fits one model to each series.

    Attributes:
        name: Stands in tables.
        make: A model that has seen nothing.
    """

    name: str
    make: Callable[[], Any]

    def forecast(
        self, known: Panel, measure: Measure, horizons: tuple[int, ...], planned: Floats | None
    ) -> Forecast:
        del planned
        figures = known.values[measure]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a search that did not converge still tells something
            steps = np.stack([self._one(row, horizons[-1]) for row in figures])
        if (np.nan_to_num(figures) >= 0).all():
            steps = np.maximum(steps, 0.0)
        totals = np.full((len(figures), len(horizons), len(QUANTILES)), np.nan)
        totals[..., MEDIAN] = totals_of(steps[..., MEDIAN], horizons)
        return Forecast(measure, horizons, steps, totals, (self.name,) * len(figures))

    def _one(self, row: Floats, horizon: int) -> Floats:
        told = np.full((horizon, len(QUANTILES)), np.nan)
        values = row[~np.isnan(row)]
        if len(values) >= _LEAST and np.ptp(values) > 0:
            found = self.make().forecast(values, horizon, level=[80, 95])
            return np.stack([found[name] for name in _NAMES], axis=-1)
        if len(values):
            told[:, MEDIAN] = values[-1]
        return told


def auto_ets(season: int) -> Statistical:
    """Exponential smoothing, its form chosen by AICc."""
    return Statistical("AutoETS", lambda: AutoETS(season_length=season))


def auto_arima(season: int) -> Statistical:
    """ARIMA, its orders found stepwise by AICc, by conditional sums where that is faster."""
    return Statistical("AutoARIMA", lambda: AutoARIMA(season_length=season, approximation=True))


def auto_theta(season: int) -> Statistical:
    """The best of four Theta models."""
    return Statistical("AutoTheta", lambda: AutoTheta(season_length=season))

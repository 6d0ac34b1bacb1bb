"""The forecaster of all agencies: an anchor for each series, trees over all, calibrated intervals.

    panel + PooledModel -> outlook -> correction -> quantiles -> Forecast

No agency is known to the model by name or amount: what it keeps are trees over ratios, completion
curves, noise levels and sorted scores. A new agency is forecast as well as its own past allows, an
agency without any gets NaN and is told so.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import xgboost as xgb

from ml.forecast.calendar import NO_CALENDAR, Calendar
from ml.forecast.completion import Completion
from ml.forecast.conformal import Adaptation, Scores, group_quantile
from ml.forecast.correction import correct
from ml.forecast.features import Features, features_of
from ml.forecast.forecast import QUANTILES, Forecast
from ml.forecast.noise import Kind, Noise, kind_of
from ml.forecast.outlook import Outlook, outlook_of, unlogged
from ml.panel import Floats, Measure, Panel

__all__ = ["TOO_LITTLE", "PooledForecaster", "PooledModel", "score_group"]

TOO_LITTLE: Final = "too little data"


@dataclass(frozen=True, slots=True, eq=False)
class PooledModel:
    """What has been learnt from all agencies.

    Attributes:
        horizons: For which it was.
        completion: Mean curves over the agencies.
        noise: What is usual.
        scores: For the intervals.
        booster: The trees; None: the anchor stands as it is.
    """

    horizons: tuple[int, ...]
    completion: Completion
    noise: Noise
    scores: Scores
    booster: xgb.Booster | None

    def forecaster(
        self,
        *,
        completion: Completion | None = None,
        calendar: Calendar = NO_CALENDAR,
        adaptation: Adaptation = Adaptation(),  # noqa: B008  # frozen
    ) -> "PooledForecaster":
        """A forecaster for one agency.

        Args:
            completion: Its own curves (`learn_completion`); None: the mean over agencies.
            calendar: Holidays and events of its clients.
            adaptation: Levels moved by its scored forecasts.
        """
        return PooledForecaster(self, completion or self.completion, calendar, adaptation)


@dataclass(frozen=True, slots=True, eq=False)
class PooledForecaster:
    """`ml.forecast.forecast.Forecaster` of one agency."""

    model: PooledModel
    completion: Completion
    calendar: Calendar
    adaptation: Adaptation

    @property
    def name(self) -> str:
        """Stands in `Forecast.methods`."""
        return "pooled"

    def forecast(
        self, known: Panel, measure: Measure, horizons: tuple[int, ...], planned: Floats | None
    ) -> Forecast:
        """See `Forecaster.forecast`."""
        outlook = outlook_of(known, measure, horizons, planned, self.completion)
        features = features_of(outlook, self.calendar)
        totals = np.empty((len(known.series), len(horizons), len(QUANTILES)))
        steps = np.empty((len(known.series), horizons[-1], len(QUANTILES)))
        before, begin = np.zeros(len(known.series)), 0
        for place, horizon in enumerate(horizons):
            rows = features[place]
            anchor, usual = outlook.anchors.totals[place], outlook.usual[place]
            point = anchor
            if self.model.booster is not None:
                point = unlogged(correct(self.model.booster, rows), anchor, usual)
            totals[:, place] = self._quantiles("total", outlook, place, rows, point[:, None])[:, 0]
            told = _scaled(outlook.anchors.steps[:, begin:horizon], point - before)
            steps[:, begin:horizon] = self._quantiles("step", outlook, place, rows, told)
            before, begin = point, horizon
        methods = tuple(
            self.name if np.isfinite(row).all() else TOO_LITTLE for row in totals[:, :, 2]
        )
        return Forecast(measure, horizons, steps, totals, methods)

    def _quantiles(
        self, what: str, outlook: Outlook, place: int, features: Features, expected: Floats
    ) -> Floats:
        """Quantiles around (series, steps) expected: shape (series, steps, quantiles)."""
        nearest = _nearest(self.model.horizons, outlook.horizons[place])
        kind = kind_of(outlook.measure.value, is_planned=outlook.ahead is not None, horizon=nearest)
        noise = self.model.noise.of(features, kind)
        usual = outlook.usual[place] / (1 if what == "total" else outlook.horizons[place])
        groups = self.model.noise.groups(features, kind)
        scores = {
            group: [
                group_quantile(
                    self.model.scores, self.adaptation, score_group(what, kind, group), level
                )
                for level in QUANTILES
            ]
            for group in set(groups)
        }
        told = np.array([scores[group] for group in groups]).reshape(-1, 1, len(QUANTILES))
        return unlogged(told * noise[:, None, None], expected[:, :, None], usual[:, None, None])


def score_group(what: str, kind: Kind, noise: str) -> tuple[str, ...]:
    """Group of the scores of totals or of steps, widest name first."""
    measure, regime, horizon = kind
    return what, measure, regime, str(horizon), noise


def _nearest(known: tuple[int, ...], horizon: int) -> int:
    return int(np.argmin(np.abs(np.log(np.array(known) / horizon))))


def _scaled(steps: Floats, total: Floats) -> Floats:
    """Steps of a part of the horizon, so that they come to what the totals leave for it."""
    sums = steps.sum(axis=1)
    factor = np.divide(total, sums, out=np.ones_like(total), where=sums > 0)
    scaled: Floats = steps * np.clip(factor, 0.2, 5.0)[:, None]
    return scaled

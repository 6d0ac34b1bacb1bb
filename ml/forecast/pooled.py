"""The forecaster of all agencies: an anchor for each series, trees over all, calibrated intervals.

    panel + PooledModel -> outlook -> correction -> quantiles -> choice
    -> steps that add up to totals -> reconciled Forecast

No agency is known to the model by name or amount: what it keeps are trees over ratios, completion
curves, noise levels and sorted scores. A new agency is forecast as well as its own past allows, an
agency without any gets NaN and is told so.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import xgboost as xgb

from ml.forecast.baselines.catalogue import Baseline
from ml.forecast.calendar import NO_CALENDAR, Calendar
from ml.forecast.choose import choose, with_baseline
from ml.forecast.completion import Completion
from ml.forecast.conformal import Adaptation, Group, Scores, group_quantile
from ml.forecast.correction import correct
from ml.forecast.features import Features, features_of
from ml.forecast.forecast import QUANTILES, Forecast
from ml.forecast.medians import adding_up, scaled, unspent
from ml.forecast.noise import Kind, Noise, details_of, kind_of, nearest_known
from ml.forecast.outlook import Outlook, outlook_of, unlogged
from ml.forecast.reconcile import families_in, reconciled
from ml.panel import Floats, Measure, Panel

__all__ = ["TOO_LITTLE", "PooledForecaster", "PooledModel"]

_MEDIAN: Final = QUANTILES.index(0.5)
TOO_LITTLE: Final = "too little data"
_FURTHEST: Final = math.log(10)  # an upper bound over what is expected


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What is learnt of some rows.

    Attributes:
        correction: Log ratio to be added to the anchor.
        noise: Of the residual that is left.
        groups: Whose scores are theirs.
    """

    correction: Floats
    noise: Floats
    groups: list[Group]


@dataclass(frozen=True, slots=True, eq=False)
class PooledModel:
    """What has been learnt from all agencies.

    Attributes:
        horizons: For which it was.
        completion: Mean curves over the agencies.
        noise: What is usual.
        scores: For the intervals.
        booster: The trees; None: the anchor stands as it is.
        trust: Share of the trees' correction that is applied, by kind; missing: none.
    """

    horizons: tuple[int, ...]
    completion: Completion
    noise: Noise
    scores: Scores
    booster: xgb.Booster | None
    trust: Mapping[Kind, float]

    def judged(self, features: Features, kind: Kind) -> Judged:
        """What is learnt of rows of one kind."""
        correction = np.zeros(len(features))
        if self.booster is not None:
            correction = correct(self.booster, features) * nearest_known(self.trust, kind, 0.0)
        groups = [(*kind, name) for name in self.noise.groups(features, kind)]
        return Judged(correction, self.noise.of(features, kind), groups)

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
        """See `Forecaster.forecast`; a measure that the panel does not have is NaN."""
        return self.beside_baseline(known, measure, horizons, planned)[0]

    def beside_baseline(
        self, known: Panel, measure: Measure, horizons: tuple[int, ...], planned: Floats | None
    ) -> tuple[Forecast, Baseline | None]:
        """The forecast, and the baseline that it was held against; None: there was nothing to."""
        if measure not in known.values or not known.series or not known.steps:
            return _nothing(measure, horizons, len(known.series)), None
        outlook = outlook_of(known, measure, horizons, planned, self.completion)
        features = features_of(outlook, self.calendar)
        count = len(known.series)
        totals = np.empty((count, len(horizons), len(QUANTILES)))
        steps = np.empty((count, horizons[-1], len(QUANTILES)))
        shift = np.empty((len(horizons), count))
        before, begin = np.zeros(count), 0
        for place, horizon in enumerate(horizons):
            judged = self.judged(outlook, place, features[place])
            usual = outlook.usual[place]
            point = unlogged(judged.correction, outlook.anchors.totals[place], usual)
            middle = scaled(outlook.anchors.steps[:, begin:horizon], point - before)
            totals[:, place] = self._quantiles("total", judged, point[:, None], usual)[:, 0]
            steps[:, begin:horizon] = self._quantiles("step", judged, middle, usual / horizon)
            shift[place] = self._scores("total", judged)[:, _MEDIAN] * judged.noise
            before, begin = point, horizon
        methods = tuple(
            self.name if np.isfinite(row).all() else TOO_LITTLE for row in totals[:, :, 2]
        )
        told = Forecast(measure, horizons, steps, totals, methods)
        choice = choose(outlook, shift)
        chosen = unspent(with_baseline(told, choice, outlook), known.series, outlook.ahead)
        return reconciled(adding_up(chosen), families_in(known, measure)), choice.baseline

    def judged(self, outlook: Outlook, place: int, features: Features) -> Judged:
        """What the model says of the rows of one horizon, in their order."""
        nearest = _nearest(self.model.horizons, outlook.horizons[place])
        correction, noise = np.empty(len(features)), np.empty(len(features))
        groups: list[Group] = [()] * len(features)
        details = details_of(features)
        for detail in np.unique(details):
            kind = kind_of(
                outlook.measure.value,
                is_planned=outlook.ahead is not None,
                horizon=nearest,
                detail=int(detail),
            )
            rows = np.flatnonzero(details == detail)
            part = self.model.judged(features[rows], kind)
            correction[rows], noise[rows] = part.correction, part.noise
            for row, group in zip(rows, part.groups, strict=True):
                groups[row] = group
        return Judged(correction, noise, groups)

    def _quantiles(self, what: str, judged: Judged, expected: Floats, usual: Floats) -> Floats:
        """Quantiles around (series, steps) expected: shape (series, steps, quantiles)."""
        residual = self._scores(what, judged) * judged.noise[:, None]
        # A series whose past is wild would else be told bounds that nobody can read.
        residual = np.minimum(residual, _FURTHEST)[:, None, :]
        return unlogged(residual, expected[:, :, None], usual[:, None, None])

    def _scores(self, what: str, judged: Judged) -> Floats:
        """Scores of each row's group at every quantile: shape (series, quantiles)."""
        scores = {
            group: [
                group_quantile(self.model.scores, self.adaptation, (what, *group), level)
                for level in QUANTILES
            ]
            for group in set(judged.groups)
        }
        return np.array([scores[group] for group in judged.groups]).reshape(-1, len(QUANTILES))


def _nothing(measure: Measure, horizons: tuple[int, ...], count: int) -> Forecast:
    steps = np.full((count, horizons[-1], len(QUANTILES)), np.nan)
    totals = np.full((count, len(horizons), len(QUANTILES)), np.nan)
    return Forecast(measure, horizons, steps, totals, (TOO_LITTLE,) * count)


def _nearest(known: tuple[int, ...], horizon: int) -> int:
    return int(np.argmin(np.abs(np.log(np.array(known) / horizon))))

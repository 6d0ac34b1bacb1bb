"""The model under test, trained on what was known at an origin and nothing later.

histories at an origin -> train -> what is served, and what would be without the model
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ml.forecast.baselines.catalogue import NAIVE, Baseline
from ml.forecast.calendar import NO_CALENDAR, Calendar
from ml.forecast.completion import learn_completion
from ml.forecast.forecast import Forecast, Forecaster
from ml.forecast.pooled import PooledForecaster, PooledModel
from ml.forecast.snapshots import Snapshots
from ml.forecast.train import train
from ml.panel import Floats, History, Measure, Panel

__all__ = ["FALLBACK", "SUBJECT", "subjects_of", "trained"]

SUBJECT: Final = "served"
FALLBACK: Final = "the baseline picked beforehand"
_SEED: Final = 20_261_201


@dataclass(slots=True)
class _Subject:
    """What is served; remembers the baseline that it was held against."""

    model: PooledForecaster
    name: str = SUBJECT
    baseline: Baseline = NAIVE

    def forecast(
        self, known: Panel, measure: Measure, horizons: tuple[int, ...], planned: Floats | None
    ) -> Forecast:
        told, baseline = self.model.beside_baseline(known, measure, horizons, planned)
        self.baseline = baseline or NAIVE
        return told


@dataclass(slots=True)
class _Fallback:
    """What would be served without a model; asked right after the subject."""

    subject: _Subject
    name: str = FALLBACK

    def forecast(
        self, known: Panel, measure: Measure, horizons: tuple[int, ...], planned: Floats | None
    ) -> Forecast:
        return self.subject.baseline.forecast(known, measure, horizons, planned)


def trained(
    histories: Iterable[History],
    horizons: tuple[int, ...],
    *,
    calendar: Calendar = NO_CALENDAR,
) -> PooledModel:
    """Learn from histories as they were known at the origin; read once."""
    return train(histories, seed=_SEED, threads=1, calendar=calendar, horizons=horizons)


def subjects_of(
    model: PooledModel, history: History, *, calendar: Calendar = NO_CALENDAR
) -> tuple[Forecaster, Forecaster]:
    """Subject and fallback of one history, with its own lag of conversions at the origin."""
    completion = learn_completion(Snapshots.of(history), history.steps)
    subject = _Subject(model.forecaster(completion=completion, calendar=calendar))
    return subject, _Fallback(subject)

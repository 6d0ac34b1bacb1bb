"""The model under test, trained on what was known at an origin and nothing later.

histories at an origin -> train -> one forecaster for each history
"""

from collections.abc import Iterable
from typing import Final

from ml.forecast.calendar import NO_CALENDAR, Calendar
from ml.forecast.completion import learn_completion
from ml.forecast.forecast import Forecaster
from ml.forecast.pooled import PooledModel
from ml.forecast.snapshots import Snapshots
from ml.forecast.train import train
from ml.panel import History

__all__ = ["SUBJECT", "subject_of", "trained"]

SUBJECT: Final = "pooled"
_SEED: Final = 20_261_201


def trained(
    histories: Iterable[History],
    horizons: tuple[int, ...],
    *,
    calendar: Calendar = NO_CALENDAR,
) -> PooledModel:
    """Learn from histories as they were known at the origin; read once."""
    return train(histories, seed=_SEED, threads=1, calendar=calendar, horizons=horizons)


def subject_of(
    model: PooledModel, history: History, *, calendar: Calendar = NO_CALENDAR
) -> Forecaster:
    """The forecaster of one history, with its own lag of conversions as known at the origin."""
    completion = learn_completion(Snapshots.of(history), history.steps)
    return model.forecaster(completion=completion, calendar=calendar)

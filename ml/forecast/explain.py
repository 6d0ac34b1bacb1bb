"""What moved a forecast off the anchor, by drivers that have a name.

    panel, model -> features -> Shapley values of the trees x trust -> sums by driver -> Drivers

The trees' exact Shapley values (TreeSHAP) add up to the correction in logarithms; columns that tell
of one thing are added up, so that a person reads of six drivers and not of twenty-eight columns.

Source: Lundberg, S. and others (2020), From local explanations to global understanding with
explainable AI for trees, Nature Machine Intelligence 2.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import xgboost as xgb

from domain.errors import InvalidInputError
from ml.forecast.features import NAMES, Features, features_of
from ml.forecast.outlook import outlook_of
from ml.forecast.pooled import PooledForecaster
from ml.panel import Floats, Measure, Panel

__all__ = ["DRIVERS", "Driver", "drivers_of"]

# In this order in every answer; what has no driver of its own is the kind of series.
DRIVERS: Final = (
    "recent trend",
    "past errors",
    "spend change",
    "season and events",
    "age",
    "figures still to come",
    "kind of series",
)
_DRIVER_OF: Final = {
    "noise": "past errors",
    "past bias": "past errors",
    "newest residual": "past errors",
    "trials": "past errors",
    "planned spend change": "spend change",
    "recent spend change": "spend change",
    "spend is planned": "spend change",
    "year ago": "season and events",
    "holidays ahead": "season and events",
    "holidays behind": "season and events",
    "events ahead": "season and events",
    "events behind": "season and events",
    "age": "age",
    "zero steps": "age",
    "complete": "figures still to come",
    "horizon": "kind of series",
    "measure": "kind of series",
    "level of detail": "kind of series",
}


@dataclass(frozen=True, slots=True)
class Driver:
    """One driver of a series' correction.

    Attributes:
        name: Of `DRIVERS`.
        effect: Logarithm by which it moves the total off the anchor; the drivers' add up to the
            whole correction.
        share: Of the sum of absolute effects, 0 to 1.
    """

    name: str
    effect: float
    share: float


def drivers_of(
    forecaster: PooledForecaster,
    known: Panel,
    measure: Measure,
    horizons: tuple[int, ...],
    planned: Floats | None,
) -> tuple[tuple[tuple[Driver, ...], ...], ...]:
    """Drivers of each series' totals, as `PooledForecaster.forecast` is asked for them.

    Returns:
        By horizon, by series: drivers with an effect, the strongest first. They are the model's:
        where `Forecast.methods` names a baseline, that was served without any.

    Raises:
        InvalidInputError: The model has no trees (caller).
    """
    booster = forecaster.model.booster
    if booster is None:
        raise InvalidInputError("a model without trees has nothing to explain", hint="train one")
    outlook = outlook_of(known, measure, horizons, planned, forecaster.completion)
    features = features_of(outlook, forecaster.calendar)
    found = []
    for place, rows in enumerate(features):
        effects = _effects(booster, rows)
        whole = effects.sum(axis=1)
        served = forecaster.judged(outlook, place, rows).correction
        trust = np.divide(served, whole, out=np.zeros_like(whole), where=whole != 0)
        found.append(tuple(_drivers(one) for one in effects * trust[:, None]))
    return tuple(found)


def _effects(booster: xgb.Booster, rows: Features) -> Floats:
    """Sum of Shapley values by driver: shape (rows, drivers)."""
    values = booster.predict(xgb.DMatrix(rows), pred_contribs=True).astype(np.float64)
    effects = np.zeros((len(rows), len(DRIVERS)))
    for place, name in enumerate((*NAMES, "bias")):
        driver = _DRIVER_OF.get(name, "recent trend" if place < len(NAMES) else DRIVERS[-1])
        effects[:, DRIVERS.index(driver)] += values[:, place]
    return effects


def _drivers(effects: Floats) -> tuple[Driver, ...]:
    total = np.abs(effects).sum()
    strongest = np.argsort(-np.abs(effects), kind="stable")
    return tuple(
        Driver(DRIVERS[place], float(effects[place]), float(abs(effects[place]) / total))
        for place in strongest
        if effects[place] != 0
    )

"""Forecasts of one history of an agency, by whoever serves and by those in the shadow.

    history, models, plans -> champion, or the baseline -> Made: entries, and their reasons
                           -> each model in the shadow -> entries

A series whose spend is planned is forecast with it; the others as if nothing were known of it: the
two are never mixed. All of it is computed; nothing is read or kept here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ml.forecast.baselines.catalogue import MEAN_7, MEAN_28, NAIVE, ROAS_7, SEASONAL_NAIVE
from ml.forecast.calendar import Calendar
from ml.forecast.completion import learn_completion
from ml.forecast.conformal import Adaptation
from ml.forecast.forecast import HORIZONS, Forecast, Forecaster
from ml.forecast.pooled import PooledModel
from ml.forecast.snapshots import Snapshots
from ml.ledger.entry import Entry, Maker, entries_of
from ml.panel import Floats, History, Measure, Panel
from ml.plans.planned import PlannedSpend
from ml.runs.opponent import HARD_TO_BEAT
from ml.runs.reasons import Reasons, tell_reasons
from ml.runs.spend_ahead import spend_ahead
from tenancy.tables import ForecastRole

__all__ = ["Known", "Made", "forecast_panel", "is_planned", "make"]

_BASELINES: Final = (NAIVE, SEASONAL_NAIVE, MEAN_7, MEAN_28, ROAS_7)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an agency beside its histories.

    Attributes:
        calendar: Holidays and events of its clients.
        plans: Spend that is planned.
        adaptation: How wide its bands have to be, by what came of earlier ones.
    """

    calendar: Calendar
    plans: Sequence[PlannedSpend]
    adaptation: Adaptation


@dataclass(frozen=True, slots=True)
class Made:
    """Forecasts that were made.

    Attributes:
        served: With the reasons of each.
        shadow: By models that nobody is served by.
    """

    served: Sequence[tuple[Entry, Reasons]]
    shadow: Sequence[Entry]


def make(history: History, models: Sequence[tuple[Maker, PooledModel]], known: Known) -> Made:
    """Forecast every series and measure of a history.

    Args:
        history: Of one agency, as known now.
        models: One of them serves at most; none does: the baseline that is hard to beat.
        known: Beside the history.
    """
    panel = history.latest()
    ahead = spend_ahead(panel, known.plans, HORIZONS[-1]) if Measure.SPEND in panel.values else None
    completion = learn_completion(Snapshots.of(history), history.steps)
    forecasters: list[tuple[Forecaster, Maker]] = [
        (
            model.forecaster(
                completion=completion, calendar=known.calendar, adaptation=known.adaptation
            ),
            maker,
        )
        for maker, model in models
    ]
    if all(maker.role is not ForecastRole.SERVED for _, maker in forecasters):
        forecasters.append((HARD_TO_BEAT, Maker(None)))
    baselines = {
        measure: {one.name: forecast_panel(one, panel, measure, ahead) for one in _BASELINES}
        for measure in panel.values
    }
    served: list[tuple[Entry, Reasons]] = []
    shadow: list[Entry] = []
    for forecaster, maker in forecasters:
        told = {
            measure: forecast_panel(forecaster, panel, measure, ahead) for measure in panel.values
        }
        by_series = _entries(panel, told, baselines, maker, ahead)
        if maker.role is ForecastRole.SHADOW:
            shadow += [entry for entries in by_series.values() for entry in entries.values()]
            continue
        reasons = tell_reasons(forecaster, panel, told, ahead, completion)
        served += [
            (entry, reasons[measure][row])
            for measure, entries in by_series.items()
            for row, entry in entries.items()
        ]
    return Made(served, shadow)


def forecast_panel(
    forecaster: Forecaster, known: Panel, measure: Measure, ahead: Floats | None
) -> Forecast:
    """Forecast series with their planned spend where there is one, and as unknown else.

    Args:
        forecaster: A model or a baseline.
        known: What is known now.
        measure: What to forecast.
        ahead: Of `spend_ahead`; None: nothing is planned.
    """
    unknown = forecaster.forecast(known, measure, HORIZONS, None)
    rows = np.flatnonzero(is_planned(known, measure, ahead))
    if ahead is None or not len(rows):
        return unknown
    planned = forecaster.forecast(known, measure, HORIZONS, np.nan_to_num(ahead))
    steps, totals, methods = unknown.steps.copy(), unknown.totals.copy(), [*unknown.methods]
    steps[rows], totals[rows] = planned.steps[rows], planned.totals[rows]
    for row in rows:
        methods[row] = planned.methods[row]
    return Forecast(measure, HORIZONS, steps, totals, tuple(methods))


def is_planned(known: Panel, measure: Measure, ahead: Floats | None) -> npt.NDArray[np.bool_]:
    """Which series of a measure are forecast with planned spend: shape (series,)."""
    if ahead is None or measure is Measure.SPEND:
        return np.zeros(len(known.series), dtype=np.bool_)
    flags: npt.NDArray[np.bool_] = ~np.isnan(ahead[:, 0])
    return flags


def _entries(
    panel: Panel,
    told: Mapping[Measure, Forecast],
    baselines: Mapping[Measure, Mapping[str, Forecast]],
    maker: Maker,
    ahead: Floats | None,
) -> dict[Measure, dict[int, Entry]]:
    """By measure and row."""
    return {
        measure: entries_of(
            panel, forecast, baselines[measure], maker, is_planned(panel, measure, ahead)
        )
        for measure, forecast in told.items()
    }

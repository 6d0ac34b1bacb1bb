"""Forecasts from past days, each with what was known then, set against what came.

    history -> as of each origin -> forecasters -> forecasts beside the actual steps and totals

An origin is a step: everything before it has ended. It is looked at half a step later (at noon, for
days), when platforms have told the day before, and with the revisions known by then; actuals are
those known last. Whether spend is planned or unknown is one regime for a whole run: the two are
never mixed, since a known spend explains most of revenue.

Source: Tashman, "Out-of-sample tests of forecasting accuracy", 2000.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from domain.errors import InvalidInputError
from ml.forecast.forecast import Forecast, Forecaster
from ml.forecast.scores import seasonal_scale
from ml.panel import Floats, History, Measure, Panel

__all__ = [
    "LEAST_ORIGINS",
    "Outcome",
    "choose_origins",
    "history_at_origin",
    "known_at_origin",
    "roll",
    "totals_of",
]

LEAST_ORIGINS: Final = 8  # fewer tell more of a season than of a forecaster

_DELAY: Final = 0.5  # of a step after the last one has ended


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Forecasts of one origin, and what came.

    Attributes:
        origin: First step that was not known.
        is_spend_planned: The regime: forecasters were told what would be spent.
        forecasts: What was told, in the order of the forecasters.
        steps: What came, shape (series, last horizon); NaN: not known, or after the end.
        totals: Shape (series, horizons); NaN where a step is.
        seasonal: Mean absolute change over a season before the origin, shape (series,).
        stepwise: Mean absolute change over a step before it, same shape.
    """

    origin: int
    is_spend_planned: bool
    forecasts: tuple[Forecast, ...]
    steps: Floats
    totals: Floats
    seasonal: Floats
    stepwise: Floats


def choose_origins(
    steps: int, horizon: int, count: int = LEAST_ORIGINS, *, earliest: int
) -> tuple[int, ...]:
    """Spread origins evenly, the last one so late that its horizon has just ended.

    Args:
        steps: Of the history.
        horizon: Steps that are forecast.
        count: How many.
        earliest: First step that may be an origin: what comes before is needed to begin with.

    Returns:
        Ascending; fewer than `count` where there is no room for different ones.

    Raises:
        InvalidInputError: There is room for none.
    """
    latest = steps - horizon
    if latest < earliest:
        raise InvalidInputError(
            f"{steps} steps leave no origin between {earliest} and {latest}.",
            hint="Take a shorter horizon, or a longer history.",
        )
    return tuple(sorted({int(step) for step in np.linspace(earliest, latest, count).round()}))


def known_at_origin(history: History, origin: int) -> Panel:
    """What was known of the steps before an origin, half a step after it."""
    return history.as_of(_instant(history, origin)).until(origin)


def history_at_origin(history: History, origin: int) -> History:
    """All revisions of the steps before an origin that were known half a step after it.

    What a model may be trained on that is then tried from this origin on.
    """
    since = _instant(history, origin) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    is_known = history.known_at <= since // dt.timedelta(microseconds=1)
    kept = np.flatnonzero(is_known & (history.step < origin))
    return replace(
        history,
        steps=origin,
        row=history.row[kept],
        step=history.step[kept],
        known_at=history.known_at[kept],
        values={measure: values[kept] for measure, values in history.values.items()},
    )


def totals_of(steps: Floats, horizons: Sequence[int]) -> Floats:
    """Sums of the first steps.

    Args:
        steps: Shape (series, steps).
        horizons: How many steps each total has; more than there are give NaN.

    Returns:
        Shape (series, horizons); NaN where a step is.
    """
    return np.stack(
        [
            steps[:, :horizon].sum(axis=1)
            if horizon <= steps.shape[1]
            else np.full(len(steps), np.nan)
            for horizon in horizons
        ],
        axis=1,
    )


def roll(
    forecasters: Sequence[Forecaster],
    history: History,
    measure: Measure,
    horizons: tuple[int, ...],
    origins: Sequence[int],
    *,
    planned: Floats | None,
) -> Iterator[Outcome]:
    """Forecast from each origin, and set what came beside it; all forecasters see the same.

    Args:
        forecasters: Trained on nothing that became known after the first origin.
        history: Of one agency.
        measure: What to forecast.
        horizons: Steps of each total, ascending.
        origins: Of `choose_origins`.
        planned: Planned spend of every step, shape (series, steps); None: the regime
            where spend is unknown.
    """
    actual = history.latest().values[measure]
    for origin in origins:
        known = known_at_origin(history, origin)
        ahead = slice(origin, origin + horizons[-1])
        plan = None if planned is None else planned[:, ahead]
        steps = actual[:, ahead]
        past = known.values[measure]
        yield Outcome(
            origin=origin,
            is_spend_planned=planned is not None,
            forecasts=tuple(one.forecast(known, measure, horizons, plan) for one in forecasters),
            steps=steps,
            totals=totals_of(steps, horizons),
            seasonal=seasonal_scale(past, history.cadence.season),
            stepwise=seasonal_scale(past, 1),
        )


def _instant(history: History, origin: int) -> dt.datetime:
    midnight = dt.datetime.combine(history.start, dt.time(), dt.UTC)
    return midnight + (origin + _DELAY) * history.cadence.step

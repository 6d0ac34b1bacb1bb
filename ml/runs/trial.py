"""A trial: forecasts of past days by a model that was trained on what came before them.

    histories cut at the first origin -> trained | rolling origins -> errors beside the opponent's

Errors are those of totals over each horizon, divided by what the series usually brings in that
time: a large client in a small currency does not decide.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ml.forecast.forecast import QUANTILES, Forecast, Forecaster
from ml.forecast.rolling_origin import LEAST_ORIGINS, Outcome, choose_origins, roll
from ml.panel import Floats, History, Measure
from ml.registry.gate import PairedErrors

__all__ = ["TRIAL_EVERY", "TRIAL_HORIZONS", "TrialErrors", "trial_origins"]

TRIAL_HORIZONS: Final = (7, 28)
TRIAL_EVERY: Final = 7  # steps from one origin to the next

_EARLIEST: Final = 112  # steps before the first origin: four times the longest horizon
_LOW, _MEDIAN, _HIGH = (QUANTILES.index(level) for level in (0.1, 0.5, 0.9))


def trial_origins(steps: int) -> tuple[int, ...]:
    """A week apart, the last so late that its longest horizon has ended; empty: too short."""
    horizon = TRIAL_HORIZONS[-1]
    latest = steps - horizon
    first = latest - TRIAL_EVERY * (LEAST_ORIGINS - 1)
    if first < _EARLIEST:
        return ()
    return choose_origins(steps, horizon, LEAST_ORIGINS, earliest=first)


@dataclass(slots=True)
class TrialErrors:
    """Collects errors of a challenger beside those of an opponent, agency by agency."""

    _parts: list[tuple[Floats, ...]] = field(default_factory=list)
    _series: int = 0

    def add(
        self,
        history: History,
        challenger: Forecaster,
        opponent: Forecaster,
        *,
        group: int,
    ) -> bool:
        """Roll both over a history.

        Args:
            history: Of one agency.
            challenger: Trained on nothing after the first of `trial_origins`.
            opponent: What is served today.
            group: Of agencies, that this one belongs to.

        Returns:
            Whether anything came of it that they could be held against.
        """
        before, origins = len(self._parts), trial_origins(history.steps)
        for measure in history.values if origins else ():
            planned = None
            if measure is not Measure.SPEND and Measure.SPEND in history.values:
                planned = np.nan_to_num(history.latest().values[Measure.SPEND])
            outcomes = roll(
                [challenger, opponent], history, measure, TRIAL_HORIZONS, origins, planned=planned
            )
            for number, outcome in enumerate(outcomes):
                self._parts += _errors(outcome, self._series, number, group)
            self._series += len(history.series)
        return any(len(part[0]) for part in self._parts[before:])

    def paired(self, groups: Sequence[str]) -> PairedErrors | None:
        """All errors; None: no history was long enough."""
        if not self._parts:
            return None
        columns = [np.concatenate(column) for column in zip(*self._parts, strict=True)]
        series, origin, group, champion, challenger, covered = columns
        return PairedErrors(
            series.astype(np.intp),
            origin.astype(np.intp),
            group.astype(np.intp),
            tuple(groups),
            champion,
            challenger,
            covered.astype(np.bool_),
        )


def _errors(
    outcome: Outcome, first_series: int, number: int, group: int
) -> Iterator[tuple[Floats, ...]]:
    own, other = outcome.forecasts
    for place, horizon in enumerate(TRIAL_HORIZONS):
        actual = outcome.totals[:, place]
        scale = outcome.stepwise * horizon
        told = _told(own, place), _told(other, place)
        usable = np.flatnonzero(~np.isnan(actual + scale + told[0] + told[1]))
        low, high = own.totals[usable, place, _LOW], own.totals[usable, place, _HIGH]
        size = np.ones(len(usable))
        yield (
            (usable + first_series).astype(np.float64),
            size * number,
            size * group,
            np.abs(told[1] - actual)[usable] / scale[usable],
            np.abs(told[0] - actual)[usable] / scale[usable],
            ((actual[usable] >= low) & (actual[usable] <= high)).astype(np.float64),
        )


def _told(forecast: Forecast, place: int) -> Floats:
    return forecast.totals[:, place, _MEDIAN]

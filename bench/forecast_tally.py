"""All outcomes of some forecasters on the same cells, and what they come to.

    outcomes -> one row for each series and origin, in dollars -> scores -> Figures

Cells that one forecaster has not told count for none of them. The error of a series is summed over
its origins before series are compared or resampled.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from bench.harness import Figure, figure
from ml.forecast.forecast import Forecast
from ml.forecast.rolling_origin import Outcome
from ml.forecast.scores import (
    MEDIAN,
    bias,
    coverage,
    mase,
    paired_bootstrap,
    share_worse,
    width,
    winkler,
    wmape,
    wspl,
)
from ml.panel import Floats

__all__ = ["Tally"]

_SEED: Final = 66


@dataclass(slots=True)
class Tally:
    """What has been told and what came, on one set under one regime.

    Attributes:
        name: Of the set and the regime.
        forecasters: Names, in the order of the forecasts.
        reference: The one of them that others are set against.
        subject: The model under test, if it takes part.
        is_seasonal: MASE is scaled by the change over a season, not over a step.
    """

    name: str
    forecasters: tuple[str, ...]
    reference: str
    subject: str | None
    is_seasonal: bool
    _outcomes: list[tuple[Outcome, Floats, int]] = field(default_factory=list)
    _first: dict[str, int] = field(default_factory=dict)
    _series: int = 0

    def add(self, panel: str, outcomes: Sequence[Outcome], dollars: Floats | None = None) -> None:
        """Count the outcomes of one panel, some of its origins or all.

        Args:
            panel: Its name: what is added under one name is of the same series.
            outcomes: Of the forecasters, in their order.
            dollars: What a unit of each series is worth; None: one each.
        """
        if panel not in self._first:
            self._first[panel] = self._series
            self._series += len(outcomes[0].steps)
        for one in outcomes:
            worth = np.ones(len(one.steps)) if dollars is None else dollars
            self._outcomes.append((one, worth, self._first[panel]))

    def figures(self) -> Iterator[Figure]:
        """One figure for each score of each forecaster."""
        scores = {name: self._scores(place) for place, name in enumerate(self.forecasters)}
        best = scores[self.reference]
        for name, own in scores.items():
            for score, (value, unit, is_error) in own.items():
                if np.isnan(value):
                    continue
                against = is_error and name != self.reference and not np.isnan(best[score][0])
                case = f"{self.name}: {score}, {name}"
                if against:
                    yield figure(f"{case} vs {self.reference}", unit, value, best[score][0])
                else:
                    yield figure(case, unit, value)
        if self.subject is not None and self._series > 1:
            yield from self._compared()

    def _scores(self, place: int) -> dict[str, tuple[float, str, bool]]:
        steps, quantiles, totals, sums, seasonal, stepwise = self._read(place)
        scale = seasonal if self.is_seasonal else stepwise
        median, middle = quantiles[..., MEDIAN], sums[..., MEDIAN]
        volume = np.nan_to_num(np.abs(steps)).sum(axis=1)
        relative = mase(steps, median, scale)
        percent = 100.0
        return {
            "wMAPE of steps": (wmape(steps, median), "", True),
            "wMAPE of 1st total": (wmape(totals[:, 0], middle[:, 0]), "", True),
            "wMAPE of last total": (wmape(totals[:, -1], middle[:, -1]), "", True),
            "MASE": (_mean(relative), "", True),
            "WSPL": (wspl(steps, quantiles, stepwise, volume), "", True),
            "Winkler 80": (winkler(steps, quantiles, 0.8), "of volume", True),
            "bias": (bias(steps, median) * percent, "% of volume", False),
            "coverage of 80": (coverage(steps, quantiles, 0.8) * percent, "%", False),
            "coverage of 95": (coverage(steps, quantiles, 0.95) * percent, "%", False),
            "coverage of totals at 80": (coverage(totals, sums, 0.8) * percent, "%", False),
            "coverage of totals at 95": (coverage(totals, sums, 0.95) * percent, "%", False),
            "width of 80": (width(steps, quantiles, 0.8), "of volume", False),
            "width of 95": (width(steps, quantiles, 0.95), "of volume", False),
        }

    def _compared(self) -> Iterator[Figure]:
        subject = self.forecasters.index(self.subject or "")
        for name in self.forecasters:
            if name == self.subject:
                continue
            own, other = (self._errors(place) for place in (subject, self.forecasters.index(name)))
            found = paired_bootstrap(own, other, np.random.default_rng(_SEED))
            case = f"{self.name}: {self.subject} over {name}"
            yield figure(f"{case}, error ratio", "", found.ratio)
            yield figure(f"{case}, error ratio, 2.5 %", "", found.low)
            yield figure(f"{case}, error ratio, 97.5 %", "", found.high)
            yield figure(f"{case}, series worse", "%", 100 * share_worse(own, other))

    def _read(self, place: int) -> tuple[Floats, ...]:
        parts: list[tuple[Floats, ...]] = []
        for outcome, worth, _ in self._outcomes:
            told, unit = outcome.forecasts[place], worth[:, None]
            parts.append(
                (
                    _common(outcome.steps, [one.steps for one in outcome.forecasts]) * unit,
                    told.steps * unit[..., None],
                    _common(outcome.totals, [one.totals for one in outcome.forecasts]) * unit,
                    told.totals * unit[..., None],
                    outcome.seasonal * worth,
                    outcome.stepwise * worth,
                )
            )
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))

    def _errors(self, place: int) -> Floats:
        """Absolute error of each series, dollars; NaN: nothing was told of it."""
        errors = np.full(self._series, np.nan)
        for outcome, worth, first in self._outcomes:
            steps = _common(outcome.steps, [one.steps for one in outcome.forecasts])
            off = np.abs(steps - _median(outcome.forecasts[place])) * worth[:, None]
            known = ~np.isnan(off)
            rows = first + np.flatnonzero(known.any(axis=1))
            told = np.where(known, off, 0.0).sum(axis=1)[known.any(axis=1)]
            errors[rows] = np.nan_to_num(errors[rows]) + told
        return errors


def _common(actual: Floats, told: Sequence[Floats]) -> Floats:
    known = np.logical_and.reduce([~np.isnan(one[..., MEDIAN]) for one in told])
    return np.where(known, actual, np.nan)


def _median(forecast: Forecast) -> Floats:
    return forecast.steps[..., MEDIAN]


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")

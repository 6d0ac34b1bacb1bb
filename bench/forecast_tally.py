"""All outcomes of some forecasters on the same cells, and what they come to.

    outcomes -> one row for each series and origin, in dollars -> scores -> Figures

Cells that one forecaster has not told count for none of them. The error of a series is summed over
its origins before series are compared or resampled. Three of the figures say how often the subject
is worse than a baseline: by any amount, by more than a twentieth, and beyond chance. Of two
forecasts that are equally good, each is worse by any amount for half of the series.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from bench.harness import Figure, figure
from ml.forecast.rolling_origin import Outcome
from ml.forecast.scores import (
    MEDIAN,
    bias,
    clearly_worse,
    coverage,
    mase,
    paired_bootstrap,
    share_worse,
    width,
    wmape,
    wspl,
)
from ml.panel import Floats

__all__ = ["Tally"]

_SEED: Final = 66
_MARGIN: Final = 0.05
_PERCENT: Final = 100.0


@dataclass(slots=True)
class Tally:
    """What has been told and what came, on one set under one regime.

    Attributes:
        name: Of the set and the regime.
        forecasters: Names, in the order of the forecasts.
        subject: The one of them that others are set against.
        is_seasonal: MASE is scaled by the change over a season, not over a step.
        is_each_alike: Errors are compared over the volume of their series, so that a large one does
            not outweigh the others; else in dollars.
    """

    name: str
    forecasters: tuple[str, ...]
    subject: str
    is_seasonal: bool
    is_each_alike: bool
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

    def mase(self, rivals: Sequence[str]) -> Iterator[Figure]:
        """MASE of the steps beside each rival's."""
        steps, seasonal, stepwise = self._actual("steps"), self._scale(0), self._scale(1)
        scale = seasonal if self.is_seasonal else stepwise
        for rival in rivals:
            own, other = (
                _mean(mase(steps, self._told("steps", name)[..., MEDIAN], scale))
                for name in (self.subject, rival)
            )
            yield figure(f"{self.name}: MASE vs {rival}", "", own, other)

    def wmape(self, rivals: Sequence[str]) -> Iterator[Figure]:
        """wMAPE of the steps beside each rival's."""
        steps = self._actual("steps")
        for rival in rivals:
            own, other = (
                wmape(steps, self._told("steps", name)[..., MEDIAN])
                for name in (self.subject, rival)
            )
            yield figure(f"{self.name}: wMAPE of steps vs {rival}", "", own, other)

    def wmape_of_totals(self, rivals: Sequence[str], unit: str) -> Iterator[Figure]:
        """wMAPE of the total of each horizon beside each rival's."""
        totals = self._actual("totals")
        for place, horizon in enumerate(self._outcomes[0][0].forecasts[0].horizons):
            for rival in rivals:
                own, other = (
                    wmape(totals[:, place], self._told("totals", name)[:, place, MEDIAN])
                    for name in (self.subject, rival)
                )
                case = f"{self.name}: wMAPE of {horizon} {unit} vs {rival}"
                yield figure(case, "", own, other)

    def best(self, rivals: Sequence[str]) -> str:
        """The rival that turned out to have the least error of steps: known afterwards only."""
        errors = {one: np.nansum(self._errors(one)) for one in rivals}
        return min(errors, key=lambda one: errors[one])

    def coverage(self, level: float) -> Iterator[Figure]:
        """What the bands of totals and of steps hold."""
        steps, own = self._actual("steps"), self._told("steps", self.subject)
        totals, sums = self._actual("totals"), self._told("totals", self.subject)
        band = f"{self.name}: {level:.0%} bands"
        yield figure(f"{band} of totals hold", "%", _PERCENT * coverage(totals, sums, level))
        yield figure(f"{band} of steps hold", "%", _PERCENT * coverage(steps, own, level))

    def bands(self, rivals: Sequence[str]) -> Iterator[Figure]:
        """Coverage, bias and width; pinball loss and the 80 % band beside those of rivals."""
        steps, own = self._actual("steps"), self._told("steps", self.subject)
        for level in (0.8, 0.95):
            yield from self.coverage(level)
        yield figure(f"{self.name}: bias", "% of volume", _PERCENT * bias(steps, own[..., MEDIAN]))
        widest = width(steps, own, 0.95)
        yield figure(f"{self.name}: 95% bands of steps, width", "of volume", widest)
        for rival in rivals:
            yield from self._bands_beside(rival, steps, own)

    def _bands_beside(self, rival: str, steps: Floats, own: Floats) -> Iterator[Figure]:
        other, stepwise = self._told("steps", rival), self._scale(1)
        volume = np.nan_to_num(np.abs(steps)).sum(axis=1)
        loss = [wspl(steps, quantiles, stepwise, volume) for quantiles in (own, other)]
        held = [_PERCENT * coverage(steps, quantiles, 0.8) for quantiles in (own, other)]
        wide = [width(steps, quantiles, 0.8) for quantiles in (own, other)]
        yield figure(f"{self.name}: pinball loss (WSPL) vs {rival}", "", *loss)
        yield figure(f"{self.name}: 80% bands of steps hold vs {rival}", "%", *held)
        yield figure(f"{self.name}: 80% bands of steps, width vs {rival}", "of volume", *wide)

    def worse(self, rival: str) -> Iterator[Figure]:
        """How many series are worse than under the rival: by any amount, clearly, beyond chance."""
        own, other = self._errors(self.subject), self._errors(rival)
        mine, theirs = _sums(own), _sums(other)
        compares = (mine > 0) | (theirs > 0)  # what was nothing, and told to be, does not
        name = f"{self.name}: series worse than {rival}"
        for what, margin in (("by any amount", 0.0), ("by more than 5 %", _MARGIN)):
            share = share_worse(mine[compares], theirs[compares], margin)
            yield figure(f"{name} {what}", "%", _PERCENT * share)
        beyond = clearly_worse(own[compares], other[compares])
        yield figure(f"{name} beyond chance", "%", _PERCENT * beyond)

    def interval(self, rival: str) -> Iterator[Figure]:
        """Bounds of the ratio of errors to the rival's, by resampling series."""
        worth = np.where(self._volume() > 0, self._volume(), np.nan)
        scale = worth if self.is_each_alike else np.ones(self._series)
        own, other = (_sums(self._errors(one)) / scale for one in (self.subject, rival))
        found = paired_bootstrap(own, other, np.random.default_rng(_SEED))
        name = f"{self.name}: error over that of {rival}"
        yield figure(name, "ratio", found.ratio)
        yield figure(f"{name}, 95 % interval from", "ratio", found.low)
        yield figure(f"{name}, 95 % interval to", "ratio", found.high)

    def _actual(self, what: str) -> Floats:
        return np.concatenate(
            [
                _common(getattr(one, what), [getattr(told, what) for told in one.forecasts])
                * worth[:, None]
                for one, worth, _ in self._outcomes
            ]
        )

    def _told(self, what: str, name: str) -> Floats:
        place = self.forecasters.index(name)
        return np.concatenate(
            [
                getattr(one.forecasts[place], what) * worth[:, None, None]
                for one, worth, _ in self._outcomes
            ]
        )

    def _scale(self, is_stepwise: int) -> Floats:
        return np.concatenate(
            [(one.seasonal, one.stepwise)[is_stepwise] * worth for one, worth, _ in self._outcomes]
        )

    def _errors(self, name: str) -> Floats:
        """Absolute error of each series at each origin, dollars: shape (series, origins).

        NaN: nothing was told, or nothing was known to come.
        """
        place = self.forecasters.index(name)
        origins = sorted({one.origin for one, _, _ in self._outcomes})
        errors = np.full((self._series, len(origins)), np.nan)
        for one, worth, first in self._outcomes:
            steps = _common(one.steps, [told.steps for told in one.forecasts])
            off = np.abs(steps - one.forecasts[place].steps[..., MEDIAN]) * worth[:, None]
            errors[first : first + len(off), origins.index(one.origin)] = _sums(off)
        return errors

    def _volume(self) -> Floats:
        """What came of each series over all origins, dollars."""
        volume = np.zeros(self._series)
        for one, worth, first in self._outcomes:
            came = np.nan_to_num(_sums(np.abs(one.steps) * worth[:, None]))
            volume[first : first + len(came)] += came
        return volume


def _sums(cells: Floats) -> Floats:
    """Sum of each row over what is known; NaN: nothing is."""
    known = ~np.isnan(cells)
    return np.where(known.any(axis=1), np.where(known, cells, 0.0).sum(axis=1), np.nan)


def _common(actual: Floats, told: Sequence[Floats]) -> Floats:
    known = np.logical_and.reduce([~np.isnan(one[..., MEDIAN]) for one in told])
    return np.where(known, actual, np.nan)


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")

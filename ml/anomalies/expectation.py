"""What a figure and each one of its past is expected to be, one step ahead.

    kept forecasts, or level of the last four weeks x weekday (x planned spend) -> medians

Alarms need the expectation of every past step as well, to know how far figures usually are from
it. The forecaster's own ones are best; where a series is new to it, or none were kept, the plain
one stands in. Medians: a past incident does not move them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from ml.panel import Floats, Measure

__all__ = [
    "Asked",
    "Expectation",
    "Ints",
    "KeptForecasts",
    "PlannedSpend",
    "Steps",
    "UsualOrPlanned",
    "WeekdayLevel",
]

Ints = np.ndarray[tuple[int], np.dtype[np.int64]]
Steps = np.ndarray[tuple[int, int], np.dtype[np.int64]]

_LEVEL: Final = 28  # steps: four weeks hold each weekday four times
_ENOUGH: Final = 7  # known steps of them
_HIGHEST: Final = 3.0  # times the level: what is above is an event, not a pattern
_PRIOR: Final = 1.0  # weeks
# More spend brings less than its share: between no effect and a proportional one. The centre of
# the scores takes up what is wrong on average.
_ELASTICITY: Final = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Figures of one measure whose expectation is asked for.

    Attributes:
        measure: Of what.
        rows: Shape (figures,): places of their series.
        steps: Shape (figures, columns): which step each column is of, ascending.
        figures: Same shape: what is known of them at one age; NaN: not known, or left out.
        shares: Shape (figures,): share of a mature figure that is usually known at that age.
    """

    measure: Measure
    rows: Ints
    steps: Steps
    figures: Floats
    shares: Floats


class Expectation(Protocol):
    """One-step-ahead expectations."""

    def __call__(self, asked: Asked) -> Floats:
        """Tell each figure from what was known before its step.

        Returns:
            Shape (figures, columns), at the age of the figures; NaN: cannot be told.
        """


class KeptForecasts:
    """What a forecaster said one step ahead, of mature figures.

    Args:
        medians: By measure, shape (series, steps); NaN: it said nothing.
        otherwise: Stands in for a figure whose past was not forecast.
    """

    def __init__(self, medians: Mapping[Measure, Floats], otherwise: Expectation) -> None:
        self._medians, self._otherwise = medians, otherwise

    def __call__(self, asked: Asked) -> Floats:
        """See `Expectation`: forecasts that are young in the share of figures that is known."""
        plain = self._otherwise(asked)
        if asked.measure not in self._medians:
            return plain
        kept = _at(self._medians[asked.measure], asked) * asked.shares[:, np.newaxis]
        is_kept = np.isfinite(kept[:, -1:]) & (np.isfinite(kept).sum(axis=1) >= _LEVEL)[:, None]
        return np.where(is_kept, kept, plain)


class WeekdayLevel:
    """Median of the last four weeks, times what the weekday usually is of it."""

    def __init__(self, season: int) -> None:
        self._season = season

    def __call__(self, asked: Asked) -> Floats:
        """See `Expectation`; the pattern of the season is learned from all of what came before."""
        figures, steps = asked.figures, asked.steps
        level = _rolling_median(figures)
        if self._season == 1:
            return level
        ratio = np.where(level > 0, figures / np.where(level > 0, level, 1), np.nan)
        expected = np.full_like(figures, np.nan)
        for phase in range(self._season):
            is_phase = steps % self._season == phase
            expected = np.where(is_phase, level * _pattern(ratio, is_phase), expected)
        return expected


class PlannedSpend:
    """What is planned, for spend; for the rest the plain expectation at the planned spend.

    Args:
        planned: Shape (series, steps); NaN: there is no plan.
        otherwise: Expectation without it.
    """

    def __init__(self, planned: Floats, otherwise: Expectation) -> None:
        self._planned, self._otherwise = planned, otherwise
        self._usual = _rolling_median(planned)

    def __call__(self, asked: Asked) -> Floats:
        """See `Expectation`."""
        plain = self._otherwise(asked)
        planned = _at(self._planned, asked)
        if asked.measure is Measure.SPEND:
            return np.where(np.isfinite(planned), planned * asked.shares[:, np.newaxis], plain)
        usual = _at(self._usual, asked)
        has_plan = (planned > 0) & (usual > 0)
        change = np.where(has_plan, planned, 1) / np.where(has_plan, usual, 1)
        return plain * change**_ELASTICITY


class UsualOrPlanned:
    """What is usual or what is planned, whichever is nearer: neither is an anomaly, for spend.

    A plan is no proof that it is kept, and its first day no incident. Pacing says how a month
    goes against it.

    Args:
        planned: Shape (series, steps); NaN: there is no plan.
        otherwise: What is usual.
    """

    def __init__(self, planned: Floats, otherwise: Expectation) -> None:
        self._planned, self._otherwise = planned, otherwise

    def __call__(self, asked: Asked) -> Floats:
        """See `Expectation`; what lies between the two is expected as it is."""
        usual = self._otherwise(asked)
        if asked.measure is not Measure.SPEND:
            return usual
        planned = _at(self._planned, asked) * asked.shares[:, np.newaxis]
        between = np.clip(asked.figures, np.fmin(usual, planned), np.fmax(usual, planned))
        return np.where(np.isfinite(usual) & np.isfinite(planned), between, usual)


def _at(matrix: Floats, asked: Asked) -> Floats:
    """Values of the asked rows and steps; NaN where the matrix has no such step."""
    is_there = (asked.steps >= 0) & (asked.steps < matrix.shape[1])
    steps = np.clip(asked.steps, 0, matrix.shape[1] - 1)
    return np.where(is_there, matrix[asked.rows[:, np.newaxis], steps], np.nan)


def _pattern(ratio: Floats, is_phase: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> Floats:
    """Mean ratio of a phase before each column, drawn towards 1 where there are few."""
    known = is_phase & np.isfinite(ratio)
    clipped = np.where(known, np.clip(ratio, 0, _HIGHEST), 0)
    count = _before(np.cumsum(known, axis=1))
    total = _before(np.cumsum(clipped, axis=1))
    return (total + _PRIOR) / (count + _PRIOR)


def _before(matrix: Floats) -> Floats:
    return np.concatenate([np.zeros((len(matrix), 1)), matrix[:, :-1]], axis=1)


def _rolling_median(figures: Floats) -> Floats:
    """Median of the `_LEVEL` columns before each one."""
    padded = np.concatenate([np.full((len(figures), _LEVEL), np.nan), figures[:, :-1]], axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, _LEVEL, axis=1)
    known = np.isfinite(windows).sum(axis=2)
    ordered = np.sort(windows, axis=2)  # NaN last
    low, high = np.maximum(known - 1, 0) // 2, known // 2
    pick = np.stack([low, np.minimum(high, _LEVEL - 1)], axis=2)
    median: Floats = np.take_along_axis(ordered, pick, axis=2).mean(axis=2)
    return np.where(known >= _ENOUGH, median, np.nan)

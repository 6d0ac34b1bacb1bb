"""How every figure of the last days moved against what was expected, alarming or not.

    figures and expectations of the last days -> relative change by series, measure and day

Measures of one day are looked at on different days: spend at once, conversions when enough of them
is known. What a deviation means depends on what the other measures of its day did.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Final

import numpy as np

from ml.anomalies.aged import AGES, Aged
from ml.anomalies.expectation import Ints, Steps
from ml.panel import Floats, Measure, Series

__all__ = ["RECENT", "Moves"]

RECENT: Final = AGES[-1]  # steps: a figure is looked at within these


class Moves:
    """Relative changes of the last days."""

    def __init__(self, aged: Aged, today: int) -> None:
        self._aged = aged
        self._first = today - RECENT - AGES[-1] + 1
        width = today - self._first
        self._rows = {series: row for row, series in enumerate(aged.series)}
        self._changes = {one: np.full((len(aged.series), width), np.nan) for one in aged.values}

    def add(
        self,
        measure: Measure,
        rows: Ints,
        steps: Steps,
        figures: Floats,
        expected: Floats,
    ) -> None:
        """Take the last columns of some rows; `expected` and `steps` may have more of them."""
        last = expected[:, -RECENT:]
        change = np.where(last > 0, figures / np.where(last > 0, last, 1) - 1, np.nan)
        places = steps[:, -RECENT:] - self._first
        self._changes[measure][rows[:, np.newaxis], places] = change

    def of(self, series: Series, day: dt.date) -> Mapping[Measure, float]:
        """Changes of the measures of a series on a day, as far as they are known."""
        row = self._rows[series]
        place = (day - self._aged.start) // self._aged.cadence.step - self._first
        found = {}
        for measure, matrix in self._changes.items():
            if 0 <= place < matrix.shape[1] and np.isfinite(matrix[row, place]):
                found[measure] = float(matrix[row, place])
        return found

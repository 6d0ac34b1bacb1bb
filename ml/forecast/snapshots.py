"""A history, laid out so that what was known at many past origins is cheap to see.

    History -> value of each cell by its age -> at(origin) -> Panel; mature(measure)

Training looks at dozens of past origins of every agency. Reading all revisions for each would cost
most of the training; a cell's value changes only while it is young, so its values by age are kept
once, and a view at an origin is put together from them. Age 1 is the newest step that has ended.
Later restatements than `MAX_AGE` are left out of both the views and the actuals.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.panel import Floats, History, Measure, Panel

__all__ = ["MAX_AGE", "Snapshots", "origin_instant"]

MAX_AGE: Final = 35  # steps; attribution windows end at 30 days, and the platforms then settle

# A view is taken this share of a step after the newest step's end: at noon, for days.
_DELAY: Final = 0.5


def origin_instant(history: History, origin: int) -> dt.datetime:
    """The UTC instant at which the steps before `origin` are looked at."""
    midnight = dt.datetime.combine(history.start, dt.time(), dt.UTC)
    return midnight + (origin + _DELAY) * history.cadence.step


@dataclass(frozen=True, slots=True, eq=False)
class Snapshots:
    """Values of every cell at each age.

    Attributes:
        history: Whose.
        by_age: By measure, shape (series, steps, MAX_AGE); entry a - 1: as known at age a; NaN:
            not known then.
    """

    history: History
    by_age: dict[Measure, Floats]

    @classmethod
    def of(cls, history: History) -> "Snapshots":
        """Lay out all revisions of a history: O(revisions + cells x ages)."""
        step_micros = history.cadence.step // dt.timedelta(microseconds=1)
        first = origin_instant(history, 0) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        since = history.known_at - first // dt.timedelta(microseconds=1)
        # The first origin whose instant is not before the revision, counted from the cell's step.
        age = np.maximum(-(-since // step_micros) - history.step, 1)
        seen = np.flatnonzero(age <= MAX_AGE)
        place = (history.row[seen], history.step[seen], age[seen] - 1)
        shape = (len(history.series), history.steps, MAX_AGE)
        is_told = np.zeros(shape, dtype=np.bool_)
        is_told[place] = True
        last = np.maximum.accumulate(np.where(is_told, np.arange(MAX_AGE), -1), axis=2)
        by_age = {}
        for measure, column in history.values.items():
            told = np.full(shape, np.nan)
            told[place] = column[seen]  # sorted by instant: of one age the newest stays
            held = np.take_along_axis(told, np.maximum(last, 0), axis=2)
            by_age[measure] = np.where(last >= 0, held, np.nan)
        return cls(history, by_age)

    def at(self, origin: int) -> Panel:
        """The first `origin` steps as they were known when the newest of them had just ended."""
        steps = np.arange(origin)
        age = np.minimum(origin - steps, MAX_AGE) - 1
        values = {measure: cube[:, steps, age] for measure, cube in self.by_age.items()}
        history = self.history
        return Panel(history.cadence, history.start, history.series, values)

    def mature(self, measure: Measure) -> Floats:
        """Every step as known at `MAX_AGE`, shape (series, steps)."""
        matured: Floats = self.by_age[measure][:, :, -1]
        return matured

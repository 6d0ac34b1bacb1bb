"""Columns that follow the calendar: trend, year, week, and days that are named.

    start, cadence, steps, events -> (steps, columns), each of mean 0 and about 1 wide

Baselines take all of them. Demand (how much more the same spend brings in December) takes those
that come again, because a trend of demand could not be told from a curve that fades.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.panel import Cadence, Floats

__all__ = ["Calendar", "calendar"]

_DAYS_OF_YEAR: Final = 365.2425
_DAYS_OF_WEEK: Final = 7

# Bends of the trend: one a quarter follows a business, and not its week-to-week spend.
_DAYS_BETWEEN_BENDS: Final = 91

# Waves a year. What happened once is a trend, or a campaign; what comes again is a season.
_WAVES: Final = 2
_YEARS: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """Columns of the steps.

    Attributes:
        cadence: Of the steps.
        trend: Line and its bends, shape (steps, any).
        season: Year and week, shape (steps, any).
        events: One column each, 1 on its days, shape (steps, events).
    """

    cadence: Cadence
    trend: Floats
    season: Floats
    events: Floats

    @property
    def returning(self) -> Floats:
        """Season and events beside each other: what demand follows."""
        return np.column_stack([self.season, self.events])

    @property
    def steps(self) -> int:
        """How many there are."""
        return int(self.trend.shape[0])


def calendar(
    start: dt.date, cadence: Cadence, steps: int, events: Sequence[frozenset[dt.date]] = ()
) -> Calendar:
    """Columns of `steps` steps from `start` on; an event lies on every step that holds its date."""
    length = cadence.step / dt.timedelta(days=1)
    day = start.timetuple().tm_yday + length * np.arange(steps)
    line = np.linspace(-1.0, 1.0, steps) if steps > 1 else np.zeros(1)
    bends = np.linspace(-1, 1, max(2, round(steps * length / _DAYS_BETWEEN_BENDS) + 1))[1:-1]
    trend = np.column_stack([line, *(np.maximum(line - bend, 0) for bend in bends)])
    columns: list[Floats] = []
    if steps * length >= _YEARS * _DAYS_OF_YEAR:
        for wave in range(1, _WAVES + 1):
            angle = 2 * np.pi * wave * day / _DAYS_OF_YEAR
            columns += [np.sin(angle), np.cos(angle)]
    if length <= 1:
        weekday = np.array(
            [(start + dt.timedelta(days=int(at))).weekday() for at in _days(steps, length)]
        )
        columns += [(weekday == one) - 1 / _DAYS_OF_WEEK for one in range(_DAYS_OF_WEEK - 1)]
    season = np.column_stack(columns) if columns else np.zeros((steps, 0))
    return Calendar(
        cadence,
        trend - trend.mean(axis=0),
        season,
        _events(start, length, steps, events),
    )


def _days(steps: int, length: float) -> Floats:
    days: Floats = np.floor(length * np.arange(steps))
    return days


def _events(
    start: dt.date, length: float, steps: int, events: Sequence[frozenset[dt.date]]
) -> Floats:
    columns = np.zeros((steps, len(events)))
    for column, dates in enumerate(events):
        for date in dates:
            step = int((date - start).days // length)
            if 0 <= step < steps:
                columns[step, column] = 1.0
    return columns

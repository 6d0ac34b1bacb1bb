"""Figures of many series over time, as they were known at an instant.

    revisions (series, step, known at, value) -> History -> as_of(instant) -> Panel

Platforms restate: conversions of a day arrive for weeks. A history keeps every figure with the
instant from which it was known, so that training, forecasting and scoring each see what could be
seen, and nothing that came later. A panel is one such view: a matrix for each measure, one row a
series, one column a step. NaN: not known. A step is a day in practice; a week or an hour in the
public series that we measure ourselves on.
"""

import datetime as dt
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "DAILY",
    "HOURLY",
    "WEEKLY",
    "Cadence",
    "Floats",
    "History",
    "Instants",
    "Measure",
    "Panel",
    "Series",
]

Floats = npt.NDArray[np.float64]
Instants = npt.NDArray[np.int64]

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Measure(enum.Enum):
    """What is counted on each step."""

    SPEND = "spend"  # media cost, in `Series.currency`
    CONVERSIONS = "conversions"  # as the platform claims them; fractional
    REVENUE = "revenue"  # as the platform claims it, in `Series.currency`
    SESSIONS = "sessions"
    ORDERS = "orders"  # of the shop, whatever brought them
    SALES = "sales"  # what they came to, in `Series.currency`


@dataclass(frozen=True, slots=True)
class Cadence:
    """How long a step is, and how many steps a season has.

    Attributes:
        step: Length of a step.
        season: Steps until the pattern comes again.
    """

    step: dt.timedelta
    season: int


HOURLY: Final = Cadence(dt.timedelta(hours=1), 24)
DAILY: Final = Cadence(dt.timedelta(days=1), 7)
WEEKLY: Final = Cadence(dt.timedelta(weeks=1), 52)


@dataclass(frozen=True, slots=True)
class Series:
    """Whose figures a row holds; what is None is summed over.

    Attributes:
        client: Brand of the agency.
        channel: Canonical channel.
        campaign: Entity id of a campaign.
        currency: ISO 4217 code of its amounts; None: it has none.
        connection: Account at a source.
    """

    client: str
    channel: str | None = None
    campaign: str | None = None
    currency: str | None = None
    connection: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """What was known of some series of one agency at an instant.

    Attributes:
        cadence: Of the columns.
        start: Date of the first column's step; hours count from its midnight.
        series: One for each row.
        values: By measure, shape (series, steps); NaN: not known.
    """

    cadence: Cadence
    start: dt.date
    series: tuple[Series, ...]
    values: Mapping[Measure, Floats]

    @property
    def steps(self) -> int:
        """Number of columns."""
        steps: int = next(iter(self.values.values())).shape[1]
        return steps

    def day(self, step: int) -> dt.date:
        """Date of a column; those after the last one count on."""
        return (dt.datetime.combine(self.start, dt.time()) + step * self.cadence.step).date()

    def rows(self, rows: Sequence[int]) -> "Panel":
        """Only these series, in this order."""
        chosen = np.asarray(rows, dtype=np.intp)
        values = {measure: matrix[chosen] for measure, matrix in self.values.items()}
        return Panel(self.cadence, self.start, tuple(self.series[row] for row in rows), values)

    def until(self, steps: int) -> "Panel":
        """Only the first columns."""
        values = {measure: matrix[:, :steps] for measure, matrix in self.values.items()}
        return Panel(self.cadence, self.start, self.series, values)


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Every figure of some series of one agency, with the instant from which it was known.

    All arrays have one entry for each revision; they are sorted by row, step and instant.

    Attributes:
        cadence: Of the steps.
        start: Date of step 0.
        steps: How many there are.
        series: What `row` counts.
        row: Place of the series.
        step: Place of the step.
        known_at: Microseconds since 1970, UTC.
        values: By measure; NaN: this revision says there is none.
    """

    cadence: Cadence
    start: dt.date
    steps: int
    series: tuple[Series, ...]
    row: npt.NDArray[np.int32]
    step: npt.NDArray[np.int32]
    known_at: Instants
    values: Mapping[Measure, Floats]

    def as_of(self, instant: dt.datetime) -> Panel:
        """What was known at a UTC instant: of each figure the last revision until then."""
        return self._view(self.known_at <= (instant - _EPOCH) // dt.timedelta(microseconds=1))

    def at(self, instants: Instants) -> Panel:
        """What was known of each figure at an instant of its own.

        Args:
            instants: Microseconds since 1970, UTC; shape (series, steps).
        """
        return self._view(self.known_at <= instants[self.row, self.step])

    def latest(self) -> Panel:
        """What is known by now."""
        return self._view(np.ones(len(self.row), dtype=np.bool_))

    def _view(self, is_known: npt.NDArray[np.bool_]) -> Panel:
        known = np.flatnonzero(is_known)
        # Sorted by instant within a cell: the last one is the newest.
        cells = self.row[known].astype(np.int64) * self.steps + self.step[known]
        is_last = np.append(cells[1:] != cells[:-1], np.ones(min(len(cells), 1), dtype=np.bool_))
        chosen, places = known[is_last], cells[is_last]
        values = {}
        for measure, column in self.values.items():
            matrix = np.full(len(self.series) * self.steps, np.nan)
            matrix[places] = column[chosen]
            values[measure] = matrix.reshape(len(self.series), self.steps)
        return Panel(self.cadence, self.start, self.series, values)

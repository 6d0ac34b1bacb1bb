"""Figures as they were known when they were as old as others are now.

    History -> for each figure what was known of it 1, 2, ... days after -> Aged

Yesterday's conversions are few because most of them have not been told yet. They are compared with
what was known of earlier days when those were of yesterday, at the same time of the day.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.ledger.ripe import MATURE_AFTER
from ml.panel import Cadence, Floats, History, Instants, Measure, Series

__all__ = ["AGES", "MATURE", "Aged", "compute_aged", "with_backfill"]

# Steps from a figure's own to the one that it is looked at in: 1 is yesterday's. What arrives after
# a week is history, not an alarm.
AGES: Final = (1, 2, 3, 4, 5, 6, 7)

# Platforms attribute for up to 30 days after a click, but nearly all of it within four weeks.
MATURE: Final = 28

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, eq=False)
class Aged:
    """Figures of some series of one agency at each age.

    Attributes:
        cadence: Of the steps.
        start: Date of step 0.
        series: One for each row.
        values: By measure, shape (series, steps, ages of `AGES`); NaN: not known at that age.
        mature: By measure, shape (series, steps): figures `MATURE` steps old; NaN: not known.
    """

    cadence: Cadence
    start: dt.date
    series: tuple[Series, ...]
    values: Mapping[Measure, Floats]
    mature: Mapping[Measure, Floats]

    def day(self, step: int) -> dt.date:
        """Date of a step."""
        return self.start + step * self.cadence.step

    @property
    def steps(self) -> int:
        """How many there are."""
        steps: int = next(iter(self.mature.values())).shape[1]
        return steps


def compute_aged(
    history: History, looked_at: dt.timedelta, reported: Instants | None = None
) -> Aged:
    """Tell what was known of each figure at each age.

    Args:
        history: Every revision.
        looked_at: When in a step figures are looked at, from its begin in UTC: the daily look of
            an agency in New York at 08:00 is at 12 or 13 hours.
        reported: Microseconds since 1970, UTC, shape (series, steps): when the source of a figure
            had told all of it that is due, the largest integer: not yet. What was looked at before
            is not known, though a part was. None: sources tell all or nothing.

    Returns:
        Ages that a figure has not reached yet hold what is known of it now: whoever reads them
        says which step is today's.
    """
    begin = dt.datetime.combine(history.start, dt.time(), dt.UTC) + looked_at - _EPOCH
    step = history.cadence.step // _MICROSECOND
    firsts = begin // _MICROSECOND + step * np.arange(history.steps, dtype=np.int64)
    shape = (len(history.series), history.steps)
    views = []
    for age in (*AGES, MATURE):
        instants = np.broadcast_to(firsts + age * step, shape)
        is_due = True if reported is None else reported <= instants
        known = history.at(instants).values
        views.append({one: np.where(is_due, known[one], np.nan) for one in known})
    values = {one: np.stack([view[one] for view in views[:-1]], axis=2) for one in history.values}
    return Aged(history.cadence, history.start, history.series, values, views[-1])


def with_backfill(aged: Aged, latest: Mapping[Measure, Floats]) -> Aged:
    """Days that were read long after, with an account's first sync: as they are once settled.

    Nobody knows what would have been told of them the next morning. Of what is not restated after
    some days, a figure of that age is compared with them; of claims there is nothing to compare.

    Args:
        aged: Figures at each age.
        latest: By measure, shape (series, steps): what is known now.
    """
    values, mature = dict(aged.values), dict(aged.mature)
    for measure, settled in MATURE_AFTER.items():
        if measure in values and settled <= AGES[-1]:
            is_unread = np.isnan(aged.values[measure]).all(axis=2)
            is_old = is_unread & np.isfinite(latest[measure])
            ages = np.where(np.array(AGES) >= settled, latest[measure][:, :, np.newaxis], np.nan)
            values[measure] = np.where(is_old[:, :, np.newaxis], ages, aged.values[measure])
            mature[measure] = np.where(
                is_old & np.isnan(aged.mature[measure]), latest[measure], aged.mature[measure]
            )
    return Aged(aged.cadence, aged.start, aged.series, values, mature)

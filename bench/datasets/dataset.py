"""A public data set as a panel, with what is known about it.

    folder -> loader -> Dataset -> History whose every figure is known at once

Public series have no revisions: each figure is known from the end of its step.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np

from ml.panel import Floats, History, Measure, Panel

__all__ = ["Dataset", "history_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Series of others, to measure ourselves on.

    Attributes:
        name: Stands in tables.
        origin: `real`, `disguised real` or `simulated`.
        panel: All steps, those to forecast among them.
        measure: What is forecast.
        horizons: Steps of totals; the last is that of the data set's own rules, if it has any.
        mase_season: Season that its MASE is scaled by.
    """

    name: str
    origin: str
    panel: Panel
    measure: Measure
    horizons: tuple[int, ...]
    mase_season: int

    @property
    def spend(self) -> Floats | None:
        return self.panel.values.get(Measure.SPEND)


def history_of(panel: Panel) -> History:
    """A panel as a history: every figure is known from the end of its step on."""
    values = list(panel.values.values())
    row, step = np.nonzero(~np.isnan(np.stack(values)).all(axis=0))
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    first = dt.datetime.combine(panel.start, dt.time(), dt.UTC) - epoch
    micro = dt.timedelta(microseconds=1)
    return History(
        cadence=panel.cadence,
        start=panel.start,
        steps=panel.steps,
        series=panel.series,
        row=row.astype(np.int32),
        step=step.astype(np.int32),
        known_at=first // micro + (step + 1).astype(np.int64) * (panel.cadence.step // micro),
        values={measure: matrix[row, step] for measure, matrix in panel.values.items()},
    )

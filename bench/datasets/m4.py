"""Weekly and hourly series of the M4 competition: real, of many trades, without spend.

    train + test -> aligned at their end -> Panel of revenue

Series have different lengths and no dates in these files, so the panel's dates are made up: nothing
may be read into a holiday. The last origin with the whole horizon is the competition's own.

Source: Makridakis, Spiliotis, Assimakopoulos, "The M4 competition", 2020. MASE there takes a season
of 1 for weekly and 24 for hourly series.
"""

import datetime as dt
from pathlib import Path

import numpy as np

from bench.datasets.dataset import Dataset
from bench.datasets.folder import read_csv
from ml.panel import HOURLY, WEEKLY, Cadence, Floats, Measure, Panel, Series

__all__ = ["load_m4_hourly", "load_m4_weekly"]

_START = dt.date(1980, 1, 7)


def load_m4_weekly(folder: Path) -> Dataset:
    """359 series, 13 weeks ahead."""
    return _load(folder, "Weekly", WEEKLY, (4, 13), 1)


def load_m4_hourly(folder: Path) -> Dataset:
    """414 series, 48 hours ahead."""
    return _load(folder, "Hourly", HOURLY, (24, 48), 24)


def _load(
    folder: Path, name: str, cadence: Cadence, horizons: tuple[int, ...], season: int
) -> Dataset:
    train, test = (
        read_csv(folder / "m4_weekly_hourly", f"{name}-{part}.csv") for part in ("train", "test")
    )
    past, ahead = train.iloc[:, 1:].to_numpy(np.float64), test.iloc[:, 1:].to_numpy(np.float64)
    values = np.hstack([_at_the_end(past), ahead])
    series = tuple(Series(str(one)) for one in train.iloc[:, 0])
    panel = Panel(cadence, _START, series, {Measure.REVENUE: values})
    return Dataset(f"M4 {name.lower()}", "real", panel, Measure.REVENUE, horizons, season)


def _at_the_end(past: Floats) -> Floats:
    aligned = np.full_like(past, np.nan)
    for row, values in enumerate(past):
        known = values[~np.isnan(values)]
        aligned[row, past.shape[1] - len(known) :] = known
    return aligned

"""Weekly sales beside media spend: the public sets that media mix models are shown on.

    CSV -> total spend and revenue (one series a brand or region) -> Panel

Only mmm_stan is near to real (a retailer's data, disguised); the others are simulated by the
authors of Robyn, PyMC-Marketing and Meridian.
"""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bench.datasets.dataset import Dataset
from bench.datasets.folder import read_csv
from ml.panel import WEEKLY, Floats, Measure, Panel, Series

__all__ = [
    "load_meridian_geo",
    "load_meridian_national",
    "load_mmm_stan",
    "load_pymc_example",
    "load_pymc_roas",
    "load_pymc_varying",
    "load_robyn",
]

_HORIZONS = (4, 13)  # a month and a quarter of weeks


def load_mmm_stan(folder: Path) -> Dataset:
    """209 weeks of a retailer, ten channels with spend."""
    frame = read_csv(folder / "mmm_stan", "data.csv", "wk_strt_dt")
    media = [name for name in frame if name.startswith("mdsp_")]
    return _single("mmm_stan", "disguised real", frame, "wk_strt_dt", "sales", media)


def load_robyn(folder: Path) -> Dataset:
    """208 weeks, five paid channels."""
    frame = read_csv(folder / "robyn_weekly", "dt_simulated_weekly.csv", "DATE")
    media = [name for name in frame if name.endswith("_S")]
    return _single("Robyn", "simulated", frame, "DATE", "revenue", media)


def load_pymc_example(folder: Path) -> Dataset:
    """179 weeks, two channels in units of their own, taken as spend."""
    frame = read_csv(folder / "pymc_marketing", "mmm_example.csv", "date_week")
    return _single("PyMC example", "simulated", frame, "date_week", "y", ["x1", "x2"])


def load_pymc_roas(folder: Path) -> Dataset:
    """131 weeks, two channels, with known effects."""
    frame = read_csv(folder / "pymc_marketing", "mmm_roas_data.csv", "date")
    return _single("PyMC ROAS", "simulated", frame, "date", "y", ["x1", "x2"])


def load_pymc_varying(folder: Path) -> Dataset:
    """179 weeks, two channels whose effect changes over time."""
    frame = read_csv(folder / "pymc_marketing", "media_tvp_data.csv", "date_week")
    return _single("PyMC varying media", "simulated", frame, "date_week", "y", ["x1", "x2"])


def load_meridian_national(folder: Path) -> Dataset:
    """156 weeks of a country, five paid channels."""
    frame = read_csv(folder / "meridian_sim", "national_all_channels.csv", "time")
    return _meridian("Meridian national", frame.assign(geo="nation"))


def load_meridian_geo(folder: Path) -> Dataset:
    """156 weeks of 40 regions, five paid channels."""
    frame = read_csv(folder / "meridian_sim", "geo_all_channels.csv", "time")
    return _meridian("Meridian geo", frame)


def _single(
    name: str, origin: str, frame: pd.DataFrame, date: str, sales: str, media: Sequence[str]
) -> Dataset:
    values = {
        Measure.REVENUE: frame[sales].to_numpy(np.float64)[None],
        Measure.SPEND: frame[list(media)].sum(axis=1).to_numpy(np.float64)[None],
    }
    return _dataset(name, origin, frame[date].iloc[0].date(), (Series(name),), values)


def _meridian(name: str, frame: pd.DataFrame) -> Dataset:
    media = [column for column in frame if column.endswith("_spend")]
    told = frame.assign(
        spend=frame[media].sum(axis=1),
        revenue=frame["conversions"] * frame["revenue_per_conversion"],
    )
    wide = {
        measure: told.pivot_table(index="geo", columns="time", values=measure.value)
        for measure in (Measure.REVENUE, Measure.SPEND, Measure.CONVERSIONS)
    }
    series = tuple(Series(str(geo)) for geo in wide[Measure.REVENUE].index)
    values = {measure: one.to_numpy(np.float64) for measure, one in wide.items()}
    return _dataset(name, "simulated", told["time"].min().date(), series, values)


def _dataset(
    name: str,
    origin: str,
    start: dt.date,
    series: tuple[Series, ...],
    values: dict[Measure, Floats],
) -> Dataset:
    panel = Panel(WEEKLY, start, series, values)
    return Dataset(name, origin, panel, Measure.REVENUE, _HORIZONS, 1)

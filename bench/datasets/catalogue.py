"""All data sets, real ones first."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.datasets.dataset import Dataset
from bench.datasets.m4 import load_m4_hourly, load_m4_weekly
from bench.datasets.media_mix import (
    load_meridian_geo,
    load_meridian_national,
    load_mmm_stan,
    load_pymc_example,
    load_pymc_roas,
    load_pymc_varying,
    load_robyn,
)

__all__ = ["LOADERS"]

LOADERS: Final[tuple[Callable[[Path], Dataset], ...]] = (
    load_m4_weekly,
    load_m4_hourly,
    load_mmm_stan,
    load_robyn,
    load_pymc_example,
    load_pymc_roas,
    load_pymc_varying,
    load_meridian_national,
    load_meridian_geo,
)

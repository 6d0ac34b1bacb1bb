"""Training the pooled forecaster on many agencies, and scoring with it.

    200 agencies x 200 campaigns x 400 days of plain numbers -> train -> minutes, peak memory
    rows of features -> trees -> rows/s; baseline: the same trees asked row by row

The numbers have the shape of an advertiser's (spend that wanders, revenue that follows, figures
that arrive over days) and no truth to be found: this measures work, `bench forecast` accuracy.
"""

import datetime as dt
import multiprocessing
import resource
import time
from collections.abc import Iterator
from functools import partial
from typing import Final

import numpy as np

from bench.harness import Figure, figure, time_pair
from ml.forecast.correction import correct
from ml.forecast.features import NAMES
from ml.forecast.forecast import HORIZONS
from ml.forecast.pooled import PooledModel
from ml.forecast.train import train
from ml.panel import DAILY, History, Measure, Series

__all__ = ["main", "plain_agencies"]

_AGENCIES: Final = 200
_CAMPAIGNS: Final = 200
_DAYS: Final = 400
_CLIENTS: Final = 10
_CHANNELS: Final = ("paid_search", "paid_social", "video", "shopping")
_ARRIVED: Final = (0.5, 0.7, 0.82, 0.9, 0.95, 0.98, 1.0)  # share told 1, 2, 3 ... days after
_DAY_MICROS: Final = 86_400_000_000
_START: Final = dt.date(2025, 1, 6)
_START_MICROS: Final = 1_736_121_600_000_000
_SCORED_ROWS: Final = 2_000
_SEED: Final = 7


async def main() -> list[Figure]:
    """Run the bench in a process of its own, whose peak memory is that of training alone."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        minutes, megabytes, per_second = pool.apply(_train_all)
    model = train(plain_agencies(2, 20, 200), seed=_SEED, threads=1)
    return [
        figure("training on 200 agencies x 200 campaigns x 400 days, 2 cores", "min", minutes),
        figure("training, peak memory", "MB", megabytes),
        figure("forecasting campaigns, 90 steps and 4 totals each", "campaigns/s", per_second),
        await _scoring(model),
    ]


def plain_agencies(agencies: int, campaigns: int, days: int) -> Iterator[History]:
    """Histories of campaigns, one agency after the other."""
    for number in range(agencies):
        yield _history(np.random.default_rng((_SEED, number)), campaigns, days)


def _history(chance: np.random.Generator, campaigns: int, days: int) -> History:
    shape = (campaigns, days)
    week = 1 + 0.2 * np.sin(2 * np.pi * np.arange(days) / 7)
    wander = np.cumsum(chance.normal(0, 0.04, shape), axis=1)
    spend = chance.lognormal(4, 1, (campaigns, 1)) * np.exp(wander) * week
    sessions = chance.poisson(spend * chance.uniform(0.5, 2, (campaigns, 1))).astype(np.float64)
    conversions = chance.poisson(sessions * 0.03).astype(np.float64)
    revenue = conversions * chance.lognormal(4, 0.3, shape)
    row, step, turn = (
        axis.ravel()
        for axis in np.meshgrid(*map(np.arange, (*shape, len(_ARRIVED))), indexing="ij")
    )
    share = np.array(_ARRIVED)[turn]
    whole = np.ones_like(share)
    measures = {
        Measure.SPEND: (spend, whole),
        Measure.SESSIONS: (sessions, whole),
        Measure.CONVERSIONS: (conversions, share),
        Measure.REVENUE: (revenue, share),
    }
    return History(
        DAILY,
        _START,
        days,
        tuple(_series(number) for number in range(campaigns)),
        row.astype(np.int32),
        step.astype(np.int32),
        _START_MICROS + (step + turn + 1) * _DAY_MICROS,
        {measure: cells[row, step] * told for measure, (cells, told) in measures.items()},
    )


def _series(number: int) -> Series:
    client, channel = number % _CLIENTS, number // _CLIENTS % len(_CHANNELS)
    return Series(f"client_{client}", _CHANNELS[channel], f"camp_{number}", "EUR")


def _train_all() -> tuple[float, float, float]:
    begun = time.perf_counter()
    model = train(plain_agencies(_AGENCIES, _CAMPAIGNS, _DAYS), seed=_SEED, threads=2)
    minutes = (time.perf_counter() - begun) / 60
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    panel = next(plain_agencies(1, _CAMPAIGNS, _DAYS)).latest()
    planned = np.full((_CAMPAIGNS, HORIZONS[-1]), 100.0)
    begun = time.perf_counter()
    model.forecaster().forecast(panel, Measure.REVENUE, HORIZONS, planned)
    return minutes, peak, _CAMPAIGNS / (time.perf_counter() - begun)


async def _scoring(model: PooledModel) -> Figure:
    if model.booster is None:
        raise AssertionError
    rows = np.random.default_rng(_SEED).normal(0, 1, (_SCORED_ROWS, len(NAMES))).astype(np.float32)
    booster = model.booster

    async def together() -> None:
        correct(booster, rows)

    async def one_by_one() -> None:
        for row in rows:
            correct(booster, row[None, :])

    subject, baseline = await time_pair(together, one_by_one, runs=5, warmup=1)
    per_second = partial(_rows_per_second, _SCORED_ROWS)
    return figure("scoring rows vs row by row", "rows/s", per_second(subject), per_second(baseline))


def _rows_per_second(rows: int, milliseconds: float) -> float:
    return rows / milliseconds * 1000

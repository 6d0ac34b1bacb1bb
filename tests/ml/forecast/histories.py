"""Histories of a plain advertiser: few campaigns, noise, figures that arrive late."""

import datetime as dt

import numpy as np

from ml.panel import DAILY, Floats, History, Measure, Series

START = dt.date(2025, 1, 6)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
DAY = 86_400_000_000
ARRIVED = (0.5, 0.8, 1.0)  # share of the conversions told one, two and three days after


def instant(step: int) -> int:
    """Microseconds at which a step begins."""
    begin = dt.datetime.combine(START, dt.time(), dt.UTC) - EPOCH
    return begin // dt.timedelta(microseconds=1) + step * DAY


def history_of(
    series: tuple[Series, ...], values: dict[Measure, Floats], arrived: tuple[float, ...] = (1.0,)
) -> History:
    """Every cell is told once for each share, a day apart; spend is told whole at once."""
    count, steps = next(iter(values.values())).shape
    row, step, turn = (
        axis.ravel()
        for axis in np.meshgrid(range(count), range(steps), range(len(arrived)), indexing="ij")
    )
    share = np.array(arrived)[turn]
    return History(
        cadence=DAILY,
        start=START,
        steps=steps,
        series=series,
        row=row.astype(np.int32),
        step=step.astype(np.int32),
        known_at=instant(0) + (step + turn + 1) * DAY,
        values={
            measure: cells[row, step] * (1.0 if measure is Measure.SPEND else share)
            for measure, cells in values.items()
        },
    )


def campaigns(
    count: int, channels: tuple[str, ...] = ("paid_search", "paid_social")
) -> tuple[Series, ...]:
    return tuple(
        Series("acme", channels[number % len(channels)], f"camp_{number}", "EUR")
        for number in range(count)
    )


def advertiser(seed: int, count: int = 4, steps: int = 200, scale: float = 1.0) -> History:
    """Spend wanders, and brings revenue with noise; all from the seed."""
    chance = np.random.default_rng(seed)
    wander = np.cumsum(chance.normal(0, 0.05, (count, steps)), axis=1)
    spend = scale * 100 * np.exp(wander) * chance.uniform(0.5, 2, (count, 1))
    revenue = spend * chance.uniform(1, 4, (count, 1)) * np.exp(chance.normal(0, 0.2, spend.shape))
    values = {Measure.SPEND: spend, Measure.REVENUE: revenue}
    return history_of(campaigns(count), values, ARRIVED)

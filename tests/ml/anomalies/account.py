"""Small accounts of one client whose every figure is known, for tests of the watch."""

import datetime as dt
from collections.abc import Mapping

import numpy as np

from ml.anomalies.aged import AGES, Aged
from ml.anomalies.alarms import Alarm
from ml.anomalies.deviation import Deviation
from ml.anomalies.expectation import WeekdayLevel
from ml.anomalies.watch import watch
from ml.panel import DAILY, Floats, Measure, Series

START = dt.date(2026, 1, 5)  # a Monday
DAYS = 160
CAMPAIGNS = tuple(
    Series("acme", channel, f"{channel}-{number}", "EUR")
    for channel in ("search", "social")
    for number in (1, 2, 3)
)
CLIENT = Series("acme", None, None, "EUR")
SEARCH = Series("acme", "search", None, "EUR")
# Campaigns of different size; nothing of them is small beside the client.
_SIZES = np.array([3.0, 2.0, 4.0, 3.0, 2.0, 3.0])[:, np.newaxis]
_PER_SIZE = {
    Measure.SPEND: 100.0,
    Measure.CONVERSIONS: 50.0,
    Measure.REVENUE: 1000.0,
    Measure.SESSIONS: 400.0,
}


def day(step: int) -> dt.date:
    return START + dt.timedelta(days=step)


def quiet_figures(noise: float = 0.08, seed: int = 1) -> dict[Measure, Floats]:
    """Final figures, shape (campaigns, days): steady, but for at most `noise` of uniform chance."""
    chance = np.random.default_rng(seed)
    shape = (len(CAMPAIGNS), DAYS)
    return {
        measure: size * _SIZES * chance.uniform(1 - noise, 1 + noise, shape)
        for measure, size in _PER_SIZE.items()
    }


def at_once(figures: Mapping[Measure, Floats]) -> Aged:
    """Everything is told in the next morning."""
    values = {one: np.repeat(figures[one][:, :, None], len(AGES), axis=2) for one in figures}
    return Aged(DAILY, START, CAMPAIGNS, values, figures)


def watch_days(aged: Aged, first: int, last: int) -> list[Alarm]:
    """Watch on some days, each once."""
    alarms: list[Alarm] = []
    for step in range(first, last + 1):
        alarms = watch(aged, day(step), alarms, WeekdayLevel(7))
    return alarms


def deviation(
    series: Series,
    measure: Measure,
    actual: float,
    expected: float = 100.0,
    *,
    is_discovery: bool = True,
    usual: float = 1.0,
    least: float = 1.0,
    stake: float = 100.0,
) -> Deviation:
    return Deviation(
        series=series,
        measure=measure,
        day=START,
        age=1,
        actual=actual,
        expected=expected,
        low=80.0,
        high=120.0,
        usual=usual,
        least=least,
        p_value=0.001 if is_discovery else 0.5,
        is_discovery=is_discovery,
        stake=stake,
        daily_stake=1000.0,
    )

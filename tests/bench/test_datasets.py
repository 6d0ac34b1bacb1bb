"""The public data sets are read right: published scores of plain forecasts come out again."""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from bench.datasets.catalogue import LOADERS
from bench.datasets.dataset import Dataset, history_of
from bench.datasets.folder import MISSING, find_folder
from bench.datasets.m4 import load_m4_hourly, load_m4_weekly
from ml.forecast.baselines.catalogue import NAIVE, SEASONAL_NAIVE
from ml.forecast.rolling_origin import roll
from ml.forecast.scores import mase
from ml.panel import DAILY, Measure, Panel, Series


@pytest.fixture(scope="module")
def folder() -> Path:
    found = find_folder()
    if found is None:
        pytest.skip(MISSING)
    return found


def last_mase(data: Dataset) -> list[float]:
    history = history_of(data.panel)
    origins = (data.panel.steps - data.horizons[-1],)
    (outcome,) = roll(
        [NAIVE, SEASONAL_NAIVE], history, data.measure, data.horizons, origins, planned=None
    )
    scale = outcome.stepwise if data.mase_season == 1 else outcome.seasonal
    return [
        float(np.mean(mase(outcome.steps, one.steps[..., 2], scale))) for one in outcome.forecasts
    ]


def test_the_naive_forecast_of_m4_weekly_scores_as_published(folder: Path) -> None:
    assert last_mase(load_m4_weekly(folder))[0] == pytest.approx(2.777, abs=0.001)


def test_the_seasonal_forecast_of_m4_hourly_scores_as_published(folder: Path) -> None:
    assert last_mase(load_m4_hourly(folder))[1] == pytest.approx(1.193, abs=0.001)


def test_every_set_has_the_size_that_its_authors_tell(folder: Path) -> None:
    sizes = {}
    for load in LOADERS:
        data = load(folder)
        sizes[data.name] = (len(data.panel.series), data.panel.steps, data.spend is not None)
    assert sizes == {
        "M4 weekly": (359, 2610, False),
        "M4 hourly": (414, 1008, False),
        "mmm_stan": (1, 209, True),
        "Robyn": (1, 208, True),
        "PyMC example": (1, 179, True),
        "PyMC ROAS": (1, 131, True),
        "PyMC varying media": (1, 179, True),
        "Meridian national": (1, 156, True),
        "Meridian geo": (40, 156, True),
    }


def test_a_public_figure_is_known_from_the_end_of_its_step() -> None:
    values = {
        Measure.REVENUE: np.array([[1.0, 2.0, np.nan]]),
        Measure.SPEND: np.array([[np.nan, 4.0, np.nan]]),
    }
    history = history_of(Panel(DAILY, dt.date(2026, 3, 1), (Series("acme"),), values))
    morning = history.as_of(dt.datetime(2026, 3, 2, tzinfo=dt.UTC))
    np.testing.assert_array_equal(morning.values[Measure.REVENUE], [[1.0, np.nan, np.nan]])
    np.testing.assert_array_equal(history.latest().values[Measure.SPEND], values[Measure.SPEND])

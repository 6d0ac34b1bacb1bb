"""Drivers add up to the correction that is served."""

import dataclasses

import numpy as np
import pytest

from domain.errors import InvalidInputError
from ml.forecast.explain import DRIVERS, drivers_of
from ml.forecast.features import features_of
from ml.forecast.outlook import outlook_of
from ml.forecast.pooled import PooledForecaster
from ml.forecast.snapshots import origin_instant
from ml.forecast.train import train
from ml.panel import Measure, Panel
from tests.ml.forecast.histories import advertiser

REVENUE, HORIZONS = Measure.REVENUE, (7, 14)


@pytest.fixture(scope="module")
def forecaster() -> PooledForecaster:
    model = train([advertiser(seed) for seed in range(2)], seed=1, threads=1, horizons=HORIZONS)
    # Whole trust, so that there is something to explain.
    trust: dict[tuple[str, ...], float] = {(measure.value,): 1.0 for measure in Measure}
    return dataclasses.replace(model, trust=trust).forecaster()


@pytest.fixture
def panel() -> Panel:
    history = advertiser(9)
    return history.as_of(origin_instant(history, 180)).until(180)


def test_effects_add_up_to_the_correction(forecaster: PooledForecaster, panel: Panel) -> None:
    planned = np.full((4, 14), 300.0)
    found = drivers_of(forecaster, panel, REVENUE, HORIZONS, planned)
    outlook = outlook_of(panel, REVENUE, HORIZONS, planned, forecaster.completion)
    features = features_of(outlook, forecaster.calendar)
    for place, by_series in enumerate(found):
        served = forecaster.judged(outlook, place, features[place]).correction
        assert np.abs(served).min() > 0
        effects = [sum(driver.effect for driver in drivers) for drivers in by_series]
        np.testing.assert_allclose(effects, served, atol=1e-6)
        for drivers in by_series:
            assert sum(driver.share for driver in drivers) == pytest.approx(1.0)
            assert {driver.name for driver in drivers} <= set(DRIVERS)
            strengths = [abs(driver.effect) for driver in drivers]
            assert strengths == sorted(strengths, reverse=True)


def test_a_model_without_trees_explains_nothing(forecaster: PooledForecaster, panel: Panel) -> None:
    bare = dataclasses.replace(forecaster.model, booster=None).forecaster()
    with pytest.raises(InvalidInputError, match="without trees"):
        drivers_of(bare, panel, REVENUE, HORIZONS, None)

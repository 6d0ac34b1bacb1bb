"""One model for all agencies sees nothing of later, knows no amounts, and repeats itself."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidInputError
from ml.forecast.completion import learn_completion
from ml.forecast.conformal import Scores
from ml.forecast.forecast import Forecast
from ml.forecast.model_file import UnreadableModelError, from_bytes, to_bytes
from ml.forecast.pooled import TOO_LITTLE, PooledModel
from ml.forecast.snapshots import Snapshots, origin_instant
from ml.forecast.train import train
from ml.panel import Floats, History, Measure, Panel
from tests.ml.forecast.histories import advertiser

HORIZONS = (7, 14)
REVENUE = Measure.REVENUE


def trained(histories: list[History], seed: int = 1) -> PooledModel:
    return train(histories, seed=seed, threads=1, horizons=HORIZONS)


@pytest.fixture(scope="module")
def model() -> PooledModel:
    return trained([advertiser(seed) for seed in range(6)])


def told(model: PooledModel, panel: Panel, planned: Floats | None = None) -> Forecast:
    return model.forecaster().forecast(panel, REVENUE, HORIZONS, planned)


def panel_of(history: History, origin: int = 180) -> Panel:
    return history.as_of(origin_instant(history, origin)).until(origin)


def same(one: Forecast, other: Forecast) -> bool:
    return np.array_equal(one.totals, other.totals) and np.array_equal(one.steps, other.steps)


def test_quantiles_rise_and_are_no_less_than_nothing(model: PooledModel) -> None:
    forecast = told(model, panel_of(advertiser(9)))
    assert forecast.totals.shape == (4, 2, 5)
    assert forecast.steps.shape == (4, 14, 5)
    for quantiles in (forecast.totals, forecast.steps):
        assert (np.diff(quantiles, axis=2) >= 0).all()
        assert (quantiles >= 0).all()
    # Revenue of these is spend x a ratio, which the baseline says as well.
    assert set(forecast.methods) <= {"pooled", "spend x ROAS of 28", "mean of 28"}


def test_is_near_what_comes(model: PooledModel) -> None:
    history = advertiser(9)
    spend = history.latest().values[Measure.SPEND][:, 180:194]
    came = history.latest().values[REVENUE][:, 180:194].sum(axis=1)
    forecast = told(model, panel_of(history), spend)
    np.testing.assert_allclose(forecast.totals[:, 1, 2], came, rtol=0.2)


def test_amounts_a_thousand_times_larger_give_forecasts_a_thousand_times_larger(
    model: PooledModel,
) -> None:
    small, large = (panel_of(advertiser(9, scale=scale)) for scale in (1.0, 1_000.0))
    ahead = np.full((4, 14), 120.0)
    one, other = told(model, small, ahead), told(model, large, 1_000 * ahead)
    np.testing.assert_allclose(other.totals, 1_000 * one.totals, rtol=1e-5)
    np.testing.assert_allclose(other.steps, 1_000 * one.steps, rtol=1e-5)


@settings(max_examples=5, deadline=None)
@given(st.integers(1, 10**6))
def test_what_is_told_after_the_instant_changes_nothing(model: PooledModel, seed: int) -> None:
    history, origin = advertiser(9), 150
    instant = origin_instant(history, origin)
    micros = (instant - origin_instant(history, 0)).days * 86_400_000_000
    is_later = history.known_at > history.known_at.min() + micros
    chance = np.random.default_rng(seed)
    values = {
        measure: np.where(is_later, chance.uniform(0, 1e6, len(column)), column)
        for measure, column in history.values.items()
    }
    changed = dataclasses.replace(history, values=values)
    assert same(told(model, panel_of(history, origin)), told(model, panel_of(changed, origin)))
    curves = [learn_completion(Snapshots.of(one), origin).curves for one in (history, changed)]
    for key, curve in curves[0].items():
        np.testing.assert_array_equal(curve, curves[1][key])


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    histories = [advertiser(seed) for seed in range(2)]
    first = to_bytes(trained(histories))
    assert to_bytes(trained(histories)) == first
    assert to_bytes(trained(histories, seed=2)) != first


def test_is_read_back_as_it_was(model: PooledModel) -> None:
    back = from_bytes(to_bytes(model))
    assert to_bytes(back) == to_bytes(model)
    assert same(told(back, panel_of(advertiser(9))), told(model, panel_of(advertiser(9))))


@pytest.mark.parametrize(
    "content", [b"", b"bosco-forecast-0\n", b"bosco-forecast-1\n\0\0\0\0\0\0\0\x09{}"]
)
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(UnreadableModelError):
        from_bytes(content)


def test_a_series_without_a_past_is_told_too_little(model: PooledModel) -> None:
    panel = panel_of(advertiser(9))
    values = {measure: cells.copy() for measure, cells in panel.values.items()}
    for cells in values.values():
        cells[2:] = np.nan
    lonely = dataclasses.replace(panel, values=values)
    forecast = told(model, dataclasses.replace(lonely).rows([2, 3]), np.full((2, 14), 100.0))
    assert forecast.methods == (TOO_LITTLE, TOO_LITTLE)
    assert np.isnan(forecast.totals).all()


def test_an_unknown_measure_no_steps_and_no_series_are_told_too_little(model: PooledModel) -> None:
    panel = panel_of(advertiser(9))
    forecaster = model.forecaster()
    unknown = forecaster.forecast(panel, Measure.SESSIONS, HORIZONS, None)
    for forecast in (unknown, told(model, panel.until(0))):
        assert forecast.methods == (TOO_LITTLE,) * 4
        assert np.isnan(forecast.steps).all()
    assert told(model, panel.rows([])).totals.shape == (0, 2, 5)


def test_figures_of_one_day_are_enough_for_a_forecast(model: PooledModel) -> None:
    forecast = told(model, panel_of(advertiser(9), 1))
    assert np.isfinite(forecast.totals).all()


def test_a_new_campaign_gets_its_channels_ratio(model: PooledModel) -> None:
    panel = panel_of(advertiser(9, count=6))
    values = {measure: cells.copy() for measure, cells in panel.values.items()}
    for cells in values.values():
        cells[0] = np.nan
    young = dataclasses.replace(panel, values=values)
    ahead = np.full((6, 14), 100.0)
    family = [told(model, young, ahead).totals[row, 0, 2] for row in (2, 4)]
    new = told(model, young, ahead).totals[0, 0]
    assert min(family) * 0.8 < new[2] < max(family) * 1.2
    assert (np.diff(new) > 0).all()


def test_histories_that_are_too_short_teach_nothing() -> None:
    with pytest.raises(InvalidInputError, match="enough past"):
        trained([advertiser(1, steps=20)])


def test_no_upper_bound_is_beyond_ten_times_what_is_expected(model: PooledModel) -> None:
    wild = dataclasses.replace(
        model, scores=Scores({(): np.linspace(-50.0, 50.0, 101)}), booster=None
    )
    panel = panel_of(advertiser(9))
    forecast = told(wild, panel)
    usual = np.nanmean(panel.values[REVENUE][:, -28:], axis=1)
    for quantiles, steps in ((forecast.totals[:, 0], 7), (forecast.steps[:, 0], 1)):
        # A tenth of the usual figure is added to what is expected before it is multiplied.
        furthest = 10 * quantiles[:, 2] + steps * usual
        assert (quantiles[:, 4] > 5 * quantiles[:, 2]).all()
        assert (quantiles[:, 4] < 2 * furthest).all()

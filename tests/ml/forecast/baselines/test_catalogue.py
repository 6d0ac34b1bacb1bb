"""Baselines tell their point as the median, and bands that hold what they promise."""

import datetime as dt

import numpy as np
import pytest

from ml.forecast.baselines.bands import steps_missing
from ml.forecast.baselines.catalogue import (
    BASELINES,
    MEAN_28,
    NAIVE,
    ROAS_7,
    SEASONAL_NAIVE,
    Baseline,
)
from ml.forecast.baselines.points import Situation
from ml.forecast.forecast import Forecaster
from ml.forecast.scores import coverage, winkler
from ml.panel import DAILY, Floats, Measure, Panel, Series

START = dt.date(2026, 3, 2)
HORIZONS = (7, 14)


def panel_of(revenue: Floats, spend: Floats | None = None) -> Panel:
    series = tuple(Series("acme", campaign=str(row)) for row in range(len(revenue)))
    values = {Measure.REVENUE: revenue}
    if spend is not None:
        values[Measure.SPEND] = spend
    return Panel(DAILY, START, series, values)


def noisy(chance: np.random.Generator, series: int = 30, steps: int = 174) -> Floats:
    level = np.exp(chance.normal(4, 1, (series, 1)))
    return level * chance.gamma(9.0, 1 / 9.0, (series, steps))


def test_the_median_is_the_point_and_totals_are_its_sums() -> None:
    revenue = noisy(np.random.default_rng(1))
    for baseline in BASELINES:
        told: Forecaster = baseline
        found = told.forecast(panel_of(revenue, revenue / 4), Measure.REVENUE, HORIZONS, None)
        situation = Situation(revenue, revenue / 4, None, 7, 14)
        np.testing.assert_allclose(found.steps[..., 2], baseline.point(situation))
        np.testing.assert_allclose(found.totals[:, 0, 2], found.steps[:, :7, 2].sum(axis=1))
        np.testing.assert_allclose(found.totals[:, 1, 2], found.steps[..., 2].sum(axis=1))
        assert found.methods == (baseline.name,) * 30
        assert (np.diff(found.steps, axis=-1) >= 0).all()
        assert (np.diff(found.totals, axis=-1) >= 0).all()
        assert found.steps.min() >= 0


@pytest.mark.parametrize("baseline", [NAIVE, SEASONAL_NAIVE, MEAN_28])
def test_bands_cover_what_they_say_on_exchangeable_noise(baseline: Baseline) -> None:
    chance = np.random.default_rng(7)
    covered: dict[float, list[float]] = {0.8: [], 0.95: []}
    totals: list[float] = []
    for _ in range(12):
        revenue = noisy(chance)
        known = panel_of(revenue[:, :160])
        found = baseline.forecast(known, Measure.REVENUE, HORIZONS, None)
        for level, shares in covered.items():
            shares.append(coverage(revenue[:, 160:], found.steps, level))
        came = np.stack([revenue[:, 160:167].sum(axis=1), revenue[:, 160:].sum(axis=1)], axis=1)
        totals.append(coverage(came, found.totals, 0.8))
    assert np.mean(covered[0.8]) == pytest.approx(0.8, abs=0.03)
    assert np.mean(covered[0.95]) == pytest.approx(0.95, abs=0.02)
    assert np.mean(totals) == pytest.approx(0.8, abs=0.06)


def test_a_band_is_the_ordered_error_of_the_past() -> None:
    # One series that alternates: the last value is off by 0 or by -+1, in turn, at each distance.
    revenue = np.tile([10.0, 11.0], 60)[None]
    found = NAIVE.forecast(panel_of(revenue), Measure.REVENUE, (1,), None)
    # Past origins are 5 apart, so half of the 24 errors are +1 and half are -1; 95 % need 39.
    np.testing.assert_allclose(found.steps[0, 0], [np.nan, 10.0, 11.0, 12.0, np.nan])


@pytest.mark.parametrize(("series", "steps"), [(1, 61), (3, 31), (9, 21)])
def test_a_band_is_known_from_nine_errors_on(series: int, steps: int) -> None:
    for known in (steps - 1, steps):
        revenue = np.full((series, 100), np.nan)  # as of a past that is looked for and not there
        chance = np.random.default_rng(2)
        revenue[:, -known:] = chance.gamma(9.0, 1 / 9.0, (series, known))
        found = MEAN_28.forecast(panel_of(revenue), Measure.REVENUE, (7, 90), None)
        bounds = found.totals[:, 0, [1, 3]], found.steps[:, :7, [1, 3]]
        assert all(np.isnan(one).any() == (known < steps) for one in bounds)
        assert steps_missing(known, series, 7) == steps - known
        assert np.isnan(found.totals[:, 1, [1, 3]]).all()
        assert np.isnan(found.steps[:, 7:, [1, 3]]).all()


def test_a_quarter_has_a_band_after_so_many_more_days() -> None:
    assert steps_missing(35, 12, 28) == 7
    assert steps_missing(35, 12, 90) == 69
    assert steps_missing(35, 3, 28) == 17  # three origins, five days apart


def test_known_spend_narrows_the_band() -> None:
    chance = np.random.default_rng(3)
    spend = noisy(chance)
    revenue = 4 * spend * chance.uniform(0.95, 1.05, spend.shape)
    known = panel_of(revenue[:, :160], spend[:, :160])
    planned = ROAS_7.forecast(known, Measure.REVENUE, HORIZONS, spend[:, 160:])
    unknown = ROAS_7.forecast(known, Measure.REVENUE, HORIZONS, None)
    came = revenue[:, 160:]
    assert coverage(came, planned.steps, 0.8) == pytest.approx(0.8, abs=0.06)
    assert winkler(came, planned.steps, 0.8) < 0.2 * winkler(came, unknown.steps, 0.8)


def test_a_new_series_borrows_its_scale() -> None:
    revenue = noisy(np.random.default_rng(5))
    revenue[0, :-5] = np.nan
    found = MEAN_28.forecast(panel_of(revenue), Measure.REVENUE, HORIZONS, None)
    level = found.steps[:, 0, 2]
    relative = (found.steps[:, 0, 3] - found.steps[:, 0, 1]) / level
    assert relative[0] == pytest.approx(np.median(relative[1:]), rel=0.35)


def test_too_short_a_panel_tells_points_without_bands() -> None:
    found = NAIVE.forecast(panel_of(np.ones((2, 10))), Measure.REVENUE, HORIZONS, None)
    assert (found.steps[..., 2] == 1).all()
    assert np.isnan(found.steps[..., [0, 1, 3, 4]]).all()


def test_what_never_moves_has_a_band_without_width() -> None:
    found = MEAN_28.forecast(panel_of(np.full((2, 60), 3.0)), Measure.REVENUE, (7,), None)
    assert found.totals.tolist() == [[[21.0] * 5]] * 2
    assert (found.steps == 3.0).all()


def test_a_series_of_nothing_is_told_nothing() -> None:
    revenue = noisy(np.random.default_rng(5), series=3)
    revenue[1] = np.nan
    found = NAIVE.forecast(panel_of(revenue), Measure.REVENUE, HORIZONS, None)
    assert np.isnan(found.steps[1]).all()
    assert not np.isnan(found.steps[[0, 2]]).any()


def test_negative_figures_are_left_negative() -> None:
    revenue = np.random.default_rng(5).normal(0.0, 1.0, (4, 120))
    found = MEAN_28.forecast(panel_of(revenue), Measure.REVENUE, HORIZONS, None)
    assert (found.steps[..., 0] < 0).all()

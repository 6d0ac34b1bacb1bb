"""The bench's own baselines learn what there is to learn, and tell it in the given shape."""

import datetime as dt

import numpy as np
import pytest

from bench.forecast_baselines.boosting import (
    PER_TENANT,
    Boosting,
    pooled,
    situation_of,
)
from ml.forecast.scores import coverage, wmape
from ml.panel import DAILY, Floats, Measure, Panel, Series

WEEK = np.array([1.0, 0.8, 0.8, 1.0, 1.2, 1.6, 0.6])
STEPS, HORIZON = 210, 14


def weekly(series: int = 6) -> Floats:
    """Levels far apart, one pattern of the week, noise of a tenth."""
    chance = np.random.default_rng(2)
    level = np.exp(chance.normal(3, 2, (series, 1)))
    pattern = np.tile(WEEK, STEPS // 7)[:STEPS]
    revenue: Floats = level * pattern * chance.normal(1.0, 0.1, (series, STEPS))
    return revenue


def panel_of(revenue: Floats) -> Panel:
    series = tuple(Series("acme", campaign=str(row)) for row in range(len(revenue)))
    return Panel(DAILY, dt.date(2026, 3, 2), series, {Measure.REVENUE: revenue})


@pytest.fixture(scope="module")
def trained() -> tuple[Boosting, Boosting]:
    known = panel_of(weekly()[:, :-HORIZON])
    return pooled([situation_of(known, Measure.REVENUE, HORIZON, None)])


def test_trees_learn_a_week_over_levels_far_apart(trained: tuple[Boosting, Boosting]) -> None:
    revenue = weekly()
    known, came = panel_of(revenue[:, :-HORIZON]), revenue[:, -HORIZON:]
    for one in (PER_TENANT, *trained):
        found = one.forecast(known, Measure.REVENUE, (7, HORIZON), None)
        # Noise of a tenth leaves a mean error of 0.08; a flat week would leave 0.3.
        assert wmape(came, found.steps[..., 2]) == pytest.approx(0.08, abs=0.03)
        np.testing.assert_allclose(found.totals[:, 1, 2], found.steps[..., 2].sum(axis=1))
        assert np.isnan(found.totals[..., [0, 1, 3, 4]]).all()


def test_raw_quantiles_are_in_order_and_the_median_alone_has_no_band(
    trained: tuple[Boosting, Boosting],
) -> None:
    revenue = weekly()
    known = panel_of(revenue[:, :-HORIZON])
    alone, raw = (one.forecast(known, Measure.REVENUE, (HORIZON,), None).steps for one in trained)
    assert (np.diff(raw, axis=-1) >= 0).all()
    assert 0.4 < coverage(revenue[:, -HORIZON:], raw, 0.8) < 0.95
    assert np.isnan(alone[..., [0, 1, 3, 4]]).all()


def test_only_ratios_to_the_level_are_learnt(trained: tuple[Boosting, Boosting]) -> None:
    revenue = weekly()[:2]
    many, few = (
        trained[0].forecast(panel_of(one), Measure.REVENUE, (HORIZON,), None).steps[..., 2]
        for one in (1000 * revenue, revenue)
    )
    np.testing.assert_allclose(many, 1000 * few, rtol=1e-5)

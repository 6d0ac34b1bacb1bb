"""Scores against numbers worked out by hand, and against other ways to write them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import integrate, stats

from ml.forecast.forecast import QUANTILES
from ml.forecast.scores import (
    bias,
    clearly_worse,
    coverage,
    mase,
    paired_bootstrap,
    pinball,
    seasonal_scale,
    share_worse,
    width,
    winkler,
    wmape,
    wspl,
)
from ml.panel import Floats

ACTUAL = np.array([[10.0, 20.0, np.nan], [0.0, 30.0, 40.0]])
MEDIAN = np.array([[12.0, 15.0, 7.0], [1.0, np.nan, 38.0]])
BAND = np.array([1.0, 4.0, 5.0, 8.0, 9.0])  # of one cell


def cells(values: list[float]) -> tuple[Floats, Floats]:
    """One series of these actuals, each with `BAND`."""
    return np.array([values]), np.tile(BAND, (1, len(values), 1))


def test_wmape_is_error_over_volume_where_both_are_known() -> None:
    # |10-12| + |20-15| + |0-1| + |40-38| over 10 + 20 + 0 + 40.
    assert wmape(ACTUAL, MEDIAN) == pytest.approx(10 / 70)


def test_bias_tells_the_direction() -> None:
    assert bias(ACTUAL, MEDIAN) == pytest.approx((2 - 5 + 1 - 2) / 70)


def test_where_nothing_is_known_a_score_is_nan() -> None:
    nothing = np.full((1, 2), np.nan)
    assert np.isnan(wmape(nothing, nothing))
    assert np.isnan(wmape(np.zeros((1, 2)), np.ones((1, 2))))
    assert np.isnan(coverage(nothing, np.zeros((1, 2, 5)), 0.8))
    assert np.isnan(mase(nothing, nothing, np.ones(1))).all()


def test_scale_is_the_mean_change_over_a_season() -> None:
    past = np.array([[1.0, 5, 3, 9], [2.0, 2, 2, 2], [1.0, np.nan, 4, 6]])
    # |3-1|, |9-5|; nothing moves; |4-1| only, since 6 has nothing to stand beside.
    np.testing.assert_allclose(seasonal_scale(past, 2), [3.0, np.nan, 3.0])
    assert np.isnan(seasonal_scale(past, 4)).all()


def test_mase_is_one_for_an_error_of_the_scale() -> None:
    np.testing.assert_allclose(
        mase(ACTUAL, MEDIAN, np.array([3.5, 3.0])), [(2 + 5) / 2 / 3.5, (1 + 2) / 2 / 3.0]
    )


def test_mase_of_m4_s_seasonal_naive_on_its_own_past_is_one() -> None:
    past = np.random.default_rng(1).normal(100, 10, (1, 200))
    inside = mase(past[:, 7:], past[:, :-7], seasonal_scale(past, 7))
    assert inside[0] == pytest.approx(1.0)


def test_pinball_weighs_the_sides() -> None:
    actual, band = cells([6.0])
    # Above 1, 4, 5: level x distance; below 8, 9: (1 - level) x distance.
    expected = (0.025 * 5 + 0.1 * 2 + 0.5 * 1 + 0.1 * 2 + 0.025 * 3) / 5
    assert pinball(actual, band)[0, 0] == pytest.approx(expected)


@given(
    hnp.arrays(np.float64, (3, 4), elements=st.floats(-100, 100)),
    hnp.arrays(np.float64, (3, 4, 5), elements=st.floats(-100, 100)),
)
def test_pinball_is_the_mean_of_the_check_function(actual: Floats, quantiles: Floats) -> None:
    for row, step in np.ndindex(actual.shape):
        losses = []
        for level, told in zip(QUANTILES, quantiles[row, step], strict=True):
            came = actual[row, step]
            losses.append((came - told) * (level - (1.0 if came < told else 0.0)))
        assert pinball(actual, quantiles)[row, step] == pytest.approx(sum(losses) / 5, abs=1e-9)


def test_pinball_integrates_to_half_the_crps_of_a_normal_forecast() -> None:
    # CRPS = 2 x integral of the pinball loss over levels; Gneiting and Raftery, equation 21.
    came = 0.7
    loss, _ = integrate.quad(
        lambda level: (came - stats.norm.ppf(level)) * (level - (came < stats.norm.ppf(level))),
        0, 1, points=[float(stats.norm.cdf(came))],
    )  # fmt: skip
    crps = came * (2 * stats.norm.cdf(came) - 1) + 2 * stats.norm.pdf(came) - 1 / np.sqrt(np.pi)
    assert 2 * loss == pytest.approx(crps, abs=1e-6)
    told = np.array(QUANTILES)
    ours = pinball(np.array([came]), stats.norm.ppf(told)[None])[0]
    by_hand = np.mean((came - stats.norm.ppf(told)) * (told - (came < stats.norm.ppf(told))))
    assert ours == pytest.approx(by_hand)


def test_wspl_weighs_scaled_losses() -> None:
    actual, band = cells([6.0, 5.0])
    both = np.vstack([actual, actual]), np.vstack([band, band])
    one = pinball(actual, band).mean()
    found = wspl(*both, np.array([2.0, 1.0]), np.array([3.0, 1.0]))
    assert found == pytest.approx((3 * one / 2 + 1 * one) / 4)
    # A series that never moved has no scale and no say.
    assert wspl(*both, np.array([2.0, np.nan]), np.array([3.0, 1.0])) == pytest.approx(one / 2)


def test_coverage_counts_the_bounds_in() -> None:
    actual, band = cells([4.0, 3.9, 8.0, 8.5, 0.5])
    assert coverage(actual, band, 0.8) == pytest.approx(2 / 5)
    assert coverage(actual, band, 0.95) == pytest.approx(4 / 5)


def test_width_and_winkler_are_relative_to_volume() -> None:
    actual, band = cells([4.0, 3.0, 10.0])
    assert width(actual, band, 0.8) == pytest.approx(3 * 4 / 17)
    # Outside by 1 below and by 2 above; each counts 2 / (1 - 0.8) = 10 times.
    assert winkler(actual, band, 0.8) == pytest.approx((12 + 10 * 3) / 17)


@given(hnp.arrays(np.float64, (1, 6), elements=st.floats(0.01, 20)))
def test_winkler_is_the_pinball_loss_of_both_bounds(actual: Floats) -> None:
    # Winkler = 2 / alpha x (pinball at alpha/2 + pinball at 1 - alpha/2), alpha = 0.2.
    band = np.tile(BAND, (1, 6, 1))
    off_low, off_high = actual - BAND[1], actual - BAND[3]
    losses = np.maximum(0.1 * off_low, -0.9 * off_low) + np.maximum(0.9 * off_high, -0.1 * off_high)
    expected = 2 / 0.2 * losses.sum() / actual.sum()
    assert winkler(actual, band, 0.8) == pytest.approx(expected)


def test_equal_series_are_not_worse() -> None:
    errors, baseline = np.array([1.0, 2.0, 3.0, np.nan]), np.array([1.0, 1.0, 4.0, 1.0])
    assert share_worse(errors, baseline) == pytest.approx(1 / 3)
    assert share_worse(errors * (1 + 1e-12), errors) == 0.0
    assert share_worse(np.array([1.04, 1.06]), np.ones(2), 0.05) == 0.5


def test_worse_beyond_chance_takes_more_than_a_loss() -> None:
    baseline = np.ones((4, 4))
    lost = np.array(
        [
            [0.0, 0.0, 0.0, 0.0],  # the very same
            [0.1, 0.2, 0.3, 0.2],  # mean 0.2, error of it 0.041: 4.9 of them, and 2.35 would do
            [0.9, -0.5, 0.9, -0.5],  # the same mean, error of it 0.40
            [-0.1, -0.2, -0.3, -0.2],  # better
        ]
    )
    assert clearly_worse(baseline + lost, baseline) == 0.25
    # A single origin tells nothing of chance; the series is left out.
    alone = np.where(np.arange(4) > 0, np.nan, 2.0)[None]
    assert np.isnan(clearly_worse(alone, np.ones((1, 4))))


def test_a_twentieth_of_equally_good_forecasts_is_worse_beyond_chance() -> None:
    chance = np.random.default_rng(3)
    errors, baseline = chance.exponential(1.0, (2, 20_000, 8))
    assert clearly_worse(errors, baseline) == pytest.approx(0.05, abs=0.01)


def test_bootstrap_of_constant_ratios_has_no_spread() -> None:
    baseline = np.array([1.0, 10.0, 3.0])
    found = paired_bootstrap(0.5 * baseline, baseline, np.random.default_rng(1), 200)
    assert (found.ratio, found.low, found.high, found.better) == pytest.approx((0.5, 0.5, 0.5, 1))


def test_bootstrap_of_equal_errors_prefers_none() -> None:
    errors = np.array([1.0, 2.0, np.nan])
    found = paired_bootstrap(errors, errors, np.random.default_rng(1), 50)
    assert (found.ratio, found.better) == (1.0, 0.0)
    assert np.isnan(paired_bootstrap(errors, 0 * errors, np.random.default_rng(1)).ratio)


def test_bootstrap_agrees_with_the_delta_method_on_many_series() -> None:
    chance = np.random.default_rng(5)
    baseline = chance.gamma(4.0, 1.0, 300)
    errors = baseline * chance.uniform(0.5, 1.3, 300)
    found = paired_bootstrap(errors, baseline, np.random.default_rng(1), 6000)
    off = errors - found.ratio * baseline
    spread = off.std() / baseline.mean() / np.sqrt(300)
    assert found.low == pytest.approx(found.ratio - 1.96 * spread, abs=0.15 * spread)
    assert found.high == pytest.approx(found.ratio + 1.96 * spread, abs=0.15 * spread)

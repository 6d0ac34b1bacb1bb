"""Medians of steps that add up to totals: by hand, and for any forecast."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.forecast.forecast import Forecast
from ml.forecast.medians import adding_up, centred, scaled, unspent
from ml.panel import Measure, Series

_MEDIAN = 2


def _forecast(steps: list[list[float]], totals: list[list[float]]) -> Forecast:
    """Bands from half to double of each median; horizons of 1 and 3 steps."""
    shape = np.array([0.5, 0.7, 1.0, 1.5, 2.0])
    quantiles = np.array(steps)[..., None] * shape
    return Forecast(
        Measure.REVENUE,
        (1, 3),
        quantiles,
        np.array(totals)[..., None] * shape,
        ("pooled",) * len(steps),
    )


def test_steps_up_to_each_horizon_are_scaled_by_what_its_total_leaves_for_them() -> None:
    told = adding_up(_forecast([[10, 20, 30]], [[12, 72]]))
    assert told.steps[0, :, _MEDIAN] == pytest.approx([12, 24, 36])


def test_bounds_stay_where_they_hold_the_new_median_and_are_drawn_to_it_else() -> None:
    told = adding_up(_forecast([[10, 10, 10]], [[18, 58]]))
    first, second = told.steps[0, 0], told.steps[0, 1]
    assert first.tolist() == pytest.approx([5, 7, 18, 18, 20])
    assert second.tolist() == pytest.approx([5, 7, 20, 20, 20])


def test_totals_and_methods_stay() -> None:
    given_ = _forecast([[10, 20, 30]], [[12, 72]])
    told = adding_up(given_)
    assert np.array_equal(told.totals, given_.totals)
    assert told.methods == given_.methods


@pytest.mark.parametrize(
    ("total", "step"),
    [(300.0, 50.0), (1.0, 2.0), (-5.0, 2.0)],
    ids=["five times at most", "a fifth at least", "less than before"],
)
def test_a_total_that_is_far_off_moves_steps_only_so_far(total: float, step: float) -> None:
    assert scaled(np.array([[10.0, 10.0]]), np.array([total])).tolist() == [[step, step]]


def test_steps_of_nothing_stay_nothing_and_what_is_not_known_stays_unknown() -> None:
    nan = float("nan")
    told = adding_up(_forecast([[0, 0, 0], [nan, nan, nan]], [[5, 9], [nan, nan]]))
    assert told.steps[0].tolist() == [[0.0] * 5] * 3
    assert np.isnan(told.steps[1]).all()


def test_only_the_rows_that_are_named_are_moved() -> None:
    quantiles = np.tile([1.0, 2.0, 3.0, 4.0, 5.0], (2, 1, 1))
    moved = centred(quantiles, np.array([[6.0], [6.0]]), np.array([True, False]))
    assert moved[0, 0].tolist() == [1, 2, 6, 6, 6]
    assert moved[1, 0].tolist() == [1, 2, 3, 4, 5]


amounts = st.floats(1, 1000)


@given(steps=st.lists(amounts, min_size=3, max_size=3), first=amounts, rest=amounts)
def test_quantiles_rise_and_medians_add_up_wherever_the_factor_is_sensible(
    steps: list[float], first: float, rest: float
) -> None:
    told = adding_up(_forecast([steps], [[first, first + rest]]))
    assert (np.diff(told.steps, axis=-1) >= 0).all()
    for total, part, before in ((first, slice(0, 1), steps[:1]), (rest, slice(1, 3), steps[1:])):
        if 0.2 <= total / sum(before) <= 5:
            assert told.steps[0, part, _MEDIAN].sum() == pytest.approx(total)


def test_a_campaign_brings_nothing_on_days_on_which_it_does_not_spend() -> None:
    campaign, channel = Series("acme", "search", "one"), Series("acme", "search")
    told = unspent(
        _forecast([[10, 20, 30]] * 3, [[10, 60]] * 3),
        (campaign, campaign, channel),
        np.array([[0.0, 5.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]),
    )
    assert told.steps[0, :, _MEDIAN].tolist() == [0, 20, 0]
    assert told.steps[0, 0].tolist() == [0, 0, 0, 15, 20]
    assert told.totals[:, :, _MEDIAN].tolist() == [[0, 20], [0, 0], [10, 60]]
    assert told.steps[2, :, _MEDIAN].tolist() == [10, 20, 30]


def test_where_spend_is_unknown_nothing_is_taken_away() -> None:
    forecast = _forecast([[10, 20, 30]], [[10, 60]])
    assert unspent(forecast, (Series("acme", "search", "one"),), None) is forecast

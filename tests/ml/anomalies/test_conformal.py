"""P-values have the law that exchangeability gives them, to the digit."""

from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.anomalies.conformal import (
    compute_scores,
    two_sided_p_value,
    upper_p_values,
    volume_groups,
)
from ml.panel import Floats


def upper(new: float, past: list[float]) -> float:
    return float(upper_p_values(np.array([new]), np.array(past))[0])


def steps_of(columns: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    return np.arange(columns)[np.newaxis, :]


def test_a_p_value_is_the_rank_among_past_and_new() -> None:
    past = [1.0, 2, 3, 4, 5, 6, 7, 8, 9]
    assert upper(0.5, past) == 1.0
    assert upper(5.0, past) == 0.6  # five are as high, and itself
    assert upper(8.5, past) == 0.2
    assert upper(9.0, past) == 0.2


def test_over_all_orders_each_rank_comes_as_often() -> None:
    values = [-1.5, 0.3, 1.1, 2.0, 4.0]
    found = Counter(
        min(round(upper(order[-1], list(order[:-1])), 9), 0.2)
        if order[-1] == max(values)
        else round(upper(order[-1], list(order[:-1])), 9)
        for order in permutations(values)
    )
    below = {p: count for p, count in found.items() if p <= 0.2}
    assert sum(below.values()) == 24  # the highest one, of 120 orders: P(p <= 1/5) = 1/5
    rest = {p: count for p, count in found.items() if p > 0.2}
    assert rest == {0.4: 24, 0.6: 24, 0.8: 24, 1.0: 24}


def test_over_all_orders_two_sides_are_valid_at_every_level() -> None:
    values = [-4.0, -1.0, -0.2, 0.1, 1.5, 3.0]
    found = []
    for order in permutations(values):
        past, new = np.array(order[:-1]), np.array(order[-1:])
        both = two_sided_p_value(upper_p_values(new, past), upper_p_values(-new, -past))
        found.append(float(both[0]))
    for level in np.arange(1, 7) / 3:  # two-sided values are multiples of 2/6
        assert np.mean(np.array(found) <= level + 1e-12) <= level + 1e-12


def test_ties_are_never_taken_as_rare() -> None:
    assert upper(0.0, [0.0] * 19) == 1.0


def test_beyond_the_past_the_p_value_falls_along_a_tail() -> None:
    past = list(np.linspace(-1, 1, 99))
    just, further, far = (upper(value, past) for value in (1.0001, 2.0, 4.0))
    assert just == pytest.approx(0.01, rel=0.01)  # 1 / (99 + 1)
    assert just > further > far > 0
    assert further / far == pytest.approx(just / further, rel=0.01)  # a power of the distance


def test_the_tail_of_a_pareto_law_is_met() -> None:
    chance = np.random.default_rng(5)
    past = chance.pareto(3.0, 40_000) + 1  # P(X > x) = x ** -3
    highest = past.max()
    found = upper(2 * highest, list(past)) * 40_001
    assert found == pytest.approx(2**-3.0, rel=0.35)


def test_what_is_not_known_has_no_p_value() -> None:
    assert np.isnan(upper_p_values(np.array([np.nan]), np.array([1.0, 2.0]))).all()


def test_an_incident_in_the_past_makes_alarms_rarer() -> None:
    past = list(np.linspace(-1, 1, 200))
    assert upper(1.5, [*past, 5.0]) > upper(1.5, past)


@given(st.lists(st.floats(0.1, 50), min_size=8, max_size=40), st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_the_order_of_the_days(
    figures: list[float], chance: np.random.Generator
) -> None:
    order = list(range(len(figures)))
    chance.shuffle(order)
    actual = np.array([figures])
    expected = np.full_like(actual, 10.0)
    straight = compute_scores(actual, expected, steps_of(len(figures)), 1).z
    mixed = compute_scores(actual[:, order], expected, steps_of(len(figures)), 1).z
    np.testing.assert_allclose(mixed, straight[:, order], atol=1e-9)


def noisy(rows: int, columns: int) -> Floats:
    return np.random.default_rng(3).lognormal(3, 0.3, (rows, columns))


def test_scores_have_no_unit() -> None:
    actual, expected = noisy(4, 60), np.full((4, 60), 20.0)
    once = compute_scores(actual, expected, steps_of(60), 7).z
    thousands = compute_scores(1000 * actual, 1000 * expected, steps_of(60), 7).z
    np.testing.assert_allclose(thousands, once)


def test_scores_of_a_normal_log_ratio_are_standard() -> None:
    z = compute_scores(noisy(30, 400), np.full((30, 400), np.exp(3)), steps_of(400), 7).z
    assert np.std(z) == pytest.approx(1.0, abs=0.05)
    assert np.median(z) == pytest.approx(0.0, abs=0.02)


def test_a_half_is_as_far_as_a_double() -> None:
    actual = np.array([[100.0, 90, 110, 50, 200]])
    expected = np.full_like(actual, 100.0)
    scored = compute_scores(actual - 10, expected - 10, steps_of(5), 1)
    assert scored.offset[0, 0] == 9.0
    raised = np.log((actual - 1) / 99)
    np.testing.assert_allclose(scored.z * scored.spread + scored.centre, raised)


def test_a_weekday_that_is_always_low_is_no_surprise() -> None:
    actual = np.where(np.arange(140) % 7 == 6, 50.0, 100.0)[np.newaxis, :]
    scored = compute_scores(actual, np.full_like(actual, 100.0), steps_of(140), 7)
    monday, sunday = scored.centre[0, 0], scored.centre[0, 6]
    full = np.log((50 + 10) / (100 + 10))
    assert monday == 0.0
    assert sunday == pytest.approx(20 / 28 * full)  # twenty Sundays against eight of doubt


def test_a_series_without_figures_has_no_score() -> None:
    zeros = np.zeros((1, 30))
    assert np.isnan(compute_scores(zeros, zeros, steps_of(30), 7).z).all()


@given(st.integers(1, 300))
def test_groups_hold_every_row_once_and_like_with_like(count: int) -> None:
    volume = np.random.default_rng(count).permutation(count).astype(float)
    groups = volume_groups(volume)
    assert sorted(row for group in groups for row in group.tolist()) == list(range(count))
    assert count < 60 or min(len(group) for group in groups) >= 60
    for small, large in pairwise(groups):
        assert volume[small].max() < volume[large].min()


def test_bounds_lead_back_to_figures() -> None:
    actual, expected = noisy(2, 80), np.full((2, 80), 20.0)
    scored = compute_scores(actual, expected, steps_of(80), 7)
    back = scored.bound(expected[:, -1], scored.z[:, -1])
    np.testing.assert_allclose(back, actual[:, -1])

"""PSI by hand and by definition, KS by scipy and by brute force, few values, many features."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, ks_2samp

from feature_repo.monitoring.drift import (
    DRIFTED,
    MINIMUM,
    choose_bins,
    compute_edges,
    compute_psi,
    count_bins,
    find_discoveries,
    measure_drift,
)
from feature_repo.monitoring.judge import CHANCE
from feature_repo.packing import Value

values = st.lists(st.integers(-20, 20).map(float), min_size=MINIMUM, max_size=90)


def test_psi_is_what_a_hand_computes() -> None:
    # (0.2 - 0.5) ln(0.2 / 0.5) + (0.5 - 0.3) ln(0.5 / 0.3) + (0.3 - 0.2) ln(0.3 / 0.2)
    by_hand = 0.3 * math.log(2.5) + 0.2 * math.log(5 / 3) + 0.1 * math.log(1.5)
    assert compute_psi([50, 30, 20], [20, 50, 30]) == pytest.approx(by_hand, abs=1e-12)
    assert by_hand == pytest.approx(0.4176, abs=1e-4)


def test_an_empty_bin_is_half_a_value_and_one_empty_on_both_sides_nothing() -> None:
    by_hand = (0.005 - 0.5) * math.log(0.005 / 0.5) + (1.0 - 0.5) * math.log(1.0 / 0.5)
    assert compute_psi([50, 50, 0], [0, 100, 0]) == pytest.approx(by_hand, abs=1e-12)


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(1, 99)), min_size=1, max_size=9))
def test_psi_is_never_negative_the_same_both_ways_and_zero_for_equal_shares(
    pairs: list[tuple[int, int]],
) -> None:
    then, now = zip(*pairs, strict=True)
    psi = compute_psi(then, now)
    assert psi >= 0
    assert compute_psi(now, then) == pytest.approx(psi, abs=1e-12)
    assert compute_psi(then, [3 * one for one in then]) == pytest.approx(0, abs=1e-12)


def test_bins_hold_equal_shares_of_the_reference_with_their_upper_ends() -> None:
    reference = np.arange(1.0, 101.0)
    edges = compute_edges(reference, 4)
    assert edges.tolist() == [25.0, 50.0, 75.0]
    assert count_bins(reference, edges).tolist() == [25, 25, 25, 25]
    assert count_bins(np.array([-9.0, 25.0, 25.1, 1e9]), edges).tolist() == [2, 1, 0, 1]


def test_a_constant_leaves_in_both_directions() -> None:
    edges = compute_edges(np.full(50, 7.0), 10)
    assert count_bins(np.array([6.0, 7.0, 7.0, 8.0]), edges).tolist() == [1, 2, 1]
    moved = measure_drift([7.0] * 60, [6.0] * 60)
    assert moved is not None
    assert moved.psi > DRIFTED
    same = measure_drift([7.0] * 60, [7.0] * 60)
    assert same is not None
    assert (same.psi, same.distance, same.p_value) == (0, 0, 1)


@pytest.mark.parametrize(
    ("reference", "count", "bins"), [(50, 50, 3), (100, 100, 6), (180, 180, 10), (10**6, 50, 5)]
)
def test_small_samples_have_few_bins(reference: int, count: int, bins: int) -> None:
    assert choose_bins(reference, count) == bins
    assert (bins - 1) * (1 / reference + 1 / count) <= 0.1


@given(values, values)
def test_distance_is_the_widest_gap_of_the_two_distributions(
    then: list[float], now: list[float]
) -> None:
    drift = measure_drift(then, now)
    assert drift is not None
    gaps = [
        abs(sum(one <= at for one in then) / len(then) - sum(one <= at for one in now) / len(now))
        for at in {*then, *now}
    ]
    assert drift.distance == pytest.approx(max(gaps), abs=1e-12)
    assert drift.p_value == ks_2samp(then, now, method="asymp").pvalue


def test_unknown_values_are_no_drift_and_too_few_known_ones_no_answer() -> None:
    numbers: list[Value] = [float(one) for one in range(MINIMUM)]
    drift = measure_drift([*numbers, None, None], numbers)
    assert drift is not None
    assert (drift.reference, drift.count, drift.psi, drift.distance) == (50, 50, 0, 0)
    assert measure_drift([*numbers[1:], None], numbers) is None
    assert measure_drift([], []) is None


def test_texts_are_compared_by_their_shares() -> None:
    drift = measure_drift(["EUR"] * 80 + ["USD"] * 20, ["EUR"] * 20 + ["USD"] * 80)
    assert drift is not None
    assert drift.psi == pytest.approx(2 * 0.6 * math.log(4), abs=1e-12)
    assert drift.distance is None
    # chi-squared with Yates' correction: 200 (|6400 - 400| - 100)^2 / 100^4 = 69.62, one degree
    assert drift.p_value == pytest.approx(math.erfc(math.sqrt(69.62 / 2)), rel=1e-9)
    same = measure_drift(["EUR"] * 60, ["EUR"] * 90)
    assert same is not None
    assert (same.psi, same.p_value) == (0, 1)
    assert measure_drift(["EUR"] * 49, ["EUR"] * 90) is None


@given(st.lists(st.floats(1e-9, 1), min_size=1, max_size=30), st.sampled_from([0.01, 0.05, 0.2]))
def test_discoveries_are_those_of_benjamini_and_hochberg(
    p_values: Sequence[float], rate: float
) -> None:
    adjusted = false_discovery_control(p_values)
    clear = [abs(one - rate) > 1e-12 for one in adjusted]
    found = find_discoveries(p_values, rate)
    expected = (adjusted <= rate).tolist()
    assert [one for one, sure in zip(found, clear, strict=True) if sure] == [
        one for one, sure in zip(expected, clear, strict=True) if sure
    ]


def test_nothing_is_found_in_nothing() -> None:
    assert find_discoveries([], 0.01) == []


def test_fifty_features_that_do_not_move_raise_no_alarm() -> None:
    """A month of days, fifty features each, new entities every time: the hardest case."""
    generator = np.random.default_rng(7)
    alarms = alone = 0
    for _ in range(30):
        drifts = [
            measure_drift(
                generator.lognormal(size=MINIMUM).tolist(),
                generator.lognormal(size=MINIMUM).tolist(),
            )
            for _ in range(50)
        ]
        found = [drift for drift in drifts if drift is not None]
        believed = find_discoveries([drift.p_value for drift in found], CHANCE)
        alarms += sum(
            is_one and drift.psi > DRIFTED for drift, is_one in zip(found, believed, strict=True)
        )
        alone += sum(drift.p_value < 0.05 for drift in found)
    assert alarms == 0
    assert alone > 30  # one in twenty of 1,500 would be told if each were judged alone


def test_a_feature_that_moved_is_found_among_fifty() -> None:
    generator = np.random.default_rng(8)
    drifts = [
        measure_drift(
            generator.lognormal(size=200).tolist(),
            generator.lognormal(0.8 * (number == 0), size=200).tolist(),
        )
        for number in range(50)
    ]
    found = [drift for drift in drifts if drift is not None]
    believed = find_discoveries([drift.p_value for drift in found], CHANCE)
    drifted = [is_one and one.psi > DRIFTED for one, is_one in zip(found, believed, strict=True)]
    assert drifted == [True] + [False] * 49

"""The gate against hand computation, scipy's t test, and all resamples that there are."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from domain.errors import InvalidInputError
from ml.registry.gate import (
    OFFLINE,
    SHADOW_WEEK,
    Gate,
    GateRules,
    PairedErrors,
    bootstrap_by_series,
    diebold_mariano,
)

DIFFERENTIAL = np.array([1.0, 2.0, 3.0, 4.0])


def errors_of(
    champion: Any, challenger: Any, *, group: Any = None, covered: float = 0.8
) -> PairedErrors:
    """Of shape (series, origins); so many of the intervals hold the actual, in each group."""
    champion, challenger = np.asarray(champion, float), np.asarray(challenger, float)
    series, origin = np.indices(champion.shape)
    of_series = np.zeros(len(champion), int) if group is None else np.asarray(group)
    of_group = of_series[series.ravel()]
    is_covered = np.zeros(champion.size, bool)
    for one in np.unique(of_group):
        (places,) = np.nonzero(of_group == one)
        is_covered[places[: round(covered * len(places))]] = True
    groups = tuple("ABC"[: of_group.max() + 1])
    return PairedErrors(
        series.ravel(),
        origin.ravel(),
        of_group,
        groups,
        champion.ravel(),
        challenger.ravel(),
        is_covered,
    )


def judge(errors: PairedErrors, rules: GateRules = OFFLINE, steps: int = 1) -> Any:
    return Gate(rules).judge(errors, steps, np.random.default_rng(7))


def test_one_step_is_the_paired_t_test() -> None:
    found = diebold_mariano(DIFFERENTIAL, 1)
    expected = stats.ttest_1samp(DIFFERENTIAL, 0.0, alternative="greater")
    assert found.statistic == pytest.approx(math.sqrt(15.0))
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_worse == pytest.approx(expected.pvalue)


@given(
    st.lists(st.integers(-50, 50), min_size=3, max_size=30).filter(lambda one: len(set(one)) > 1)
)
def test_one_step_is_the_paired_t_test_of_any_differential(values: list[int]) -> None:
    expected = stats.ttest_1samp(values, 0.0, alternative="greater")
    found = diebold_mariano(np.array(values, float), 1)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_worse == pytest.approx(expected.pvalue)


def test_two_steps_by_hand() -> None:
    """Mean 5/2; autocovariances 5/4 and 5/16, so the variance of the mean is (15/8)/4 = 15/32.

    Uncorrected 2.5 / sqrt(15/32); Harvey's factor is sqrt((5 - 4 + 2/4) / 4) = sqrt(3/8): sqrt(5).
    """
    assert diebold_mariano(DIFFERENTIAL, 2).statistic == pytest.approx(math.sqrt(5.0))


def test_negative_variance_takes_bartletts_weights() -> None:
    """Of 1, -1, 1, -1: autocovariances 1 and -3/4: 1 - 3/2 < 0, but 1 - 3/4 = 1/4."""
    found = diebold_mariano(np.array([2.0, 0.0, 2.0, 0.0]), 2)
    assert found.statistic == pytest.approx(1.0 / math.sqrt(0.25 / 4) * math.sqrt(3 / 8))


@pytest.mark.parametrize(("constant", "expected"), [(0.0, 0.0), (1.0, math.inf), (-1.0, -math.inf)])
def test_constant_differential_leaves_no_doubt(constant: float, expected: float) -> None:
    assert diebold_mariano(np.full(5, constant), 1).statistic == expected


def test_forecasts_that_overlap_over_all_origins_cannot_be_tested() -> None:
    with pytest.raises(InvalidInputError, match="4 origins do not test forecasts of 4 steps"):
        diebold_mariano(DIFFERENTIAL, 4)


def test_bootstrap_draws_whole_series() -> None:
    """Against all 27 ways of drawing three series, each as likely as another."""
    champion, challenger = np.array([4.0, 2.0, 4.0]), np.array([2.0, 2.0, 5.0])
    ways = [list(way) for way in itertools.product(range(3), repeat=3)]
    exact = sorted(challenger[way].sum() / champion[way].sum() - 1.0 for way in ways)
    errors = errors_of(champion[:, None].repeat(2, 1) / 2, challenger[:, None].repeat(2, 1) / 2)
    low, high = bootstrap_by_series(errors, 20_000, np.random.default_rng(1))
    # 1 way of 27 (3.7 %) is at each end: beyond 2.5 % on both sides.
    assert [low, high] == pytest.approx([exact[0], exact[-1]])
    assert (exact[0], exact[-1]) == (-0.5, 0.25)


def test_better_challenger_passes() -> None:
    champion = np.tile(np.linspace(8.0, 12.0, 10)[:, None], 8)
    verdict = judge(errors_of(champion, champion * 0.9))
    assert verdict.has_passed
    assert verdict.change == pytest.approx(-0.1)
    assert list(verdict.interval) == pytest.approx([-0.1, -0.1])
    assert verdict.test is not None
    assert verdict.test.statistic == -math.inf
    assert verdict.test.p_worse == 1.0


def test_worse_challenger_is_told_why() -> None:
    verdict = judge(errors_of(np.full((10, 8), 10.0), np.full((10, 8), 11.0)))
    assert verdict.reasons == (
        "its error is 10.0% larger",
        "over other series its error may be 10.0% larger, more than 2%",
        "over origins it is worse (Diebold-Mariano inf, p 0.000)",
        "in group A its error is 10.0% larger",
    )


def test_a_group_must_not_pay_for_the_others() -> None:
    champion = np.full((20, 8), 10.0)
    challenger = np.full((20, 8), 8.0)
    challenger[19] = 10.3
    group = [0] * 19 + [1]
    assert judge(errors_of(champion, challenger, group=group)).reasons == (
        "in group B its error is 3.0% larger",
    )


def test_a_gain_that_one_series_makes_is_none() -> None:
    champion, challenger = np.full((20, 8), 10.0), np.full((20, 8), 10.25)
    challenger[0] = 0.0
    verdict = judge(errors_of(champion, challenger))
    assert verdict.change == pytest.approx((19 * 10.25) / 200 - 1)
    assert verdict.reasons == ("over other series its error may be 2.5% larger, more than 2%",)


@pytest.mark.parametrize(
    ("covered", "passes"), [(0.76, False), (0.78, True), (0.82, True), (0.84, False)]
)
def test_intervals_hold_what_they_promise(covered: float, passes: bool) -> None:  # noqa: FBT001
    champion = np.full((50, 8), 10.0)
    verdict = judge(errors_of(champion, champion * 0.9, covered=covered))
    assert verdict.has_passed is passes
    if not passes:
        assert verdict.reasons == (f"its 80 % intervals hold {covered:.1%} of the actuals",)


def test_coverage_of_a_group_is_asked_for_when_it_is_large_enough() -> None:
    champion = np.full((200, 8), 10.0)
    group = np.array([0] * 100 + [1] * 100)
    errors = errors_of(champion, champion * 0.9, group=group)
    errors.is_covered[:] = np.arange(1_600) % 10 < np.where(errors.group == 0, 7, 9)
    assert judge(errors).reasons == (
        "in group A its 80 % intervals hold 70.0%",
        "in group B its 80 % intervals hold 90.0%",
    )
    few = GateRules(fewest_origins=8, fewest_of_group=801)
    assert judge(errors, few).has_passed


def test_a_week_of_shadow_is_fewer_origins_than_a_trial() -> None:
    champion = np.full((10, 7), 10.0)
    errors = errors_of(champion, champion * 0.9)
    assert judge(errors, SHADOW_WEEK).has_passed
    assert judge(errors).reasons == ("7 origins are compared, 8 are needed",)
    assert judge(errors, SHADOW_WEEK, steps=7).reasons == (
        "forecasts overlap over all origins: no test is possible",
    )


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="nothing to compare"):
        judge(errors_of(np.zeros((2, 8)), np.ones((2, 8))))


def test_same_seed_same_verdict() -> None:
    rng = np.random.default_rng(3)
    errors = errors_of(rng.gamma(2.0, 5.0, (12, 9)), rng.gamma(2.0, 5.0, (12, 9)))
    assert judge(errors) == judge(errors)

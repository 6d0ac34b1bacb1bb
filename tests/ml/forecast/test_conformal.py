"""Bounds cover exactly what split conformal promises, and levels follow what happens."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.forecast.conformal import Adaptation, Scores, group_quantile, score_quantile

GROUP = ("total", "revenue", "planned", "0", "calm")


@given(st.integers(39, 400), st.sampled_from([0.8, 0.95]))
def test_the_rank_of_the_next_one_is_covered_by_the_exact_law(count: int, share: float) -> None:
    # Exchangeable without ties: the next score falls into each of the count + 1 gaps alike.
    scores = np.arange(1.0, count + 1)
    low = score_quantile(scores, (1 - share) / 2)
    high = score_quantile(scores, 1 - (1 - share) / 2)
    inside = sum(low < gap < high for gap in np.arange(0.5, count + 1))
    assert share <= inside / (count + 1) <= share + 2 / (count + 1) + 1e-12


def test_quantiles_of_39_scores_are_the_extremes_at_95_percent() -> None:
    scores = np.arange(1.0, 40.0)
    assert [score_quantile(scores, level) for level in (0.025, 0.1, 0.5, 0.9, 0.975)] == [
        1.0,
        4.0,
        20.0,
        36.0,
        39.0,
    ]


def test_a_small_group_borrows_from_the_next_wider_one() -> None:
    other = (*GROUP[:-1], "wild")
    scores = Scores.of([GROUP] * 3 + [other] * 60, np.concatenate([np.zeros(3), np.ones(60)]))
    assert group_quantile(scores, Adaptation(), GROUP, 0.9) == 1.0
    assert len(scores.of_group(GROUP)) == 63
    assert len(scores.of_group(other)) == 60


def test_unknown_scores_are_left_out() -> None:
    scores = Scores.of([GROUP] * 41, np.array([np.nan, *range(40)]))
    assert scores.of_group(GROUP).tolist() == [float(one) for one in range(40)]


@pytest.mark.parametrize(
    ("missed", "alpha"),
    [([], 0.2), ([True], 0.184), ([False], 0.204), ([True, False, False], 0.192)],
)
def test_a_miss_widens_and_a_hit_narrows(missed: Sequence[bool], alpha: float) -> None:
    adapted = Adaptation().after(GROUP, 0.2, missed)
    assert adapted.alpha(GROUP, 0.2) == pytest.approx(alpha)
    assert adapted.alpha(GROUP, 0.05) == 0.05


@given(st.lists(st.booleans(), max_size=300))
def test_levels_stay_levels(missed: list[bool]) -> None:
    assert 0 < Adaptation().after(GROUP, 0.05, missed).alpha(GROUP, 0.05) < 1


def test_coverage_holds_in_the_long_run_after_the_world_has_moved() -> None:
    chance = np.random.default_rng(2)
    scores = Scores.of([GROUP] * 500, chance.normal(0, 1, 500))
    adaptation, misses = Adaptation(), []
    for score in chance.normal(0, 1.5, 3_000):  # half as noisy again
        low, high = (group_quantile(scores, adaptation, GROUP, level) for level in (0.1, 0.9))
        misses.append(not low <= score <= high)
        adaptation = adaptation.after(GROUP, 0.2, misses[-1:])
    assert np.mean(misses[1_000:]) == pytest.approx(0.2, abs=0.02)

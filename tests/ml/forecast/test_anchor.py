"""Experts of plain series are what is counted by hand."""

import numpy as np
import pytest

from ml.forecast.anchor import MEMORIES, RATIO_COUNT, Basis, expert_totals, experts, rates_of
from ml.forecast.record import Trials, anchors_of, stacked, weights_of
from ml.forecast.shrinkage import tiers_of
from ml.panel import DAILY, Floats, Series

RATIOS = slice(0, RATIO_COUNT)
LEVELS = slice(RATIO_COUNT, RATIO_COUNT + len(MEMORIES))


def basis(figures: Floats, spend: Floats, complete: Floats | None = None) -> Basis:
    series = tuple(Series(f"client_{row}") for row in range(len(figures)))
    whole = np.ones_like(figures) if complete is None else complete
    return Basis(DAILY, figures, whole, spend, tiers_of(series))


def experts_of(seen: Basis, ahead: Floats) -> Floats:
    return experts(rates_of(seen), ahead)


def test_a_steady_ratio_is_carried_on_whatever_the_memory() -> None:
    spend = np.random.default_rng(0).uniform(1, 9, (1, 10))  # too short for a season
    ahead = np.array([[5.0, 0.0, 20.0]])
    told = experts_of(basis(3 * spend, spend), ahead)
    np.testing.assert_allclose(told[RATIOS, 0], np.tile(3 * ahead, (RATIO_COUNT, 1)))


def test_a_level_weighs_by_half_lives() -> None:
    figures = np.array([[8.0, 2.0]])
    told = experts_of(basis(figures, figures), np.zeros((1, 1)))[LEVELS, 0, 0]
    by_hand = [
        (8 * 2 ** (-2 / life) + 2 * 2 ** (-1 / life)) / (2 ** (-2 / life) + 2 ** (-1 / life))
        for life in (1.05, 3.5, 14, 56, 224)
    ]
    np.testing.assert_allclose(told, by_hand)


def test_young_days_count_for_what_is_known_of_them() -> None:
    spend = np.full((1, 6), 10.0)
    complete = np.array([[1.0, 1.0, 1.0, 0.8, 0.5, 0.25]])
    told = experts_of(basis(30 * complete, spend, complete), np.full((1, 2), 7.0))
    np.testing.assert_allclose(told[RATIOS, 0], 21.0)
    np.testing.assert_allclose(told[LEVELS, 0], 30.0)


def test_an_earlier_view_has_days_as_young_as_they_were() -> None:
    complete = np.array([[1.0, 1.0, 0.8, 0.5]])
    then = basis(np.array([[10.0, 20, 24, 20]]), np.full((1, 4), 5.0), complete).until(3)
    # Figures become 10, 20, 30; two days before the end 80 % of a day is known, the last day half.
    np.testing.assert_allclose(then.complete, [[1.0, 0.8, 0.5]])
    np.testing.assert_allclose(then.figures, [[10.0, 16.0, 15.0]])
    assert then.spend.tolist() == [[5.0, 5.0, 5.0]]


def test_unknown_steps_are_passed_over() -> None:
    figures = np.array([[30.0, np.nan, 30.0]])
    told = experts_of(basis(figures, np.full((1, 3), 10.0)), np.full((1, 1), 10.0))
    np.testing.assert_allclose(told[:, 0, 0], 30.0)


def test_the_week_goes_on_where_it_stopped() -> None:
    week = np.array([0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 0.7])
    figures = 70 * np.tile(week, 12)[None, :80]
    told = experts_of(basis(figures, np.zeros_like(figures)), np.zeros((1, 9)))
    for expert in (*told[LEVELS], told[-1]):
        np.testing.assert_allclose(expert[0], 70 * np.tile(week, 2)[3:12], rtol=1e-9)


def test_totals_are_sums_of_the_steps() -> None:
    chance = np.random.default_rng(3)
    spend, ahead = chance.uniform(1, 9, (2, 60)), chance.uniform(1, 9, (2, 17))
    rates = rates_of(basis(chance.uniform(1, 9, (2, 60)), spend))
    np.testing.assert_allclose(expert_totals(rates, ahead), experts(rates, ahead).sum(axis=2))


def test_weights_are_inverse_squared_losses_drawn_to_those_of_the_panel() -> None:
    came = np.array([[10.0, 10.0], [10.0, 10.0]])
    told = np.array([[[10.0, 12.0], [12.0, 10.0]], [[10.0, 14.0], [14.0, 10.0]]])
    # Losses 0 and 4 + 16 for one series, the other way round for the other: over their mean 5, two
    # trials each, the experts usually lose 1. With four more such trials: 4 / 6 and 8 / 6, whose
    # inverse squares are as 4 to 1.
    weights = weights_of(Trials(came, told, 1.0))
    np.testing.assert_allclose(weights, [[0.8, 0.2], [0.2, 0.8]])


def test_trials_that_overlap_count_for_less() -> None:
    came = np.array([[10.0, 10.0], [10.0, 10.0]])
    told = np.array([[[10.0, 12.0], [12.0, 10.0]], [[10.0, 14.0], [14.0, 10.0]]])
    # Half a trial each: 4 / 5 and 6 / 5, whose inverse squares are as 9 to 4.
    weights = weights_of(Trials(came, told, 0.5))
    np.testing.assert_allclose(weights, np.array([[9, 4], [4, 9]]) / 13)


def test_without_trials_all_have_the_same_say() -> None:
    weights = weights_of(Trials(np.empty((0, 1)), np.empty((0, 4, 1)), 1.0))
    np.testing.assert_allclose(weights[:, 0], 0.25)


def test_who_does_not_speak_has_no_weight() -> None:
    told = np.array([[np.nan, np.nan], [6.0, np.nan]])
    mean = stacked(told, np.full((2, 2), 0.5))
    assert mean[0] == 6.0
    assert np.isnan(mean[1])


def test_a_series_that_follows_its_spend_is_told_by_it() -> None:
    spend = np.random.default_rng(1).uniform(5, 15, (1, 90))
    ahead = np.full((1, 14), 40.0)
    anchors = anchors_of(basis(2 * spend, spend), (7, 14), ahead)
    assert anchors.totals[:, 0] == pytest.approx([560.0, 1120.0], rel=0.05)
    np.testing.assert_allclose(anchors.steps[0, :7].sum(), anchors.totals[0, 0])


def test_a_series_that_ignores_its_spend_is_not() -> None:
    spend = np.random.default_rng(1).uniform(5, 15, (1, 90))
    anchors = anchors_of(basis(np.full((1, 90), 20.0), spend), (7, 14), np.full((1, 14), 40.0))
    assert anchors.totals[:, 0] == pytest.approx([140.0, 280.0], rel=0.05)

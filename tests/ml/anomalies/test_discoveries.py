"""Discoveries are those of Benjamini and Hochberg, and few of them are false."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.anomalies.discoveries import find_discoveries

# Benjamini and Hochberg 1995, section 4.1: thrombolysis in myocardial infarction, 15 endpoints.
PAPER = [
    *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
    *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
]


def test_the_example_of_the_paper_has_four() -> None:
    found = find_discoveries(np.array(PAPER), 0.05)
    assert found.tolist() == [True] * 4 + [False] * 11


def test_order_does_not_matter() -> None:
    found = find_discoveries(np.array(PAPER[::-1]), 0.05)
    assert found.tolist() == [False] * 11 + [True] * 4


def test_what_is_above_its_own_line_may_be_below_that_of_a_later_one() -> None:
    assert find_discoveries(np.array([0.03, 0.04, 0.9]), 0.06).tolist() == [True, True, False]


def test_what_was_not_tested_does_not_count() -> None:
    found = find_discoveries(np.array([*PAPER, *[np.nan] * 99]), 0.05)
    assert found.tolist() == [True] * 4 + [False] * 110


def test_none_among_none() -> None:
    assert find_discoveries(np.array([])).tolist() == []
    assert find_discoveries(np.array([np.nan])).tolist() == [False]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(0, 29), st.floats(0, 1))
def test_a_rarer_figure_never_takes_a_discovery_away(
    values: list[float], place: int, share: float
) -> None:
    before = find_discoveries(np.array(values), 0.2)
    values[place % len(values)] *= share
    assert (find_discoveries(np.array(values), 0.2) >= before).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_it_is_the_definition(values: list[float]) -> None:
    count = len(values)
    ordered = sorted(values)
    fitting = [rank for rank in range(1, count + 1) if ordered[rank - 1] <= 0.2 * rank / count]
    expected = max(fitting, default=0)
    found = find_discoveries(np.array(values), 0.2)
    assert found[np.argsort(values, kind="stable")][:expected].all()
    assert found.sum() == sum(value <= ordered[expected - 1] for value in values) * bool(expected)


@pytest.mark.parametrize("quiet", [20, 15, 10])
def test_the_false_share_is_the_rate_times_the_quiet_share(quiet: int) -> None:
    """Theorem 1 of the paper is an equality for independent continuous p-values."""
    chance = np.random.default_rng(quiet)
    shares = []
    for _ in range(4_000):
        real = chance.uniform(0, 0.004, 20 - quiet)
        found = find_discoveries(np.concatenate([chance.uniform(0, 1, quiet), real]), 0.2)
        shares.append(found[:quiet].sum() / max(found.sum(), 1))
    error = np.std(shares) / np.sqrt(len(shares))
    assert np.mean(shares) == pytest.approx(0.2 * quiet / 20, abs=3.5 * error)


def test_on_quiet_days_figures_that_move_together_alarm_no_more_often() -> None:
    chance = np.random.default_rng(8)
    days = 4_000
    common = chance.normal(0, 1, (days, 1))
    scores = np.sqrt(0.6) * common + np.sqrt(0.4) * chance.normal(0, 1, (days, 30))
    ranks = np.argsort(np.argsort(-np.abs(scores), axis=0), axis=0)  # p-values of each figure
    alarms = [find_discoveries(row, 0.05).any() for row in (ranks + 1) / days]
    assert np.mean(alarms) <= 0.05

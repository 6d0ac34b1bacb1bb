"""A profile counts, and names nobody."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_repo.monitoring.profile import QUANTILES, Profile, compute_profile


def test_numbers() -> None:
    profile = compute_profile([None, *map(float, range(101))])
    assert (profile.count, profile.nulls, profile.null_rate) == (102, 1, 1 / 102)
    assert (profile.minimum, profile.maximum, profile.mean) == (0, 100, 50)
    assert profile.quantiles == pytest.approx([100 * one for one in QUANTILES])
    assert profile.histogram["edges"] == pytest.approx([1 + 9.8 * one for one in range(11)])
    # 0 and 100 lie beyond the outermost edges and are in the outermost bins.
    assert profile.histogram["counts"] == [11, 10, 10, 10, 9, 10, 10, 10, 10, 11]


def test_texts_beyond_the_tenth_are_others() -> None:
    texts = [f"text {number}" for number in range(12) for _ in range(12 - number)]
    profile = compute_profile([*texts, None])
    assert (profile.count, profile.nulls, profile.minimum) == (79, 1, None)
    assert profile.histogram == {
        "counts": {f"text {number}": 12 - number for number in range(10)},
        "others": 3,
    }


def test_nothing_known_and_nothing_at_all() -> None:
    assert compute_profile([None, None]) == Profile(2, 2)
    assert compute_profile([]) == Profile(0, 0)
    assert compute_profile([]).null_rate is None


def test_a_constant_is_one_bin() -> None:
    assert compute_profile([4, 4, 4]).histogram == {"edges": [4, 4], "counts": [3]}


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=60))
def test_every_number_is_in_one_bin(numbers: list[int]) -> None:
    profile = compute_profile(numbers)
    assert sum(profile.histogram["counts"]) == len(numbers)
    assert profile.quantiles[3] == pytest.approx(statistics.median(numbers), abs=1e-9)

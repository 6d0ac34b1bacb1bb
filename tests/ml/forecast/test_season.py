"""A pattern that repeats is found exactly; what does not repeat leaves no index."""

import numpy as np
import pytest

from ml.forecast.season import seasonal_index

WEEK = np.array([0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 0.7])


def test_finds_a_pure_pattern_and_starts_with_the_next_step() -> None:
    figures = (50 * np.tile(WEEK, 10))[None, :67]  # ends after the fourth day of a week
    np.testing.assert_allclose(seasonal_index(figures, 7)[0], np.roll(WEEK, -4), rtol=1e-12)


def test_an_even_season_is_centred_too() -> None:
    figures = np.tile([1.0, 3.0], 10)[None, :]
    np.testing.assert_allclose(seasonal_index(figures, 2)[0], [0.5, 1.5], rtol=1e-12)


def test_noise_is_not_taken_for_a_season() -> None:
    noise = np.random.default_rng(5).lognormal(0, 0.3, (200, 140))
    spread = seasonal_index(noise, 7).std(axis=1)
    # Chance alone gives each phase 0.3 / sqrt(18) = 0.07; what is believed of it is far less.
    assert np.median(spread) < 0.02


def test_what_was_seen_once_is_no_season() -> None:
    assert (seasonal_index(np.arange(13.0)[None], 7) == 1.0).all()


def test_gaps_are_left_out() -> None:
    figures = (50 * np.tile(WEEK, 10))[None]
    figures[0, 30] = np.nan
    assert seasonal_index(figures, 7)[0] == pytest.approx(WEEK, rel=0.02)

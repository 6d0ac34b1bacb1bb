"""Months that are better or worse than the fit says, by hand."""

import dataclasses

import numpy as np
import pytest

from ml.response.drift import Drift
from ml.response.noise import Noise
from tests.ml.response.known_truth import client

MONTH = 28


def drift(factors: list[list[float]], known: int | None = None) -> Drift:
    """Outcomes that are 100 a day in the fit, and each month a factor of it; exact figures."""
    steps = MONTH * len(factors[0])
    observed, _ = client(1, items=len(factors), steps=steps)
    outcomes = 100 * np.repeat(np.array(factors), MONTH, axis=1)
    if known is not None:
        outcomes[:, known:] = np.nan
    noise = [Noise(np.full(steps, 1e6), 0.0) for _ in factors]
    fitted = np.full(outcomes.shape, 100.0)
    return Drift.of(dataclasses.replace(observed, outcomes=outcomes), fitted, noise, MONTH)


def test_months_like_the_fit_neither_shift_nor_spread() -> None:
    found = drift([[1.0] * 6])
    assert (found.shift.tolist(), found.spread.tolist()) == ([0.0], [0.0])


def test_months_that_alternate_are_no_guide_to_the_next() -> None:
    found = drift([[2.0, 0.5] * 3])
    assert found.shift.tolist() == [0.0]
    assert found.spread == pytest.approx([np.log(2)])


def test_months_that_stay_good_shift_the_next_as_far_as_they_resemble_each_other() -> None:
    # log 2 is 1 here: squares 1 each, five products of which four are 1 and one is -1: 0.6.
    found = drift([[0.5, 0.5, 0.5, 2.0, 2.0, 2.0]])
    assert found.shift == pytest.approx([0.6 * np.log(2)])
    assert found.spread == pytest.approx([np.log(2) * np.sqrt(1 - 0.36)])


def test_a_month_that_is_not_known_yet_is_one_more_to_look_ahead() -> None:
    found = drift([[0.5, 0.5, 0.5, 2.0, 2.0, 2.0, 1.0]], known=6 * MONTH)
    assert found.shift == pytest.approx([0.36 * np.log(2)])


def test_too_few_months_say_nothing() -> None:
    assert drift([[2.0, 2.0, 2.0]]).spread.tolist() == [0.0]

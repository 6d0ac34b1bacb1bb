"""Inputs that have moved are told from those that have not."""

import numpy as np
import pytest

from ml.forecast.calendar import NO_CALENDAR
from ml.runs.inputs import NEWEST, TRAINED_ON, WATCHED, inputs_of, profile_of, shifts_of
from tests.ml.forecast.histories import advertiser


def drawn(seed: int, rows: int = 1_000) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    chance = np.random.default_rng(seed)
    return chance.normal(size=(rows, len(WATCHED))).astype(np.float32)


def test_what_has_not_moved_has_no_shift() -> None:
    shifts = shifts_of(profile_of(drawn(1)), drawn(2))
    assert shifts.keys() == set(WATCHED)
    assert max(shifts.values()) < 0.1


def test_what_has_moved_is_named() -> None:
    now = drawn(2)
    now[:, 0] += 1.0
    now[::2, 1] = np.nan  # half of it is no longer known
    shifts = shifts_of(profile_of(drawn(1)), now)
    assert {name for name, psi in shifts.items() if psi > 0.2} == set(WATCHED[:2])


def test_a_shift_is_that_of_its_formula() -> None:
    then = np.tile(np.array([0.0, 0.0, 1.0, 1.0], dtype=np.float32), 100)
    now = np.tile(np.array([0.0, 1.0, 1.0, 1.0], dtype=np.float32), 100)
    columns = (np.repeat(one[:, None], len(WATCHED), axis=1) for one in (then, now))
    profile = profile_of(next(columns))
    assert profile[WATCHED[0]] == {"edges": [0.0, 1.0], "counts": [200, 200, 0, 0]}
    expected = (0.25 - 0.5) * np.log(0.25 / 0.5) + (0.75 - 0.5) * np.log(0.75 / 0.5)
    assert shifts_of(profile, next(columns))[WATCHED[0]] == pytest.approx(expected)


def test_too_few_rows_say_nothing() -> None:
    assert shifts_of(profile_of(drawn(1)), drawn(2, rows=50)) == {}
    assert shifts_of(profile_of(drawn(1)), drawn(2, rows=0)) == {}
    assert profile_of(drawn(1, rows=0)) == {}


def test_inputs_are_those_of_the_newest_days() -> None:
    history = advertiser(3)
    newest = inputs_of(history, NO_CALENDAR, NEWEST)
    assert newest.shape == (2 * 4, len(WATCHED))  # spend and revenue of four campaigns
    assert len(inputs_of(history, NO_CALENDAR, TRAINED_ON)) == 4 * 8
    # 200 days: 170 days before there is hardly any past.
    assert len(inputs_of(history, NO_CALENDAR, (170,))) == 0


def test_amounts_do_not_show() -> None:
    small, large = (inputs_of(advertiser(3, scale=one), NO_CALENDAR, NEWEST) for one in (1.0, 1e3))
    np.testing.assert_allclose(small, large, rtol=1e-3, atol=1e-4)

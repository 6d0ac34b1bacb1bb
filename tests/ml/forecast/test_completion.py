"""The chain ladder gives what is counted by hand, and looks at nothing that came later."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.forecast.completion import Completion, development, learn_completion, mean_completion
from ml.forecast.snapshots import MAX_AGE, Snapshots, origin_instant
from ml.panel import DAILY, Measure, Panel, Series
from tests.ml.forecast.histories import ARRIVED, START, advertiser

REVENUE = Measure.REVENUE


def triangle() -> np.ndarray:
    """Three steps seen at ages 1, 2 and 3; what is not told any more stays."""
    cube = np.full((1, 3, MAX_AGE), np.nan)
    cube[0, 0, :] = 120.0
    cube[0, 0, :2] = [60.0, 90.0]
    cube[0, 1, :] = 150.0
    cube[0, 1, :1] = 100.0
    cube[0, 2, :] = 40.0
    return cube


def test_is_the_ladder_counted_by_hand() -> None:
    # Known when step 2 has ended: ages 1-3 of step 0, 1-2 of step 1, 1 of step 2.
    # From age 1 to 2: (90 + 150) / (60 + 100) = 1.5; from 2 to 3: 120 / 90 = 4 / 3.
    shares = development(triangle(), 3)
    np.testing.assert_allclose(shares[:3], [1 / (1.5 * 4 / 3), 3 / 4, 1.0])
    assert (shares[3:] == 1.0).all()


def test_later_ages_are_not_looked_at() -> None:
    changed = triangle()
    changed[0, 1, 2:] = 1e6
    changed[0, 2, 1:] = 1e6
    np.testing.assert_array_equal(development(triangle(), 3), development(changed, 3))


def test_learns_the_arrival_of_an_advertiser() -> None:
    completion = learn_completion(Snapshots.of(advertiser(1)), 200)
    for channel in ("paid_search", "paid_social", None):
        np.testing.assert_allclose(completion.curves[REVENUE, channel][:3], ARRIVED, rtol=1e-12)
    assert (completion.curves[Measure.SPEND, None] == 1.0).all()


def test_shares_go_by_channel_and_by_age() -> None:
    own = np.linspace(0.1, 1.0, MAX_AGE)
    completion = Completion({(REVENUE, "video"): own, (REVENUE, None): np.full(MAX_AGE, 0.5)})
    series = (Series("acme", "video"), Series("acme", "email"))
    panel = Panel(DAILY, START, series, {REVENUE: np.ones((2, MAX_AGE + 2))})
    shares = completion.shares(panel, REVENUE)
    np.testing.assert_allclose(shares[0], [1.0, 1.0, *own[::-1]])
    assert (shares[1] == 0.5).all()
    assert (completion.shares(panel, Measure.SPEND) == 1.0).all()


def test_the_mean_is_over_agencies_that_have_the_channel() -> None:
    one = Completion({(REVENUE, None): np.full(MAX_AGE, 0.5)})
    other = Completion({(REVENUE, None): np.ones(MAX_AGE), (REVENUE, "video"): np.ones(MAX_AGE)})
    mean = mean_completion([one, other])
    assert mean.curves[REVENUE, None][0] == pytest.approx(0.75)
    assert mean.curves[REVENUE, "video"][0] == 1.0


@given(st.integers(0, 3), st.integers(2, 60))
def test_snapshots_are_the_views_of_the_history(seed: int, origin: int) -> None:
    history = advertiser(seed, count=2, steps=60)
    keep = np.random.default_rng(seed).random(len(history.row)) < 0.7
    thinned = dataclasses.replace(
        history,
        row=history.row[keep],
        step=history.step[keep],
        known_at=history.known_at[keep],
        values={measure: column[keep] for measure, column in history.values.items()},
    )
    seen = Snapshots.of(thinned).at(origin)
    expected = thinned.as_of(origin_instant(thinned, origin)).until(origin)
    for measure in thinned.values:
        np.testing.assert_array_equal(seen.values[measure], expected.values[measure])

"""Recursions in time against sums written out, and chance by name."""

import numpy as np
import pytest

from ingestion.simulator.market.streams import accumulate, autoregressive, stream


def test_a_share_of_what_came_before_is_kept() -> None:
    sums = accumulate(np.array([[1.0, 0, 2, 0]]), np.array([0.5]))
    assert sums.tolist() == [[1.0, 0.5, 2.25, 1.125]]


def test_noise_has_the_spread_and_the_memory_that_were_asked_for() -> None:
    noise = autoregressive(stream(1, "noise"), (2000, 50), 0.8, 0.3)
    assert noise.std() == pytest.approx(0.3, rel=0.02)
    assert np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1] == pytest.approx(
        0.8, abs=0.01
    )


def test_names_make_streams() -> None:
    first = stream(1, "a", "b").random(3)
    assert first.tolist() == stream(1, "a", "b").random(3).tolist()
    assert first.tolist() != stream(1, "a", "c").random(3).tolist()

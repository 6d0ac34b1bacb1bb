"""Points against numbers worked out by hand."""

from collections.abc import Callable

import numpy as np
import pytest

from ml.forecast.baselines.points import (
    Situation,
    last_value,
    mean_of,
    return_of,
    season_ago,
)
from ml.panel import Floats

NAN = np.nan
FIGURES = np.array([[1.0, 2, 3, 4, 5], [6.0, 7, NAN, 9, NAN], [NAN] * 5])
SPEND = np.array([[1.0, 1, 2, 2, 4], [2.0, NAN, 2, 0, 2], [1.0] * 5])
PLANNED = np.array([[8.0, 4, 0], [2.0, 2, 2], [1.0, 1, 1]])


def situation(spend: Floats | None = SPEND, planned: Floats | None = PLANNED) -> Situation:
    return Situation(FIGURES, spend, planned, season=2, horizon=3)


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        (last_value, [[5, 5, 5], [9, 9, 9], [NAN] * 3]),
        # A cell that is not known falls back to the last one that is.
        (season_ago, [[4, 5, 4], [9, 9, 9], [NAN] * 3]),
        (mean_of(3), [[4, 4, 4], [9, 9, 9], [NAN] * 3]),
        # 12 for a spend of 8; second row: 9 for a spend of 0, so there is no return: its mean.
        (return_of(3), [[12, 6, 0], [9, 9, 9], [NAN] * 3]),
        # Second row: 6 + 9 for 2 + 0 on the steps where both are known.
        (return_of(5), [[12, 6, 0], [15, 15, 15], [NAN] * 3]),
    ],
)
def test_points(point: Callable[[Situation], Floats], expected: list[list[float]]) -> None:
    np.testing.assert_allclose(point(situation()), expected)


def test_unknown_spend_is_that_of_a_season_ago() -> None:
    # Spend of 2, 4, 2 by the last season, at a return of 12 / 8.
    np.testing.assert_allclose(return_of(3)(situation(planned=None))[0], [3, 6, 3])


def test_without_any_spend_a_return_is_a_mean() -> None:
    np.testing.assert_array_equal(
        return_of(3)(situation(spend=None)), mean_of(3)(situation(spend=None))
    )


def test_a_past_shorter_than_a_season_gives_its_last_value() -> None:
    short = Situation(FIGURES, None, None, season=9, horizon=2)
    np.testing.assert_array_equal(season_ago(short), last_value(short))
    empty = Situation(FIGURES[:, :0], None, None, season=2, horizon=2)
    assert np.isnan(season_ago(empty)).all()


def test_a_paused_plan_brings_nothing() -> None:
    nothing = situation(planned=np.zeros((3, 3)))
    assert return_of(3)(nothing)[0].tolist() == [0.0, 0.0, 0.0]

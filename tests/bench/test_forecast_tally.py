"""A tally compares on common cells only, in dollars, by series."""

import numpy as np
import pytest

from bench.forecast_tally import Tally
from ml.forecast.forecast import Forecast
from ml.forecast.rolling_origin import Outcome
from ml.panel import Floats, Measure

NAN = np.nan


def forecast(median: list[list[float]], half_width: float = 1.0) -> Forecast:
    """Two series, two steps; bounds at the median and this far from it, totals as sums."""
    steps = np.array(median)[..., None] + half_width * np.array([-2.0, -1, 0, 1, 2])
    totals = np.array(median).sum(axis=1)[:, None, None] + np.array([-2.0, -1, 0, 1, 2])
    return Forecast(Measure.REVENUE, (2,), steps, totals, ("x",) * 2)


def outcome(origin: int, steps: Floats, *told: Forecast) -> Outcome:
    return Outcome(
        origin, False, told, steps, steps.sum(axis=1, keepdims=True), np.ones(2), np.full(2, 2.0)
    )


def tally() -> Tally:
    found = Tally("set", ("plain", "model"), "plain", "model", is_seasonal=False)
    came = np.array([[10.0, 20.0], [5.0, 5.0]])
    found.add(
        "panel",
        [
            outcome(1, came, forecast([[14, 20], [5, 5]]), forecast([[12, NAN], [5, 6]])),
            outcome(2, came, forecast([[10, 18], [5, 5]]), forecast([[10, 19], [5, 5]])),
        ],
        np.array([1.0, 10.0]),
    )
    return found


def test_scores_are_of_the_cells_that_all_have_told() -> None:
    figures = {one.case: one for one in tally().figures()}
    # Dollars: 10 + 50 + 50 and 10 + 20 + 50 + 50; the 20 of the first origin is not common.
    volume = 240.0
    assert figures["set: wMAPE of steps, plain"].value == pytest.approx((4 + 2) / volume, abs=1e-4)
    model = figures["set: wMAPE of steps, model vs plain"]
    assert model.value == pytest.approx((2 + 10 + 1) / volume, abs=1e-4)
    assert model.ratio == pytest.approx(13 / 6, abs=1e-3)
    # One of seven cells is four off, one two off: 80 % bounds are one off, 95 % ones two.
    assert figures["set: coverage of 80, plain"].value == pytest.approx(500 / 7, abs=1e-3)
    assert figures["set: coverage of 95, plain"].value == pytest.approx(600 / 7, abs=1e-3)


def test_series_are_compared_over_all_their_origins() -> None:
    figures = {one.case: one.value for one in tally().figures()}
    # First series: 3 against 6; second: 10 against 0.
    assert figures["set: model over plain, error ratio"] == pytest.approx(13 / 6, abs=1e-3)
    assert figures["set: model over plain, series worse"] == 50.0

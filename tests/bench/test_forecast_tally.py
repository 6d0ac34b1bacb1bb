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


def tally(*, is_each_alike: bool = False) -> Tally:
    found = Tally(
        "set", ("plain", "model"), "model", is_seasonal=False, is_each_alike=is_each_alike
    )
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
    (found,) = tally().wmape(["plain"])
    assert found.case == "set: wMAPE of steps vs plain"
    # Dollars: 10 + 50 + 50 and 10 + 20 + 50 + 50; the 20 of the first origin is not common.
    volume = 240.0
    assert found.value == pytest.approx((2 + 10 + 1) / volume, abs=1e-4)
    assert found.baseline_value == pytest.approx((4 + 2) / volume, abs=1e-4)
    assert found.ratio == pytest.approx(13 / 6, abs=1e-3)
    (scaled,) = tally().mase(["plain"])
    # Each series at each origin over a step of 2 dollars, or of 20: 1, 0.25, 0.25 and 0.
    assert scaled.value == pytest.approx((2 / 2 + 5 / 20 + 0.5 / 2 + 0) / 4)


def test_bands_hold_what_they_hold() -> None:
    figures = {one.case: one.value for one in tally().bands(["plain"])}
    # Of seven cells one is two off: 80 % bounds are one off, 95 % ones two.
    assert figures["set: 80% bands of steps hold"] == pytest.approx(600 / 7, abs=1e-3)
    assert figures["set: 95% bands of steps hold"] == 100.0
    assert figures["set: 80% bands of steps hold vs plain"] == pytest.approx(600 / 7, abs=1e-3)


def test_totals_are_told_by_horizon() -> None:
    (found,) = tally().wmape_of_totals(["plain"], "days")
    assert found.case == "set: wMAPE of 2 days vs plain"
    # The total that the model has not told is left out: 1 of 30, and 10 of 200 dollars.
    assert found.value == pytest.approx((1 + 10) / 230, abs=1e-4)


def test_series_are_compared_over_all_their_origins() -> None:
    figures = {one.case: one.value for one in tally().worse("plain")}
    # First series: 3 against 6; second: 10 against 0.
    assert figures["set: series worse than plain by any amount"] == 50.0
    assert figures["set: series worse than plain by more than 5 %"] == 50.0
    ratio = next(tally().interval("plain"))
    assert ratio.value == pytest.approx(13 / 6, abs=1e-3)
    # Over their volumes: 3 / 60 + 10 / 200 against 6 / 60.
    assert next(tally(is_each_alike=True).interval("plain")).value == pytest.approx(1.0, abs=1e-3)


def test_the_best_of_all_is_the_one_with_the_least_error() -> None:
    assert tally().best(["plain", "model"]) == "plain"

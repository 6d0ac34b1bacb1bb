"""A past forecast sees what was known at its origin, and nothing else."""

import datetime as dt

import numpy as np
import pytest

from domain.errors import InvalidInputError
from ml.forecast.forecast import Forecast
from ml.forecast.rolling_origin import (
    choose_origins,
    history_at_origin,
    known_at_origin,
    roll,
    totals_of,
)
from ml.panel import DAILY, Floats, History, Measure, Panel, Series

START = dt.date(2026, 3, 1)
SERIES = (Series("acme", "video"), Series("acme", "display"))
STEPS = 40
DAY = 86_400_000_000


class Recorder:
    """Tells what it was asked, and forecasts the last known figure."""

    name = "recorder"

    def __init__(self) -> None:
        self.known: list[Panel] = []
        self.planned: list[Floats | None] = []

    def forecast(
        self, known: Panel, measure: Measure, horizons: tuple[int, ...], planned: Floats | None
    ) -> Forecast:
        self.known.append(known)
        self.planned.append(planned)
        last = known.values[measure][:, -1]
        return Forecast(
            measure,
            horizons,
            np.broadcast_to(last[:, None, None], (len(last), horizons[-1], 5)).copy(),
            np.full((len(last), len(horizons), 5), np.nan),
            ("recorder",) * len(last),
        )


def history() -> History:
    """Each day told the next morning as its number, and corrected by a half ten days later."""
    first = (START - dt.date(1970, 1, 1)).days * DAY
    row, step, age = (
        one.ravel() for one in np.meshgrid([0, 1], range(STEPS), [1, 10], indexing="ij")
    )
    return History(
        cadence=DAILY,
        start=START,
        steps=STEPS,
        series=SERIES,
        row=row.astype(np.int32),
        step=step.astype(np.int32),
        known_at=first + (step + age) * DAY + DAY // 4,
        values={Measure.REVENUE: step + 100.0 * row + (age == 10) / 2},
    )


def test_origins_are_spread_and_the_last_one_has_just_ended() -> None:
    assert choose_origins(100, 14, 8, earliest=30) == (30, 38, 46, 54, 62, 70, 78, 86)
    assert choose_origins(20, 10, 8, earliest=8) == (8, 9, 10)


def test_no_origin_without_room() -> None:
    with pytest.raises(InvalidInputError, match="20 steps leave no origin between 11 and 10"):
        choose_origins(20, 10, earliest=11)


def test_at_noon_yesterday_is_known_and_last_week_not_yet_corrected() -> None:
    known = known_at_origin(history(), 20)
    assert known.steps == 20
    np.testing.assert_array_equal(
        known.values[Measure.REVENUE][0], [day + (0.5 if day <= 10 else 0.0) for day in range(20)]
    )


def test_actuals_are_those_known_last() -> None:
    recorder = Recorder()
    outcomes = list(roll([recorder], history(), Measure.REVENUE, (2, 3), (20, 30), planned=None))
    assert [one.origin for one in outcomes] == [20, 30]
    np.testing.assert_array_equal(outcomes[0].steps, [[20.5, 21.5, 22.5], [120.5, 121.5, 122.5]])
    np.testing.assert_array_equal(outcomes[0].totals, [[42.0, 64.5], [242.0, 364.5]])
    np.testing.assert_array_equal(outcomes[0].forecasts[0].steps[:, 0, 2], [19.0, 119.0])
    assert [one.steps for one in recorder.known] == [20, 30]
    # One change of a day lacks the correction's half; of a week, seven do.
    np.testing.assert_allclose(outcomes[0].stepwise, [(18 * 1.0 + 0.5) / 19] * 2)
    np.testing.assert_allclose(outcomes[0].seasonal, [(7.0 * 13 - 0.5 * 7) / 13] * 2)


def test_a_run_has_one_regime() -> None:
    recorder = Recorder()
    planned = np.arange(2.0 * STEPS).reshape(2, STEPS)
    outcomes = [
        *roll([recorder], history(), Measure.REVENUE, (2,), (20,), planned=planned),
        *roll([recorder], history(), Measure.REVENUE, (2,), (20,), planned=None),
    ]
    assert [one.is_spend_planned for one in outcomes] == [True, False]
    np.testing.assert_array_equal(recorder.planned[0], [[20.0, 21.0], [60.0, 61.0]])
    assert recorder.planned[1] is None


def test_a_model_is_trained_on_what_was_known_at_its_origin() -> None:
    past = history_at_origin(history(), 20)
    known = known_at_origin(history(), 20)
    assert past.steps == 20
    np.testing.assert_array_equal(
        past.latest().values[Measure.REVENUE], known.values[Measure.REVENUE]
    )
    earlier = known_at_origin(past, 15).values[Measure.REVENUE]
    np.testing.assert_array_equal(earlier, known_at_origin(history(), 15).values[Measure.REVENUE])


def test_a_total_needs_all_of_its_steps() -> None:
    steps = np.array([[1.0, 2.0, 3.0], [1.0, np.nan, 3.0]])
    np.testing.assert_array_equal(
        totals_of(steps, (1, 3, 4)), [[1.0, 6.0, np.nan], [1.0, np.nan, np.nan]]
    )

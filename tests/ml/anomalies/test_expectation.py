"""Expectations are told from the left, by weekday, plan or kept forecast."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.anomalies.expectation import Asked, KeptForecasts, PlannedSpend, WeekdayLevel
from ml.panel import Floats, Measure

COLUMNS = 60


def asked(
    figures: Floats, measure: Measure = Measure.SPEND, *, first: int = 0, share: float = 1.0
) -> Asked:
    rows, columns = figures.shape
    steps = np.broadcast_to(np.arange(first, first + columns), figures.shape)
    return Asked(measure, np.arange(rows), steps, figures, np.full(rows, share))


def test_a_steady_series_is_expected_to_stay() -> None:
    expected = WeekdayLevel(7)(asked(np.full((1, COLUMNS), 5.0)))
    assert np.isnan(expected[0, :7]).all()
    assert (expected[0, 7:] == 5.0).all()


def test_a_past_incident_does_not_move_the_level() -> None:
    figures = np.full((1, COLUMNS), 5.0)
    figures[0, 40:48] = 0.0
    assert WeekdayLevel(1)(asked(figures))[0, 41:].tolist() == [5.0] * 19


def test_a_weekday_keeps_its_part_of_the_level() -> None:
    figures = np.where(np.arange(700) % 7 == 6, 40.0, 100.0)[np.newaxis, :]
    expected = WeekdayLevel(7)(asked(figures))
    sundays = 98  # that have a level before them; one of doubt says 1
    assert expected[0, 699] == pytest.approx(100 * (sundays * 0.4 + 1) / (sundays + 1))
    assert expected[0, 698] == 100.0


@settings(deadline=None)
@given(st.integers(0, COLUMNS - 1), st.floats(0, 1e6))
def test_nothing_is_told_from_the_figure_itself_or_later(column: int, value: float) -> None:
    figures = np.random.default_rng(1).uniform(50, 150, (2, COLUMNS))
    before = WeekdayLevel(7)(asked(figures))
    figures[:, column:] = value
    after = WeekdayLevel(7)(asked(figures))
    np.testing.assert_array_equal(after[:, : column + 1], before[:, : column + 1])


def test_the_median_is_that_of_numpy_with_gaps() -> None:
    figures = np.random.default_rng(2).uniform(0, 1, (3, COLUMNS))
    figures[figures < 0.4] = np.nan
    expected = WeekdayLevel(1)(asked(figures))
    for row in range(3):
        for column in range(28, COLUMNS):
            window = figures[row, column - 28 : column]
            if np.isfinite(window).sum() >= 7:
                assert np.isclose(expected[row, column], np.nanmedian(window))


def test_planned_spend_is_what_is_expected_of_spend() -> None:
    plan = np.full((1, COLUMNS), np.nan)
    plan[0, 50:] = 9.0
    expected = PlannedSpend(plan, WeekdayLevel(1))(asked(np.full((1, COLUMNS), 5.0)))
    assert expected[0, 40:50].tolist() == [5.0] * 10
    assert expected[0, 50:].tolist() == [9.0] * 10


def test_sales_are_expected_to_follow_the_plan_less_than_in_proportion() -> None:
    plan = np.full((1, COLUMNS), 10.0)
    plan[0, -1] = 20.0
    figures = np.full((1, COLUMNS), 5.0)
    expected = PlannedSpend(plan, WeekdayLevel(1))(asked(figures, Measure.REVENUE))
    assert expected[0, -2] == 5.0
    assert expected[0, -1] == 5.0 * 2**0.7


def test_steps_beyond_the_plan_have_none() -> None:
    expected = PlannedSpend(np.full((1, 40), 9.0), WeekdayLevel(1))(
        asked(np.full((1, COLUMNS), 5.0), first=-10)
    )
    assert expected[0, 9:].tolist() == [5.0, *[9.0] * 40, *[5.0] * 10]


def test_kept_forecasts_come_first_in_the_share_that_is_known() -> None:
    kept = {Measure.SPEND: np.vstack([np.full(COLUMNS, 8.0), np.full(COLUMNS, np.nan)])}
    expectation = KeptForecasts(kept, WeekdayLevel(1))
    expected = expectation(asked(np.full((2, COLUMNS), 5.0), share=0.5))
    assert expected[0].tolist() == [4.0] * COLUMNS
    assert expected[1, 7:].tolist() == [5.0] * 53
    sessions = expectation(asked(np.full((1, COLUMNS), 5.0), Measure.SESSIONS))
    assert sessions[0, 7:].tolist() == [5.0] * 53

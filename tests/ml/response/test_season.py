"""Columns of the calendar."""

import datetime as dt

import numpy as np
import pytest

from ml.panel import DAILY, WEEKLY
from ml.response.season import calendar

MONDAY = dt.date(2024, 1, 1)


def test_a_year_of_days_has_two_waves_and_six_weekdays() -> None:
    days = calendar(MONDAY, DAILY, 366)
    assert days.season.shape == (366, 4 + 6)
    assert days.trend.shape == (366, 1 + 3)  # a line, and a bend for each quarter that ends inside
    assert days.season[:7, 4].tolist() == pytest.approx([6 / 7] + [-1 / 7] * 6)


def test_less_than_a_year_has_no_yearly_wave_and_weeks_have_no_weekdays() -> None:
    assert calendar(MONDAY, DAILY, 100).season.shape == (100, 6)
    assert calendar(MONDAY, WEEKLY, 30).season.shape == (30, 0)
    assert calendar(MONDAY, WEEKLY, 53).season.shape == (53, 4)


def test_the_columns_of_a_longer_calendar_begin_with_those_of_a_shorter() -> None:
    short, long = calendar(MONDAY, DAILY, 400), calendar(MONDAY, DAILY, 430)
    assert np.array_equal(long.season[:400], short.season)


def test_an_event_lies_on_the_step_that_holds_its_date() -> None:
    black_friday = frozenset({dt.date(2023, 11, 24), dt.date(2024, 11, 29)})
    weeks = calendar(MONDAY, WEEKLY, 52, [black_friday])
    assert np.flatnonzero(weeks.events[:, 0]).tolist() == [47]  # Monday 25 November

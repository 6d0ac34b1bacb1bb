"""Columns of the calendar."""

import datetime as dt

import numpy as np
import pytest

from ml.panel import DAILY, WEEKLY
from ml.response.season import calendar

MONDAY = dt.date(2024, 1, 1)


def test_two_years_of_days_have_two_waves_and_six_weekdays() -> None:
    days = calendar(MONDAY, DAILY, 731)
    assert days.season.shape == (731, 4 + 6)
    assert days.trend.shape == (731, 1 + 7)  # a line, and a bend for each quarter that ends inside
    assert days.season[:7, 4].tolist() == pytest.approx([6 / 7] + [-1 / 7] * 6)


def test_less_than_two_years_have_no_yearly_wave_and_weeks_have_no_weekdays() -> None:
    assert calendar(MONDAY, DAILY, 730).season.shape == (730, 6)
    assert calendar(MONDAY, WEEKLY, 30).season.shape == (30, 0)
    assert calendar(MONDAY, WEEKLY, 105).season.shape == (105, 4)


def test_the_columns_of_a_longer_calendar_begin_with_those_of_a_shorter() -> None:
    short, long = calendar(MONDAY, DAILY, 400), calendar(MONDAY, DAILY, 430)
    assert np.array_equal(long.season[:400], short.season)


def test_an_event_lies_on_the_step_that_holds_its_date() -> None:
    black_friday = frozenset({dt.date(2023, 11, 24), dt.date(2024, 11, 29)})
    weeks = calendar(MONDAY, WEEKLY, 52, [black_friday])
    assert np.flatnonzero(weeks.events[:, 0]).tolist() == [47]  # Monday 25 November

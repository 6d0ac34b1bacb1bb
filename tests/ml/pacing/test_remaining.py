"""Days of a month from forecasts of weeks."""

import datetime as dt

import numpy as np
import pytest

from ml.pacing.budget import Month
from ml.pacing.remaining import total_of_days, usual_days

HORIZONS = (7, 14, 28)
TOTALS = np.array(
    [
        [500.0, 600.0, 700.0, 800.0, 900.0],
        [1200.0, 1300.0, 1400.0, 1500.0, 1600.0],
        [2400.0, 2600.0, 2800.0, 3000.0, 3200.0],
    ]
)


def test_a_horizon_is_told_as_it_was_forecast() -> None:
    for place, days in enumerate(HORIZONS):
        np.testing.assert_allclose(total_of_days(days, HORIZONS, TOTALS), TOTALS[place])


def test_between_horizons_totals_grow_evenly() -> None:
    told = total_of_days(21, HORIZONS, TOTALS)
    np.testing.assert_allclose(told, (TOTALS[1] + TOTALS[2]) / 2)


def test_few_days_are_less_sure_than_their_share_of_a_week() -> None:
    told = total_of_days(1, HORIZONS, TOTALS)
    assert told[2] == pytest.approx(100)
    np.testing.assert_allclose(told - 100, [-75.6, -37.8, 0, 37.8, 75.6], atol=0.01)


def test_no_day_costs_nothing_and_no_total_is_negative() -> None:
    assert total_of_days(0, HORIZONS, TOTALS).tolist() == [0.0] * 5
    assert total_of_days(1, HORIZONS, TOTALS * [-9, 1, 1, 1, 1]).min() == 0.0


def test_what_is_not_known_stays_so() -> None:
    totals = np.where(np.arange(5) == 2, TOTALS, np.nan)
    told = total_of_days(3, HORIZONS, totals)
    assert told[2] == pytest.approx(300)
    assert np.isnan(told[[0, 1, 3, 4]]).all()


def test_usual_days_are_means_of_their_weekday_lately() -> None:
    after = dt.date(2026, 3, 2)  # a Monday
    known = np.concatenate([np.full(20, 999.0), np.tile([10.0, 20, 30, 40, 50, 60, 70], 4)])
    known[-7] = np.nan  # the last Monday is not told
    usual = usual_days(Month(2026, 3), known, after)
    assert len(usual) == 31
    assert usual[:8].tolist() == [70.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0]


def test_a_weekday_that_nobody_has_told_is_not_known() -> None:
    usual = usual_days(Month(2026, 3), np.array([5.0]), dt.date(2026, 3, 2))
    assert usual[0] == 5.0
    assert np.isnan(usual[1:7]).all()
    assert np.isnan(usual_days(Month(2026, 3), np.zeros(0), dt.date(2026, 3, 2))).all()

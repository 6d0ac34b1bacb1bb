"""The baseline is served where the model has not clearly been better."""

import dataclasses

import numpy as np
import pytest

from ml.forecast.choose import Choice, choose, with_baseline
from ml.forecast.completion import Completion
from ml.forecast.forecast import Forecast
from ml.forecast.outlook import Outlook, outlook_of
from ml.panel import DAILY, Floats, Measure, Panel, Series
from tests.ml.forecast.histories import START

REVENUE, SPEND = Measure.REVENUE, Measure.SPEND
HORIZONS = (7, 14)


def outlook(revenue: Floats, spend: Floats) -> Outlook:
    series = tuple(Series(f"client_{row}") for row in range(len(revenue)))
    panel = Panel(DAILY, START, series, {REVENUE: revenue, SPEND: spend})
    return outlook_of(panel, REVENUE, HORIZONS, np.full((len(revenue), 14), 10.0), Completion({}))


def restless(count: int) -> Floats:
    chance = np.random.default_rng(6)
    return 10 * np.exp(0.5 * chance.normal(0, 1, (count, 120)))


def chosen(seen: Outlook) -> Choice:
    return choose(seen, np.zeros(seen.usual.shape))


def told(rows: int) -> Forecast:
    ratios = np.array([0.5, 0.8, 1.0, 1.3, 2.0])
    return Forecast(
        REVENUE,
        HORIZONS,
        np.broadcast_to(10 * ratios, (rows, 14, 5)).copy(),
        np.broadcast_to(np.array([[70.0], [140.0]]) * ratios, (rows, 2, 5)).copy(),
        ("pooled",) * rows,
    )


def test_where_revenue_is_spend_times_a_ratio_the_baseline_is_served() -> None:
    spend = restless(3)
    choice = chosen(outlook(3 * spend, spend))
    assert choice.baseline.name.startswith("spend x ROAS")
    assert choice.is_served.all()


def test_where_revenue_half_follows_spend_the_model_is_heard() -> None:
    spend = restless(3)
    noise = np.random.default_rng(7).normal(1, 0.02, spend.shape)
    revenue = (40 + 2 * spend) * noise  # a base that no baseline knows of
    choice = chosen(outlook(revenue, spend))
    assert not choice.is_served.any()
    assert choice.is_heard.all()


def test_a_series_without_trials_is_left_to_the_model() -> None:
    spend = restless(2)
    spend[1, :-3] = np.nan
    choice = chosen(outlook(3 * spend, spend))
    assert choice.is_served.tolist() == [True, False]
    assert not choice.is_heard.any()


def test_the_baseline_gives_the_median_and_the_band_holds_it() -> None:
    spend = restless(2)
    seen = outlook(3 * spend, spend)
    choice = dataclasses.replace(chosen(seen), is_served=np.array([True, False]))
    served = with_baseline(told(2), choice, seen)
    assert served.methods == (choice.baseline.name, "pooled")
    np.testing.assert_allclose(served.steps[0, :, 2], 30.0)  # 3 x the 10 that are planned
    assert served.totals[0, :, 2] == pytest.approx([210.0, 420.0])
    for quantiles in (served.steps, served.totals):
        assert (np.diff(quantiles, axis=2) >= 0).all()
    np.testing.assert_array_equal(served.totals[1], told(2).totals[1])


def test_where_the_model_is_heard_the_median_is_half_way_and_the_band_holds_it() -> None:
    spend = restless(2)
    seen = outlook(3 * spend, spend)
    heard = Choice(chosen(seen).baseline, np.array([False, False]), np.array([True, False]))
    served = with_baseline(told(2), heard, seen)
    assert served.methods == ("pooled", "pooled")
    np.testing.assert_allclose(served.steps[0, :, 2], 20.0)  # half of the model's 10, of 3 x 10
    assert served.totals[0, :, 2] == pytest.approx([140.0, 280.0])
    # The model's own bounds stay where they hold the median, and move to it where not.
    np.testing.assert_allclose(served.steps[0, 0], [5.0, 8.0, 20.0, 20.0, 20.0])
    np.testing.assert_array_equal(served.steps[1], told(2).steps[1])


def test_campaigns_that_have_ended_do_not_decide_for_those_that_run() -> None:
    spend = restless(10)
    spend[1:, 40:] = 0.0
    noise = np.random.default_rng(7).normal(1, 0.02, spend.shape)
    revenue = np.where(spend > 0, 40 + 2 * spend, 0.0) * noise
    series = tuple(Series("acme", "video", f"camp_{row}", "EUR") for row in range(10))
    panel = Panel(DAILY, START, series, {REVENUE: revenue, SPEND: spend})
    planned = np.full((10, 14), 10.0)
    planned[1:] = 0.0
    seen = outlook_of(panel, REVENUE, HORIZONS, planned, Completion({}))
    assert not chosen(seen).is_served[0]

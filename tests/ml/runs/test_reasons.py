"""Reasons of forecasts: drivers where a model serves, a note where it does not, exact parts."""

import dataclasses

import numpy as np
import pytest

from ml.forecast.baselines.catalogue import MEAN_7
from ml.forecast.completion import Completion
from ml.forecast.explain import DRIVERS
from ml.forecast.forecast import HORIZONS, QUANTILES, Forecast
from ml.forecast.pooled import PooledForecaster, PooledModel
from ml.forecast.snapshots import MAX_AGE, origin_instant
from ml.forecast.train import train
from ml.panel import DAILY, Floats, Measure, Panel, Series
from ml.runs.made import forecast_panel
from ml.runs.opponent import HARD_TO_BEAT
from ml.runs.reasons import Reasons, reasons_from, tell_reasons
from tests.ml.forecast.histories import START, advertiser

ACME = (Series("acme", currency="EUR"),)
WHOLE = Completion({})


def panel_of(steps: int = 40, **figures: float) -> Panel:
    values = {Measure(name): np.full((1, steps), one) for name, one in figures.items()}
    return Panel(DAILY, START, ACME, values)


def told(measure: Measure, total: float, method: str = "mean of 7") -> Forecast:
    """The same median for each horizon."""
    totals = np.full((1, len(HORIZONS), len(QUANTILES)), total)
    steps = np.full((1, HORIZONS[-1], len(QUANTILES)), total / 28)
    return Forecast(measure, HORIZONS, steps, totals, (method,))


def why(known: Panel, *forecasts: Forecast, ahead: Floats | None = None) -> dict[Measure, Reasons]:
    by_measure = {one.measure: one for one in forecasts}
    found = tell_reasons(MEAN_7, known, by_measure, ahead, WHOLE)
    return {measure: reasons for measure, (reasons,) in found.items()}


def test_revenue_changes_by_spend_price_and_value() -> None:
    known = panel_of(spend=10.0, conversions=2.0, revenue=100.0)
    found = why(
        known,
        told(Measure.SPEND, 28 * 20.0),
        told(Measure.CONVERSIONS, 28 * 2.0),
        told(Measure.REVENUE, 28 * 150.0),
    )
    change = found[Measure.REVENUE].change
    assert change is not None
    assert (change.days, change.before, change.after) == (28, 2800.0, 4200.0)
    # Spend doubles, each conversion costs twice as much and brings half as much again.
    assert {part.name: part.change for part in change.parts} == pytest.approx(
        {"spend": 1.0, "CPA": 1.0, "AOV": 0.5}
    )
    assert sum(part.amount for part in change.parts) == pytest.approx(1400.0)
    assert change.words == (
        "50 % more than in the last 28 days",
        "spend up 100 % explains 171 % of it",
        "CPA up 100 % works against it by 171 %",
        "AOV up 50 % explains 100 % of it",
    )
    spend = found[Measure.SPEND].change
    assert spend is not None
    assert (spend.words, spend.parts) == (("100 % more than in the last 28 days",), ())
    conversions = found[Measure.CONVERSIONS].change
    assert conversions is not None
    assert (conversions.words, conversions.parts) == (("as much as in the last 28 days",), ())


def test_sales_change_by_orders_and_value() -> None:
    known = panel_of(orders=4.0, sales=100.0)
    found = why(known, told(Measure.ORDERS, 28 * 5.0), told(Measure.SALES, 28 * 125.0))
    change = found[Measure.SALES].change
    assert change is not None
    assert [(part.name, round(part.share, 9)) for part in change.parts] == [
        ("orders", 1.0),
        ("AOV", 0.0),
    ]


def test_planned_spend_stands_in_for_its_forecast() -> None:
    known = panel_of(spend=10.0, conversions=2.0)
    forecasts = told(Measure.SPEND, 280.0), told(Measure.CONVERSIONS, 28 * 4.0)
    found = why(known, *forecasts, ahead=np.full((1, 90), 20.0))
    change = found[Measure.CONVERSIONS].change
    assert change is not None
    assert [part.name for part in change.parts] == ["spend", "CPA"]
    assert [part.change for part in change.parts] == pytest.approx([1.0, 0.0])


def test_days_that_are_not_known_are_compared_with_nothing() -> None:
    known = panel_of(steps=40, spend=10.0)
    known.values[Measure.SPEND][0, 20] = np.nan
    assert why(known, told(Measure.SPEND, 280.0))[Measure.SPEND].change is None


def test_after_nothing_there_is_no_percentage() -> None:
    found = why(panel_of(revenue=0.0), told(Measure.REVENUE, 5.0))[Measure.REVENUE].change
    assert found is not None
    assert (found.words, found.parts) == (("nothing came in the last 28 days",), ())


def test_a_model_is_held_against_what_the_days_before_will_have_come_to() -> None:
    half = Completion({(Measure.REVENUE, None): np.full(MAX_AGE, 0.5)})
    known, forecast = panel_of(revenue=100.0), told(Measure.REVENUE, 28 * 200.0)
    by_model = tell_reasons(MEAN_7, known, {Measure.REVENUE: forecast}, None, half)
    by_baseline = tell_reasons(HARD_TO_BEAT, known, {Measure.REVENUE: forecast}, None, half)
    for found, before in ((by_model, 5600.0), (by_baseline, 2800.0)):
        change = found[Measure.REVENUE][0].change
        assert change is not None
        assert change.before == before


def test_a_baseline_has_a_note_and_no_drivers() -> None:
    known = panel_of(revenue=100.0)
    forecast = told(Measure.REVENUE, 2800.0, "mean of 28")
    found = tell_reasons(HARD_TO_BEAT, known, {Measure.REVENUE: forecast}, None, WHOLE)
    (reasons,) = found[Measure.REVENUE]
    assert reasons.drivers is None
    assert reasons.note == (
        "a baseline serves, mean of 28: it carries the past on, and nothing moves it"
    )


def test_what_has_no_band_says_how_long_it_takes() -> None:
    known = panel_of(steps=35, revenue=100.0)
    forecast = told(Measure.REVENUE, 2800.0)
    forecast.totals[0, 2:, [1, 3]] = np.nan
    found = why(known, forecast)[Measure.REVENUE]
    # One series takes nine origins, five days apart: 14 + 28 + 40 days.
    assert found.missing_days == (0, 0, 47, 109)


@pytest.fixture(scope="module")
def model() -> PooledModel:
    trained = train([advertiser(seed) for seed in range(2)], seed=1, threads=1)
    # Whole trust, so that there is something to explain.
    trust: dict[tuple[str, ...], float] = {(measure.value,): 1.0 for measure in Measure}
    return dataclasses.replace(trained, trust=trust)


def explained(forecaster: PooledForecaster) -> list[tuple[str, Reasons]]:
    """Method and reasons of each series' revenue."""
    history = advertiser(9)
    known = history.as_of(origin_instant(history, 180)).until(180)
    ahead = np.full((4, 90), np.nan)
    ahead[0] = 300.0
    forecasts = {
        measure: forecast_panel(forecaster, known, measure, ahead) for measure in known.values
    }
    found = tell_reasons(forecaster, known, forecasts, ahead, forecaster.completion)
    methods = forecasts[Measure.REVENUE].methods
    return [*zip(methods, found[Measure.REVENUE], strict=True)]


def test_a_model_tells_its_drivers_where_it_serves(model: PooledModel) -> None:
    found = explained(model.forecaster())
    assert "pooled" in {method for method, _ in found}
    for method, reasons in found:
        assert (reasons.drivers is None) == (method != "pooled")
        assert (reasons.note is None) == (method == "pooled")
        for driver in reasons.drivers or ():
            assert driver.name in DRIVERS
            assert driver.words.startswith(f"{driver.name} moves it ")
        assert reasons_from(reasons.as_json()) == reasons


def test_a_model_without_trees_has_no_drivers(model: PooledModel) -> None:
    bare = dataclasses.replace(model, booster=None).forecaster()
    served = [reasons for method, reasons in explained(bare) if method == "pooled"]
    assert served
    assert {one.note for one in served} == {
        "the model carries the series' own past on, and nothing moves it"
    }

"""Columns carry no amount and no name, and say what they are called."""

import dataclasses
import datetime as dt

import numpy as np
import pytest

from ml.forecast.calendar import NO_CALENDAR, Calendar
from ml.forecast.completion import Completion
from ml.forecast.features import NAMES, Features, features_of
from ml.forecast.outlook import Outlook, outlook_of, unplanned
from ml.panel import Floats, Measure, Panel
from tests.ml.forecast.histories import advertiser

REVENUE, HORIZONS = Measure.REVENUE, (7, 14)


def panel(scale: float = 1.0) -> Panel:
    return advertiser(3, scale=scale, steps=120).latest()


def outlook(known: Panel, planned: float | None = 150.0) -> Outlook:
    ahead = None if planned is None else np.full((len(known.series), 14), planned)
    return outlook_of(known, REVENUE, HORIZONS, ahead, Completion({}))


def column(features: Features, name: str, place: int = 0) -> Floats:
    return features[place, :, NAMES.index(name)].astype(np.float64)


def test_currency_and_size_leave_no_trace() -> None:
    small = features_of(outlook(panel()), NO_CALENDAR)
    large = features_of(outlook(panel(1e4), 150.0 * 1e4), NO_CALENDAR)
    np.testing.assert_allclose(small, large, rtol=1e-4, atol=1e-5)


def test_names_leave_no_trace() -> None:
    known = panel()
    renamed = tuple(dataclasses.replace(one, client="other") for one in known.series)
    other = dataclasses.replace(known, series=renamed)
    np.testing.assert_array_equal(
        features_of(outlook(known), NO_CALENDAR), features_of(outlook(other), NO_CALENDAR)
    )


def test_says_how_the_plan_differs_from_lately() -> None:
    known = panel()
    lately = known.values[Measure.SPEND][:, -28:].mean(axis=1)
    told = column(features_of(outlook(known), NO_CALENDAR), "planned spend change")
    np.testing.assert_allclose(told, np.log(150 / lately), rtol=1e-5)


def test_without_a_plan_the_experts_of_the_ratio_are_silent() -> None:
    known = panel()
    told = features_of(outlook(known, None), NO_CALENDAR)
    assert np.isnan(column(told, "ratio over 2")).all()
    assert np.isnan(column(told, "planned spend change")).all()
    assert (column(told, "spend is planned") == 0).all()
    np.testing.assert_array_equal(told, features_of(unplanned(outlook(known)), NO_CALENDAR))


def test_counts_the_days_that_are_marked() -> None:
    known = panel()
    begin = known.day(known.steps)
    sale = (begin, begin + dt.timedelta(days=2))
    told = features_of(outlook(known), Calendar(events={"acme": (sale,)}))
    assert column(told, "events ahead", 0) == pytest.approx(np.full(4, 3 / 7))
    assert column(told, "events ahead", 1) == pytest.approx(np.full(4, 3 / 14))
    assert (column(told, "events behind") == 0).all()


def test_age_stops_counting_once_a_series_is_grown() -> None:
    values = {measure: cells.copy() for measure, cells in panel().values.items()}
    for cells in values.values():
        cells[0, :-6] = np.nan
    told = column(
        features_of(outlook(dataclasses.replace(panel(), values=values)), NO_CALENDAR), "age"
    )
    np.testing.assert_allclose(told, [0.0, *[np.log(8)] * 3], atol=1e-6)

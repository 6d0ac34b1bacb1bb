"""All histories of an agency as one table, plans by day, and days unlike others."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pytest

from ml.anomalies.aged import AGES
from ml.anomalies.expectation import Asked, UsualOrPlanned, WeekdayLevel
from ml.anomalies.totals import add_totals
from ml.forecast.calendar import Calendar
from ml.panel import DAILY, Floats, History, Instants, Measure, Series
from ml.plans.planned import PlannedSpend
from ml.runs.watched import planned_days, unusual_days, watched_figures

START = dt.date(2026, 4, 27)
STEPS = 12
DAY = 86_400_000_000
MIDNIGHT = int(dt.datetime.combine(START, dt.time(), dt.UTC).timestamp()) * 1_000_000
EIGHT = dt.timedelta(hours=8)
ADS = (
    Series("acme", "search", "a:1", "EUR", "a"),
    Series("acme", "social", "a:2", "EUR", "a"),
    Series("zeta", "search", "z:1", "EUR", "z"),
    Series("zeta", "search", "y:1", "USD", "y"),
)
WEB = (Series("acme", "search", None, None, "w"), Series("zeta", "search", None, None, "v"))


def told(series: tuple[Series, ...], measure: Measure, after: int) -> tuple[History, Instants]:
    """Each day told at once, some days after it, at six in the morning."""
    row, step = (one.ravel() for one in np.indices((len(series), STEPS)))
    instants = MIDNIGHT + (step + after) * DAY + DAY // 4
    history = History(
        cadence=DAILY,
        start=START,
        steps=STEPS,
        series=series,
        row=row.astype(np.int32),
        step=step.astype(np.int32),
        known_at=instants,
        values={measure: (100.0 + row).astype(np.float64)},
    )
    return history, instants.reshape(len(series), STEPS)


def both() -> list[tuple[History, Instants]]:
    return [told(ADS, Measure.SPEND, 1), told(WEB, Measure.SESSIONS, 1)]


def test_visits_stand_beside_the_money_of_a_client_with_one_currency() -> None:
    aged = watched_figures(both(), EIGHT)
    assert aged is not None
    wholes = add_totals(aged, STEPS)
    acme = wholes.series.index(Series("acme", None, None, "EUR"))
    assert wholes.values[Measure.SPEND][acme, 3].tolist() == [201.0] * len(AGES)
    assert wholes.values[Measure.SESSIONS][acme, 3].tolist() == [100.0] * len(AGES)
    assert Series("zeta", None, None, None) in wholes.series  # it has two currencies
    assert Series("zeta", None, None, "USD") in wholes.series


def test_nothing_known_is_nothing_to_watch() -> None:
    empty, _ = told((), Measure.SPEND, 1)
    assert watched_figures([(empty, np.zeros((0, STEPS), np.int64))], EIGHT) is None


@pytest.mark.parametrize(("measure", "age"), [(Measure.SPEND, 3), (Measure.CONVERSIONS, None)])
def test_days_read_long_after_are_as_they_were_once_settled(
    measure: Measure, age: int | None
) -> None:
    aged = watched_figures([told(ADS[:1], measure, 9)], EIGHT)
    assert aged is not None
    known = [float(100) if age is not None and one >= age else np.nan for one in AGES]
    np.testing.assert_array_equal(aged.values[measure][0, 2], known)


def plan(channel: str | None, amount: int) -> PlannedSpend:
    last = START + dt.timedelta(days=STEPS - 1)
    return PlannedSpend("acme", channel, None, START, last, Decimal(amount), "EUR")


def planned(plans: list[PlannedSpend]) -> dict[Series, Floats]:
    aged = watched_figures(both(), EIGHT)
    assert aged is not None
    wholes = add_totals(aged, STEPS)
    return dict(zip(wholes.series, planned_days(wholes, plans), strict=True))


def test_a_total_is_planned_where_all_its_campaigns_are() -> None:
    days = planned([plan("search", 120)])
    assert days[ADS[0]].tolist() == [10.0] * STEPS
    assert days[Series("acme", "search", None, "EUR")].tolist() == [10.0] * STEPS
    assert np.isnan(days[Series("acme", None, None, "EUR")]).all()
    days = planned([plan("search", 120), plan("social", 240)])
    assert days[Series("acme", None, None, "EUR")].tolist() == [30.0] * STEPS
    assert np.isnan(days[ADS[2]]).all()
    assert all(np.isnan(row).all() for row in planned([]).values())


def test_holidays_and_events_of_each_client_are_unusual() -> None:
    aged = watched_figures(both(), EIGHT)
    assert aged is not None
    sale = (dt.date(2026, 5, 4), dt.date(2026, 5, 5))
    calendar = Calendar({"acme": "DE"}, {"zeta": (sale,)})
    assert unusual_days(aged, calendar) == {
        "acme": frozenset({dt.date(2026, 5, 1)}),
        "zeta": frozenset(sale),
    }


def test_what_is_between_usual_and_planned_is_expected() -> None:
    figures = np.full((1, 40), 100.0)
    steps = np.arange(40)[np.newaxis]
    plans = np.full((1, 40), np.nan)
    plans[0, 35:] = 300.0
    expectation = UsualOrPlanned(plans, WeekdayLevel(1))

    def expected(actual: float, measure: Measure = Measure.SPEND) -> float:
        figures[0, -1] = actual
        asked = Asked(measure, np.array([0]), steps, figures, np.array([1.0]))
        return float(expectation(asked)[0, -1])

    assert [expected(one) for one in (50.0, 100.0, 200.0, 300.0, 900.0)] == [
        100.0,
        100.0,
        200.0,
        300.0,
        300.0,
    ]
    assert expected(200.0, Measure.SESSIONS) == 100.0
    plans[0, -1] = np.nan
    assert expected(900.0) == 100.0

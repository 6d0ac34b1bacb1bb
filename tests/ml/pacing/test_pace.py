"""Where a month ends is arithmetic: known spend, what is expected of the rest, and the budget."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from domain.errors import InvalidInputError
from ml.forecast.forecast import QUANTILES
from ml.pacing.budget import Budget, BudgetChange, Month
from ml.pacing.pace import Pace, Spending, Verdict, compute_pace
from ml.pacing.quantile_law import probability_at_most
from ml.pacing.words import describe_pace
from ml.panel import Floats

MARCH = Month(2026, 3)
NOTHING = np.zeros(len(QUANTILES))


def normal(mean: float, sd: float) -> Floats:
    quantiles: Floats = norm.ppf(QUANTILES, mean, sd)
    return quantiles


def budget(amount: str = "3100", *later: BudgetChange) -> Budget:
    return Budget("EUR", (BudgetChange(dt.date(2026, 1, 1), Decimal(amount)), *later))


def month_of(spent: dict[int, float], *, usual: float = 100.0, rest: Floats) -> Spending:
    """Days of March are counted from 1."""
    known = np.full(31, np.nan)
    for day, amount in spent.items():
        known[day - 1] = amount
    return Spending(MARCH, "EUR", known, np.full(31, usual), rest)


def steady(until: int, amount: float = 100.0) -> dict[int, float]:
    return dict.fromkeys(range(1, until + 1), amount)


def pace_of(until: int, amount: float, *, sd: float = 10.0, usual: float | None = None) -> Pace:
    """Through a day at an amount a day, and forecast to go on like this."""
    rest = normal((31 - until) * amount, sd)
    spending = month_of(steady(until, amount), usual=usual or amount, rest=rest)
    return compute_pace(spending, budget(), dt.date(2026, 3, until) + dt.timedelta(days=1))


def test_a_hundred_a_day_lands_on_3100_in_31_days() -> None:
    pace = pace_of(10, 100.0)
    assert pace.spent == 1000.0
    assert pace.planned == 1000.0
    assert pace.landing[2] == 3100.0
    assert pace.verdict is Verdict.ON_TRACK
    assert set(pace.required.values()) == {Decimal("100.00")}
    assert list(pace.required) == [dt.date(2026, 3, day) for day in range(11, 32)]
    assert pace.change == 1.0


def test_spending_faster_is_over_with_its_probability() -> None:
    pace = pace_of(10, 120.0, sd=400.0)  # lands at 3720; over is above 3255
    assert pace.verdict is Verdict.OVER
    assert pace.probability == pytest.approx(1 - norm.cdf(3255, 3720, 400), abs=1e-12)
    assert sum(pace.required.values()) == Decimal("1900.00")
    assert pace.change == pytest.approx(1900 / 2520)


def test_spending_slower_is_under_with_its_probability() -> None:
    pace = pace_of(10, 80.0, sd=300.0)  # lands at 2480; under is below 2945
    assert pace.verdict is Verdict.UNDER
    assert pace.probability == pytest.approx(norm.cdf(2945, 2480, 300), abs=1e-12)


def test_without_confidence_there_is_no_alert() -> None:
    pace = pace_of(10, 110.0, sd=400.0)  # lands at 3410, +10 %, but P(> 3255) is only 65 %
    assert pace.verdict is Verdict.ON_TRACK
    assert not pace.is_alert
    within = norm.cdf(3255, 3410, 400) - norm.cdf(2945, 3410, 400)
    assert pace.probability == pytest.approx(within, abs=1e-9)


def test_what_is_spent_already_is_over_whatever_comes() -> None:
    spending = month_of(steady(20, 200.0), rest=np.full(5, np.nan))
    pace = compute_pace(spending, budget(), dt.date(2026, 3, 21))
    assert (pace.verdict, pace.probability) == (Verdict.OVER, 1.0)
    assert set(pace.required.values()) == {Decimal(0)}
    assert pace.change == 0.0


def test_without_a_forecast_nothing_is_said() -> None:
    spending = month_of(steady(2), rest=np.full(5, np.nan))
    pace = compute_pace(spending, budget(), dt.date(2026, 3, 3))
    assert pace.verdict is Verdict.TOO_LITTLE_KNOWN
    assert not pace.is_alert


def test_days_left_follow_the_pattern_of_the_week_to_the_cent() -> None:
    usual = np.array([50.0 if MARCH.day(place).weekday() >= 5 else 100.0 for place in range(31)])
    spent = np.where(np.arange(31) < 28, 100.0, np.nan)
    spending = Spending(MARCH, "EUR", spent, usual, normal(250, 1))
    pace = compute_pace(spending, budget("2900.01"), dt.date(2026, 3, 29))
    assert pace.required == {  # 100.01 in parts 50 : 100 : 100 of Sunday, Monday, Tuesday
        dt.date(2026, 3, 29): Decimal("20.00"),
        dt.date(2026, 3, 30): Decimal("40.01"),
        dt.date(2026, 3, 31): Decimal("40.00"),
    }


def test_a_late_day_counts_as_usual_and_not_as_nothing() -> None:
    spent = steady(10) | {8: np.nan, 10: np.nan}
    pace = compute_pace(month_of(spent, rest=normal(2300, 20)), budget(), dt.date(2026, 3, 11))
    assert pace.missing == (dt.date(2026, 3, 8), dt.date(2026, 3, 10))
    assert pace.spent == 800.0
    assert pace.landing[2] == 3100.0
    assert pace.verdict is Verdict.ON_TRACK
    assert set(pace.required.values()) == {Decimal("100.00")}


@given(st.sets(st.integers(1, 20)), st.integers(0, 20))
def test_late_data_alone_never_is_under_spend(late: set[int], until: int) -> None:
    spent = {day: np.nan if day in late else 100.0 for day in range(1, until + 1)}
    unknown = 31 - sum(day not in late for day in range(1, until + 1))
    spending = month_of(spent, rest=normal(unknown * 100.0, 5.0 * unknown))
    pace = compute_pace(spending, budget(), dt.date(2026, 3, 1) + dt.timedelta(days=until))
    assert pace.verdict is Verdict.ON_TRACK
    assert sum(pace.required.values()) == 100 * (31 - until)


def test_today_is_not_over_so_its_figure_is_not_read() -> None:
    spending = month_of(steady(10) | {11: 3.0}, rest=normal(2100, 10))
    pace = compute_pace(spending, budget(), dt.date(2026, 3, 11))
    assert pace.spent == 1000.0
    assert dt.date(2026, 3, 11) in pace.required


def test_on_the_first_day_everything_is_left() -> None:
    pace = compute_pace(month_of({}, rest=normal(3100, 10)), budget(), MARCH.first)
    assert (pace.spent, pace.planned, pace.missing) == (0.0, 0.0, ())
    assert sum(pace.required.values()) == 3100


def test_after_the_last_day_the_month_is_what_it_was() -> None:
    pace = compute_pace(month_of(steady(31), rest=NOTHING), budget(), dt.date(2026, 4, 1))
    assert pace.landing.tolist() == [3100.0] * 5
    assert pace.required == {}
    assert pace.planned == 3100.0
    assert pace.change is None
    assert describe_pace(pace) == "March 2026 ended at 3,100.00 of 3,100.00 EUR."


@pytest.mark.parametrize(("year", "days"), [(2026, 28), (2028, 29)])
def test_february_has_the_days_of_its_year(year: int, days: int) -> None:
    month = Month(year, 2)
    spent = np.full(days, 100.0)
    spent[-1] = np.nan
    spending = Spending(month, "EUR", spent, np.full(days, 100.0), normal(100, 1))
    pace = compute_pace(spending, budget(str(days * 100)), dt.date(year, 2, days))
    assert pace.required == {dt.date(year, 2, days): Decimal("100.00")}
    assert pace.landing[2] == pytest.approx(days * 100)


def test_a_change_in_the_month_is_for_the_whole_month() -> None:
    change = BudgetChange(dt.date(2026, 3, 16), Decimal(6200))
    spending = month_of(steady(15), rest=normal(1600, 10))
    pace = compute_pace(spending, budget("3100", change), dt.date(2026, 3, 16))
    assert pace.budget == 6200
    assert pace.planned == pytest.approx(1500.0)  # nobody wanted more until then
    assert pace.verdict is Verdict.UNDER
    assert sum(pace.required.values()) == 4700


def test_what_was_planned_bends_at_the_change() -> None:
    change = BudgetChange(dt.date(2026, 3, 22), Decimal(4100))
    planned = budget("3100", change).planned(MARCH, np.ones(31))
    assert planned[20] == pytest.approx(2100.0)
    assert planned[21] == pytest.approx(2300.0)  # 2000 left for ten days
    assert planned[30] == pytest.approx(4100.0)


def test_a_change_of_a_later_month_does_not_touch_this_one() -> None:
    plan = budget("3100", BudgetChange(dt.date(2026, 4, 1), Decimal(9)))
    assert plan.amount(MARCH) == 3100
    assert plan.planned(MARCH, np.ones(31))[30] == pytest.approx(3100.0)
    assert plan.amount(Month(2026, 4)) == 9


def test_a_budget_of_zero_is_over_as_soon_as_money_flows() -> None:
    pace = compute_pace(month_of({1: 0.5}, rest=normal(0, 1)), budget("0"), dt.date(2026, 3, 2))
    assert (pace.verdict, pace.probability) == (Verdict.OVER, 1.0)
    quiet = month_of({1: 0.0}, usual=0.0, rest=NOTHING)
    pace = compute_pace(quiet, budget("0"), dt.date(2026, 3, 2))
    assert (pace.verdict, pace.probability) == (Verdict.ON_TRACK, 1.0)
    assert set(pace.required.values()) == {Decimal(0)}
    assert pace.change is None


def test_a_plan_for_an_account_that_spends_nothing_is_spread_evenly() -> None:
    quiet = month_of(steady(30, 0.0), usual=0.0, rest=NOTHING)
    pace = compute_pace(quiet, budget(), dt.date(2026, 3, 31))
    assert (pace.verdict, pace.probability) == (Verdict.UNDER, 1.0)
    assert pace.required == {dt.date(2026, 3, 31): Decimal(3100)}


def test_a_currency_without_cents_is_set_in_whole_units() -> None:
    yen = Budget("JPY", (BudgetChange(MARCH.first, Decimal(1000)),), unit=Decimal(1))
    spending = Spending(MARCH, "JPY", np.full(31, np.nan), np.full(31, 30.0), normal(930, 9))
    required = compute_pace(spending, yen, MARCH.first).required
    assert sum(required.values()) == 1000
    assert set(required.values()) == {Decimal(32), Decimal(33)}


def test_currencies_never_mix() -> None:
    spending = Spending(MARCH, "USD", np.zeros(31), np.zeros(31), NOTHING)
    with pytest.raises(InvalidInputError, match="spend is in USD, the budget in EUR"):
        compute_pace(spending, budget(), MARCH.first)


def test_arrays_have_a_place_for_each_day() -> None:
    spending = Spending(MARCH, "EUR", np.zeros(30), np.zeros(31), NOTHING)
    with pytest.raises(InvalidInputError, match="March 2026 has 31 days"):
        compute_pace(spending, budget(), MARCH.first)


def test_a_month_before_the_first_budget_has_none() -> None:
    with pytest.raises(InvalidInputError, match="there is no budget for December 2025"):
        budget().amount(Month(2025, 12))


@pytest.mark.parametrize("days", [[], [2, 1], [1, 1]])
def test_changes_come_in_order(days: list[int]) -> None:
    changes = [BudgetChange(dt.date(2026, 1, day), Decimal(1)) for day in days]
    with pytest.raises(InvalidInputError, match="order of their days"):
        Budget("EUR", changes)


def test_a_budget_is_not_negative() -> None:
    with pytest.raises(InvalidInputError, match="negative"):
        budget("-1")


@given(st.floats(-6, 6), st.floats(0.1, 1e6), st.floats(-1e6, 1e6))
def test_a_normal_distribution_is_met_exactly(z: float, sd: float, mean: float) -> None:
    found = probability_at_most(normal(mean, sd), mean + z * sd)
    assert found == pytest.approx(norm.cdf(z), abs=1e-6)


def test_equal_quantiles_are_a_point_mass() -> None:
    assert probability_at_most(NOTHING, 0.0) == 1.0
    assert probability_at_most(NOTHING, -1e-9) == 0.0


def test_a_width_of_next_to_nothing_is_no_failure() -> None:
    law = np.array([0.0, 5e-324, 5e-324, 5e-324, 5e-324])
    assert [probability_at_most(law, value) for value in (-1.0, 0.0, 1.0)] == pytest.approx(
        [0, 0.025, 1]
    )


@given(
    st.lists(st.floats(0, 1e4), min_size=5, max_size=5).map(sorted),
    st.floats(-1e4, 2e4),
    st.floats(0, 1e4),
)
def test_a_probability_never_falls_with_the_value(
    quantiles: list[float], value: float, more: float
) -> None:
    law = np.array(quantiles)
    assert 0 <= probability_at_most(law, value) <= probability_at_most(law, value + more) <= 1


def test_words_tell_where_it_ends_how_sure_and_what_to_do() -> None:
    assert describe_pace(pace_of(10, 120.0, sd=400.0)) == (
        "Over budget (88% sure): March 2026 will end at 3,720.00 of 3,100.00 EUR"
        " (80 %: 3,207.38 to 4,232.62). To end on the budget, spend 90.48 EUR a day:"
        " 25% less than expected."
    )


def test_words_tell_of_days_that_are_late() -> None:
    spending = month_of(steady(9), rest=normal(2200, 10))
    pace = compute_pace(spending, budget(), dt.date(2026, 3, 11))
    assert describe_pace(pace) == (
        "On track: March 2026 will end at 3,100.00 of 3,100.00 EUR (80 %: 3,087.18 to 3,112.82),"
        " with 1 day not told yet and taken as usual."
    )


def test_words_say_when_too_little_is_known() -> None:
    spending = month_of(steady(2), rest=np.full(5, np.nan))
    assert describe_pace(compute_pace(spending, budget(), dt.date(2026, 3, 3))) == (
        "Too little is known to say where March 2026 ends (200.00 of 3,100.00 EUR spent)."
    )

"""What a plan brings against sums of days by hand, with what was carried in and what is after."""

import numpy as np
import pytest

from domain.errors import InvalidInputError
from ml.budget.returns import PlannedReturns
from ml.panel import Floats
from ml.response.curves import Curves, Evidence, Support
from ml.response.shapes import Shape

KEPT, HALF, TOP = 0.5, 40.0, 12.0


def curves(carried: float) -> Curves:
    """One draw of a Hill curve of slope 1 that saturates at 12 outcomes a day; reference 20."""
    reference = 20.0
    level = TOP * reference / (reference + HALF)
    one = [np.array([[value]]) for value in (level, KEPT, HALF / reference, 1.0)]
    support = (Support(Evidence.OBSERVED, 0.9, "by hand"),)
    return Curves(
        ("a",),
        Shape(*one),
        np.array([reference]),
        np.array([100.0]),
        np.array([[carried]]),
        support,
    )


def by_days(spend: float, days: int, carried: float, demand: Floats) -> tuple[float, float]:
    """Day by day, and 300 days after."""
    within = after = 0.0
    with_plan = without = carried
    for day in range(days + 300):
        with_plan = KEPT * with_plan + (1 - KEPT) * (spend if day < days else 0)
        without = KEPT * without
        more = TOP * (with_plan / (with_plan + HALF) - without / (without + HALF))
        if day < days:
            within += demand[day] * more
        else:
            after += more
    return within, after


@pytest.mark.parametrize("carried", [0.0, 30.0])
def test_the_outcome_is_the_sum_of_the_days_less_what_would_come_anyway(carried: float) -> None:
    demand = np.array([1.0, 1.2, 0.8, 1.0, 1.5])
    returns = PlannedReturns(curves(carried), demand)
    within, after = returns.outcome_in_time(0, np.array([10_000.0]))
    expected = by_days(20.0, 5, carried, demand)
    assert within[0, 0] == pytest.approx(expected[0])
    assert after[0, 0] == pytest.approx(expected[1], rel=1e-6)
    assert returns.outcome(0, np.array([0.0, 10_000.0])).tolist() == [
        pytest.approx([0.0, sum(expected)], rel=1e-6)
    ]


def test_what_may_be_asked_is_the_observed_limit_of_all_days() -> None:
    assert PlannedReturns(curves(0.0), np.ones(30)).highest(0) == 300_000
    assert PlannedReturns(curves(0.0), np.ones(30), minor_units=1).highest(0) == 3_000


def test_no_days_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="at least one day"):
        PlannedReturns(curves(0.0), np.ones(0))

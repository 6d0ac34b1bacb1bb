"""Features on demand: sums by hand, and definitions that cannot be right are refused."""

from dataclasses import replace

import pyarrow as pa

from feature_repo.feature import Unit
from feature_repo.feature_views import VIEWS
from feature_repo.on_demand import (
    ON_DEMAND,
    OnDemandFeature,
    Over,
    Times,
    find_on_demand_problems,
)

PLAN = ON_DEMAND["campaign_plan"]


def test_values_are_worked_out_row_by_row() -> None:
    stored = pa.table(
        {
            "spend_7d": [10.0, 0.0, None, 4.0],
            "cpc_7d": [0.5, 0.25, 1.0, None],
            "attributed_roas_28d": [3.0, 0.0, None, 2.5],
        }
    )
    plan = {"planned_spend_7d": [5.0, 5.0, 5.0, None]}
    found = PLAN.compute(PLAN.feature_names, stored, plan)
    assert {name: column.to_pylist() for name, column in found.items()} == {
        "planned_spend_ratio": [0.5, None, None, None],
        "planned_clicks": [10.0, 20.0, 5.0, None],
        "planned_attributed_revenue": [15.0, 0.0, None, None],
    }
    assert PLAN.rests_on(["planned_clicks"]) == ["cpc_7d"]
    assert list(PLAN.compute(["planned_clicks"], stored, plan)) == ["planned_clicks"]


def test_ours_keep_the_rules() -> None:
    assert list(find_on_demand_problems(ON_DEMAND, VIEWS)) == []


def test_what_cannot_be_right_is_told() -> None:
    def feature(name: str, rule: Over | Times) -> OnDemandFeature:
        return OnDemandFeature(name, "A feature.", Unit.RATIO, rule)

    wrong = replace(
        PLAN,
        name="client_performance",
        currency="spend_7d",
        features=(
            feature("spend_7d", Over("planned_spend_7d", "spend_7d")),
            feature("guess", Over("weather", "spend_7d")),
            feature("hope", Times("planned_spend_7d", "revenue_28d")),
        ),
    )
    assert list(find_on_demand_problems({wrong.name: wrong}, VIEWS)) == [
        "feature spend_7d is in 2 places",
        "client_performance.guess: nobody brings weather",
        "client_performance.hope: revenue_28d is not stored",
        "client_performance: its amounts have no currency",
        "client_performance is the name of a stored view, too",
    ]

"""`featureHealth`: figures, verdicts and words of the last check, for those who see the agency."""

import datetime as dt

import pytest

from tests.api.graphql.edge import Agency, Edge

pytestmark = pytest.mark.anyio

HEALTH = """
query Q($view: String! = "campaign_performance") {
  featureHealth(view: $view) {
    day
    freshness { verdict words objectiveSeconds entities late missing }
    consistency { verdict words reads compared mismatches mismatchRate limit }
    features {
      name words count nullRate usualNullRate nullVerdict minimum maximum mean usualLow usualHigh
      rangeVerdict quantiles { share value }
      drift { verdict words psi distance pValue referenceAt referenceCount }
      history { day nullRate mean psi }
    }
    history { day freshness late missing mismatchRate }
  }
}
"""


async def test_the_last_day_is_told_with_those_before(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    found = (await edge.data(HEALTH, token))["featureHealth"]
    [feature] = found.pop("features")
    assert found == {
        "day": "2026-03-15",
        "freshness": {
            "verdict": "UNUSUAL",
            "words": "late: 12 of 100 older than 26 h, the oldest 30 h",
            "objectiveSeconds": 93_600,
            "entities": 100,
            "late": 12,
            "missing": 1,
        },
        "consistency": {
            "verdict": "UNUSUAL",
            "words": "differing: 2 of 500 values of 20 reads differ (0.40%; at most 0.1% may)",
            "reads": 20,
            "compared": 500,
            "mismatches": 2,
            "mismatchRate": 0.004,
            "limit": 0.001,
        },
        "history": [
            {
                "day": "2026-03-14",
                "freshness": "USUAL",
                "late": 0,
                "missing": 1,
                "mismatchRate": 0.0,
            },
            {
                "day": "2026-03-15",
                "freshness": "UNUSUAL",
                "late": 12,
                "missing": 1,
                "mismatchRate": 0.004,
            },
        ],
    }
    assert [one["value"] for one in feature.pop("quantiles")] == [1, 5, 25, 50, 75, 95, 99]
    assert feature == {
        "name": "spend_7d",
        "words": ["40% unknown (usual: at most 7%)", "drifted (PSI 0.31)"],
        "count": 100,
        "nullRate": 0.4,
        "usualNullRate": 0.07,
        "nullVerdict": "UNUSUAL",
        "minimum": 1.0,
        "maximum": 99.0,
        "mean": 50.0,
        "usualLow": 0.0,
        "usualHigh": 400.0,
        "rangeVerdict": "USUAL",
        "drift": {
            "verdict": "UNUSUAL",
            "words": "drifted (PSI 0.31)",
            "psi": 0.31,
            "distance": 0.31,
            "pValue": 1e-6,
            "referenceAt": (edge.clock() - dt.timedelta(days=28)).isoformat(),
            "referenceCount": 100,
        },
        "history": [
            {"day": "2026-03-14", "nullRate": 0.02, "mean": 50.0, "psi": 0.05},
            {"day": "2026-03-15", "nullRate": 0.4, "mean": 50.0, "psi": 0.31},
        ],
    }


async def test_a_view_that_was_never_checked_is_null_and_an_unknown_one_not_found(
    edge: Edge, northwind: Agency
) -> None:
    token = await edge.token(northwind, "metrics:read")
    assert await edge.data(HEALTH, token, view="client_performance") == {"featureHealth": None}
    error = await edge.error(HEALTH, token, view="nothing")
    assert error["extensions"]["code"] == "NOT_FOUND"
    assert error["message"] == "there is no feature view 'nothing'"


async def test_who_sees_some_clients_only_sees_no_figures_of_all(
    edge: Edge, northwind: Agency
) -> None:
    token = await edge.token(northwind, "metrics:read", clients=("acme",))
    error = await edge.error(HEALTH, token)
    assert error["extensions"]["code"] == "INSUFFICIENT_SCOPE"

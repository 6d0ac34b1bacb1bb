"""The fields `forecast` and `forecastAccuracy`: what was told last, and how good it was."""

import uuid

import pytest
from sqlalchemy import select

from domain.ids import public_id
from tenancy.tables import ServedForecast
from tests.api.graphql.edge import Agency, Edge

pytestmark = pytest.mark.anyio

FORECAST = """
    forecast(client: "%s", measure: %s) {
        origin
        series {
            channel campaign currency method model isPlanned
            totals { days expected band80 { low high } band95 { low high } bandInDays }
        }
    }
"""
DAYS = """
    forecast(client: "%s", measure: REVENUE) {
        series { days { date value lower80 upper80 lower95 upper95 } }
    }
"""
WHY = """
    forecast(client: "%s", measure: REVENUE) {
        series {
            drivers { name words share } driversNote
            change { days before after words parts { name change share amount } }
        }
    }
"""
ACCURACY = """
    forecastAccuracy(from: "2026-03-01", to: "2026-03-31") {
        clientId measure currency level days month forecasts wmape bias coverage80
        baselines { name wmape servedWmape wins losses }
    }
"""


async def test_the_latest_forecast_is_told_with_its_bands(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    told = await edge.data(f"{{ {FORECAST % (northwind.client('acme'), 'REVENUE')} }}", token)
    assert told["forecast"] == {
        "origin": "2026-03-01",
        "series": [
            {
                "channel": None,
                "campaign": None,
                "currency": "EUR",
                "method": f"{northwind.canary} mean",
                "model": None,
                "isPlanned": False,
                "totals": [
                    {
                        "days": 7,
                        "expected": 100.0,
                        "band80": {"low": 80.0, "high": 120.0},
                        "band95": {"low": 70.0, "high": 130.0},
                        "bandInDays": None,
                    },
                    {
                        "days": 28,
                        "expected": 400.0,
                        "band80": None,
                        "band95": None,
                        "bandInDays": 9,
                    },
                ],
            }
        ],
    }


async def test_each_day_is_told_with_its_bands(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    told = await edge.data(f"{{ {DAYS % northwind.client('acme')} }}", token)
    (series,) = told["forecast"]["series"]
    assert series["days"] == [
        {
            "date": "2026-03-01",
            "value": 14.3,
            "lower80": 9.0,
            "upper80": 18.0,
            "lower95": 8.0,
            "upper95": 20.0,
        },
        {
            "date": "2026-03-02",
            "value": 14.1,
            "lower80": None,
            "upper80": None,
            "lower95": None,
            "upper95": None,
        },
    ]


async def test_days_answer_to_the_names_that_were_asked_for(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    asked = "series { days { __typename on: date ...Band } }"
    query = f"""
        {{ forecast(client: "{northwind.client("acme")}", measure: REVENUE) {{ {asked} }} }}
        fragment Band on ForecastDay {{ least: lower80 }}
    """
    told = await edge.data(query, token)
    assert told["forecast"]["series"][0]["days"] == [
        {"__typename": "ForecastDay", "on": "2026-03-01", "least": 9.0},
        {"__typename": "ForecastDay", "on": "2026-03-02", "least": None},
    ]


async def test_why_is_told_in_words(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    told = await edge.data(f"{{ {WHY % northwind.client('acme')} }}", token)
    assert told["forecast"]["series"] == [
        {
            "drivers": None,
            "driversNote": f"a baseline serves, {northwind.canary} mean",
            "change": {
                "days": 28,
                "before": 500.0,
                "after": 400.0,
                "words": [f"{northwind.canary} 20 % less"],
                "parts": [{"name": "spend", "change": -0.2, "share": 1.0, "amount": -100.0}],
            },
        }
    ]


async def test_drivers_of_a_model_are_told(edge: Edge, northwind: Agency) -> None:
    driver = {"name": "age", "words": "age moves it up by 2.0 %", "share": 0.5}
    async with edge.database.session(northwind.tenant_id) as session:
        (row,) = await session.scalars(select(ServedForecast))
        row.reasons = {"drivers": [driver], "note": None, "change": None}
        row.version_id = uuid.UUID(int=5)
    token = await edge.token(northwind, "metrics:read")
    told = await edge.data(f"{{ {WHY % northwind.client('acme')} }}", token)
    assert told["forecast"]["series"] == [
        {"drivers": [driver], "driversNote": None, "change": None}
    ]


async def test_what_has_not_been_forecast_is_null(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    told = await edge.data(f"{{ {FORECAST % (northwind.client('acme'), 'SESSIONS')} }}", token)
    assert told["forecast"] is None


async def test_a_client_that_the_token_does_not_show_is_not_found(
    edge: Edge, northwind: Agency
) -> None:
    token = await edge.token(northwind, "metrics:read", clients=("bolt",))
    reply = await edge.ask(f"{{ {FORECAST % (northwind.client('acme'), 'REVENUE')} }}", token)
    (error,) = reply.json()["errors"]
    assert error["extensions"]["code"] == "NOT_FOUND"
    assert (await edge.data(f"{{ {ACCURACY} }}", token))["forecastAccuracy"] == []


async def test_accuracy_stands_beside_the_baselines(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    (told,) = (await edge.data(f"{{ {ACCURACY} }}", token))["forecastAccuracy"]
    assert told == {
        "clientId": public_id("cli", northwind.clients["acme"]),
        "measure": "REVENUE",
        "currency": "EUR",
        "level": "CLIENT",
        "days": 7,
        "month": "2026-03-01",
        "forecasts": 1,
        "wmape": pytest.approx(10 / 110),
        "bias": pytest.approx(-10 / 110),
        "coverage80": 1.0,
        "baselines": [
            {
                "name": f"{northwind.canary} naive",
                "wmape": pytest.approx(20 / 110),
                "servedWmape": pytest.approx(10 / 110),
                "wins": 1,
                "losses": 0,
            }
        ],
    }

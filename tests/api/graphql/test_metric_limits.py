"""Applications that are limited to some metrics."""

import uuid
from typing import Any

import pytest

from domain.metrics.catalogue import build_catalogue
from tests.api.graphql.edge import Agency, Edge

pytestmark = pytest.mark.anyio

HAVING = "[{metric: spend, gt: 1}]"
PERIOD = 'period: {from: "2026-02-13", to: "2026-03-14"}'


@pytest.fixture
async def token(edge: Edge, northwind: Agency) -> str:
    """Of an application that may see clicks and attributed_roas."""
    client_id = f"app_{uuid.uuid4().hex}"
    await edge.register(
        northwind,
        client_id=client_id,
        scopes=("metrics:read",),
        metrics=("clicks", "attributed_roas"),
    )
    reply = await edge.http.post(
        "/oauth/token",
        data={
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": "s3cret",
        },
    )
    text: str = reply.json()["access_token"]
    return text


async def refusal(edge: Edge, token: str, query: str) -> tuple[str, str, str]:
    body: Any = (await edge.ask(query, token)).json()
    assert set(body["data"].values()) == {None}
    (error,) = body["errors"]
    return error["extensions"]["code"], error["message"], error["extensions"]["hint"]


async def test_allowed_metrics_are_answered(edge: Edge, token: str) -> None:
    found = await edge.data(f"{{ metrics({PERIOD}) {{ totals {{ clicks }} }} }}", token)
    assert found == {"metrics": {"totals": {"clicks": 4507}}}


@pytest.mark.parametrize(
    "question",
    [
        f"{{ metrics({PERIOD}) {{ totals {{ clicks spend {{ amount }} }} }} }}",
        f"{{ metrics({PERIOD}) {{ rows {{ channel spend {{ amount }} }} }} }}",
        f"{{ metrics({PERIOD}, having: {HAVING}) {{ rows {{ channel clicks }} }} }}",
    ],
)
async def test_other_metrics_are_refused(edge: Edge, token: str, question: str) -> None:
    assert await refusal(edge, token, question) == (
        "INSUFFICIENT_SCOPE",
        "the application may not see spend",
        "it is limited to attributed_roas, clicks",
    )


async def test_definitions_are_those_of_allowed_metrics(edge: Edge, token: str) -> None:
    found = await edge.data("{ metricDefinitions { name } me { isLimitedToMetrics } }", token)
    assert sorted(one["name"] for one in found["metricDefinitions"]) == [
        "attributed_roas",
        "clicks",
    ]
    assert found["me"] == {"isLimitedToMetrics": True}


async def test_unlimited_application_sees_every_definition(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    found = await edge.data("{ metricDefinitions { name } me { isLimitedToMetrics } }", token)
    assert {one["name"] for one in found["metricDefinitions"]} == set(build_catalogue().metrics)
    assert found["me"] == {"isLimitedToMetrics": False}


async def test_features_are_refused(edge: Edge, token: str) -> None:
    query = '{ features(service: "campaign_pacing_v1") { pageInfo { hasNextPage } } }'
    code, message, _ = await refusal(edge, token, query)
    assert code == "INSUFFICIENT_SCOPE"
    assert message.startswith("the application may not see currency, days_reported_28d, ")

"""The fields `webhookEndpoints` and `webhookDeliveries`, and what tokens do about endpoints."""

import uuid
from typing import Any

import pytest
from sqlalchemy import select

from domain.ids import public_id
from tenancy.tables import (
    AuditEntry,
    DeliveryState,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from tests.api.graphql.edge import Agency, Edge

pytestmark = pytest.mark.anyio

ENDPOINTS = """{ webhookEndpoints {
  id url description eventTypes clientIds state disabledBecause failingSince createdAt } }"""
DELIVERIES = """query Q($endpoint: ID, $state: WebhookDeliveryState, $first: Int! = 50) {
  webhookDeliveries(endpoint: $endpoint, state: $state, first: $first) {
    nodes { messageId endpointId eventType clientId occurredAt state attempts lastStatus failure
            nextAttemptAt endedAt }
    pageInfo { hasNextPage } } }"""
ADD = """mutation M($input: AddWebhookInput!) { addWebhook(input: $input) {
  ... on WebhookAdded { endpoint { id url eventTypes clientIds state } secret }
  ... on AddWebhookError { code message hint } } }"""
REMOVE = """mutation M($id: ID!) { removeWebhook(id: $id) {
  ... on WebhookRemoved { id } ... on RemoveWebhookError { code message hint } } }"""
REPLAY = """mutation M($id: ID!, $message: ID, $since: DateTime) {
  replayWebhook(id: $id, message: $message, failedSince: $since) {
    ... on WebhookReplayed { events } ... on ReplayWebhookError { code message hint } } }"""
URL = "https://hooks.example.com/bosco"
NOBODY = public_id("cli", uuid.UUID(int=7))


@pytest.fixture
async def token(edge: Edge, northwind: Agency) -> str:
    return await edge.token(northwind, "webhooks:manage")


async def _do(edge: Edge, token: str, document: str, **variables: Any) -> Any:
    data = await edge.data(document, token, **variables)
    return next(iter(data.values()))


async def _ids(edge: Edge, agency: Agency) -> tuple[str, str]:
    """Of the agency's endpoint and its event."""
    async with edge.database.session(agency.tenant_id) as session:
        endpoint = (await session.scalars(select(WebhookEndpoint.id))).one()
        event = (await session.scalars(select(WebhookEvent.id))).one()
    return public_id("whk", endpoint), public_id("msg", event)


async def test_shows_endpoints(edge: Edge, northwind: Agency, token: str) -> None:
    endpoint, _ = await _ids(edge, northwind)
    assert await _do(edge, token, ENDPOINTS) == [
        {
            "id": endpoint,
            "url": f"https://{northwind.canary}.example/hook",
            "description": f"{northwind.canary} CRM",
            "eventTypes": None,
            "clientIds": None,
            "state": "ACTIVE",
            "disabledBecause": None,
            "failingSince": None,
            "createdAt": "2026-03-15T09:30:00+00:00",
        }
    ]


async def test_shows_deliveries(edge: Edge, northwind: Agency, token: str) -> None:
    endpoint, message = await _ids(edge, northwind)
    delivery = {
        "messageId": message,
        "endpointId": endpoint,
        "eventType": "DATA_PUBLISHED",
        "clientId": northwind.client("acme"),
        "occurredAt": "2026-03-15T09:30:00+00:00",
        "state": "FAILED",
        "attempts": 10,
        "lastStatus": 500,
        "failure": f"{northwind.canary} answered 500",
        "nextAttemptAt": None,
        "endedAt": "2026-03-15T09:30:00+00:00",
    }
    whole = {"nodes": [delivery], "pageInfo": {"hasNextPage": False}}
    nothing = {"nodes": [], "pageInfo": {"hasNextPage": False}}
    assert await _do(edge, token, DELIVERIES) == whole
    assert await _do(edge, token, DELIVERIES, endpoint=endpoint, state="FAILED", first=1) == whole
    assert await _do(edge, token, DELIVERIES, state="PENDING") == nothing
    other = public_id("whk", edge.ids())
    assert await _do(edge, token, DELIVERIES, endpoint=other) == nothing


async def test_a_program_adds_and_removes_its_endpoint(
    edge: Edge, northwind: Agency, token: str
) -> None:
    wish = {
        "url": URL,
        "eventTypes": ["SYNC_FAILED", "FRESHNESS_MISSED"],
        "clients": [northwind.client("bolt")],
    }
    added = await _do(edge, token, ADD, input=wish)
    secret, endpoint = added["secret"], added["endpoint"]
    assert secret.startswith("whsec_")
    assert endpoint == {
        "id": endpoint["id"],
        "url": URL,
        "eventTypes": ["SYNC_FAILED", "FRESHNESS_MISSED"],
        "clientIds": [northwind.client("bolt")],
        "state": "ACTIVE",
    }
    listed = await edge.ask(ENDPOINTS, token)
    assert endpoint["id"] in listed.text
    assert secret.removeprefix("whsec_") not in listed.text
    assert await _do(edge, token, REMOVE, id=endpoint["id"]) == {"id": endpoint["id"]}
    assert endpoint["id"] not in (await edge.ask(ENDPOINTS, token)).text
    async with edge.database.session(northwind.tenant_id) as session:
        audited = select(AuditEntry).where(AuditEntry.object_kind == "webhook_endpoint")
        entries = (await session.scalars(audited.order_by(AuditEntry.id))).all()
    assert [entry.action for entry in entries] == ["webhook.created", "webhook.removed"]
    assert all(entry.actor.startswith("client:app_") for entry in entries)


@pytest.mark.parametrize(
    ("wish", "code", "message"),
    [
        ({"url": "ftp://x.example"}, "INVALID_INPUT", "the URL is no https:// URL"),
        (
            {"url": URL, "clients": ["cli_7"]},
            "INVALID_INPUT",
            "'cli_7' is not an id of this kind",
        ),
        (
            {"url": URL, "clients": [NOBODY]},
            "NOT_FOUND",
            "1 of the clients are not clients of this agency",
        ),
    ],
)
async def test_a_wrong_wish_is_refused(
    edge: Edge, token: str, wish: dict[str, Any], code: str, message: str
) -> None:
    refused = await _do(edge, token, ADD, input=wish)
    assert (refused["code"], refused["message"]) == (code, message)
    assert len(await _do(edge, token, ENDPOINTS)) == 1


async def test_production_takes_https_only(edge: Edge, token: str) -> None:
    wish = {"url": "http://127.0.0.1:8000/"}
    assert "secret" in await _do(edge, token, ADD, input=wish)
    production = edge.with_services(is_development=False)
    refused = await _do(production, token, ADD, input=wish)
    assert refused["message"] == "the URL is no https:// URL"


async def test_events_are_replayed(edge: Edge, northwind: Agency, token: str) -> None:
    endpoint, message = await _ids(edge, northwind)
    since = "2026-03-15T09:30:01Z"
    assert await _do(edge, token, REPLAY, id=endpoint, since=since) == {"events": 0}
    since = "2026-03-15T10:30:00+01:00"
    assert await _do(edge, token, REPLAY, id=endpoint, since=since) == {"events": 1}
    assert await _do(edge, token, REPLAY, id=endpoint, message=message) == {"events": 0}
    async with edge.database.session(northwind.tenant_id) as session:
        (delivery,) = (await session.scalars(select(WebhookDelivery))).all()
    assert (delivery.state, delivery.attempts, delivery.failure) == (
        DeliveryState.PENDING,
        0,
        None,
    )


@pytest.mark.parametrize(
    "given",
    [{}, {"message": "msg_1", "since": "2026-03-15T09:30:00Z"}, {"since": "2026-03-15T09:30:00"}],
)
async def test_a_replay_says_what(
    edge: Edge, northwind: Agency, token: str, given: dict[str, str]
) -> None:
    endpoint, _ = await _ids(edge, northwind)
    assert await _do(edge, token, REPLAY, id=endpoint, **given) == {
        "code": "INVALID_INPUT",
        "message": "nothing says what to replay",
        "hint": "give message, or failedSince with an offset (2026-03-01T00:00:00Z); one of them",
    }


async def test_a_foreign_endpoint_is_as_unknown_as_a_random_one(
    edge: Edge, northwind: Agency, southwind: Agency, token: str
) -> None:
    foreign, message = await _ids(edge, southwind)
    for unknown in (foreign, public_id("whk", edge.ids())):
        told = {
            "code": "NOT_FOUND",
            "message": f"{unknown!r} is not a webhook endpoint of this agency",
            "hint": "bosco webhooks list, and webhookEndpoints in GraphQL, show what there is",
        }
        assert await _do(edge, token, REMOVE, id=unknown) == told
        assert await _do(edge, token, REPLAY, id=unknown, message=message) == told
        assert (await _do(edge, token, DELIVERIES, endpoint=unknown))["nodes"] == []
    own, _ = await _ids(edge, northwind)
    refused = await _do(edge, token, REPLAY, id=own, message=message)
    assert refused["code"] == "NOT_FOUND"
    async with edge.database.session(southwind.tenant_id) as session:
        (endpoint,) = (await session.scalars(select(WebhookEndpoint))).all()
        (delivery,) = (await session.scalars(select(WebhookDelivery))).all()
    assert (endpoint.removed_at, delivery.state) == (None, DeliveryState.FAILED)
    wish = {"url": URL, "clients": [southwind.client("zeta")]}
    assert (await _do(edge, token, ADD, input=wish))["code"] == "NOT_FOUND"


async def test_a_limited_token_is_told_of_its_clients_only(edge: Edge, northwind: Agency) -> None:
    limited = await edge.token(northwind, "webhooks:manage", clients=("bolt",))
    everything, message = await _ids(edge, northwind)
    assert await _do(edge, limited, ENDPOINTS) == []
    assert (await _do(edge, limited, DELIVERIES))["nodes"] == []
    assert (await _do(edge, limited, REMOVE, id=everything))["code"] == "NOT_FOUND"
    refused = await _do(edge, limited, REPLAY, id=everything, message=message)
    assert refused["code"] == "NOT_FOUND"
    wish: dict[str, Any] = {"url": URL, "clients": [northwind.client("acme")]}
    assert (await _do(edge, limited, ADD, input=wish))["code"] == "NOT_FOUND"
    added = await _do(edge, limited, ADD, input={"url": URL})
    assert added["endpoint"]["clientIds"] == [northwind.client("bolt")]
    assert [one["id"] for one in await _do(edge, limited, ENDPOINTS)] == [added["endpoint"]["id"]]

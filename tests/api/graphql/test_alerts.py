"""The field `alerts`: filters, pages, and clients that a token does not show."""

import datetime as dt
from typing import Any

import pytest

from domain.ids import ClientId, public_id
from tenancy.alerts import Alert, AlertKind, AlertSeverity, clear_alert, raise_alert
from tests.api.graphql.edge import START, Agency, Edge

pytestmark = pytest.mark.anyio

HOUR = dt.timedelta(hours=1)
FIELDS = """id kind severity clientId title details hint dueAt isOpen raisedAt openedAt clearedAt
  relapses"""


@pytest.fixture
async def troubled(edge: Edge, northwind: Agency) -> Agency:
    """Northwind, whose acme has failed syncs; bolt's are over, and something is wrong for all."""
    bolt = northwind.clients["bolt"]
    await _raise(edge, northwind, AlertKind.CREDENTIALS_REFUSED, bolt, 1, AlertSeverity.CRITICAL)
    await _raise(edge, northwind, AlertKind.QUALITY_INCIDENT, None, 2, AlertSeverity.INFO)
    async with edge.database.session(northwind.tenant_id) as session:
        kind = AlertKind.CREDENTIALS_REFUSED
        assert await clear_alert(session, kind, "s", now=START + 3 * HOUR)
    return northwind


async def _raise(
    edge: Edge,
    agency: Agency,
    kind: AlertKind,
    client_id: ClientId | None,
    hours: int,
    severity: AlertSeverity,
) -> None:
    alert = Alert(kind, severity, "s", client_id, "title", "details", "hint", START + 20 * HOUR)
    async with edge.database.session(agency.tenant_id) as session:
        await raise_alert(session, alert, now=START + hours * HOUR, ids=edge.ids)


async def _ask(edge: Edge, token: str, arguments: str = "") -> list[str]:
    data = await edge.data(f"{{ alerts{arguments} {{ nodes {{ kind }} }} }}", token)
    return [node["kind"] for node in data["alerts"]["nodes"]]


async def test_an_alert_shows_all_about_it(edge: Edge, troubled: Agency) -> None:
    token = await edge.token(troubled, "ingestion:read")
    query = f"{{ alerts(kind: CREDENTIALS_REFUSED) {{ nodes {{ {FIELDS} }} }} }}"
    (alert,) = (await edge.data(query, token))["alerts"]["nodes"]
    assert alert.pop("id").startswith("alr_")
    assert alert == {
        "kind": "CREDENTIALS_REFUSED",
        "severity": "CRITICAL",
        "clientId": troubled.client("bolt"),
        "title": "title",
        "details": "details",
        "hint": "hint",
        "dueAt": "2026-03-16T05:30:00+00:00",
        "isOpen": False,
        "raisedAt": "2026-03-15T10:30:00+00:00",
        "openedAt": "2026-03-15T10:30:00+00:00",
        "clearedAt": "2026-03-15T12:30:00+00:00",
        "relapses": 0,
    }


@pytest.mark.parametrize(
    ("arguments", "kinds"),
    [
        ("", ["QUALITY_INCIDENT", "CREDENTIALS_REFUSED", "SYNC_FAILED"]),
        ("(isOpen: true)", ["QUALITY_INCIDENT", "SYNC_FAILED"]),
        ("(isOpen: false)", ["CREDENTIALS_REFUSED"]),
        ("(kind: SYNC_FAILED)", ["SYNC_FAILED"]),
        ("(severity: INFO)", ["QUALITY_INCIDENT"]),
        ("(isOpen: true, severity: CRITICAL)", []),
    ],
)
async def test_filters(edge: Edge, troubled: Agency, arguments: str, kinds: list[str]) -> None:
    assert await _ask(edge, await edge.token(troubled, "ingestion:read"), arguments) == kinds


async def test_of_one_client(edge: Edge, troubled: Agency, southwind: Agency) -> None:
    token = await edge.token(troubled, "ingestion:read")
    assert await _ask(edge, token, f'(client: "{troubled.client("acme")}")') == ["SYNC_FAILED"]
    assert await _ask(edge, token, f'(client: "{southwind.client("zeta")}")') == []
    assert await _ask(edge, token, f'(client: "{public_id("cli", edge.ids())}")') == []


async def test_a_limited_token_shows_its_clients_alerts_only(edge: Edge, troubled: Agency) -> None:
    bolt = await edge.token(troubled, "ingestion:read", clients=("bolt",))
    assert await _ask(edge, bolt) == ["CREDENTIALS_REFUSED"]
    assert await _ask(edge, bolt, f'(client: "{troubled.client("acme")}")') == []


async def test_pages(edge: Edge, troubled: Agency) -> None:
    token = await edge.token(troubled, "ingestion:read")
    query = """query Q($after: String) { alerts(first: 2, after: $after) {
      nodes { kind } pageInfo { hasNextPage endCursor } } }"""
    first: Any = (await edge.data(query, token, after=None))["alerts"]
    assert [node["kind"] for node in first["nodes"]] == ["QUALITY_INCIDENT", "CREDENTIALS_REFUSED"]
    assert first["pageInfo"]["hasNextPage"]
    second: Any = (await edge.data(query, token, after=first["pageInfo"]["endCursor"]))["alerts"]
    assert [node["kind"] for node in second["nodes"]] == ["SYNC_FAILED"]
    assert not second["pageInfo"]["hasNextPage"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("(first: 501)", "first must be between 1 and 500, not 501"),
        ('(client: "acme")', "'acme' is not an id of this kind"),
    ],
)
async def test_wrong_arguments_are_told(
    edge: Edge, northwind: Agency, arguments: str, message: str
) -> None:
    token = await edge.token(northwind, "ingestion:read")
    error = await edge.error(f"{{ alerts{arguments} {{ nodes {{ id }} }} }}", token)
    assert (error["message"], error["extensions"]["code"]) == (message, "INVALID_INPUT")

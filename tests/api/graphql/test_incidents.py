"""The field `incidents` and what people do about them."""

from typing import Any

import pytest
from sqlalchemy import select

from domain.ids import public_id
from tenancy.tables import AuditEntry, Incident, Sync, SyncState
from tests.api.graphql.edge import Agency, Edge

pytestmark = pytest.mark.anyio

FIELDS = "id clientId connectionId stream check severity state message hint timesFound syncId"
CHANGE = """mutation C($id: ID!, $reason: String!) { %sIncident(id: $id, reason: $reason) {
  ... on %s { incident { state events { kind actor reason } } }
  ... on %s { code message hint } } }"""
ACKNOWLEDGE = CHANGE % ("acknowledge", "IncidentAcknowledged", "AcknowledgeIncidentError")
RESOLVE = CHANGE % ("resolve", "IncidentResolved", "ResolveIncidentError")
FOUND = {"kind": "OPENED", "actor": "job:quality"}


@pytest.fixture
async def token(edge: Edge, northwind: Agency) -> str:
    return await edge.token(northwind, "ingestion:read", "ingestion:write")


async def _incident(edge: Edge, agency: Agency) -> Incident:
    async with edge.database.session(agency.tenant_id) as session:
        return (await session.scalars(select(Incident))).one()


async def _id(edge: Edge, agency: Agency) -> str:
    return public_id("inc", (await _incident(edge, agency)).id)


async def _change(edge: Edge, token: str, mutation: str, incident: str, reason: str) -> Any:
    data = await edge.data(mutation, token, id=incident, reason=reason)
    return next(iter(data.values()))


async def test_shows_what_was_found(edge: Edge, northwind: Agency, token: str) -> None:
    data = await edge.data(f"{{ incidents {{ nodes {{ {FIELDS} }} }} }}", token)
    assert data["incidents"]["nodes"] == [
        {
            "id": await _id(edge, northwind),
            "clientId": northwind.client("acme"),
            "connectionId": northwind.connection("acme"),
            "stream": "campaign_day",
            "check": "unit_slip",
            "severity": "CRITICAL",
            "state": "OPEN",
            "message": f"{northwind.canary} is 100, usually 1",
            "hint": "compare one day with the platform;"
            " if the figures are right, let them pass: bosco quality release",
            "timesFound": 1,
            "syncId": public_id("syn", northwind.sync_id),
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ("state: OPEN", 1),
        ("state: RESOLVED", 0),
        ("severity: CRITICAL", 1),
        ("severity: NOTICE", 0),
        ('client: "{acme}"', 1),
        ('client: "{bolt}"', 0),
        ('connection: "{acme_ads}"', 1),
        ('connection: "{bolt_ads}"', 0),
        ("first: 1", 1),
    ],
)
async def test_filters(
    edge: Edge, northwind: Agency, token: str, arguments: str, found: int
) -> None:
    ids = {"acme": northwind.client("acme"), "bolt": northwind.client("bolt")}
    ids |= {f"{name}_ads": northwind.connection(name) for name in ("acme", "bolt")}
    query = f"{{ incidents({arguments.format(**ids)}) {{ nodes {{ id }} }} }}"
    assert len((await edge.data(query, token))["incidents"]["nodes"]) == found


async def test_a_person_looks_after_it_and_closes_it(
    edge: Edge, northwind: Agency, token: str
) -> None:
    incident = await _id(edge, northwind)
    taken = await _change(edge, token, ACKNOWLEDGE, incident, "I ask the client")
    closed = await _change(edge, token, RESOLVE, incident, "they changed the currency")
    opened, acknowledged, resolved = closed["incident"]["events"]
    assert taken["incident"]["state"] == "ACKNOWLEDGED"
    assert closed["incident"]["state"] == "RESOLVED"
    assert {**FOUND, "reason": f"{northwind.canary} is 100, usually 1"} == opened
    assert (acknowledged["kind"], acknowledged["reason"]) == ("ACKNOWLEDGED", "I ask the client")
    assert (resolved["kind"], resolved["reason"]) == ("RESOLVED", "they changed the currency")
    assert acknowledged["actor"] == resolved["actor"]
    assert resolved["actor"].startswith("client:app_")
    async with edge.database.session(northwind.tenant_id) as session:
        entries = (await session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()
    assert [entry.action for entry in entries] == ["incident.acknowledged", "incident.resolved"]


async def test_what_is_resolved_stays_so(edge: Edge, northwind: Agency, token: str) -> None:
    incident = await _id(edge, northwind)
    await _change(edge, token, RESOLVE, incident, "fine")
    assert await _change(edge, token, ACKNOWLEDGE, incident, "mine") == {
        "code": "CONFLICT",
        "message": "the incident is resolved",
        "hint": "nothing is left to look after",
    }
    assert await _change(edge, token, RESOLVE, incident, "again") == {
        "code": "CONFLICT",
        "message": "the incident is resolved already",
        "hint": "",
    }


async def test_what_holds_syncs_back_is_released_not_resolved(
    edge: Edge, northwind: Agency, token: str
) -> None:
    async with edge.database.session(northwind.tenant_id) as session:
        (await session.scalars(select(Sync))).one().state = SyncState.HELD
    assert await _change(edge, token, RESOLVE, await _id(edge, northwind), "fine") == {
        "code": "CONFLICT",
        "message": "syncs are held back because of the incident",
        "hint": "release them (bosco quality release), or wait for a sync that is good",
    }


@pytest.mark.parametrize("mutation", [ACKNOWLEDGE, RESOLVE])
async def test_another_agencys_incident_is_not_found(
    edge: Edge, southwind: Agency, token: str, mutation: str
) -> None:
    foreign = await _id(edge, southwind)
    assert await _change(edge, token, mutation, foreign, "mine") == {
        "code": "NOT_FOUND",
        "message": f"{foreign!r} is not an incident of this agency",
        "hint": "incidents lists them",
    }
    assert (await _incident(edge, southwind)).state.value == "open"


async def test_a_token_limited_to_a_client_does_not_know_others(
    edge: Edge, northwind: Agency
) -> None:
    scopes = ("ingestion:read", "ingestion:write")
    limited = await edge.token(northwind, *scopes, clients=("bolt",))
    assert await edge.data("{ incidents { nodes { id } } }", limited) == {
        "incidents": {"nodes": []}
    }
    refused = await _change(edge, limited, RESOLVE, await _id(edge, northwind), "mine")
    assert refused["code"] == "NOT_FOUND"
    assert (await _incident(edge, northwind)).state.value == "open"


@pytest.mark.parametrize(
    ("incident", "reason", "message"),
    [
        ("con_1", "why", "'con_1' is not an id of this kind"),
        ("", "why", "'' is not an id of this kind"),
        (None, " ", "there is no reason"),
        (None, "x" * 501, "the reason has more than 500 characters"),
    ],
)
async def test_bad_input_is_told(
    edge: Edge, northwind: Agency, token: str, incident: str | None, reason: str, message: str
) -> None:
    chosen = await _id(edge, northwind) if incident is None else incident
    refused = await _change(edge, token, RESOLVE, chosen, reason)
    assert (refused["code"], refused["message"]) == ("INVALID_INPUT", message)

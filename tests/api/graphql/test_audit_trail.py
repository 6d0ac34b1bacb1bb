"""The field `auditTrail`: filters, pages, who may see it, and that the look is recorded."""

import base64
import uuid
from typing import Any

import pytest
from sqlalchemy import select

from api.graphql.schema_factory import QUERIES
from api.identity.caller import Scope
from api.identity.rights import SCOPES_OF_ROLES
from domain.ids import public_id
from tenancy import audit
from tenancy.tables import AuditEntry, Role
from tests.api.graphql.edge import START, Agency, Edge

pytestmark = pytest.mark.anyio

FIELDS = "id number at actor action objectKind objectId details hash"


async def _record(edge: Edge, agency: Agency, *objects: str) -> None:
    for number, object_id in enumerate(objects):
        async with edge.database.session(agency.tenant_id) as session:
            audit.record(
                session,
                clock=edge.clock,
                ids=edge.ids,
                actor=f"user:{number % 2}",
                action="connection.paused",
                object_kind=object_id.partition(":")[0],
                object_id=object_id.partition(":")[2],
                details={"source": agency.canary},
            )


async def _entries(edge: Edge, agency: Agency) -> list[AuditEntry]:
    async with edge.database.session(agency.tenant_id) as session:
        return list(await session.scalars(select(AuditEntry).order_by(AuditEntry.sequence)))


@pytest.fixture
async def token(edge: Edge, northwind: Agency) -> str:
    return await edge.token(northwind, "audit:read")


async def _ask(edge: Edge, token: str, arguments: str = "") -> tuple[list[Any], dict[str, Any]]:
    query = (
        f"{{ auditTrail{arguments} {{ nodes {{ number }} pageInfo {{ hasNextPage endCursor }} }} }}"
    )
    found = (await edge.data(query, token))["auditTrail"]
    return [node["number"] for node in found["nodes"]], found["pageInfo"]


async def test_an_entry_shows_all_about_it(edge: Edge, northwind: Agency, token: str) -> None:
    await _record(edge, northwind, "connection:con_1")
    (entry,) = await _entries(edge, northwind)
    data = await edge.data(f"{{ auditTrail {{ nodes {{ {FIELDS} }} }} }}", token)
    assert data["auditTrail"]["nodes"] == [
        {
            "id": public_id("aud", entry.id),
            "number": 1,
            "at": START.isoformat(),
            "actor": "user:0",
            "action": "connection.paused",
            "objectKind": "connection",
            "objectId": "con_1",
            "details": f'{{"source":"{northwind.canary}"}}',
            "hash": entry.hash.hex(),
        }
    ]


async def test_the_look_is_recorded(edge: Edge, northwind: Agency, token: str) -> None:
    await _record(edge, northwind, "connection:con_1")
    await _ask(edge, token, '(object: "connection", actor: "user:0", first: 5)')
    read = (await _entries(edge, northwind))[-1]
    assert (read.action, read.object_kind, read.object_id) == (
        "audit.read",
        "audit",
        str(northwind.tenant_id),
    )
    assert read.actor.startswith("client:app_")
    assert read.details == {
        "entries": 1,
        "about": "connection",
        "actor": "user:0",
        "since": None,
        "before": None,
    }


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ("", [3, 2, 1]),
        ('(object: "connection")', [2, 1]),
        ('(object: "connection:con_2")', [2]),
        ('(object: "connection:con_9")', []),
        ('(object: "app", actor: "user:0")', [3]),
        ('(actor: "user:1")', [2]),
        ('(object: "")', []),
    ],
)
async def test_filters(
    edge: Edge, northwind: Agency, token: str, arguments: str, found: list[int]
) -> None:
    await _record(edge, northwind, "connection:con_1", "connection:con_2", "app:1")
    assert (await _ask(edge, token, arguments))[0] == found


async def test_an_object_is_found_by_its_outside_id(
    edge: Edge, northwind: Agency, token: str
) -> None:
    inside = uuid.UUID(int=77)
    await _record(edge, northwind, f"connection:{inside}", "connection:con_1")
    asked = f'(object: "connection:{public_id("con", inside)}")'
    assert (await _ask(edge, token, asked))[0] == [1]


async def test_pages_miss_and_repeat_nothing_though_reading_adds_entries(
    edge: Edge, northwind: Agency, token: str
) -> None:
    await _record(edge, northwind, *(f"connection:{number}" for number in range(5)))
    pages, cursor, more = [], "", True
    while more:
        numbers, info = await _ask(edge, token, f"(first: 2{cursor})")
        pages.append(numbers)
        cursor, more = f', after: "{info["endCursor"]}"', info["hasNextPage"]
    assert pages == [[5, 4], [3, 2], [1]]
    assert len(await _entries(edge, northwind)) == 8


async def test_an_empty_page_has_no_cursor(edge: Edge, token: str) -> None:
    assert await _ask(edge, token) == ([], {"hasNextPage": False, "endCursor": None})


def _cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "arguments",
    [
        "(first: 0)",
        "(first: 501)",
        '(after: "x")',
        f'(after: "{_cursor("position:5")}")',
        f'(after: "{_cursor("number:x")}")',
        f'(after: "{_cursor("number:9223372036854775808")}")',
        f'(after: "{_cursor("number:" + "9" * 5000)}")',
    ],
)
async def test_wrong_pages_are_told_and_show_nothing(
    edge: Edge, northwind: Agency, token: str, arguments: str
) -> None:
    await _record(edge, northwind, "connection:con_1")
    error = await edge.error(f"{{ auditTrail{arguments} {{ nodes {{ id }} }} }}", token)
    assert error["extensions"]["code"] == "INVALID_INPUT"
    assert len(await _entries(edge, northwind)) == 1


async def test_a_token_without_the_scope_sees_nothing(edge: Edge, northwind: Agency) -> None:
    await _record(edge, northwind, "connection:con_1")
    token = await edge.token(northwind, "metrics:read", "ingestion:read")
    error = await edge.error("{ auditTrail { nodes { id } } }", token)
    assert error["extensions"]["code"] == "INSUFFICIENT_SCOPE"
    assert len(await _entries(edge, northwind)) == 1


async def test_a_token_limited_to_clients_sees_nothing(edge: Edge, northwind: Agency) -> None:
    await _record(edge, northwind, "connection:con_1")
    token = await edge.token(northwind, "audit:read", clients=("bolt",))
    error = await edge.error("{ auditTrail { nodes { id } } }", token)
    assert error["extensions"]["code"] == "INSUFFICIENT_SCOPE"
    assert error["message"] == (
        "the audit trail tells of all clients, and the token is limited to some"
    )
    assert len(await _entries(edge, northwind)) == 1


async def test_another_agency_sees_its_own_trail(
    edge: Edge, northwind: Agency, southwind: Agency
) -> None:
    await _record(edge, northwind, "connection:con_1", "connection:con_2")
    await _record(edge, southwind, "connection:con_1")
    token = await edge.token(southwind, "audit:read")
    reply = await edge.ask(f"{{ auditTrail {{ nodes {{ {FIELDS} }} }} }}", token)
    assert northwind.canary not in reply.text
    assert [node["number"] for node in reply.json()["data"]["auditTrail"]["nodes"]] == [1]


def test_these_roles_may_read_it() -> None:
    holders = {role for role, scopes in SCOPES_OF_ROLES.items() if Scope.AUDIT_READ in scopes}
    assert holders == {Role.OWNER, Role.ADMIN, Role.DATA_PROTECTION_OFFICER}
    assert "auditTrail" in {field.name for field in QUERIES}

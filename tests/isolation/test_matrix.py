"""Every field of the gateway as one agency while another one is there: nothing foreign appears.

The last two tests take a lock away, the guard's predicate or row-level security, and see the same
matrix turn red: it is able to fail.
"""

import uuid
from collections.abc import Mapping

import psycopg
import pyarrow as pa
import pytest
from sqlalchemy import make_url

from domain.ids import TenantId, public_id
from domain.ports import Parameter, QueryWarehouse, Statement, TenantScope
from feature_repo.feature_services import SERVICES
from tenancy import audit
from tenancy.audited_tenants import AuditedTenants
from tenancy.cache import KeyKind, RedisAnswerCache
from tenancy.redis_server import RedisServer
from tenancy.warehouse.port import Warehouse
from tests.api.graphql.edge import (
    Agency,
    Edge,
    edge,
    edge_warehouse,
    northwind,
    southwind,
)
from tests.isolation.matrix import SCOPES, ask_everything, documents, of_agency, read_schema

__all__ = ["edge", "edge_warehouse", "northwind", "southwind"]

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def _trails(edge: Edge, northwind: Agency, southwind: Agency) -> None:
    """Something in the audit trail of both."""
    for agency in (northwind, southwind):
        async with edge.database.session(agency.tenant_id) as session:
            audit.record(
                session,
                clock=edge.clock,
                ids=edge.ids,
                actor="job:test",
                action="agency.marked",
                object_kind="agency",
                object_id=agency.canary,
                details={},
            )


def _marks(agency: Agency) -> set[str]:
    """Texts that only answers about this agency can hold."""
    ids: list[tuple[str, uuid.UUID]] = [("ten", agency.tenant_id), ("syn", agency.sync_id)]
    ids += [("cli", client_id) for client_id in agency.clients.values()]
    ids += [("con", connection_id) for connection_id in agency.connections.values()]
    public = {public_id(prefix, value) for prefix, value in ids}
    return {agency.canary, *public, *(str(value) for _, value in ids)}


async def _leaks(edge: Edge, asking: Agency, other: Agency) -> set[str]:
    """Documents whose answers show something of `other`."""
    foreign = _marks(other)
    return {
        name async for name, text in ask_everything(edge, asking) if any(m in text for m in foreign)
    }


async def test_no_field_shows_anything_of_another_agency(
    edge: Edge, northwind: Agency, southwind: Agency
) -> None:
    assert await _leaks(edge, northwind, southwind) == set()
    assert await _leaks(edge, southwind, northwind) == set()


async def test_the_matrix_reaches_every_root_field_and_dimension(
    edge: Edge, northwind: Agency
) -> None:
    schema = await read_schema(edge, northwind)
    assert schema.query_type is not None
    named = {name.split(" by ")[0] for name in documents(schema)}
    assert named == set(schema.query_type.fields)
    seen = {
        name async for name, text in ask_everything(edge, northwind) if northwind.canary in text
    }
    # Where an answer names things of the agency, the matrix sees them: it does not look past data.
    assert {"me", "clients", "connections", "freshness", "syncs", "quarantine"} <= seen
    assert {"alerts", "auditTrail", "incidents"} <= seen
    assert {"webhookEndpoints", "webhookDeliveries"} <= seen
    assert {"subjectRequests", "subjectRequest", "privacyStatistics", "legalHolds"} <= seen
    assert {"certificates", "plans", "forecast", "forecastAccuracy"} <= seen
    assert {"anomalies", "pacing"} <= seen
    assert {f"features by {name}" for name in SERVICES} <= seen


async def test_cached_answers_stay_with_their_agency(
    edge: Edge, northwind: Agency, southwind: Agency, redis_server: RedisServer
) -> None:
    cached = edge.with_services(answers=RedisAnswerCache(redis_server))
    agencies = (northwind, southwind)
    for _ in range(2):  # computed, then from the cache
        assert await _leaks(cached, northwind, southwind) == set()
        assert await _leaks(cached, southwind, northwind) == set()
    stored = {
        agency.slug: [
            key async for key in redis_server.commands.scan_iter(f"t:{agency.tenant_id}:*")
        ]
        for agency in agencies
    }
    everything = [key async for key in redis_server.commands.scan_iter("*")]
    assert sorted(everything) == sorted(key for keys in stored.values() for key in keys)
    assert all(stored.values())
    for agency, other in (agencies, reversed(agencies)):
        for key in stored[agency.slug]:
            assert key.decode().split(":")[2] in {kind.value for kind in KeyKind}
            held = key + await _held(redis_server, key)
            assert not any(mark.encode() in held for mark in _marks(other))


async def _held(redis: RedisServer, key: bytes) -> bytes:
    """Everything under a key, whatever its type."""
    kind = await redis.commands.type(key)
    if kind == b"zset":
        return b" ".join(await redis.commands.zrange(key, 0, -1))
    if kind == b"list":  # calls of an app, by their instants
        calls = await redis.commands.lrange(key, 0, -1)  # type: ignore[misc]  # both clients' type
        return b" ".join(calls)
    value: bytes = await redis.commands.get(key)
    return value


class _UnguardedWarehouse(QueryWarehouse):
    """What a warehouse without the guard's predicate would answer: rows of all agencies."""

    def __init__(self, inner: Warehouse, tenants: frozenset[TenantId]) -> None:
        self._inner = inner
        self._tenants = tenants

    async def run(
        self, scope: TenantScope, statement: Statement, parameters: Mapping[str, Parameter]
    ) -> pa.Table:
        del scope
        return await self._inner.run_for(
            AuditedTenants(self._tenants, "leak"), statement, parameters
        )


async def test_without_the_guards_predicate_the_matrix_is_red(
    edge: Edge, northwind: Agency, southwind: Agency, edge_warehouse: Warehouse
) -> None:
    tenants = frozenset({northwind.tenant_id, southwind.tenant_id})
    leaking = edge.with_services(warehouse=_UnguardedWarehouse(edge_warehouse, tenants))
    leaks = await _leaks(leaking, northwind, southwind)
    schema = await read_schema(edge, northwind)
    asked = {name for name in documents(schema) if name.startswith("metrics by ")}
    # These show words that all agencies share, and no notice names a claim of the other agency.
    assert asked - leaks == {"metrics by channel", "metrics by matchType", "metrics by orderStatus"}


async def test_without_row_level_security_the_matrix_is_red(
    edge: Edge, northwind: Agency, southwind: Agency, database_url: str
) -> None:
    asked = documents(await read_schema(edge, northwind))
    token = await edge.token(northwind, *SCOPES)  # without the lock even this would fail
    url = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
        ).fetchall()
        for (table,) in tables:
            connection.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY".encode())
    answers = {
        name: (await edge.ask(of_agency(document, northwind), token)).text
        for name, document in asked.items()
    }
    leaks = {n for n, text in answers.items() if any(mark in text for mark in _marks(southwind))}
    assert leaks >= {
        *(
            "alerts",
            "auditTrail",
            "clients",
            "connections",
            "freshness",
            "incidents",
            "quarantine",
            "syncs",
            "subjectRequests",
            "privacyStatistics",
            "legalHolds",
        )
    }

"""A warehouse with facts, a Redis and a clock that moves when told."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache

import pytest

from domain.ids import ClientId, ConnectionId, TenantId
from feature_repo.catalogue import Catalogues, none_registered
from feature_repo.compute import FeatureComputer
from feature_repo.online import OnlineFeatures
from tenancy.redis_server import RedisServer
from tenancy.sql_guard import SqlDialect
from tenancy.warehouse.dialect import duckdb_sql
from tenancy.warehouse.guarding import GuardedStatements
from tenancy.warehouse.open import open_warehouse
from tenancy.warehouse.port import Warehouse
from tests.feature_repo.ledger import Account, Ledger, at


@dataclass(slots=True)
class MovableClock:
    """The present, as a test says."""

    now: dt.datetime

    def __call__(self) -> dt.datetime:
        return self.now


A = TenantId(uuid.UUID("0194a000-0000-7000-8000-00000000000a"))
B = TenantId(uuid.UUID("0194a000-0000-7000-8000-00000000000b"))


def account(tenant_id: TenantId, number: int, client: int = 1, **more: str) -> Account:
    """A connection of a client, both named by number within a tenant."""
    space = tenant_id.int & 0xFF
    return Account(
        tenant_id,
        ClientId(uuid.UUID(int=(space << 64) | (1 << 32) | client)),
        ConnectionId(uuid.UUID(int=(space << 64) | (2 << 32) | number)),
        **more,
    )


@pytest.fixture
def clock() -> MovableClock:
    """Noon of 30 March."""
    return MovableClock(at(30))


@cache
def guarded_texts() -> GuardedStatements:
    """Guarded texts of all tests: guarding a view takes longer than computing it here."""
    return GuardedStatements(SqlDialect("duckdb", duckdb_sql))


@pytest.fixture
async def facts(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Warehouse]:
    """An empty warehouse in memory, with the facts that features read."""
    warehouse = open_warehouse("duckdb://")
    monkeypatch.setattr(warehouse, "_guarded", guarded_texts())
    await warehouse.ensure_tables(Ledger.tables())
    yield warehouse
    await warehouse.close()


@pytest.fixture
def ledger(facts: Warehouse) -> Ledger:
    """Its syncs."""
    return Ledger(facts)


@pytest.fixture
def computer(facts: Warehouse) -> FeatureComputer:
    """Over that warehouse."""
    return FeatureComputer(facts)


@pytest.fixture
def catalogues(clock: MovableClock) -> Catalogues:
    """Every agency has the platform's features."""
    return Catalogues(none_registered, clock)


@pytest.fixture
def online(redis_server: RedisServer, clock: MovableClock) -> OnlineFeatures:
    """An empty online store."""
    return OnlineFeatures(redis_server, clock)

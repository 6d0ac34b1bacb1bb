"""What is over goes, what is held stays, and the audit chain proves it."""

import dataclasses
import datetime as dt
import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, func, select, text

from domain.ids import TenantId
from domain.privacy.classification import Classification
from domain.privacy.retention_policies import RETENTION_POLICIES
from gdpr.access.exports import Exports
from gdpr.erasure.work import Stores
from gdpr.retention.rules import KEPT_BECAUSE, RULES, PurgeAction, RetentionRule
from gdpr.retention.sweep import Retention, rules_digest
from gdpr.retention.warehouse import WarehousePurge
from tenancy.audit import iter_chain
from tenancy.exclusive import Exclusive
from tenancy.landing_store import LandingStore
from tenancy.redis_server import RedisServer
from tenancy.session import Database, DatabaseConfig
from tenancy.tables import AuditEntry, Base
from tenancy.tables.base import HOLDS
from tenancy.unscoped import Doors
from tenancy.vault import MasterKey, Vault
from tenancy.warehouse.port import SearchableWarehouse
from tests.fixtures.database import INSTANT, FilledTenant

pytestmark = pytest.mark.anyio

Two = tuple[FilledTenant, FilledTenant]
DAY = dt.timedelta(days=1)


@dataclasses.dataclass(slots=True)
class Sweeper:
    """The retention of two agencies with one row in every table, and a superuser."""

    database: Database
    url: str
    own: FilledTenant
    other: FilledTenant
    warehouse: SearchableWarehouse
    redis: RedisServer
    now: dt.datetime = INSTANT
    batch: int = 5_000

    @property
    def retention(self) -> Retention:
        landing, vault = LandingStore("memory://"), Vault(MasterKey(b"m" * 32))
        exports = Exports(self.database, landing, vault, lambda: self.now, uuid.uuid4, bytes)

        async def nothing(*_: Any) -> Any:
            raise AssertionError

        stores = Stores(
            self.database,
            self.warehouse,
            landing,
            self.redis,
            vault,
            Exclusive(self.database, "loader"),
            lambda: self.now,
            uuid.uuid4,
            (),
            open_claim=nothing,
            refresh_features=nothing,
            forget_exports=nothing,
        )
        return Retention(
            self.database,
            Doors(self.database),
            WarehousePurge(stores, Doors(self.database)),
            exports,
            Exclusive(self.database, "retention"),
            lambda: self.now,
            uuid.uuid4,
            self.batch,
        )

    def as_superuser(self, statement: str, **values: Any) -> Any:
        engine = create_engine(self.url, poolclass=NullPool)
        with engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return result.all() if result.returns_rows else result.rowcount

    def end(self, rule: RetentionRule, days: int) -> None:
        """Let the row of each agency be over since so many days before its time."""
        at = INSTANT - dt.timedelta(days=days)
        for table, column in _instants(rule):
            assert self.as_superuser(f"UPDATE {table} SET {column} = :at", at=at) == 2

    def rows(self, rule: RetentionRule, tenant: FilledTenant) -> list[Any]:
        found: list[Any] = self.as_superuser(
            f"SELECT * FROM {rule.table} WHERE tenant_id = :tenant", tenant=tenant.tenant_id
        )
        return found

    async def run(self, tenant_id: TenantId | None = None) -> dict[str, int]:
        return dict(await self.retention.run(tenant_id or self.own.tenant_id, actor="cli:ann"))


def _instants(rule: RetentionRule) -> list[tuple[str, str]]:
    """Where the instants stand from which a rule counts: table and column."""
    own = re.findall(r"\br\.(\w+_at)\b", rule.since)
    if own:
        return [(rule.table, column) for column in own]
    if "deactivated_at" in rule.since:
        return [("users", "deactivated_at")]
    return [("subject_requests", "closed_at")]


@pytest.fixture
async def sweeper(
    database_url: str,
    two_tenants: Two,
    duckdb_warehouse: SearchableWarehouse,
    redis_server: RedisServer,
) -> AsyncIterator[Sweeper]:
    database = Database(DatabaseConfig(database_url, pool_size=4, overflow=0))
    one = Sweeper(database, database_url, *two_tenants, duckdb_warehouse, redis_server)
    # A hold over everybody is part of the filling: it would keep what the tests let go.
    one.as_superuser("UPDATE legal_holds SET released_at = now()")
    one.as_superuser("UPDATE retention_runs SET done_at = now(), told_at = now()")
    # What is there already is young, whatever it counts from.
    one.as_superuser("UPDATE person_exports SET expires_at = :at", at=INSTANT + 400 * DAY)
    yield one
    await database.close()


async def test_a_row_goes_when_its_days_are_over_and_not_before(sweeper: Sweeper) -> None:
    tenant_id, names = sweeper.own.tenant_id, {rule.name for rule in RULES}
    for rule in RULES:
        sweeper.end(rule, RETENTION_POLICIES[rule.policy].days or 0)  # to the second: not yet
    # Rules with the longest and the shortest days may count from one instant, of the request.
    due = {one.name for one in await sweeper.retention.plan(tenant_id) if one.rows}
    assert due <= {
        "request_claim.subject_requests",
        "request_claim.request_letters",
        "request_claim.privacy_inbox",
        "request_claim.recipient_notices",
    }
    for rule in RULES:
        sweeper.end(rule, 1_096)
    rows = {rule.name: sweeper.rows(rule, sweeper.own) for rule in RULES}
    foreign = {rule.name: sweeper.rows(rule, sweeper.other) for rule in RULES}
    planned = await sweeper.retention.plan(tenant_id)
    assert {one.name: one.rows for one in planned if one.rows} == dict.fromkeys(names, 1)
    assert {rule.name: sweeper.rows(rule, sweeper.own) for rule in RULES} == rows
    assert await sweeper.run() == dict.fromkeys(names, 1)
    deleted = {rule.table for rule in RULES if rule.action is PurgeAction.DELETE}
    for rule in RULES:
        after = sweeper.rows(rule, sweeper.own)
        if rule.table in deleted:
            assert after == [], rule.name
        else:
            _check_cleared(rule, rows[rule.name], after)
    assert await sweeper.run() == {}
    assert {rule.name: sweeper.rows(rule, sweeper.other) for rule in RULES} == foreign


def _check_cleared(rule: RetentionRule, before: list[Any], after: list[Any]) -> None:
    ((old,), (new,)) = before, after
    empty: dict[str, Any] = {"NULL": None, "'{}'::jsonb": {}, "'{}'::text[]": [], "''": ""}
    empty |= {"''::bytea": b"", "('deleted account ' || id::text)": f"deleted account {new.id}"}
    cleared = {name: empty[value] for name, value in rule.clears}
    known = {name: getattr(old, name) for name in cleared}
    now = {name: getattr(new, name) for name in cleared}
    assert now == cleared, rule.name
    assert now != known, rule.name


@pytest.mark.parametrize("table", ["quarantined_rows", "browser_sessions"])
async def test_the_last_day_still_counts(sweeper: Sweeper, table: str) -> None:
    rule = next(rule for rule in RULES if rule.table == table)
    days = RETENTION_POLICIES[rule.policy].days or 0
    sweeper.end(rule, days)
    assert await sweeper.run() == {}
    sweeper.now += dt.timedelta(seconds=1)
    assert await sweeper.run() == {rule.name: 1}


async def test_an_open_hold_keeps_what_is_about_its_people(sweeper: Sweeper) -> None:
    for rule in RULES:
        sweeper.end(rule, 4_000)
    held = "UPDATE legal_holds SET released_at = :released, expires_at = :expires"
    sweeper.as_superuser(held, released=None, expires=None)
    kept = {rule.name for rule in RULES if "legal_holds" in rule.keeps}
    assert kept == {
        "request_claim.subject_requests",
        "request_claim.request_letters",
        "request_record.erasure_run_requests",
        "request_record.identity_codes",
        "request_record.request_runs",
        "request_record.subject_requests",
    }
    over = {rule.name for rule in RULES} - {"request_record.legal_holds"}
    assert set(await sweeper.run()) == over - kept
    sweeper.as_superuser(held, released=None, expires=INSTANT - DAY)  # over by itself
    assert set(await sweeper.run()) == kept


async def test_the_audit_chain_proves_the_last_purge(sweeper: Sweeper) -> None:
    tenant_id = sweeper.own.tenant_id
    async with sweeper.database.session(tenant_id) as session:
        assert await sweeper.retention.last(session) is None
    quarantine = next(rule for rule in RULES if rule.table == "quarantined_rows")
    sweeper.end(quarantine, 91)
    await sweeper.run()
    async with sweeper.database.session(tenant_id) as session:
        last = await sweeper.retention.last(session)
        chain = [entry async for batch in iter_chain(session) for entry in batch]
    assert last is not None
    assert last.counts == {"quarantine.quarantined_rows": 1}
    assert (last.actor, last.rules) == ("cli:ann", rules_digest())
    assert (last.sequence, last.hash) == (chain[-1].sequence, chain[-1].hash)


async def test_more_than_a_batch_goes_batch_by_batch_each_with_its_proof(sweeper: Sweeper) -> None:
    sweeper.as_superuser(
        "INSERT INTO browser_sessions SELECT (b).* FROM browser_sessions x,"
        " LATERAL (SELECT jsonb_populate_record(x, jsonb_build_object('id', gen_random_uuid(),"
        " 'token_hash', '\\x' || md5(n::text))) AS b FROM generate_series(1, 6) n) y"
    )
    sweeper.as_superuser("UPDATE browser_sessions SET expires_at = :at", at=INSTANT - 31 * DAY)
    sweeper.batch = 3
    assert await sweeper.run() == {"signed_in.browser_sessions": 7}
    async with sweeper.database.session(sweeper.own.tenant_id) as session:
        purged = select(AuditEntry.details).where(AuditEntry.action == "retention.purged")
        found = (await session.scalars(purged.order_by(AuditEntry.sequence))).all()
    assert [one.get("rows.signed_in.browser_sessions") for one in found] == [3, 3, 1]


async def test_a_round_purges_each_agency_once_a_day(sweeper: Sweeper) -> None:
    async def purges() -> list[int]:
        found = []
        for tenant in (sweeper.own, sweeper.other):
            async with sweeper.database.session(tenant.tenant_id) as session:
                count = select(func.count()).where(AuditEntry.action == "retention.purged")
                found.append(await session.scalar(count) or 0)
        return found

    await sweeper.retention.go_round()
    assert await purges() == [1, 1]
    sweeper.now += dt.timedelta(hours=23)
    await sweeper.retention.go_round()
    assert await purges() == [1, 1]
    sweeper.now += dt.timedelta(hours=1)
    await sweeper.retention.go_round()
    assert await purges() == [2, 2]


def test_each_policy_with_days_is_carried_out_or_has_its_reason() -> None:
    asked: set[tuple[str, str]] = set()
    for mapper in Base.registry.mappers:
        otherwise = mapper.class_.__otherwise__
        for column in mapper.local_table.columns:
            found = column.info.get(HOLDS, otherwise)
            if not isinstance(found, Classification):
                continue
            if RETENTION_POLICIES[found.retention].days is not None:
                asked.add((str(mapper.local_table), found.retention))
    done = {(rule.table, rule.policy) for rule in RULES}
    assert sorted(asked - done - set(KEPT_BECAUSE)) == [], "write a rule, or say why not"
    assert sorted(set(KEPT_BECAUSE) - asked) == [], "no column asks for it"
    assert not done & set(KEPT_BECAUSE)


def test_rules_name_policies_tables_and_columns_that_there_are() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        columns = Base.metadata.tables[rule.table].columns
        assert RETENTION_POLICIES[rule.policy].days is not None, rule.name
        assert {name for name, _ in rule.clears} <= set(columns.keys()), rule.name
        assert bool(rule.clears) == (rule.action is PurgeAction.CLEAR), rule.name

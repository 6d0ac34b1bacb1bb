"""Questions do not read people who are suppressed for their purpose, whichever way they ask.

GDPR articles 7(3), 18(2) and 21(3); ADR-0028.
"""

import datetime as dt
from functools import partial
from typing import Any

import pytest

from domain.facts import FACTS
from domain.facts.fact import Fact, Names
from domain.facts.tables import SUPPRESSED, facts_table, marts_table
from domain.ids import TenantId
from domain.ports import TenantScope
from domain.privacy.purposes import Purpose
from tenancy.audited_tenants import AuditedTenants
from tenancy.sql_guard import RefusedSqlError, ScopeKind, SqlDialect, guard
from tenancy.sql_guard_check import UnguardedScanError, check_guarded, tables_about_people
from tenancy.warehouse.dialect import bigquery_sql, duckdb_sql
from tenancy.warehouse.duckdb import DuckDbWarehouse
from tenancy.warehouse.port import Warehouse
from tests.fixtures.warehouse import Analyze
from tests.tenancy.warehouse.samples import BOTH, A, B, change, parquet, question

DUCKDB = SqlDialect("duckdb", duckdb_sql)
BIGQUERY = SqlDialect("bigquery", partial(bigquery_sql, dataset_prefix="p"))
PEOPLE = [fact for fact in FACTS.values() if any(c.names for c in fact.columns)]
TABLES = [make(fact) for fact in PEOPLE for make in (facts_table, marts_table)]
SHOP = "shop"
EVER = (dt.datetime(1, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 1, 1, tzinfo=dt.UTC))
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def _suppressed(
    person: str,
    events: tuple[dt.datetime, dt.datetime] = EVER,
    *,
    tenant_id: TenantId = A,
    purpose: str = "analytics",
) -> dict[str, Any]:
    return {
        "tenant_id": str(tenant_id),
        "client_id": "c",
        "connection_id": SHOP,
        "suppression_id": f"{tenant_id} {person}",
        "stamp": "1",
        "value": person,
        "purpose": purpose,
        "events_from": events[0],
        "events_to": events[1],
    }


def _row(fact: Fact, key: str, at: dt.datetime, **columns: Any) -> dict[str, Any]:
    own = {c.name: columns[c.name] for c in fact.columns if c.name in columns}
    told = {fact.happened_at: at} if fact.happened_at else {}
    envelope = {
        "tenant_id": str(A),
        "client_id": "c",
        "connection_id": SHOP,
        "reporting_date": at.date(),
        "natural_key": key,
        "known_at": at,
    }
    return envelope | own | told


# Ada ordered before noon and after it; Bob and a guest ordered, too.
ORDERS = (
    ("o1", "ada", NOON - HOUR),
    ("o2", "ada", NOON + HOUR),
    ("o3", "bob", NOON + HOUR),
    ("o4", None, NOON + HOUR),
)


async def _fill(warehouse: Warehouse, suppressed: list[dict[str, Any]]) -> None:
    await warehouse.ensure_tables([SUPPRESSED, *TABLES])
    for fact in PEOPLE:
        people = {"ada": NOON - HOUR, "bob": NOON} if fact.name == "customers" else {}
        rows = [_row(fact, one, at, customer_id=one) for one, at in people.items()] or [
            _row(fact, key, at, order_id=key, customer_id=who) for key, who, at in ORDERS
        ]
        for table in (facts_table(fact), marts_table(fact)):
            # An order's first version names nobody yet.
            early = [{**row, "customer_id": None} for row in rows if table is facts_table(fact)]
            await warehouse.load(
                f"l-{table.qualified}", table, [parquet(rows + early, table)], BOTH
            )
    if suppressed:
        data = parquet(suppressed, SUPPRESSED)
        await warehouse.load("suppressed", SUPPRESSED, [data], BOTH)


async def _keys(warehouse: Warehouse, table: str, scope: TenantScope) -> list[str]:
    statement = question(f"SELECT DISTINCT natural_key AS k FROM {table} ORDER BY 1")
    keys: list[str] = (await warehouse.run(scope, statement, {})).column("k").to_pylist()
    return keys


@pytest.mark.anyio
@pytest.mark.parametrize("schema", ["facts", "marts"])
async def test_an_objection_takes_all_of_a_person_out(warehouse: Warehouse, schema: str) -> None:
    await _fill(warehouse, [_suppressed("ada")])
    for scope in (TenantScope(A), TenantScope(A, frozenset())):
        for table in ("orders", "order_lines", "refunds"):
            expected = ["o3", "o4"] if scope.clients is None else []
            assert await _keys(warehouse, f"{schema}.{table}", scope) == expected
    assert await _keys(warehouse, f"{schema}.customers", TenantScope(A)) == ["bob"]


@pytest.mark.anyio
async def test_a_withdrawal_takes_out_what_happened_since(warehouse: Warehouse) -> None:
    await _fill(warehouse, [_suppressed("ada", (NOON, EVER[1])), _suppressed("bob", (NOON, NOON))])
    for table in ("orders", "order_lines", "refunds"):
        assert await _keys(warehouse, f"marts.{table}", TenantScope(A)) == ["o1", "o3", "o4"]
    # What was told of her before stays; bob's interval has no instant in it.
    assert await _keys(warehouse, "marts.customers", TenantScope(A)) == ["ada", "bob"]


@pytest.mark.anyio
async def test_the_interval_holds_its_first_instant_only(warehouse: Warehouse) -> None:
    at = NOON + HOUR
    second = dt.timedelta(microseconds=1)
    cases = {
        (at, at + second): ["o1", "o3", "o4"],
        (at + second, EVER[1]): ["o1", "o2", "o3", "o4"],
        (EVER[0], at): ["o2", "o3", "o4"],
    }
    for number, (events, expected) in enumerate(cases.items()):
        if not number:
            await _fill(warehouse, [])
        row = _suppressed("ada", events)
        await warehouse.load(f"s{number}", SUPPRESSED, [parquet([row], SUPPRESSED)], BOTH)
        assert await _keys(warehouse, "marts.orders", TenantScope(A)) == expected
        gone = change("DELETE FROM privacy.suppressed WHERE TRUE")
        assert await warehouse.execute(f"d{number}", gone, {}, BOTH) == 1


@pytest.mark.anyio
async def test_another_purpose_another_agency_and_storage_read_on(warehouse: Warehouse) -> None:
    await _fill(
        warehouse,
        [_suppressed("ada", purpose="advertising"), _suppressed("ada", tenant_id=B)],
    )
    everybody = ["o1", "o2", "o3", "o4"]
    assert await _keys(warehouse, "marts.orders", TenantScope(A)) == everybody
    advertising = TenantScope(A, purpose=Purpose.ADVERTISING)
    assert await _keys(warehouse, "marts.orders", advertising) == ["o3", "o4"]
    storage = TenantScope(A, purpose=Purpose.STORAGE)
    assert await _keys(warehouse, "marts.orders", storage) == everybody
    kept = question("SELECT COUNT(*) AS n FROM marts.orders")
    only = AuditedTenants(frozenset({A}), "test")
    assert (await warehouse.run_for(only, kept, {})).to_pylist() == [{"n": 4}]


@pytest.mark.anyio
async def test_a_second_person_of_the_question_is_found_by_every_scan(
    duckdb_warehouse: DuckDbWarehouse,
) -> None:
    await _fill(duckdb_warehouse, [_suppressed("ada")])
    statement = question(
        "WITH _cte_a AS (SELECT natural_key FROM marts.orders)"
        " SELECT a.natural_key AS k FROM _cte_a AS a UNION DISTINCT SELECT f.natural_key FROM"
        " facts.orders AS f WHERE EXISTS (SELECT 1 FROM marts.refunds AS r"
        " WHERE r.order_id = f.order_id) ORDER BY 1"
    )
    answer = await duckdb_warehouse.run(TenantScope(A), statement, {})
    assert answer.column("k").to_pylist() == ["o3", "o4"]


@pytest.mark.anyio
async def test_a_reopened_file_knows_its_suppressed(tmp_path: Any) -> None:
    path = str(tmp_path / "w.duckdb")
    first = DuckDbWarehouse(path)
    await _fill(first, [_suppressed("ada")])
    await first.close()
    again = DuckDbWarehouse(path)
    assert await _keys(again, "marts.orders", TenantScope(A)) == ["o3", "o4"]
    await again.close()


@pytest.mark.anyio
async def test_an_agency_without_suppressed_does_not_look_for_them(
    duckdb_warehouse: DuckDbWarehouse, statements: list[str]
) -> None:
    await _fill(duckdb_warehouse, [])
    only_b = AuditedTenants(frozenset({B}), "test")
    row = _suppressed("ada", tenant_id=B)
    await duckdb_warehouse.load("s", SUPPRESSED, [parquet([row], SUPPRESSED)], only_b)
    await _keys(duckdb_warehouse, "marts.orders", TenantScope(A))
    assert "suppressed" not in statements[-1]
    await _keys(duckdb_warehouse, "marts.orders", TenantScope(B))
    assert statements[-1].count("privacy.suppressed") == 2


@pytest.mark.parametrize("schema", ["raw", "privacy"])
def test_what_is_kept_is_not_asked_about(schema: str) -> None:
    tree = question(f"SELECT * FROM {schema}.suppressed").tree
    with pytest.raises(RefusedSqlError, match=f"{schema}.suppressed in a question of one tenant"):
        guard(tree, ScopeKind.TENANT, dialect=DUCKDB)
    guard(tree, ScopeKind.TENANTS, dialect=DUCKDB)
    frame = f"SELECT * FROM {schema}.suppressed AS _scan WHERE _scan.tenant_id = $__tenant_id"
    with pytest.raises(UnguardedScanError, match="not narrowed to the tenant of the scope"):
        check_guarded(f"SELECT * FROM ({frame}) AS t", "duckdb", "tenant")


@pytest.mark.parametrize("dialect", [DUCKDB, BIGQUERY], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.qualified)
def test_a_text_that_forgot_them_is_caught(dialect: SqlDialect, table: Any) -> None:
    tree = question(f"SELECT * FROM {table.qualified}").tree
    forgot = guard(tree, ScopeKind.TENANT, dialect=dialect, nobody_suppressed=True).text
    with pytest.raises(UnguardedScanError, match="not narrowed"):
        check_guarded(forgot, dialect.name, "tenant")
    whole = guard(tree, ScopeKind.TENANT, dialect=dialect).text
    for part in ("events_from AND", "_s.purpose =", "_who.value =", "NOT EXISTS"):
        broken = {"events_from AND": "events_to AND", "_s.purpose =": "_s.purpose <>"}.get(part, "")
        broken = broken or {"_who.value =": "_who.value <>", "NOT EXISTS": "EXISTS"}[part]
        assert part in whole
        with pytest.raises(UnguardedScanError):
            check_guarded(whole.replace(part, broken), dialect.name, "tenant")


def test_the_check_knows_every_column_that_names_people() -> None:
    declared = {
        fact.name: {
            (c.name, f"_scan.{fact.happened_at}" if fact.happened_at else "_who.ordered_at")
            for c in fact.columns
            if c.names is not None
        }
        for fact in PEOPLE
    }
    assert tables_about_people() == declared
    kinds = {c.names for fact in PEOPLE for c in fact.columns} - {None}
    assert kinds == {Names.PERSON, Names.ORDER}


@pytest.mark.slow
@pytest.mark.xdist_group("zetasql")
def test_google_accepts_every_scan(bigquery_analyzer: Analyze) -> None:
    for table in TABLES:
        tree = question(f"SELECT * FROM {table.qualified}").tree
        for kind in (ScopeKind.TENANT, ScopeKind.CLIENTS):
            text = guard(tree, kind, dialect=BIGQUERY).text
            bigquery_analyzer(text, [SUPPRESSED, *TABLES], "p")

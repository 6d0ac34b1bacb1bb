"""Every warehouse table, read and written as tenant B while it holds rows of tenant A."""

from typing import Any

import pytest

from domain.facts import FACTS
from domain.facts.fact import ColumnType
from domain.facts.orders import ORDERS
from domain.facts.tables import SUPPRESSED, SYNCS, Table, facts_table, marts_table
from domain.ids import TenantId
from domain.ports import TenantScope
from tenancy.audited_tenants import AuditedTenants
from tenancy.sql_guard import RefusedSqlError
from tenancy.warehouse.duckdb import DuckDbWarehouse
from tenancy.warehouse.port import ForeignRowsError, Warehouse
from tests.isolation.entries import tables_of_the_warehouse
from tests.tenancy.warehouse.samples import BOTH, A, B, change, parquet, question

TABLES = [SYNCS, *(make(fact) for fact in FACTS.values() for make in (facts_table, marts_table))]
AS_B = AuditedTenants(frozenset({B}), "test")


def _row(table: Table, tenant_id: TenantId) -> dict[str, Any]:
    canary = f"canary-{tenant_id}"
    texts = {c.name: canary for c in table.columns if c.type is ColumnType.STRING}
    return texts | {"tenant_id": str(tenant_id)}


async def _with_both(warehouse: Warehouse, table: Table) -> None:
    await warehouse.ensure_tables([SUPPRESSED, facts_table(ORDERS), table])
    rows = [_row(table, tenant_id) for tenant_id in (A, B)]
    await warehouse.load(f"both-{table.qualified}", table, [parquet(rows, table)], BOTH)


async def _rows_of_a(warehouse: Warehouse, table: Table) -> list[dict[str, Any]]:
    statement = question(f"SELECT * FROM {table.qualified}")
    rows: list[dict[str, Any]] = (await warehouse.run(TenantScope(A), statement, {})).to_pylist()
    return rows


@pytest.mark.anyio
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.qualified)
async def test_b_reads_nothing_of_a(warehouse: Warehouse, table: Table) -> None:
    await _with_both(warehouse, table)
    answer = await warehouse.run(TenantScope(B), question(f"SELECT * FROM {table.qualified}"), {})
    assert answer.column("tenant_id").to_pylist() == [str(B)]
    assert str(A) not in str(answer.to_pylist())
    statement = question(f"SELECT COUNT(*) AS n FROM {table.qualified}")
    assert (await warehouse.run(TenantScope(B), statement, {})).to_pylist() == [{"n": 1}]
    assert (await warehouse.run_for(BOTH, statement, {})).to_pylist() == [{"n": 2}]


@pytest.mark.anyio
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.qualified)
async def test_b_writes_nothing_of_a(warehouse: Warehouse, table: Table) -> None:
    await _with_both(warehouse, table)
    before = await _rows_of_a(warehouse, table)
    names = ", ".join(column.name for column in table.columns)
    own = ", ".join(f"s.{c.name}" for c in table.columns if c.name != "tenant_id")
    with pytest.raises(ForeignRowsError):
        await warehouse.load("foreign", table, [parquet([_row(table, A)], table)], AS_B)
    forged = change(
        f"INSERT INTO {table.qualified} ({names})"
        f" SELECT '{A}' AS tenant_id, {own} FROM {table.qualified} AS s"
    )
    assert await warehouse.execute("forge", forged, {}, AS_B) == 0
    everything = change(f"DELETE FROM {table.qualified} WHERE TRUE")
    assert await warehouse.execute("delete", everything, {}, AS_B) == 1
    assert await _rows_of_a(warehouse, table) == before
    assert len(before) == 1


@pytest.mark.anyio
async def test_b_reads_nothing_of_a_in_any_table(duckdb_warehouse: DuckDbWarehouse) -> None:
    """Also of raw tables, one for each stream of each source, which no question of B reads."""
    for table in tables_of_the_warehouse():
        await _with_both(duckdb_warehouse, table)
        whole = question(f"SELECT * FROM {table.qualified}")
        answer = await duckdb_warehouse.run_for(AS_B, whole, {})
        assert answer.column("tenant_id").to_pylist() == [str(B)], table.qualified
        if table.schema in {"raw", "privacy"}:
            with pytest.raises(RefusedSqlError):
                await duckdb_warehouse.run(TenantScope(B), whole, {})
            continue
        answer = await duckdb_warehouse.run(TenantScope(B), whole, {})
        assert answer.column("tenant_id").to_pylist() == [str(B)], table.qualified

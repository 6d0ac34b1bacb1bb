"""What both warehouses promise: schema, exactly once, all or nothing, client scope."""

import uuid
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import InternalError
from domain.facts.fact import Column, ColumnType, Role
from domain.facts.tables import Table
from domain.ids import ClientId
from domain.ports import TenantScope
from tenancy.sql_guard import RefusedSqlError
from tenancy.warehouse.bigquery import BigQueryWarehouse
from tenancy.warehouse.port import (
    ForeignRowsError,
    RemoteObject,
    Warehouse,
    WarehouseError,
    WarehouseSchemaError,
)
from tests.tenancy.warehouse.samples import (
    BOTH,
    ONLY_A,
    ROWS,
    A,
    B,
    change,
    parquet,
    question,
    sample_table,
)

ALL = question("SELECT s.client_id, s.whole, s.money FROM marts.sample AS s ORDER BY s.whole")
C1, C2 = (ClientId(uuid.UUID(int=n)) for n in (1, 2))


def _rows(*wholes: int) -> bytes:
    return parquet([{"tenant_id": str(A), "client_id": str(C1), "whole": n} for n in wholes])


async def _wholes(warehouse: Warehouse) -> list[int | None]:
    answer = await warehouse.run(TenantScope(A), ALL, {})
    wholes: list[int | None] = answer.column("whole").to_pylist()
    return wholes


@pytest.mark.anyio
async def test_loads_once_and_fills_missing_columns(warehouse: Warehouse) -> None:
    await warehouse.ensure_tables([ROWS])
    await warehouse.ensure_tables([ROWS])
    for _ in range(2):
        assert await warehouse.load("one", ROWS, [_rows(1, 2), _rows(3)], ONLY_A) == 3
    assert await warehouse.load("two", ROWS, [_rows(4)], ONLY_A) == 1
    assert await warehouse.load("none", ROWS, [], ONLY_A) == 0
    assert await _wholes(warehouse) == [1, 2, 3, 4]
    assert (await warehouse.run(TenantScope(A), ALL, {})).column("money").to_pylist() == [None] * 4


@pytest.mark.anyio
async def test_adds_columns_and_keeps_nine_digits(warehouse: Warehouse) -> None:
    await warehouse.ensure_tables([ROWS])
    await warehouse.load("one", ROWS, [_rows(1)], ONLY_A)
    added = (
        Column("order", ColumnType.NUMERIC, Role.MEASURE, "A keyword."),
        Column("note", ColumnType.STRING, Role.ATTRIBUTE, "Plain."),
    )
    wider = sample_table("marts", "sample", *added)
    await warehouse.ensure_tables([wider])
    amount = Decimal("1.123456789")
    row = {"tenant_id": str(A), "whole": 2, "order": amount, "note": "n"}
    await warehouse.load("two", wider, [parquet([row], wider)], ONLY_A)
    statement = question(
        "SELECT s.`order` AS o, s.note AS n FROM marts.sample AS s ORDER BY s.whole"
    )
    assert (await warehouse.run(TenantScope(A), statement, {})).to_pylist() == [
        {"o": None, "n": None},
        {"o": amount, "n": "n"},
    ]


@pytest.mark.anyio
async def test_refuses_to_change_a_type(warehouse: Warehouse) -> None:
    await warehouse.ensure_tables([ROWS])
    columns = tuple(
        Column("whole", ColumnType.STRING, c.role, "Text now.") if c.name == "whole" else c
        for c in ROWS.columns
    )
    with pytest.raises(WarehouseSchemaError, match=r"^marts\.sample\.whole is .*, declared "):
        await warehouse.ensure_tables([Table("marts", "sample", columns)])


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("table", "message"),
    [
        (Table("ops", "x", ROWS.columns), "ops.x lies in the reserved schema ops"),
        (Table("marts", "_cte_x", ROWS.columns), "marts._cte_x uses the name '_cte_x'"),
        (Table("marts", "X; DROP", ROWS.columns), "marts.X; DROP uses the name 'X; DROP'"),
        (
            Table("marts", "x", ROWS.columns[1:]),
            "marts.x has no column tenant_id of type STRING",
        ),
    ],
)
async def test_refuses_tables_that_cannot_be_guarded(
    duckdb_warehouse: Warehouse, table: Table, message: str
) -> None:
    with pytest.raises(WarehouseSchemaError) as caught:
        await duckdb_warehouse.ensure_tables([table])
    assert caught.value.message == message


@pytest.mark.anyio
async def test_refuses_unknown_columns_and_appends_nothing(warehouse: Warehouse) -> None:
    await warehouse.ensure_tables([ROWS])
    wider = sample_table("marts", "sample", Column("x", ColumnType.STRING, Role.ATTRIBUTE, "X."))
    odd = parquet([{"tenant_id": str(A), "x": "y"}], wider)
    with pytest.raises(WarehouseSchemaError, match=r"^marts\.sample has no column x"):
        await warehouse.load("one", ROWS, [_rows(1), odd], ONLY_A)
    assert await _wholes(warehouse) == []
    assert await warehouse.load("one", ROWS, [_rows(1)], ONLY_A) == 1


@pytest.mark.anyio
async def test_changes_happen_once_and_together(warehouse: Warehouse) -> None:
    await warehouse.ensure_tables([ROWS])
    await warehouse.load("one", ROWS, [_rows(1, 2, 3)], ONLY_A)
    delete = change("DELETE FROM marts.sample AS t WHERE t.whole > @least")
    insert = change(
        "INSERT INTO marts.sample (tenant_id, client_id, whole)"
        " SELECT s.tenant_id, s.client_id, s.whole + @plus FROM marts.sample AS s"
    )
    for _ in range(2):
        await warehouse.execute("both", [delete, insert], {"least": 1, "plus": 10}, ONLY_A)
    assert await _wholes(warehouse) == [1, 11]
    assert await warehouse.execute("single", delete, {"least": 5}, ONLY_A) == 1
    assert await warehouse.execute("single", delete, {"least": 0}, ONLY_A) == 1
    assert await _wholes(warehouse) == [1]


@pytest.mark.anyio
async def test_a_failed_change_leaves_nothing_and_can_be_tried_again(
    duckdb_warehouse: Warehouse,
) -> None:
    await duckdb_warehouse.ensure_tables([ROWS])
    await duckdb_warehouse.load("one", ROWS, [_rows(1)], ONLY_A)
    delete = change("DELETE FROM marts.sample WHERE TRUE")
    wrong = change("DELETE FROM marts.sample AS t WHERE t.nothing = 1")
    with pytest.raises(WarehouseError):
        await duckdb_warehouse.execute("op", [delete, wrong], {}, ONLY_A)
    assert await _wholes(duckdb_warehouse) == [1]
    assert await duckdb_warehouse.execute("op", delete, {}, ONLY_A) == 1


@pytest.mark.anyio
async def test_replaces_a_slice_by_merge(warehouse: Warehouse) -> None:
    source = sample_table("raw", "sample")
    await warehouse.ensure_tables([ROWS, source])
    await warehouse.load("old", ROWS, [_rows(1, 2)], ONLY_A)
    foreign = parquet([{"tenant_id": str(B), "whole": 1}, {"tenant_id": str(B), "whole": 7}])
    await warehouse.load("other", ROWS, [foreign], BOTH)
    await warehouse.load("new", source, [_rows(5)], ONLY_A)
    merge = change(
        "MERGE INTO marts.sample AS t USING (SELECT tenant_id, whole FROM raw.sample) AS s ON FALSE"
        " WHEN NOT MATCHED THEN INSERT (tenant_id, whole) VALUES (s.tenant_id, s.whole)"
        " WHEN NOT MATCHED BY SOURCE AND t.whole = 1 THEN DELETE"
    )
    await warehouse.execute("merge", merge, {}, ONLY_A)
    assert await _wholes(warehouse) == [2, 5]
    answer = await warehouse.run(TenantScope(B), ALL, {})
    assert answer.column("whole").to_pylist() == [1, 7]


@pytest.mark.anyio
async def test_a_scope_of_clients_sees_these_clients(warehouse: Warehouse) -> None:
    await warehouse.ensure_tables([ROWS])
    rows: list[dict[str, Any]] = [
        {"tenant_id": str(A), "client_id": str(C1), "whole": 1},
        {"tenant_id": str(A), "client_id": str(C2), "whole": 2},
        {"tenant_id": str(A), "client_id": None, "whole": 3},
        {"tenant_id": str(B), "client_id": str(C1), "whole": 4},
    ]
    await warehouse.load("one", ROWS, [parquet(rows)], BOTH)
    for clients, wholes in [
        (None, [1, 2, 3]),
        (frozenset({C1}), [1]),
        (frozenset({C1, C2}), [1, 2]),
        (frozenset[ClientId](), []),
    ]:
        answer = await warehouse.run(TenantScope(A, clients), ALL, {})
        assert answer.column("whole").to_pylist() == wholes


@pytest.mark.anyio
async def test_a_value_given_for_the_guard_is_not_used(warehouse: Warehouse) -> None:
    await warehouse.ensure_tables([ROWS])
    await warehouse.load("one", ROWS, [_rows(1)], ONLY_A)
    answer = await warehouse.run(TenantScope(B), ALL, {"__tenant_id": str(A)})
    assert answer.num_rows == 0


@pytest.mark.anyio
async def test_an_inner_table_without_tenants_does_not_borrow_the_outer_tenant(
    duckdb_warehouse: Warehouse,
) -> None:
    await duckdb_warehouse.ensure_tables([ROWS])
    await duckdb_warehouse.load("one", ROWS, [_rows(1)], ONLY_A)
    statement = question(
        "SELECT (SELECT COUNT(*) FROM pg_temp.applied) AS n FROM marts.sample AS s"
    )
    with pytest.raises(WarehouseError):
        await duckdb_warehouse.run(TenantScope(A), statement, {})


@pytest.mark.anyio
async def test_says_what_is_missing_or_of_the_wrong_kind(duckdb_warehouse: Warehouse) -> None:
    await duckdb_warehouse.ensure_tables([ROWS])
    statement = question("SELECT s.whole FROM marts.sample AS s WHERE s.day = @day")
    with pytest.raises(InternalError, match="no value for parameter day"):
        await duckdb_warehouse.run(TenantScope(A), statement, {})
    with pytest.raises(InternalError, match=r"execute takes INSERT \.\.\. SELECT, DELETE or MERGE"):
        await duckdb_warehouse.execute("x", change("SELECT 1"), {}, ONLY_A)
    with pytest.raises(RefusedSqlError):
        await duckdb_warehouse.run(TenantScope(A), question("SELECT 1 FROM sample"), {})


@pytest.mark.anyio
async def test_tells_every_statement(warehouse: Warehouse, statements: list[str]) -> None:
    await warehouse.ensure_tables([ROWS])
    statements.clear()
    await warehouse.run(TenantScope(A), question("SELECT s.whole FROM marts.sample AS s"), {})
    assert len(statements) == 1
    assert "SELECT s.whole FROM (SELECT * FROM " in statements[0]


@pytest.mark.anyio
async def test_checks_itself(warehouse: Warehouse) -> None:
    await warehouse.ensure_tables([ROWS])
    assert (await warehouse.check()).startswith(("DuckDB 1.5.5 on ", "BigQuery, project local, "))


@pytest.mark.anyio
async def test_remote_objects_of_other_tenants_are_not_loaded(
    bigquery_warehouse: BigQueryWarehouse,
) -> None:
    """What a footer proves is compared before anything is sent."""
    objects = [RemoteObject(f"gs://b/{one}", frozenset({str(one)})) for one in (A, B)]
    with pytest.raises(ForeignRowsError) as refusal:
        await bigquery_warehouse.load("remote", ROWS, objects, ONLY_A)
    assert refusal.value.message == (
        f"objects for {ROWS.qualified} hold rows of 1 tenant(s) outside the load"
    )

"""Every difference between the engines, asked of both: the same rows and the same types."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from domain.ports import Parameter, TenantScope
from tenancy.warehouse.dialect import UnportableSqlError, bigquery_sql, duckdb_sql
from tenancy.warehouse.port import Warehouse, WarehouseError
from tests.tenancy.warehouse.samples import ONLY_A, ROWS, A, change, parquet, question

INT, NUM, FLOAT = pa.int64(), pa.decimal128(38, 9), pa.float64()
STRING, DATE, BOOL = pa.string(), pa.date32(), pa.bool_()
SUNDAY, MONDAY = dt.date(2026, 3, 29), dt.date(2026, 3, 30)
AT = dt.datetime(2026, 3, 29, 22, 30, tzinfo=dt.UTC)

SAMPLE: list[dict[str, Any]] = [
    {
        "tenant_id": str(A),
        "client_id": "c1",
        "day": SUNDAY,
        "money": Decimal("10.123456789"),
        "whole": 3,
        "ratio": 0.5,
        "flag": True,
        "at": AT,
        "extra": '{"a": "x", "n": 1}',
    },
    {
        "tenant_id": str(A),
        "client_id": None,
        "day": MONDAY,
        "money": Decimal("-2.5"),
        "whole": 4,
        "ratio": 2.0,
        "flag": False,
        "at": AT,
        "extra": None,
    },
]

SPECS: list[tuple[str, dict[str, Parameter], pa.DataType, list[Any]]] = [
    ("SUM(s.whole)", {}, INT, [7]),
    ("SUM(s.money)", {}, NUM, [Decimal("7.623456789")]),
    ("SUM(s.whole) * SUM(s.money)", {}, NUM, [Decimal("53.364197523")]),
    ("COUNT(*)", {}, INT, [2]),
    ("COUNT(DISTINCT s.client_id)", {}, INT, [1]),
    ("AVG(s.money)", {}, FLOAT, [3.8117283945]),
    ("AVG(s.whole)", {}, FLOAT, [3.5]),
    ("SAFE_DIVIDE(SUM(s.money), SUM(s.whole))", {}, FLOAT, [7.623456789 / 7]),
    ("SAFE_DIVIDE(SUM(s.whole), 0)", {}, FLOAT, [None]),
    ("SUM(s.whole) / 2", {}, FLOAT, [3.5]),
    ("MAX(s.money * s.money)", {}, NUM, [Decimal("102.484377359")]),
    ("MAX(CAST(s.money * 2 AS NUMERIC))", {}, NUM, [Decimal("20.246913578")]),
    ("MAX(CAST('1.123456789' AS NUMERIC))", {}, NUM, [Decimal("1.123456789")]),
    ("MAX(1.5 * s.whole)", {}, FLOAT, [6.0]),
    ("MAX(s.money * 1.5)", {}, FLOAT, [15.1851851835]),
    ("MAX(ROUND(s.money, 2))", {}, NUM, [Decimal("10.12")]),
    ("MAX(DATE_TRUNC(s.day, WEEK(MONDAY)))", {}, DATE, [MONDAY]),
    ("MIN(DATE_TRUNC(s.day, WEEK(MONDAY)))", {}, DATE, [dt.date(2026, 3, 23)]),
    ("MIN(DATE_TRUNC(s.day, ISOWEEK))", {}, DATE, [dt.date(2026, 3, 23)]),
    ("MIN(DATE_TRUNC(s.day, WEEK(WEDNESDAY)))", {}, DATE, [dt.date(2026, 3, 25)]),
    ("MIN(DATE_TRUNC(s.day, MONTH))", {}, DATE, [dt.date(2026, 3, 1)]),
    ("MIN(DATE_TRUNC(s.day, QUARTER))", {}, DATE, [dt.date(2026, 1, 1)]),
    ("MIN(DATE_TRUNC(s.day, YEAR))", {}, DATE, [dt.date(2026, 1, 1)]),
    ("MIN(EXTRACT(DAYOFWEEK FROM s.day))", {}, INT, [1]),
    ("MIN(EXTRACT(ISOWEEK FROM s.day))", {}, INT, [13]),
    ("MIN(EXTRACT(YEAR FROM s.day))", {}, INT, [2026]),
    ("MIN(DATE_SUB(s.day, INTERVAL 7 DAY))", {}, DATE, [dt.date(2026, 3, 22)]),
    ("MIN(DATE_ADD(s.day, INTERVAL @n DAY))", {"n": 3}, DATE, [dt.date(2026, 4, 1)]),
    ("DATE_DIFF(MAX(s.day), MIN(s.day), DAY)", {}, INT, [1]),
    ("MAX_BY(s.whole, s.day)", {}, INT, [4]),
    ("MAX(s.at)", {}, pa.timestamp("us", tz="UTC"), [AT]),
    ("MIN(JSON_VALUE(s.extra, '$.a'))", {}, STRING, ["x"]),
    ("COUNTIF(s.flag)", {}, INT, [1]),
    ("LOGICAL_OR(s.flag)", {}, BOOL, [True]),
    ("COUNTIF(s.client_id IN UNNEST(@c))", {"c": ("c1", "c2")}, INT, [1]),
    ("COUNTIF(s.client_id IN UNNEST(@c))", {"c": ()}, INT, [0]),
    ("COUNTIF(s.client_id NOT IN UNNEST(@c))", {"c": ()}, INT, [2]),
    ("COUNTIF(s.client_id NOT IN UNNEST(@c))", {"c": ("c2",)}, INT, [1]),
    ("COUNTIF(s.whole IN UNNEST(@w))", {"w": (3, 5)}, INT, [1]),
    ("COUNTIF(s.day = @d)", {"d": MONDAY}, INT, [1]),
    ("COUNTIF(s.money > @m)", {"m": Decimal("10.123456788")}, INT, [1]),
    ("COUNTIF(s.at = @t)", {"t": AT}, INT, [2]),
    ("COUNTIF(s.flag = @f)", {"f": True}, INT, [1]),
    ("COALESCE(SUM(IF(s.whole > 9, s.money, NULL)), 0)", {}, NUM, [Decimal(0)]),
    ("MAX(SAFE_CAST(s.client_id AS INT64))", {}, INT, [None]),
]


async def _sample(warehouse: Warehouse) -> None:
    await warehouse.ensure_tables([ROWS])
    await warehouse.load("sample", ROWS, [parquet(SAMPLE)], ONLY_A)


@pytest.mark.anyio
async def test_both_engines_answer_alike(warehouse: Warehouse) -> None:
    await _sample(warehouse)
    wrong = []
    for expression, parameters, kind, rows in SPECS:
        statement = question(f"SELECT {expression} AS x FROM marts.sample AS s")
        try:
            answer = await warehouse.run(TenantScope(A), statement, parameters)
        except WarehouseError as error:
            wrong.append((expression, str(error)))
            continue
        found = answer.column("x").to_pylist()
        expected = [pytest.approx(v) if isinstance(v, float) else v for v in rows]
        if (answer.schema.field("x").type, found) != (kind, expected):
            wrong.append((expression, f"{answer.schema.field('x').type} {found}"))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.anyio
async def test_nulls_come_where_they_are_told(warehouse: Warehouse) -> None:
    await _sample(warehouse)
    for order, rows in [
        ("s.client_id", [None, "c1"]),
        ("s.client_id DESC", ["c1", None]),
        ("s.client_id NULLS LAST", ["c1", None]),
        ("s.client_id DESC NULLS FIRST", [None, "c1"]),
    ]:
        statement = question(f"SELECT s.client_id AS c FROM marts.sample AS s ORDER BY {order}")
        answer = await warehouse.run(TenantScope(A), statement, {})
        assert answer.column("c").to_pylist() == rows


@pytest.mark.anyio
async def test_grouping_sets_and_paging(warehouse: Warehouse) -> None:
    await _sample(warehouse)
    statement = question(
        "SELECT s.day AS d, SUM(s.whole) AS w FROM marts.sample AS s"
        " GROUP BY GROUPING SETS ((s.day), ()) ORDER BY w DESC LIMIT @n OFFSET @m"
    )
    answer = await warehouse.run(TenantScope(A), statement, {"n": 2, "m": 1})
    assert answer.to_pylist() == [{"d": MONDAY, "w": 4}, {"d": SUNDAY, "w": 3}]


@pytest.mark.anyio
async def test_division_by_zero_raises(duckdb_warehouse: Warehouse) -> None:
    await _sample(duckdb_warehouse)
    statement = question("SELECT SUM(s.whole) / 0 AS x FROM marts.sample AS s")
    with pytest.raises(WarehouseError, match="division by zero"):
        await duckdb_warehouse.run(TenantScope(A), statement, {})


@pytest.mark.anyio
async def test_a_week_without_a_day_starts_on_sunday(duckdb_warehouse: Warehouse) -> None:
    await _sample(duckdb_warehouse)  # the emulator takes such weeks for Monday's
    statement = question("SELECT MIN(DATE_TRUNC(s.day, WEEK)) AS x FROM marts.sample AS s")
    answer = await duckdb_warehouse.run(TenantScope(A), statement, {})
    assert answer.column("x").to_pylist() == [SUNDAY]


@pytest.mark.anyio
async def test_a_numeric_quotient_is_exact(duckdb_warehouse: Warehouse) -> None:
    await _sample(duckdb_warehouse)
    statement = question(
        "SELECT MAX(CAST(SAFE_DIVIDE(@a, @b) AS NUMERIC)) AS x FROM marts.sample AS s"
    )
    a, b = Decimal("12345678901234567.123456789"), Decimal("1.000000001")
    answer = await duckdb_warehouse.run(TenantScope(A), statement, {"a": a, "b": b})
    assert answer.column("x").to_pylist() == [Decimal("12345678888888888.234567901")]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT COUNT(DISTINCT a, b) FROM marts.t",
        "SELECT EXTRACT(WEEK FROM d) FROM marts.t",
        "SELECT DATE_TRUNC(d, ISOYEAR) FROM marts.t",
        "SELECT CAST(x AS BIGNUMERIC) FROM marts.t",
    ],
)
def test_refuses_what_cannot_be_made_alike(text: str) -> None:
    with pytest.raises(UnportableSqlError):
        duckdb_sql(change(text))


def test_bigquery_names_datasets_and_keeps_ratios_floats() -> None:
    assert bigquery_sql(
        change("SELECT SAFE_DIVIDE(a, b), CAST(a / b AS NUMERIC) FROM marts.t"),
        dataset_prefix="bosco",
    ) == (
        "SELECT SAFE_DIVIDE(CAST(a AS FLOAT64), b), CAST(a / b AS NUMERIC(38, 9))"
        " FROM bosco_marts.t"
    )

"""Engines that answer specifications, loaded once with the tables of all cases."""

from collections.abc import Iterable, Mapping
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from domain.facts import FACTS
from domain.facts.fact import Column, ColumnType
from domain.ports import Parameter, Statement, TenantScope
from tenancy.warehouse.dialect import BQ_MACROS, duckdb_sql

__all__ = ["DuckDbEngine", "arrow_rows"]

_TYPES = {
    ColumnType.STRING: pa.string(),
    ColumnType.INT64: pa.int64(),
    ColumnType.NUMERIC: pa.decimal128(38, 9),
    ColumnType.DATE: pa.date32(),
    ColumnType.TIMESTAMP: pa.timestamp("us", "UTC"),
}


def arrow_rows(columns: Iterable[Column], rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as a table with the types of their columns."""
    schema = pa.schema([(column.name, _TYPES[column.type]) for column in columns])
    return pa.Table.from_pylist(rows, schema)


class DuckDbEngine:
    """DuckDB in memory behind the warehouse port, one tenant at a time; loads what is read."""

    def __init__(self, facts: Mapping[str, list[dict[str, Any]]]) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("CREATE SCHEMA marts")
        for macro in BQ_MACROS:
            self._connection.execute(macro)
        self._facts = facts
        self._loaded: set[str] = set()

    async def run(
        self, scope: TenantScope, statement: Statement, parameters: Mapping[str, Parameter]
    ) -> pa.Table:
        """Run a SELECT for one tenant."""
        self._load(statement.tables)
        tree = statement.tree.copy()
        for scan in list(tree.find_all(exp.Table)):
            if scan.args.get("db"):
                own = exp.select("*").from_(scan.copy()).where(f"tenant_id = '{scope.tenant_id}'")
                scan.replace(own.subquery(scan.name))
        bound = {name: _bound(value) for name, value in parameters.items()}
        return self._connection.execute(duckdb_sql(tree), bound).to_arrow_table()

    def _load(self, tables: frozenset[str]) -> None:
        for table in tables - self._loaded:
            name = table.removeprefix("marts.")
            rows = arrow_rows(FACTS[name].all_columns, self._facts[name])
            self._connection.register("incoming", rows)
            self._connection.execute(f"CREATE TABLE {table} AS SELECT * FROM incoming")
            self._loaded.add(table)


def _bound(value: Parameter) -> Any:
    return list(value) if isinstance(value, tuple) else value

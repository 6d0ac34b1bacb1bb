"""A small table and its landing objects, for tests of both warehouses."""

import io
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp, parse_one

from domain.facts.fact import Column, ColumnType, Role
from domain.facts.tables import Table
from domain.ids import TenantId
from domain.ports import Statement
from tenancy.audited_tenants import AuditedTenants
from tenancy.warehouse.types import ARROW_TYPES

__all__ = ["BOTH", "ONLY_A", "ROWS", "A", "B", "change", "parquet", "question", "sample_table"]

A = TenantId(uuid.UUID("0194a000-0000-7000-8000-00000000000a"))
B = TenantId(uuid.UUID("0194a000-0000-7000-8000-00000000000b"))
ONLY_A = AuditedTenants(frozenset({A}), "test")
BOTH = AuditedTenants(frozenset({A, B}), "test")


def _column(name: str, kind: ColumnType) -> Column:
    return Column(name, kind, Role.ATTRIBUTE, f"Column {name}.")


def sample_table(schema: str = "marts", name: str = "sample", *extra: Column) -> Table:
    """A table with one column of every type."""
    columns = (
        _column("tenant_id", ColumnType.STRING),
        _column("client_id", ColumnType.STRING),
        _column("day", ColumnType.DATE),
        _column("money", ColumnType.NUMERIC),
        _column("whole", ColumnType.INT64),
        _column("ratio", ColumnType.FLOAT64),
        _column("flag", ColumnType.BOOL),
        _column("at", ColumnType.TIMESTAMP),
        _column("extra", ColumnType.JSON),
        *extra,
    )
    return Table(schema, name, columns, "day", ("tenant_id", "client_id"))


ROWS = sample_table()


def parquet(rows: Sequence[Mapping[str, Any]], table: Table = ROWS) -> bytes:
    """A landing object with the columns that the first row names."""
    schema = pa.schema([(c.name, ARROW_TYPES[c.type]) for c in table.columns if c.name in rows[0]])
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=schema), file)
    return file.getvalue()


def question(text: str) -> Statement:
    """A statement from BigQuery's dialect."""
    tree = parse_one(text, dialect="bigquery")
    assert isinstance(tree, exp.Query)
    return Statement(tree, frozenset())


def change(text: str) -> exp.Expr:
    """DML from BigQuery's dialect."""
    return parse_one(text, dialect="bigquery")

"""Types of both warehouses, and the one shape in which answers leave them.

engine's Arrow table -> conform -> NUMERIC decimal128(38, 9), INT64 int64, DATE date32,
TIMESTAMP timestamp[us, UTC], FLOAT64 double, STRING string

Parquet object -> align -> the columns of a warehouse table, missing ones NULL
"""

import io
from collections.abc import Iterable
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from domain.facts.fact import ColumnType
from domain.facts.tables import Table
from tenancy.warehouse.port import ForeignRowsError, WarehouseSchemaError

__all__ = [
    "ARROW_TYPES",
    "BIGQUERY_TYPES",
    "DUCKDB_TYPES",
    "NUMERIC",
    "align",
    "conform",
    "read_rows",
]

NUMERIC: Final = pa.decimal128(38, 9)
_TIMESTAMP: Final = pa.timestamp("us", tz="UTC")

ARROW_TYPES: Final = {
    ColumnType.STRING: pa.string(),
    ColumnType.INT64: pa.int64(),
    ColumnType.NUMERIC: NUMERIC,
    ColumnType.FLOAT64: pa.float64(),
    ColumnType.BOOL: pa.bool_(),
    ColumnType.DATE: pa.date32(),
    ColumnType.TIMESTAMP: _TIMESTAMP,
    ColumnType.JSON: pa.string(),
}
DUCKDB_TYPES: Final = {
    ColumnType.STRING: "VARCHAR",
    ColumnType.INT64: "BIGINT",
    ColumnType.NUMERIC: "DECIMAL(38,9)",
    ColumnType.FLOAT64: "DOUBLE",
    ColumnType.BOOL: "BOOLEAN",
    ColumnType.DATE: "DATE",
    ColumnType.TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
    ColumnType.JSON: "VARCHAR",
}
# JSON is kept as its text: a load job from Parquet cannot fill a JSON column.
BIGQUERY_TYPES: Final = {kind: kind.value for kind in ColumnType} | {ColumnType.JSON: "STRING"}


def conform(table: pa.Table, whole: frozenset[str] = frozenset()) -> pa.Table:
    """Give each column of an answer its one type.

    Args:
        table: As the engine returned it.
        whole: Columns that are integers although Arrow shows a decimal (DuckDB's HUGEINT).

    Raises:
        pa.ArrowInvalid: A whole number beyond 64 bits.
    """
    schema = pa.schema([pa.field(f.name, _target(f.type, f.name in whole)) for f in table.schema])
    if schema.equals(table.schema.remove_metadata()):
        return table
    columns = [
        _cast(column, field.type) for column, field in zip(table.columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _target(kind: pa.DataType, is_whole: bool) -> pa.DataType:  # noqa: FBT001 - two positional facts
    if pa.types.is_integer(kind) or is_whole:
        return pa.int64()
    if pa.types.is_decimal(kind):
        return NUMERIC
    if pa.types.is_floating(kind):
        return pa.float64()
    if pa.types.is_timestamp(kind):
        return _TIMESTAMP if kind.tz else pa.timestamp("us")
    if pa.types.is_large_string(kind):
        return pa.string()
    return pa.int64() if pa.types.is_null(kind) else kind


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    if pa.types.is_decimal(kind) and column.type.scale > kind.scale:
        column = pc.round(column, ndigits=kind.scale, round_mode="half_towards_infinity")
        return column.cast(kind, safe=False)  # only zeros are cut now
    return column.cast(kind)


def read_rows(data: bytes, table: Table, allowed: Iterable[str]) -> pa.Table:
    """Read a Parquet object in the shape of a warehouse table.

    Args:
        data: The object.
        table: Where its rows go.
        allowed: Tenants whose rows may be in it, UUID texts.

    Raises:
        ForeignRowsError: A row belongs to another tenant, or to none.
        WarehouseSchemaError: It is no Parquet, or a column is unknown or of another type.
    """
    try:
        rows = pq.read_table(io.BytesIO(data))
    except pa.ArrowInvalid as error:
        raise WarehouseSchemaError(f"an object for {table.qualified} is not Parquet") from error
    if "tenant_id" not in rows.column_names:
        raise ForeignRowsError(f"an object for {table.qualified} has no column tenant_id")
    foreign = set(pc.unique(rows.column("tenant_id")).to_pylist()) - set(allowed)
    if foreign:
        raise ForeignRowsError(
            f"an object for {table.qualified} holds rows of {len(foreign)} tenant(s) outside the"
            " load"
        )
    return align(rows, table)


def align(rows: pa.Table, table: Table) -> pa.Table:
    """Order and type columns as the table has them; missing ones are NULL.

    Raises:
        WarehouseSchemaError: A column is unknown, or its values do not fit the type.
    """
    unknown = sorted(set(rows.column_names) - {column.name for column in table.columns})
    if unknown:
        raise WarehouseSchemaError(
            f"{table.qualified} has no column {', '.join(unknown)}",
            hint="declare the column; ensure_tables adds it",
        )
    arrays = []
    for column in table.columns:
        kind = ARROW_TYPES[column.type]
        if column.name not in rows.column_names:
            arrays.append(pa.nulls(rows.num_rows, kind))
            continue
        try:
            arrays.append(rows.column(column.name).cast(kind))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise WarehouseSchemaError(
                f"{table.qualified}.{column.name} is {column.type.value}, the object has"
                f" {rows.column(column.name).type}"
            ) from error
    return pa.table(arrays, names=[column.name for column in table.columns])

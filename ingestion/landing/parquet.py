"""Landing objects: typed rows and their lineage as immutable Parquet.

    record batches of one sync -> lineage columns in front -> Parquet (zstd) -> bytes, content hash

Source: Apache Parquet format; column names and types follow the stream's raw table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from domain.facts.fact import ColumnType
from domain.facts.tables import Table
from domain.ids import ClientId, ConnectionId, ObjectId, SyncId, TenantId
from tenancy.privacy.landed_rows import write_rows

__all__ = ["Lineage", "ParquetObject", "arrow_schema", "object_key", "write_object"]

_ARROW = {
    ColumnType.STRING: pa.string(),
    ColumnType.JSON: pa.string(),
    ColumnType.INT64: pa.int64(),
    ColumnType.NUMERIC: pa.decimal128(38, 9),
    ColumnType.FLOAT64: pa.float64(),
    ColumnType.BOOL: pa.bool_(),
    ColumnType.DATE: pa.date32(),
    ColumnType.TIMESTAMP: pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True, slots=True)
class Lineage:
    """What every row of one landing object has in common."""

    tenant_id: TenantId
    client_id: ClientId
    connection_id: ConnectionId
    sync_id: SyncId
    object_id: ObjectId
    account_currency: str
    account_time_zone: str


@dataclass(frozen=True, slots=True)
class ParquetObject:
    """An object ready to be stored.

    Attributes:
        content_hash: SHA-256 of `data`, hexadecimal.
    """

    data: bytes
    rows: int
    content_hash: str


def arrow_schema(table: Table) -> pa.Schema:
    """The Arrow schema of a warehouse table: NUMERIC is decimal128(38, 9), instants are UTC."""
    return pa.schema([pa.field(column.name, _ARROW[column.type]) for column in table.columns])


def object_key(tenant_id: TenantId, source: str, stream: str, sync_id: SyncId, part: int) -> str:
    """Where an object lies; the same part of a sync always lies at the same place."""
    return (
        f"tenant={tenant_id}/source={source}/stream={stream}/sync={sync_id}/part-{part:05d}.parquet"
    )


def write_object(
    table: Table, lineage: Lineage, batches: Sequence[pa.RecordBatch]
) -> ParquetObject:
    """Stamp batches with their lineage and write them as one object; no batches make an empty one.

    Args:
        table: The stream's raw table; its columns are written in order.
        lineage: Of all rows.
        batches: With the table's columns but for the lineage's.
    """
    schema = arrow_schema(table)
    constants = {
        "tenant_id": str(lineage.tenant_id),
        "client_id": str(lineage.client_id),
        "connection_id": str(lineage.connection_id),
        "sync_id": str(lineage.sync_id),
        "object_id": str(lineage.object_id),
        "account_currency": lineage.account_currency,
        "account_time_zone": lineage.account_time_zone,
    }
    # One row group, however many pages there were: small ones are slow to write and to read.
    rows = sum(batch.num_rows for batch in batches)
    columns = [
        pa.repeat(pa.scalar(constants[field.name]), rows)
        if field.name in constants
        else pa.chunked_array([batch.column(field.name) for batch in batches], field.type)
        for field in schema
    ]
    data, content_hash = write_rows(pa.Table.from_arrays(columns, schema=schema))
    return ParquetObject(data, rows, content_hash)

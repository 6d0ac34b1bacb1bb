"""A shop's rows, straight in the shape of the raw tables, for tests that need no platform."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from domain.facts import FACTS
from domain.facts.fact import ColumnType
from domain.facts.tables import Table, facts_table, marts_table
from domain.ids import ClientId, ConnectionId
from gdpr.erasure.erasable import Erasable, find_erasables
from ingestion.connector.source_file import load_source
from ingestion.files.feeds import raw_file_stream
from tests.tenancy.warehouse.samples import A

__all__ = ["AT", "CLIENT", "CONNECTION", "DAY", "ERASABLES", "STREAMS", "TABLES", "raw", "row"]

CLIENT = ClientId(uuid.UUID(int=0xC1))
CONNECTION = ConnectionId(uuid.UUID(int=0xC0))
STREAMS = {
    stream.raw_table.qualified: stream
    for stream in (
        *load_source("shopify").streams.values(),
        *map(raw_file_stream, FACTS.values()),
    )
}
TABLES: list[Table] = [
    *(stream.raw_table for stream in STREAMS.values()),
    *(make(fact) for make in (facts_table, marts_table) for fact in FACTS.values()),
]
ERASABLES: dict[str, Erasable] = {one.table.qualified: one for one in find_erasables(TABLES)}
DAY = dt.date(2026, 10, 5)
AT = dt.datetime(2026, 10, 5, 17, 41, 3, tzinfo=dt.UTC)
_SAMPLES: dict[ColumnType, Any] = {
    ColumnType.STRING: "text",
    ColumnType.JSON: '{"note": "call Ada"}',
    ColumnType.INT64: 3,
    ColumnType.NUMERIC: Decimal("19.90"),
    ColumnType.FLOAT64: 0.5,
    ColumnType.BOOL: True,
    ColumnType.DATE: DAY,
    ColumnType.TIMESTAMP: AT,
}


def raw(name: str) -> Erasable:
    """The raw table of a stream of Shopify."""
    return ERASABLES[f"raw.shopify__{name}"]


def row(table: Table, **values: Any) -> dict[str, Any]:
    """A row with a value in each column."""
    lineage = {
        "tenant_id": str(A),
        "client_id": str(CLIENT),
        "connection_id": str(CONNECTION),
        "source": "shopify",
        "stream": table.name,
        "object_id": str(uuid.UUID(int=0xB1)),
        "sync_id": str(uuid.UUID(int=0x51)),
    }
    known = lineage | values
    return {
        column.name: known[column.name] if column.name in known else _SAMPLES[column.type]
        for column in table.columns
    }

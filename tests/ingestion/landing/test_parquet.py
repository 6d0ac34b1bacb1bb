"""Landing objects: lineage in front, typed columns, one hash."""

import hashlib
import io
import uuid
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from domain.facts.tables import SYNCS
from domain.ids import ClientId, ConnectionId, ObjectId, SyncId, TenantId
from ingestion.landing.parquet import Lineage, arrow_schema, object_key, write_object
from tests.ingestion.unify.ledger import ADS, ad, batch

IDS = [uuid.UUID(int=number) for number in range(1, 6)]
LINEAGE = Lineage(
    tenant_id=TenantId(IDS[0]),
    client_id=ClientId(IDS[1]),
    connection_id=ConnectionId(IDS[2]),
    sync_id=SyncId(IDS[3]),
    object_id=ObjectId(IDS[4]),
    account_currency="EUR",
    account_time_zone="Europe/Berlin",
)


def test_every_row_carries_its_lineage() -> None:
    batches = [batch(ADS, [ad(1, "c1", "1")]), batch(ADS, [ad(2, "c2", "0.000000001")], first=2)]
    written = write_object(ADS.raw_table, LINEAGE, batches)
    assert written.rows == 2
    assert written.content_hash == hashlib.sha256(written.data).hexdigest()
    rows = pq.read_table(io.BytesIO(written.data))
    assert rows.schema.names == [column.name for column in ADS.raw_table.columns]
    assert rows.select(range(8)).to_pylist() == [
        {
            "tenant_id": str(IDS[0]),
            "client_id": str(IDS[1]),
            "connection_id": str(IDS[2]),
            "sync_id": str(IDS[3]),
            "object_id": str(IDS[4]),
            "row_number": number,
            "account_currency": "EUR",
            "account_time_zone": "Europe/Berlin",
        }
        for number in (1, 2)
    ]
    assert rows.column("cost").to_pylist() == [Decimal("1.000000000"), Decimal("0.000000001")]


def test_many_pages_are_one_row_group() -> None:
    batches = [batch(ADS, [ad(1, f"c{n}", "1")], first=n) for n in range(1, 31)]
    written = write_object(ADS.raw_table, LINEAGE, batches)
    file = pq.ParquetFile(io.BytesIO(written.data))
    assert file.num_row_groups == 1
    assert file.read(["row_number"]).column(0).to_pylist() == list(range(1, 31))


def test_no_rows_make_an_object_too() -> None:
    written = write_object(ADS.raw_table, LINEAGE, [])
    assert written.rows == 0
    table = pq.read_table(io.BytesIO(written.data))
    assert (table.num_rows, table.schema.names) == (0, [c.name for c in ADS.raw_table.columns])


def test_the_same_part_lies_at_the_same_place() -> None:
    assert object_key(TenantId(IDS[0]), "web", "ads", SyncId(IDS[3]), 7) == (
        "tenant=00000000-0000-0000-0000-000000000001/source=web/stream=ads/"
        "sync=00000000-0000-0000-0000-000000000004/part-00007.parquet"
    )


def test_types_follow_the_table() -> None:
    schema = arrow_schema(SYNCS)
    assert schema.field("version").type == pa.int64()
    assert schema.field("known_at").type == pa.timestamp("us", tz="UTC")
    assert schema.field("covers_from").type == pa.date32()

"""Good rows of earlier syncs, as they landed: what mended rows are put back among.

landing objects of a sync -> proved -> rows of some days, or of some keys -> record batches
"""

import asyncio
import datetime as dt
import hashlib
import io
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import select

from domain.errors import ConflictError, NotFoundError, Terminal
from domain.ids import SyncId, TenantId
from ingestion.connector.columns import batch_schema
from ingestion.connector.identity import RowIdentity
from ingestion.connector.spec import StreamSpec
from ingestion.landing.target import LandingServices
from tenancy.tables import LandingObject

__all__ = ["BaseRows", "LandedRowsGoneError", "days_of", "keys_of"]


class LandedRowsGoneError(ConflictError, Terminal):
    """What a sync had landed is not there any more, or not as it was."""

    code = "LANDED_ROWS_GONE"


@dataclass(frozen=True, slots=True)
class BaseRows:
    """Reads the landing objects of one agency's syncs."""

    services: LandingServices
    tenant_id: TenantId

    async def of_days(
        self, sync_id: SyncId, stream: StreamSpec, days: Collection[dt.date]
    ) -> list[pa.RecordBatch]:
        """A sync's rows of these reporting dates."""
        return await self._read(
            sync_id, stream, lambda batch: [d in days for d in days_of(stream, batch)]
        )

    async def of_keys(
        self, sync_id: SyncId, stream: StreamSpec, keys: Collection[str]
    ) -> list[pa.RecordBatch]:
        """A sync's rows with these natural keys."""
        return await self._read(
            sync_id, stream, lambda batch: [k in keys for k in keys_of(stream, batch)]
        )

    async def _read(
        self,
        sync_id: SyncId,
        stream: StreamSpec,
        is_wanted: Callable[[pa.RecordBatch], Sequence[bool]],
    ) -> list[pa.RecordBatch]:
        async with self.services.database.session(self.tenant_id) as session:
            query = select(LandingObject).where(LandingObject.sync_id == sync_id)
            objects = (await session.scalars(query.order_by(LandingObject.part))).all()
        handle = self.services.store.for_tenant(self.tenant_id)
        found: list[pa.RecordBatch] = []
        for entry in objects:
            try:
                data = await handle.get(entry.uri)
            except NotFoundError as error:
                raise _gone() from error
            if hashlib.sha256(data).hexdigest() != entry.content_hash:
                raise _gone()
            found += await asyncio.to_thread(_wanted, data, stream, is_wanted)
        return found


def days_of(stream: StreamSpec, batch: pa.RecordBatch) -> list[dt.date | None]:
    """The reporting date of each row."""
    name = RowIdentity(stream).day_field
    days: list[dt.date | None] = (
        [None] * batch.num_rows if name is None else batch.column(name).to_pylist()
    )
    return days


def keys_of(stream: StreamSpec, batch: pa.RecordBatch) -> list[str]:
    """The natural key of each row."""
    identity = RowIdentity(stream)
    parts = [batch.column(name).to_pylist() for name in identity.key_fields]
    return [
        identity.natural_key(dict(zip(identity.key_fields, row, strict=True)).__getitem__)
        for row in zip(*parts, strict=True)
    ]


def _wanted(
    data: bytes, stream: StreamSpec, is_wanted: Callable[[pa.RecordBatch], Sequence[bool]]
) -> list[pa.RecordBatch]:
    table = _as_declared(pq.read_table(io.BytesIO(data)), stream)
    picked = [batch.filter(pa.array(is_wanted(batch), pa.bool_())) for batch in table.to_batches()]
    return [batch for batch in picked if batch.num_rows]


def _as_declared(table: pa.Table, stream: StreamSpec) -> pa.Table:
    """The stream's own columns as they are declared today; one that is new is empty."""
    columns = [
        pc.cast(table.column(field.name), field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in batch_schema(stream.fields)
    ]
    return pa.Table.from_arrays(columns, schema=batch_schema(stream.fields))


def _gone() -> LandedRowsGoneError:
    return LandedRowsGoneError(
        "the rows that came with it are not kept any more",
        hint="sync or import the days again",
    )

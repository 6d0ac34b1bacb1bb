"""The landing of one sync: pages in, immutable objects and their manifest out.

    page -> buffer -> Parquet object -> store -> one transaction: manifest row, quarantine,
    checkpoint

The object is stored before the transaction that names it, at a place that depends on its number
only: a crash between the two writes the same object again, and nothing is lost or counted twice.
When a sync has landed it gets its version; from then on the loader sees it.
"""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import func, select

from domain.ids import ClientId, ConnectionId, ObjectId, SyncId, TenantId
from domain.ports import Clock, IdFactory
from ingestion.connector.job import Page, RejectedRow
from ingestion.connector.spec import StreamSpec
from ingestion.landing.parquet import Lineage, object_key, write_object
from tenancy.landing_store import LandingStore
from tenancy.session import Database, TenantSession
from tenancy.tables import (
    LANDING_VERSION,
    LandingObject,
    QuarantinedRow,
    QuarantineState,
    Sync,
    SyncState,
)

__all__ = [
    "ROWS_PER_OBJECT",
    "LandingServices",
    "LandingTarget",
    "LandingWriter",
    "count_parts",
    "give_version",
    "lock_sync",
    "record_parts",
    "store_part",
]

# An object per request would drown the warehouse in small files; one per sync would lose an hour of
# calls to a crash. Whichever comes first:
ROWS_PER_OBJECT: Final = 50_000
PAGES_PER_OBJECT: Final = 20

# A rejected row is kept for a person to read: of a huge one, the beginning.
LONGEST_RAW: Final = 100_000
# JSON escapes, in the order of trying: a backslash and a pair of surrogates stay as they are; NUL
# and half a pair are what PostgreSQL refuses to store.
_ESCAPES: Final = re.compile(r"\\\\|\\ud[89ab]..\\ud[c-f]..|(?P<refused>\\u0000|\\ud[89a-f]..)")


@dataclass(frozen=True, slots=True)
class LandingServices:
    """What landing needs of the platform."""

    database: Database
    store: LandingStore
    clock: Clock
    ids: IdFactory


@dataclass(frozen=True, slots=True)
class LandingTarget:
    """The sync that lands, and its account.

    Attributes:
        api_version: Of the provider's API, or of the file's map.
    """

    tenant_id: TenantId
    client_id: ClientId
    connection_id: ConnectionId
    sync_id: SyncId
    stream: StreamSpec
    api_version: str
    currency: str
    time_zone: str


class LandingWriter:
    """Collects the pages of one sync into objects. Used by one task at a time."""

    def __init__(self, services: LandingServices, target: LandingTarget, *, next_part: int) -> None:
        self._services = services
        self._target = target
        self._part = next_part
        self._pages: list[Page] = []

    async def add(self, page: Page) -> None:
        """Take a page; writes an object when enough has come together, or a report was ordered.

        The order of a report is kept at once, so that a crash while it is made orders no other.
        """
        self._pages.append(page)
        is_full = self._rows >= ROWS_PER_OBJECT or len(self._pages) >= PAGES_PER_OBJECT
        if is_full or page.is_order:
            await self._flush()

    async def finish(self) -> None:
        """Write what is left and give the sync its version."""
        # Even a sync without rows lands an object: it may stand for rows that vanished.
        if self._pages or self._part == 0:
            await self._flush(even_empty=self._part == 0)
        async with self._services.database.session(self._target.tenant_id) as session:
            sync = await lock_sync(session, self._target.sync_id)
            if sync.state is SyncState.EXTRACTING:
                await give_version(session, self._services, sync)

    @property
    def _rows(self) -> int:
        return sum(page.batch.num_rows for page in self._pages)

    async def _flush(self, *, even_empty: bool = False) -> None:
        landed = []
        if self._rows or even_empty:
            batches = [page.batch for page in self._pages]
            landed = [await store_part(self._services, self._target, self._part, batches)]
        pages, self._pages = self._pages, []
        async with self._services.database.session(self._target.tenant_id) as session:
            sync = await lock_sync(session, self._target.sync_id)
            rejected = [row for page in pages for row in page.rejected]
            record_parts(session, self._services, sync, landed, rejected)
            sync.requests += sum(page.requests for page in pages)
            sync.bytes_received += sum(page.bytes_received for page in pages)
            if pages:
                sync.checkpoint = dict(pages[-1].checkpoint)
            drift = {f"{one.kind} {one.field}": one.detail for p in pages for one in p.drift}
            if drift:
                sync.drift = _storable({**(sync.drift or {}), **drift})
        self._part += len(landed)


async def store_part(
    services: LandingServices,
    target: LandingTarget,
    part: int,
    batches: Sequence[pa.RecordBatch],
) -> LandingObject:
    """Store some rows of a sync as one object, and write its line of the manifest.

    Args:
        services: Of the platform.
        target: The sync.
        part: Number within the sync; storing a part again replaces it.
        batches: May be none: an object without rows.
    """
    object_id = ObjectId(services.ids())
    lineage = Lineage(
        tenant_id=target.tenant_id,
        client_id=target.client_id,
        connection_id=target.connection_id,
        sync_id=target.sync_id,
        object_id=object_id,
        account_currency=target.currency,
        account_time_zone=target.time_zone,
    )
    table = target.stream.raw_table
    parquet = await asyncio.to_thread(write_object, table, lineage, batches)
    key = object_key(
        target.tenant_id, target.stream.source, target.stream.name, target.sync_id, part
    )
    await services.store.for_tenant(target.tenant_id).put(key, parquet.data)
    return LandingObject(
        id=object_id,
        sync_id=target.sync_id,
        part=part,
        uri=key,
        raw_table=table.qualified,
        rows=parquet.rows,
        bytes=len(parquet.data),
        content_hash=parquet.content_hash,
        api_version=target.api_version,
        landed_at=services.clock(),
    )


def record_parts(
    session: TenantSession,
    services: LandingServices,
    sync: Sync,
    landed: Sequence[LandingObject],
    rejected: Sequence[RejectedRow],
) -> None:
    """Name stored objects in the manifest, and keep the rows that did not fit."""
    session.add_all(landed)
    session.add_all(_quarantine(services, sync, row) for row in rejected)
    sync.rows += sum(part.rows for part in landed)
    sync.quarantined += len(rejected)


async def give_version(session: TenantSession, services: LandingServices, sync: Sync) -> None:
    """Let a sync whose objects are all recorded be seen by the loader."""
    sync.version = await session.scalar(LANDING_VERSION)
    sync.known_at = services.clock()
    sync.state = SyncState.LANDED


def _quarantine(services: LandingServices, sync: Sync, row: RejectedRow) -> QuarantinedRow:
    return QuarantinedRow(
        id=services.ids(),
        sync_id=sync.id,
        connection_id=sync.connection_id,
        source=sync.source,
        stream=sync.stream,
        row_number=row.row_number,
        field=row.field or None,
        reason=row.reason,
        message=row.message.replace("\0", "\ufffd"),
        raw=_as_object(row.raw),
        around=_storable(json.loads(row.around)) if row.around else None,
        natural_key=None if row.natural_key is None else row.natural_key.replace("\0", "\ufffd"),
        reporting_date=row.reporting_date,
        state=QuarantineState.OPEN,
        created_at=services.clock(),
    )


async def count_parts(session: TenantSession, sync_id: SyncId) -> int:
    """Objects that the sync has landed so far: the number of the next part."""
    count = await session.scalar(
        select(func.count()).select_from(LandingObject).where(LandingObject.sync_id == sync_id)
    )
    return count or 0


async def lock_sync(session: TenantSession, sync_id: SyncId) -> Sync:
    """The sync, kept from others until the transaction ends."""
    return (await session.scalars(select(Sync).where(Sync.id == sync_id).with_for_update())).one()


def _as_object(raw: str) -> dict[str, Any]:
    """The provider's row as a JSON object that PostgreSQL stores."""
    value: Any = raw[:LONGEST_RAW]
    if len(raw) <= LONGEST_RAW:
        try:
            value = json.loads(raw, parse_constant=str)
        except (json.JSONDecodeError, RecursionError):
            value = raw
    if not isinstance(value, dict):
        value = {"row": value}
    if len(raw) > LONGEST_RAW:
        value["characters"] = len(raw)
    return _storable(value)


def _storable(value: Mapping[str, Any]) -> dict[str, Any]:
    """The same JSON object without what PostgreSQL refuses."""
    cleaned: dict[str, Any] = json.loads(_ESCAPES.sub(_replaced, json.dumps(value)))
    return cleaned


def _replaced(escape: re.Match[str]) -> str:
    return escape[0] if escape["refused"] is None else "\\ufffd"

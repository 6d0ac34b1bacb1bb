"""The landing of one sync: pages in, immutable objects and their manifest out.

    page -> buffer -> screened -> Parquet object -> store -> one transaction: manifest row,
    quarantine, people, checkpoint

The object is stored before the transaction that names it, at a place that depends on its number
only: a crash between the two writes the same object again, and nothing is lost or counted twice.
When a sync has landed it gets its version; from then on the loader sees it.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import pyarrow as pa
from sqlalchemy import func, select

from domain.ids import ObjectId, SyncId
from ingestion.connector.job import Page, RejectedRow
from ingestion.landing.beside import Beside
from ingestion.landing.parquet import Lineage, object_key, write_object
from ingestion.landing.people import note_people
from ingestion.landing.quarantine import quarantine, storable
from ingestion.landing.screening import Part, recording, screen_rows
from ingestion.landing.target import LandingServices, LandingTarget
from tenancy.session import TenantSession
from tenancy.tables import LANDING_VERSION, LandingObject, Sync, SyncState

__all__ = [
    "ROWS_PER_OBJECT",
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
        async with recording(self._services, [self._target], landed) as session:
            sync = await lock_sync(session, self._target.sync_id)
            rejected = [row for page in pages for row in page.rejected]
            await record_parts(session, self._services, self._target, landed, rejected)
            sync.requests += sum(page.requests for page in pages)
            sync.bytes_received += sum(page.bytes_received for page in pages)
            if pages:
                sync.checkpoint = dict(pages[-1].checkpoint)
            drift = {f"{one.kind} {one.field}": one.detail for p in pages for one in p.drift}
            if drift:
                sync.drift = storable({**(sync.drift or {}), **drift})
        self._part += len(landed)


async def store_part(
    services: LandingServices,
    target: LandingTarget,
    part: int,
    batches: Sequence[pa.RecordBatch],
) -> Part:
    """Store some rows of a sync as one object, without erased people, and write its line.

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
    screened = await screen_rows(services, target, batches)
    parquet = await asyncio.to_thread(write_object, table, lineage, screened.batches)
    key = object_key(
        target.tenant_id, target.stream.source, target.stream.name, target.sync_id, part
    )
    await services.store.for_tenant(target.tenant_id).put(key, parquet.data)
    entry = LandingObject(
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
    beside = Beside(target.stream, target.connection_id).kept(screened.batches)
    return Part(target, entry, screened.epoch, screened.count, beside)


async def record_parts(
    session: TenantSession,
    services: LandingServices,
    target: LandingTarget,
    landed: Sequence[Part],
    rejected: Sequence[RejectedRow],
) -> None:
    """Name stored objects in the manifest, keep the rows that did not fit, and note the people.

    Args:
        session: Of `screening.recording`.
        services: Of the platform.
        target: The sync, which is locked.
        landed: Its objects.
        rejected: Its rows that did not fit.
    """
    sync = await session.get_one(Sync, (session.tenant_id, target.sync_id))
    session.add_all(part.entry for part in landed)
    sync.rows += sum(part.entry.rows for part in landed)
    sync.screened += sum(part.screened for part in landed)
    if rejected:
        await quarantine(session, services, target, sync, rejected)
    await note_people(session, services, landed)


async def give_version(session: TenantSession, services: LandingServices, sync: Sync) -> None:
    """Let a sync whose objects are all recorded be seen by the loader."""
    sync.version = await session.scalar(LANDING_VERSION)
    sync.known_at = services.clock()
    sync.state = SyncState.LANDED


async def count_parts(session: TenantSession, sync_id: SyncId) -> int:
    """Objects that the sync has landed so far: the number of the next part."""
    count = await session.scalar(
        select(func.count()).select_from(LandingObject).where(LandingObject.sync_id == sync_id)
    )
    return count or 0


async def lock_sync(session: TenantSession, sync_id: SyncId) -> Sync:
    """The sync, kept from others until the transaction ends."""
    return (await session.scalars(select(Sync).where(Sync.id == sync_id).with_for_update())).one()

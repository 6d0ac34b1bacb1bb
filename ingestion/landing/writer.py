"""The landing of one sync: pages in, immutable objects and their manifest out.

    page -> buffer -> Parquet object -> store -> one transaction: manifest row, quarantine,
    checkpoint

The object is stored before the transaction that names it, at a place that depends on its number
only: a crash between the two writes the same object again, and nothing is lost or counted twice.
When a sync has landed it gets its version; from then on the loader sees it.
"""

import asyncio
import datetime as dt
import json
import re
from dataclasses import dataclass
from typing import Any, Final

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

__all__ = ["LandingServices", "LandingTarget", "LandingWriter", "count_parts"]

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
        """Take a page; writes an object when enough has come together."""
        self._pages.append(page)
        rows = sum(part.batch.num_rows for part in self._pages)
        if rows >= ROWS_PER_OBJECT or len(self._pages) >= PAGES_PER_OBJECT:
            await self._flush()

    async def finish(self, covers: tuple[dt.date, dt.date] | None = None) -> None:
        """Write what is left and give the sync its version.

        Args:
            covers: Reporting dates that the sync replaces, when only its rows tell (files).
        """
        # Even a sync without rows lands an object: it may stand for rows that vanished.
        if self._pages or self._part == 0:
            await self._flush()
        async with self._services.database.session(self._target.tenant_id) as session:
            sync = await _lock_sync(session, self._target.sync_id)
            if sync.state is not SyncState.EXTRACTING:
                return
            if covers is not None:
                sync.slice_from, sync.slice_to = covers
            sync.version = await session.scalar(LANDING_VERSION)
            sync.known_at = self._services.clock()
            sync.state = SyncState.LANDED

    async def _flush(self) -> None:
        pages, self._pages = self._pages, []
        target = self._target
        object_id = ObjectId(self._services.ids())
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
        batches = [page.batch for page in pages]
        parquet = await asyncio.to_thread(write_object, table, lineage, batches)
        key = object_key(
            target.tenant_id, target.stream.source, target.stream.name, target.sync_id, self._part
        )
        await self._services.store.for_tenant(target.tenant_id).put(key, parquet.data)
        async with self._services.database.session(target.tenant_id) as session:
            sync = await _lock_sync(session, target.sync_id)
            session.add(
                LandingObject(
                    id=object_id,
                    sync_id=target.sync_id,
                    part=self._part,
                    uri=key,
                    raw_table=table.qualified,
                    rows=parquet.rows,
                    bytes=len(parquet.data),
                    content_hash=parquet.content_hash,
                    api_version=target.api_version,
                    landed_at=self._services.clock(),
                )
            )
            rejected = [row for page in pages for row in page.rejected]
            session.add_all(self._quarantine(row) for row in rejected)
            sync.rows += parquet.rows
            sync.quarantined += len(rejected)
            sync.requests += sum(page.requests for page in pages)
            sync.bytes_received += sum(page.bytes_received for page in pages)
            if pages:
                sync.checkpoint = dict(pages[-1].checkpoint)
        self._part += 1

    def _quarantine(self, row: RejectedRow) -> QuarantinedRow:
        return QuarantinedRow(
            id=self._services.ids(),
            sync_id=self._target.sync_id,
            connection_id=self._target.connection_id,
            source=self._target.stream.source,
            stream=self._target.stream.name,
            row_number=row.row_number,
            field=row.field or None,
            reason=row.reason,
            message=row.message.replace("\0", "\ufffd"),
            raw=_as_object(row.raw),
            state=QuarantineState.OPEN,
            created_at=self._services.clock(),
        )


async def count_parts(session: TenantSession, sync_id: SyncId) -> int:
    """Objects that the sync has landed so far: the number of the next part."""
    count = await session.scalar(
        select(func.count()).select_from(LandingObject).where(LandingObject.sync_id == sync_id)
    )
    return count or 0


async def _lock_sync(session: TenantSession, sync_id: SyncId) -> Sync:
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
    cleaned: dict[str, Any] = json.loads(_ESCAPES.sub(_storable, json.dumps(value)))
    return cleaned


def _storable(escape: re.Match[str]) -> str:
    return escape[0] if escape["refused"] is None else "\\ufffd"

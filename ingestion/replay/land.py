"""Landing a planned replay: mended rows, among the good rows that they belong to.

    rows that name the sync -> retyped -> + good rows of the same days or keys -> objects -> version

The loader takes it from there, as any sync. Done again after a crash it replaces the objects, which
lie at the same places.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from sqlalchemy import select

from domain.ids import ConnectionId, RunId, TenantId
from domain.time_window import DateRange
from ingestion.connector.spec import SourceSpec
from ingestion.file_landing import or_fail
from ingestion.files.map_spec import MapSpec
from ingestion.landing.screening import recording
from ingestion.landing.target import LandingServices, LandingTarget
from ingestion.landing.writer import (
    ROWS_PER_OBJECT,
    give_version,
    lock_sync,
    record_parts,
    store_part,
)
from ingestion.publish import Publisher
from ingestion.replay.base_rows import BaseRows
from ingestion.replay.choose import window_of
from ingestion.replay.mended import mended_rows, picked
from ingestion.replay.streams import ReplayStream, open_stream
from ingestion.replay.told import list_told, told_by
from tenancy.tables import Connection, QuarantinedRow, Sync, SyncState

__all__ = ["ReplayLander"]

_OPEN: Final = (SyncState.PLANNED, SyncState.EXTRACTING)


@dataclass(frozen=True, slots=True)
class ReplayLander:
    """Lands replays of one agency's rows; the connection is kept from other jobs meanwhile."""

    services: LandingServices
    publisher: Publisher
    sources: Mapping[str, SourceSpec]

    async def land(
        self,
        tenant_id: TenantId,
        run_id: RunId,
        connection_id: ConnectionId,
        file_map: MapSpec | None,
    ) -> int:
        """Land the planned syncs of a run; one that cannot be landed fails with its reason.

        Returns:
            How many there were.
        """
        async with self.services.database.session(tenant_id) as session:
            connection = await session.get_one(Connection, (tenant_id, connection_id))
            query = select(Sync).where(
                Sync.run_id == run_id, Sync.connection_id == connection_id, Sync.state.in_(_OPEN)
            )
            syncs = (await session.scalars(query.order_by(Sync.id))).all()
        for sync in syncs:
            await or_fail(self.publisher, [sync], self._land(connection, sync, file_map))
        return len(syncs)

    async def _land(self, connection: Connection, sync: Sync, file_map: MapSpec | None) -> None:
        stream = open_stream(connection, sync, self.sources, file_map)
        rows = await self._rows(sync)
        retyped = stream.retyper.retype(rows)
        mended = mended_rows(stream.spec, rows, retyped)
        keys = {key for one in mended for key in one.keys}
        batches = [*await self._base_rows(sync, stream, keys), picked(retyped.batch, mended)]
        target = LandingTarget(
            tenant_id=sync.tenant_id,
            client_id=sync.client_id,
            connection_id=sync.connection_id,
            sync_id=sync.id,
            stream=stream.spec,
            api_version=sync.api_version,
            currency=connection.settings["currency"],
            time_zone=connection.settings["time_zone"],
        )
        landed = [
            await store_part(self.services, target, part, of_object)
            for part, of_object in enumerate(_objects(batches))
        ]
        async with recording(self.services, [target], landed) as session:
            current = await lock_sync(session, sync.id)
            if current.state in _OPEN:
                current.started_at = self.services.clock()
                await record_parts(session, self.services, target, landed, ())
                await give_version(session, self.services, current)

    async def _rows(self, sync: Sync) -> Sequence[QuarantinedRow]:
        async with self.services.database.session(sync.tenant_id) as session:
            query = select(QuarantinedRow).where(QuarantinedRow.replay_sync_id == sync.id)
            return (await session.scalars(query.order_by(QuarantinedRow.id))).all()

    async def _base_rows(
        self, sync: Sync, stream: ReplayStream, keys: Collection[str]
    ) -> list[pa.RecordBatch]:
        """The good rows among which the mended ones belong."""
        async with self.services.database.session(sync.tenant_id) as session:
            origin = await session.get_one(Sync, (sync.tenant_id, sync.replays))
            told = await list_told(session, sync.connection_id, sync.stream)
        base = BaseRows(self.services, sync.tenant_id)
        found: list[pa.RecordBatch] = []
        if sync.slice_from is not None and sync.slice_to is not None:
            window = window_of(told_by(origin), DateRange(sync.slice_from, sync.slice_to), told)
            for sync_id, days in window.bases.items():
                found += await base.of_days(sync_id, stream.spec, days)
            return found
        for one in told:
            if one.origin == origin.id:
                found += await base.of_keys(one.sync_id, stream.spec, keys)
        return found


def _objects(batches: Sequence[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Batches by the object that will hold them."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(one.num_rows for one in waiting) >= ROWS_PER_OBJECT:
            yield waiting
            waiting = []
    if waiting:
        yield waiting

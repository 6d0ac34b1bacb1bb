"""Publication: the moment at which the new rows count.

    sync in the warehouse -> one transaction: sync, objects, stream state, data version, what it
    makes old -> event

A `data_version` names tenant, fact and dates. Answers cached for older versions are never read
again, since the version is part of their key; listeners of the tenant's channel are told, and so
are the agency's webhooks.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import orjson
import structlog
from sqlalchemy import select, update

from domain.errors import BoscoError, Transient, UserError
from domain.ids import SyncId, TenantId
from domain.ports import Clock, IdFactory
from ingestion import webhook_events
from ingestion.files.feeds import FILE_SOURCE
from ingestion.quality.succession import close_what_is_told_again
from tenancy.cache import KeyKind, TenantRedis
from tenancy.redis_server import RedisServer, RedisUnavailableError
from tenancy.session import Database, TenantSession
from tenancy.tables import (
    Connection,
    DataVersion,
    LandingObject,
    StreamState,
    Sync,
    SyncState,
)
from tenancy.unscoped import PendingLoad
from tenancy.webhooks import record_event

__all__ = ["Publisher"]

_LOG: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Publisher:
    """Writes down what has been published, and what has failed."""

    database: Database
    redis: RedisServer
    clock: Clock
    ids: IdFactory

    async def publish(self, loads: Sequence[PendingLoad], facts: Sequence[str]) -> None:
        """Publish one sync. Doing it again changes nothing.

        Args:
            loads: Its landed objects.
            facts: What its rows became.
        """
        load = loads[0]
        async with self.database.session(load.tenant_id) as session:
            sync = (
                await session.scalars(select(Sync).where(Sync.id == load.sync_id).with_for_update())
            ).one()
            if sync.state is SyncState.PUBLISHED:
                return
            now = self.clock()
            sync.state, sync.finished_at = SyncState.PUBLISHED, now
            await session.execute(
                update(LandingObject)
                .where(LandingObject.sync_id == load.sync_id)
                .values(loaded_at=now)
            )
            state = await session.get(
                StreamState, (load.tenant_id, load.connection_id, load.stream), with_for_update=True
            )
            if state is None:
                state = StreamState(connection_id=load.connection_id, stream=load.stream)
                session.add(state)
            connection = await session.get_one(Connection, (load.tenant_id, load.connection_id))
            state.published_at = now
            _advance_cursor(state, load, connection)
            if not await _lacks_earlier_days(session, sync):
                _advance_days(state, load, connection.start_date)
            session.add_all(
                DataVersion(
                    id=self.ids(),
                    fact=fact,
                    version=load.version,
                    date_from=None if load.slice_to is None else load.slice_from,
                    date_to=load.slice_to,
                    sync_id=load.sync_id,
                    published_at=now,
                )
                for fact in facts
            )
            await close_what_is_told_again(session, sync, now)
            await record_event(
                session, webhook_events.published(sync, facts), now=now, ids=self.ids
            )
        await self._tell(load, facts)

    async def fail(self, tenant_id: TenantId, sync_id: SyncId, error: BoscoError) -> None:
        """Give a sync up. Its window is planned again by the next run."""
        now = self.clock()
        shown = str(error) if isinstance(error, UserError) else "an error of ours; it is in the log"
        async with self.database.session(tenant_id) as session:
            await session.execute(
                update(Sync)
                .where(Sync.id == sync_id, Sync.state != SyncState.PUBLISHED)
                .values(
                    state=SyncState.FAILED,
                    error_code=error.code,
                    error_message=shown,
                    retry_at=_retry_at(error, now),
                    finished_at=now,
                )
            )

    async def _tell(self, load: PendingLoad, facts: Sequence[str]) -> None:
        redis = TenantRedis(self.redis, load.tenant_id)
        try:
            for fact in facts:
                message = orjson.dumps({"fact": fact, "version": load.version})
                await redis.publish(KeyKind.DATA_VERSION, fact, message=message)
        except RedisUnavailableError as error:
            # Listeners miss a hint; the version itself is stored.
            _LOG.warning("data_version_untold", reason=str(error))


def _retry_at(error: BoscoError, now: dt.datetime) -> dt.datetime | None:
    """When the provider grants calls again, as far as it said so."""
    if not isinstance(error, Transient) or error.wait_seconds is None:
        return None
    return now + dt.timedelta(seconds=error.wait_seconds)


async def _lacks_earlier_days(session: TenantSession, sync: Sync) -> bool:
    """Whether earlier days that the same run asked for have not come.

    They may lie within what is covered, to be restated; the next run has to plan them again.
    """
    if sync.slice_to is None:
        return False
    earlier = select(Sync.id).where(
        Sync.run_id == sync.run_id,
        Sync.connection_id == sync.connection_id,
        Sync.stream == sync.stream,
        Sync.slice_from < sync.slice_from,
        Sync.state != SyncState.PUBLISHED,
    )
    return await session.scalar(earlier.limit(1)) is not None


def _advance_cursor(state: StreamState, load: PendingLoad, connection: Connection) -> None:
    """Move the cursor forward, and with it the days that are over and read whole."""
    if load.cursor_to is None:
        return
    read = dt.datetime.fromisoformat(state.cursor["until"]) if state.cursor else load.cursor_to
    until = max(read, load.cursor_to)
    state.cursor = {"until": until.isoformat()}
    today = until.astimezone(ZoneInfo(connection.settings["time_zone"])).date()
    if connection.start_date < today:
        state.covered_from = connection.start_date
        state.covered_to = today - dt.timedelta(days=1)


def _advance_days(state: StreamState, load: PendingLoad, start: dt.date) -> None:
    """Move the stream's coverage forward; not over a gap, so that the gap is planned again.

    Files are not planned: what they hold is all there is, and weekly ones have gaps of six days.
    """
    if load.slice_from is None or load.slice_to is None:
        return
    next_day = start if state.covered_to is None else state.covered_to + dt.timedelta(days=1)
    if load.slice_from <= next_day or load.source == FILE_SOURCE:
        state.covered_from = min(state.covered_from or load.slice_from, load.slice_from)
        state.covered_to = max(state.covered_to or load.slice_to, load.slice_to)

"""What is published of a stream: the syncs that mended rows are held against."""

from sqlalchemy import select

from domain.ids import ConnectionId
from domain.time_window import DateRange
from ingestion.replay.choose import ToldSync
from tenancy.session import TenantSession
from tenancy.tables import Sync, SyncState

__all__ = ["list_told", "told_by"]


async def list_told(
    session: TenantSession, connection_id: ConnectionId, stream: str
) -> list[ToldSync]:
    """All published syncs of a stream, the oldest first."""
    query = select(Sync).where(
        Sync.connection_id == connection_id,
        Sync.stream == stream,
        Sync.state == SyncState.PUBLISHED,
    )
    return [told_by(sync) for sync in await session.scalars(query.order_by(Sync.version))]


def told_by(sync: Sync) -> ToldSync:
    """A published sync, as others are held against it."""
    first, last = sync.slice_from, sync.slice_to
    days = DateRange(first, last) if first is not None and last is not None else None
    return ToldSync(sync.id, sync.replays or sync.id, sync.version or 0, days)

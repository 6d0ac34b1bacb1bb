"""The release of what is held: a person says that the figures are right.

    incident -> held syncs of its stream -> landed again, past the gate -> incidents closed, audit

A released sync keeps its version, so what was published of the same days since stays newer.
"""

from collections.abc import Sequence

from sqlalchemy import or_, select

from domain.errors import ConflictError
from domain.ids import ConnectionId
from domain.ports import Clock, IdFactory
from ingestion.quality.incidents import IncidentWriter
from tenancy import audit
from tenancy.session import TenantSession
from tenancy.tables import Incident, IncidentSeverity, IncidentState, Sync, SyncState

__all__ = ["list_held", "release_held"]


async def list_held(
    session: TenantSession, connection_id: ConnectionId, stream: str
) -> Sequence[Sync]:
    """Held syncs of a stream, the oldest first; kept from others until the transaction ends."""
    query = select(Sync).where(
        Sync.connection_id == connection_id, Sync.stream == stream, Sync.state == SyncState.HELD
    )
    return (await session.scalars(query.order_by(Sync.version).with_for_update())).all()


async def release_held(
    session: TenantSession,
    incident: Incident,
    *,
    actor: str,
    reason: str,
    clock: Clock,
    ids: IdFactory,
) -> Sequence[Sync]:
    """Let the held syncs of an incident's stream be loaded; all of them, whatever holds them.

    Args:
        session: Of the agency.
        incident: One of those that hold them.
        actor: Who says so.
        reason: Why it is right.
        clock: Tells when.
        ids: For the entries that are written.

    Returns:
        The syncs; the next load publishes them.

    Raises:
        ConflictError: Nothing is held.
    """
    held = await list_held(session, incident.connection_id, incident.stream)
    if not held:
        raise ConflictError(
            f"no sync of {incident.stream} is held", hint="a later one may have taken its place"
        )
    now = clock()
    for sync in held:
        sync.state, sync.released_at, sync.finished_at = SyncState.LANDED, now, None
        sync.error_code = sync.error_message = None
        audit.record(
            session,
            clock=clock,
            ids=ids,
            actor=actor,
            action="sync.released",
            object_kind="sync",
            object_id=str(sync.id),
            details={"incident": str(incident.id)},
        )
    writer = IncidentWriter(session, now, ids)
    query = select(Incident).where(
        Incident.connection_id == incident.connection_id,
        Incident.stream == incident.stream,
        Incident.state != IncidentState.RESOLVED,
        or_(
            Incident.severity == IncidentSeverity.CRITICAL,
            Incident.sync_id.in_([sync.id for sync in held]),
        ),
    )
    for one in (await session.scalars(query.with_for_update())).all():
        await writer.release(one, actor=actor, reason=reason)
    return held

"""Landing objects whose time is over, and what still needs some of them.

    manifest -> landed long ago, nobody needs it -> object deleted -> raw rows deleted -> purged_at

Who reads objects and raw rows after they were loaded, and what keeps them for that:

    loader         syncs that have landed           the sync has not ended
    release        syncs that the gate has held     the sync has not ended
    replay         what the sync of a quarantined   a row of this sync, or of an older one of its
                   row, and newer ones, had landed  stream, waits in quarantine
    erasure        whatever there is                nothing: what is gone holds nobody
    quality checks raw rows of syncs being loaded   the sync has not ended

Facts never read raw rows again once their sync is published.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import exists, or_, select, update
from sqlalchemy.orm import aliased

from domain.ids import ConnectionId, ObjectId
from domain.privacy.retention_policies import RETENTION_POLICIES
from tenancy.privacy.people_age import held_clients
from tenancy.session import TenantSession
from tenancy.tables import LandingObject, QuarantinedRow, QuarantineState, Sync, SyncState

__all__ = ["LANDED_DAYS", "OldObject", "landed_before", "list_old_objects", "mark_purged"]

LANDED_DAYS: Final = RETENTION_POLICIES["landed"].days or 0
_ENDED: Final = (SyncState.PUBLISHED, SyncState.FAILED, SyncState.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class OldObject:
    """A landing object that is over.

    Attributes:
        rows: That it holds, and the warehouse if it was loaded.
    """

    object_id: ObjectId
    connection_id: ConnectionId
    uri: str
    raw_table: str
    rows: int


def landed_before(day: dt.date) -> dt.datetime:
    """What landed before this instant is over on a day."""
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
    return midnight - dt.timedelta(days=LANDED_DAYS)


async def list_old_objects(
    session: TenantSession, day: dt.date, now: dt.datetime
) -> Sequence[OldObject]:
    """Objects of the session's agency that are over on a day, and that nothing needs any more."""
    waiting = aliased(Sync)
    waits = exists().where(
        QuarantinedRow.tenant_id == Sync.tenant_id,
        QuarantinedRow.connection_id == Sync.connection_id,
        QuarantinedRow.stream == Sync.stream,
        QuarantinedRow.state == QuarantineState.OPEN,
        waiting.tenant_id == QuarantinedRow.tenant_id,
        waiting.id == QuarantinedRow.sync_id,
        or_(waiting.id == Sync.id, waiting.version <= Sync.version),
    )
    held = await held_clients(session, now)
    query = (
        select(LandingObject, Sync.connection_id)
        .join(
            Sync, (Sync.tenant_id == LandingObject.tenant_id) & (Sync.id == LandingObject.sync_id)
        )
        .where(
            LandingObject.landed_at < landed_before(day),
            LandingObject.purged_at.is_(None),
            Sync.state.in_(_ENDED),
            Sync.client_id.not_in(held),
            ~waits,
        )
        .order_by(LandingObject.id)
    )
    return [
        OldObject(entry.id, connection_id, entry.uri, entry.raw_table, entry.rows)
        for entry, connection_id in await session.execute(query)
    ]


async def mark_purged(
    session: TenantSession, objects: Sequence[OldObject], now: dt.datetime
) -> None:
    """Say in the manifest that objects and their raw rows are gone."""
    gone = [one.object_id for one in objects]
    await session.execute(
        update(LandingObject).where(LandingObject.id.in_(gone)).values(purged_at=now)
    )

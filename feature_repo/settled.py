"""The instant that features can be computed as of.

    now, what has landed and is not loaded yet, what has just been published -> instant

A fact is known from the landing of its sync on, and is in the warehouse a little later. Features
computed in between, as of now, would lack what the same question finds when it is asked later: what
is served online would not be what a model is trained on. So the instant is the last one before
anything that is still on its way. A sync that was held back and is released is on its way since its
release: it may have landed days ago, and features must not fall back that far. And the clock of the
machine that landed a sync may be ahead of ours: the instant is never before what was published.
"""

import datetime as dt
import uuid
from typing import Final

from sqlalchemy import func, select

from domain.ids import RunId
from feature_repo.entities import Entity
from tenancy.session import TenantSession
from tenancy.tables import Sync, SyncState

__all__ = ["settled_instant"]

_ON_ITS_WAY: Final = (SyncState.LANDED, SyncState.LOADED)
_BEFORE: Final = dt.timedelta(microseconds=1)


async def settled_instant(
    session: TenantSession,
    entity: Entity,
    owner_id: uuid.UUID,
    *,
    now: dt.datetime,
    run_id: RunId | None,
) -> dt.datetime:
    """The latest instant of which the warehouse knows everything.

    Args:
        session: Of the agency.
        entity: Kind of what is computed; says what `owner_id` is.
        owner_id: Account or client.
        now: The present.
        run_id: Of the publication that is followed up; None: nothing has just been published.
    """
    owned = getattr(Sync, entity.owner_column) == owner_id
    landed = select(func.min(func.coalesce(Sync.released_at, Sync.known_at))).where(
        owned, Sync.state.in_(_ON_ITS_WAY)
    )
    published = select(func.max(Sync.known_at)).where(
        owned, Sync.run_id == run_id, Sync.state == SyncState.PUBLISHED
    )
    row = (
        await session.execute(
            select(landed.scalar_subquery().label("landed"), published.scalar_subquery())
        )
    ).one()
    first_landed, last_published = row
    latest = now if last_published is None else max(now, last_published)
    return latest if first_landed is None else min(latest, first_landed - _BEFORE)

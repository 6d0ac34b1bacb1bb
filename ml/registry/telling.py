"""What became of a model, in the audit trail of each agency whose data it was trained on.

    ModelEvent (platform) > told so far -> audit entries of one agency -> ModelShare.told_events

In one transaction of the agency: an entry is there once, whoever asks and however often. Reasons
stay out: they may tell of groups of other agencies.
"""

import datetime as dt
from typing import Final

from sqlalchemy import select

from domain.ports import Clock, IdFactory
from gdpr.erasure.models import clear_overdue_model
from tenancy import audit
from tenancy.session import TenantSession
from tenancy.tables import ModelErasure, ModelEvent, ModelShare, ModelState, ModelVersion

__all__ = ["ACTIONS", "tell_agency", "tell_retrained"]

ACTIONS: Final = {
    ModelState.CANDIDATE: "model.trained",
    ModelState.SHADOW: "model.shadowed",
    ModelState.CHAMPION: "model.promoted",
    ModelState.RETIRED: "model.retired",
    ModelState.REJECTED: "model.rejected",
    ModelState.ROLLED_BACK: "model.rolled_back",
}


async def tell_agency(session: TenantSession, *, clock: Clock, ids: IdFactory) -> int:
    """Record what the session's agency was not told yet; how much that was. One query."""
    query = (
        select(ModelShare, ModelVersion, ModelEvent)
        .join(ModelVersion, ModelVersion.id == ModelShare.version_id)
        .join(ModelEvent, ModelEvent.version_id == ModelShare.version_id)
        .where(ModelEvent.number > ModelShare.told_events)
        .order_by(ModelVersion.number, ModelEvent.number)
        .with_for_update(of=ModelShare)
    )
    untold = (await session.execute(query)).all()
    for share, version, event in untold:
        audit.record(
            session,
            clock=clock,
            ids=ids,
            actor=event.process if event.process.startswith("job:") else "job:models",
            action=ACTIONS[event.state],
            object_kind="model",
            object_id=str(version.id),
            details={
                "kind": version.kind,
                "number": version.number,
                "series": share.series,
                "figures": share.figures,
                "content": share.content_hash,
            },
        )
        share.told_events = event.number
    return len(untold)


async def tell_retrained(session: TenantSession, now: dt.datetime) -> None:
    """Note that versions are deleted that had seen people whom the session's agency erased."""
    query = (
        select(ModelErasure)
        .join(ModelVersion, ModelVersion.id == ModelErasure.version_id)
        .where(ModelErasure.retrained_at.is_(None), ModelVersion.destroyed_at.is_not(None))
        .with_for_update(of=ModelErasure)
    )
    for mark in (await session.scalars(query)).all():
        mark.retrained_at = now
        await clear_overdue_model(session, mark.version_id, now)

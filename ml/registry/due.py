"""Retraining that is due: one piece of work a kind, with every reason that was found for it.

    Retraining -> note (joins what is open) -> ModelRetraining -> list_due -> a training
        -> promote -> settle: done, if the new snapshot is younger than the last reason

Each function works in the transaction of its caller. A reason that is found again every night is
the same reason; the earliest deadline counts.

Decision: ADR-0032.
"""

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import select

from domain.ports import IdFactory
from ml.registry.retraining import Retraining
from tenancy.exclusive import hold_exclusively
from tenancy.session import TenantSession
from tenancy.tables import ModelRetraining, ModelVersion

__all__ = ["list_due", "note_retraining", "settle_retraining"]


async def note_retraining(
    session: TenantSession, kind: str, found: Retraining, *, now: dt.datetime, ids: IdFactory
) -> ModelRetraining:
    """Write down that a kind of model has to be trained anew, or that there is one more reason.

    Args:
        session: Of the platform.
        kind: Of model.
        found: From `decide`.
        now: UTC instant.
        ids: Gives new work its id.
    """
    await hold_exclusively(session, f"retraining {kind}")
    work = await _open(session, kind)
    if work is None:
        work = ModelRetraining(
            id=ids(), kind=kind, due_at=found.due_at, reasons=[*found.reasons], noted_at=now
        )
        session.add(work)
        await session.flush()
        return work
    new = [reason for reason in found.reasons if reason not in work.reasons]
    work.due_at = min(work.due_at, found.due_at)
    if new:
        work.reasons, work.noted_at = [*work.reasons, *new], now
    return work


async def list_due(session: TenantSession, now: dt.datetime) -> Sequence[ModelRetraining]:
    """Work that is open and due by now, the longest due first."""
    query = select(ModelRetraining).where(
        ModelRetraining.done_at.is_(None), ModelRetraining.due_at <= now
    )
    return (await session.scalars(query.order_by(ModelRetraining.due_at))).all()


async def settle_retraining(
    session: TenantSession, champion: ModelVersion, *, now: dt.datetime
) -> ModelRetraining | None:
    """Close the work that a new champion does; None: there is none, or it came too early."""
    await hold_exclusively(session, f"retraining {champion.kind}")
    work = await _open(session, champion.kind)
    if work is None or champion.as_of < work.noted_at:
        return None
    work.done_at, work.version_id = now, champion.id
    return work


async def _open(session: TenantSession, kind: str) -> ModelRetraining | None:
    query = select(ModelRetraining).where(
        ModelRetraining.kind == kind, ModelRetraining.done_at.is_(None)
    )
    return (await session.scalars(query)).one_or_none()

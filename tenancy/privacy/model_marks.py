"""Models that saw figures of people who are erased: marked, with a day until which they may last.

    erasure in an agency -> versions whose training had the agency's data -> ModelErasure (the
        agency's) + ModelVersion.retrain_by (the platform's, which names nobody)
    training that ends after an erasure, of a snapshot before it -> marked when it is registered

No model is trained on rows of people, only on sums by day, and these stay the same when a person is
taken out of their orders. They are still sums over people who have asked to be forgotten, and a day
may have one order only, so what learnt from them is not kept longer than it takes to train anew.

Curves of what a client's spend brings are the agency's own and learnt in a second: an erasure
deletes them, and they are learnt anew when somebody asks (ADR-0041).

Both ways of marking take one lock of the agency: a version that is registered while people are
erased is marked by one or the other.

Sources: EDPB, Opinion 28/2024 on AI models, section 3.2; GDPR articles 12(3) and 17(1).
Decision: ADR-0034.
"""

import datetime as dt
import uuid
from typing import Final

from sqlalchemy import ColumnElement, delete, or_, select, text

from tenancy.exclusive import hold_exclusively
from tenancy.session import TenantSession
from tenancy.tables import ErasureRun, ResponseCurves

__all__ = ["RETRAIN_WITHIN", "mark_late_model", "mark_models", "were_people_erased_since"]

RETRAIN_WITHIN: Final = dt.timedelta(days=28)  # a month, of any month

_MARK: Final = text("""
    INSERT INTO model_erasures (tenant_id, run_id, version_id, marked_at, retrain_by)
    SELECT s.tenant_id, :run_id, s.version_id, :now, :retrain_by
    FROM model_shares s LEFT JOIN model_versions v ON v.id = s.version_id
    WHERE s.tenant_id = :tenant_id AND v.destroyed_at IS NULL
        AND (CAST(:version_id AS uuid) IS NULL OR s.version_id = :version_id)
    ON CONFLICT DO NOTHING
""")
_BOUND: Final = text("""
    UPDATE model_versions v SET retrain_by = LEAST(v.retrain_by, e.retrain_by)
    FROM model_erasures e
    WHERE e.tenant_id = :tenant_id AND e.run_id = :run_id AND e.version_id = v.id
        AND e.retrained_at IS NULL
""")


async def mark_models(session: TenantSession, run_id: uuid.UUID, now: dt.datetime) -> None:
    """Mark every version that was trained on data of the session's agency, and delete its curves.

    Again changes nothing.

    Args:
        session: Of the agency, in the transaction of the erasure's step.
        run_id: Of the erasure.
        now: UTC instant.
    """
    await _lock(session)
    await _mark(session, run_id, now, None)
    await session.execute(delete(ResponseCurves))


async def mark_late_model(
    session: TenantSession, version_id: uuid.UUID, as_of: dt.datetime, now: dt.datetime
) -> None:
    """Mark a version that is registered just now, if people were erased since its snapshot.

    Args:
        session: Of an agency that took part.
        version_id: It is there already.
        as_of: UTC instant of the snapshot.
        now: UTC instant.
    """
    await _lock(session)
    query = select(ErasureRun.id).where(_has_erased_since(as_of)).order_by(ErasureRun.started_at)
    for run_id in (await session.scalars(query)).all():
        await _mark(session, run_id, now, version_id)


async def were_people_erased_since(session: TenantSession, as_of: dt.datetime) -> bool:
    """Whether what saw the agency's figures of an instant is not to be kept any more.

    Until the transaction ends, no erasure marks models: what is kept now is found by the next one.

    Args:
        session: Of the agency.
        as_of: UTC instant of what was seen.
    """
    await _lock(session)
    query = select(ErasureRun.id).where(_has_erased_since(as_of)).limit(1)
    return await session.scalar(query) is not None


def _has_erased_since(as_of: dt.datetime) -> ColumnElement[bool]:
    return or_(ErasureRun.finished_at.is_(None), ErasureRun.finished_at >= as_of)


async def _mark(
    session: TenantSession, run_id: uuid.UUID, now: dt.datetime, version_id: uuid.UUID | None
) -> None:
    asked = {"tenant_id": session.tenant_id, "run_id": run_id}
    marked = {"now": now, "retrain_by": now + RETRAIN_WITHIN, "version_id": version_id}
    await session.execute(_MARK, asked | marked)
    await session.execute(_BOUND, asked)


async def _lock(session: TenantSession) -> None:
    await hold_exclusively(session, f"model marks {session.tenant_id}")

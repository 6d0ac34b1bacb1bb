"""Models that saw people who were erased, and that nothing has taken the place of in time.

    a round -> overdue marks of an agency -> alert, until another version serves

A retraining that is late is a promise of a certificate that is not kept: somebody has to act.

Decision: ADR-0034.
"""

import datetime as dt
import uuid

from sqlalchemy import select

from domain.ports import IdFactory
from tenancy.alerts import Alert, AlertKind, AlertSeverity, clear_alert, raise_alert
from tenancy.session import TenantSession
from tenancy.tables import ModelErasure, ModelVersion

__all__ = ["alert_overdue_models", "clear_overdue_model"]


async def alert_overdue_models(session: TenantSession, now: dt.datetime, ids: IdFactory) -> int:
    """Raise an alert for each version that is overdue in the session's agency; how many are."""
    query = (
        select(ModelVersion, ModelErasure.retrain_by)
        .join(ModelErasure, ModelErasure.version_id == ModelVersion.id)
        .where(ModelErasure.retrained_at.is_(None), ModelErasure.retrain_by <= now)
        .order_by(ModelVersion.kind, ModelVersion.number, ModelErasure.retrain_by.desc())
    )
    overdue = dict(iter((await session.execute(query)).all()))
    for version, due_at in overdue.items():
        await raise_alert(session, _alert(version, due_at), now=now, ids=ids)
    return len(overdue)


async def clear_overdue_model(
    session: TenantSession, version_id: uuid.UUID, now: dt.datetime
) -> None:
    """Say that a version is deleted."""
    subject = _subject(version_id)
    await clear_alert(session, AlertKind.MODEL_NOT_RETRAINED, subject, now=now)


def _alert(version: ModelVersion, due_at: dt.datetime) -> Alert:
    return Alert(
        kind=AlertKind.MODEL_NOT_RETRAINED,
        severity=AlertSeverity.CRITICAL,
        subject=_subject(version.id),
        client_id=None,
        title="A model that saw figures of people who were erased was not trained anew in time",
        text=f"{version.kind} {version.number} was to be replaced by {due_at:%Y-%m-%d}",
        hint="the operator has to train a new version and let it serve",
        due_at=due_at,
    )


def _subject(version_id: uuid.UUID) -> str:
    return f"model:{version_id}"

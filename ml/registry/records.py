"""Rows of the registry: each function works in the transaction of its caller.

    an agency: keep_share
    the platform: add_version, note_event, champion_of, find_version, list_marked, list_hashes

Decision: ADR-0032.
"""

import datetime as dt
import uuid
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from ml.registry.training import Share, Training
from tenancy.model_store import hash_of
from tenancy.session import TenantSession
from tenancy.tables import ModelEvent, ModelShare, ModelState, ModelVersion

__all__ = [
    "add_version",
    "champion_of",
    "find_version",
    "id_of",
    "keep_share",
    "list_hashes",
    "list_marked",
    "note_event",
]

_NAMESPACE: Final = uuid.UUID("6b1c6a5e-6f0b-5a7e-9a35-6d0de1c0ffee")


def id_of(training: Training, artefact: bytes) -> uuid.UUID:
    """The same for the same model of the same snapshot, so that a training may be done again."""
    as_of = training.snapshot.as_of.astimezone(dt.UTC).isoformat()
    return uuid.uuid5(_NAMESPACE, f"{training.kind} {as_of} {hash_of(artefact)}")


async def keep_share(
    session: TenantSession,
    version_id: uuid.UUID,
    training: Training,
    share: Share,
    now: dt.datetime,
) -> None:
    """Keep what the session's agency gave to a training; once."""
    row = insert(ModelShare).values(
        tenant_id=session.tenant_id,
        version_id=version_id,
        kind=training.kind,
        as_of=training.snapshot.as_of,
        series=share.series,
        figures=share.figures,
        content_hash=share.content_hash,
        told_events=0,
        registered_at=now,
    )
    await session.execute(row.on_conflict_do_nothing())


async def add_version(
    session: TenantSession, training: Training, artefact: bytes, now: dt.datetime
) -> ModelVersion:
    """Keep a version that is not there, as a candidate; under the lock of its kind."""
    newest = select(func.max(ModelVersion.number)).where(ModelVersion.kind == training.kind)
    version = ModelVersion(
        id=id_of(training, artefact),
        kind=training.kind,
        number=(await session.scalar(newest) or 0) + 1,
        state=ModelState.CANDIDATE,
        state_since=now,
        created_at=now,
        code=training.code,
        features=training.features,
        as_of=training.snapshot.as_of,
        data_hash=training.snapshot.content_hash,
        agencies=len(training.snapshot.shares),
        figures=training.snapshot.figures,
        parameters={**training.parameters, "seed": training.seed},
        metrics={group: dict(one) for group, one in training.metrics.items()},
        inputs=dict(training.inputs),
        artefact_hash=hash_of(artefact),
        artefact_bytes=len(artefact),
    )
    session.add(version)
    return version


async def note_event(
    session: TenantSession, version: ModelVersion, process: str, reason: str
) -> None:
    """Write down that a version has come into its present state.

    Written at once: a champion has to be gone before another one is there.
    """
    await session.flush()
    known = select(func.count()).where(ModelEvent.version_id == version.id)
    event = ModelEvent(
        version_id=version.id,
        number=(await session.scalar(known) or 0) + 1,
        at=version.state_since,
        process=process,
        state=version.state,
        reason=reason,
    )
    session.add(event)
    await session.flush()


async def champion_of(session: TenantSession, kind: str) -> ModelVersion | None:
    """The version of a kind that serves; None: none does."""
    query = select(ModelVersion).where(
        ModelVersion.kind == kind, ModelVersion.state == ModelState.CHAMPION
    )
    return (await session.scalars(query)).one_or_none()


async def list_marked(session: TenantSession, champion: ModelVersion) -> list[ModelVersion]:
    """Versions that saw people who are erased and are not deleted; none while one of them serves.

    Args:
        session: Of the platform.
        champion: Of the kind.
    """
    if champion.retrain_by is not None:
        return []
    query = select(ModelVersion).where(
        ModelVersion.kind == champion.kind,
        ModelVersion.retrain_by.is_not(None),
        ModelVersion.destroyed_at.is_(None),
    )
    return list(await session.scalars(query.order_by(ModelVersion.number)))


async def list_hashes(session: TenantSession, kind: str) -> frozenset[str]:
    """Hashes of artefacts of versions that saw nobody who is erased: they stay."""
    query = select(ModelVersion.artefact_hash).where(
        ModelVersion.kind == kind, ModelVersion.retrain_by.is_(None)
    )
    return frozenset(await session.scalars(query))


async def find_version(session: TenantSession, version_id: uuid.UUID | None) -> ModelVersion | None:
    """A version by its id; None: there is none."""
    return None if version_id is None else await session.get(ModelVersion, version_id)

"""Models that were trained over several agencies, and which agency's data took part.

    ModelVersion (state, snapshot, artefact) -> ModelEvent (what became of it, append-only)
    ModelShare (an agency's part of a snapshot) -> ModelErasure (people erased after it was taken)
    ModelRetraining (that a kind has to be trained anew, by when, and why)

A pooled model belongs to the platform: versions, events and retrainings tell of no agency. Whose
data took part is a row of that agency, so each sees its own part and nobody else's.

Decision: ADR-0032.
"""

import datetime as dt
import enum
import uuid
from typing import Any

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from domain.privacy.holds import (
    AGGREGATE_FIGURES,
    CANONICAL_WORD,
    CONFIGURATION,
    LINEAGE,
    OWN_WORDS,
)
from tenancy.tables.base import Base, TenantOwned, choice, holds, within_tenant

__all__ = [
    "ModelErasure",
    "ModelEvent",
    "ModelRetraining",
    "ModelShare",
    "ModelState",
    "ModelVersion",
]


class ModelState(enum.Enum):
    """How far a version is. `SHADOW`: it forecasts, and nobody is served by it."""

    CANDIDATE = "candidate"
    SHADOW = "shadow"
    CHAMPION = "champion"
    RETIRED = "retired"  # another one took its place; a rollback may bring it back
    REJECTED = "rejected"
    ROLLED_BACK = "rolled_back"  # it was the champion, and turned out worse


class ModelVersion(Base):
    """One trained model, and all that it takes to make it again; of no tenant."""

    __tablename__ = "model_versions"
    __otherwise__ = LINEAGE
    __table_args__ = (
        UniqueConstraint("kind", "number"),
        UniqueConstraint("kind", "artefact_hash", "as_of"),
        Index(
            "uq_model_versions__champion",
            "kind",
            unique=True,
            postgresql_where=text("state = 'champion'"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = holds(CANONICAL_WORD)  # for example forecast
    number: Mapped[int]  # 1, 2, 3 ... of the kind
    state: Mapped[ModelState] = mapped_column(choice(ModelState, "state"))
    state_since: Mapped[dt.datetime]
    follows: Mapped[uuid.UUID | None]  # the champion whose place it took
    created_at: Mapped[dt.datetime]
    code: Mapped[str] = holds(LINEAGE)  # fingerprint of what trained it
    features: Mapped[str] = holds(LINEAGE)  # fingerprint of the definitions of its features
    as_of: Mapped[dt.datetime]  # only what was known by then was seen
    data_hash: Mapped[str] = holds(LINEAGE)  # SHA-256 over the shares' hashes, hexadecimal
    agencies: Mapped[int]  # that took part
    figures: Mapped[int] = mapped_column(BigInteger)
    parameters: Mapped[dict[str, Any]] = holds(CONFIGURATION)  # of the training, seed included
    metrics: Mapped[dict[str, Any]] = holds(AGGREGATE_FIGURES)  # group of agencies -> metric
    inputs: Mapped[dict[str, Any]] = holds(AGGREGATE_FIGURES)  # input -> how it was spread
    artefact_hash: Mapped[str] = holds(LINEAGE)  # SHA-256 of the bytes, hexadecimal
    artefact_bytes: Mapped[int] = mapped_column(BigInteger)
    retrain_by: Mapped[dt.datetime | None]  # it saw people erased since; NULL: no
    destroyed_at: Mapped[dt.datetime | None]  # when its artefact was deleted; NULL: it is there


class ModelEvent(Base):
    """What became of a version, in which work and why; append-only."""

    __tablename__ = "model_events"
    __otherwise__ = LINEAGE
    __table_args__ = (ForeignKeyConstraint(["version_id"], ["model_versions.id"]),)

    version_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)  # 1, 2, 3 ... of the version
    at: Mapped[dt.datetime]
    process: Mapped[str] = holds(CANONICAL_WORD)  # `job:<name>` or `operator`: never a person
    state: Mapped[ModelState] = mapped_column(choice(ModelState, "state"))
    reason: Mapped[str] = holds(OWN_WORDS)


class ModelShare(TenantOwned, Base):
    """What an agency's data gave to the training of a version."""

    __tablename__ = "model_shares"
    __otherwise__ = LINEAGE

    version_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = holds(CANONICAL_WORD)
    as_of: Mapped[dt.datetime]
    series: Mapped[int]
    figures: Mapped[int] = mapped_column(BigInteger)
    content_hash: Mapped[str] = holds(LINEAGE)  # SHA-256 of the agency's figures, hexadecimal
    told_events: Mapped[int]  # of the version, that the agency's audit trail has
    registered_at: Mapped[dt.datetime]


class ModelErasure(TenantOwned, Base):
    """That a run erased people of an agency whose figures a version had seen."""

    __tablename__ = "model_erasures"
    __otherwise__ = LINEAGE
    __table_args__ = (
        within_tenant("run_id", "erasure_runs"),
        within_tenant("version_id", "model_shares", "version_id"),
        Index(
            "ix_model_erasures__open", "retrain_by", postgresql_where=text("retrained_at IS NULL")
        ),
        Index(None, "tenant_id", "version_id"),
    )

    run_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    marked_at: Mapped[dt.datetime]
    retrain_by: Mapped[dt.datetime]
    retrained_at: Mapped[dt.datetime | None]  # a later one serves, and this artefact is deleted


class ModelRetraining(Base):
    """That a kind of model has to be trained anew; one at a time is open. Of no tenant."""

    __tablename__ = "model_retrainings"
    __otherwise__ = LINEAGE
    __table_args__ = (
        Index(
            "uq_model_retrainings__open",
            "kind",
            unique=True,
            postgresql_where=text("done_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = holds(CANONICAL_WORD)
    due_at: Mapped[dt.datetime]
    reasons: Mapped[list[str]] = holds(OWN_WORDS, ARRAY(TEXT))
    noted_at: Mapped[dt.datetime]
    done_at: Mapped[dt.datetime | None]
    version_id: Mapped[uuid.UUID | None]  # that came of it

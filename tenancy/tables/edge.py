"""What the edge keeps: metric definitions and the audit trail."""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import BigInteger, FetchedValue, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.privacy.holds import (
    AUDIT_ACTOR,
    AUDIT_OBJECT,
    CANONICAL_WORD,
    CONFIGURATION,
    LINEAGE,
    PROOF,
)
from tenancy.tables.base import Base, TenantOwned, holds

__all__ = [
    "AuditCheckpoint",
    "AuditEntry",
    "MetricDefinition",
]


class MetricDefinition(TenantOwned, Base):
    """A revision of a metric that the agency defined itself."""

    __tablename__ = "metric_definitions"
    __otherwise__ = CONFIGURATION
    __table_args__ = (
        Index(
            "uq_metric_definitions__current_name",
            "tenant_id",
            "name",
            unique=True,
            postgresql_where=text("retired_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    name: Mapped[str] = holds(CONFIGURATION)
    definition: Mapped[dict[str, Any]] = holds(CONFIGURATION)
    revision: Mapped[int]  # 1, 2, ... per name
    created_at: Mapped[dt.datetime]
    retired_at: Mapped[dt.datetime | None]  # NULL: the revision in force


class AuditEntry(TenantOwned, Base):
    """Who did what to which object; append-only (no right to change or delete is granted).

    The entries of an agency are a chain: a trigger gives each its number and its hashes.
    """

    __tablename__ = "audit_entries"
    __otherwise__ = LINEAGE
    __table_args__ = (
        UniqueConstraint("tenant_id", "sequence"),
        Index(None, "tenant_id", "at"),
        Index(None, "tenant_id", "object_kind", "object_id", "at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    at: Mapped[dt.datetime]
    actor: Mapped[str] = holds(AUDIT_ACTOR)
    action: Mapped[str] = holds(CANONICAL_WORD)  # for example connection.paused
    object_kind: Mapped[str] = holds(CANONICAL_WORD)
    object_id: Mapped[str] = holds(AUDIT_OBJECT)
    # Ids and settings, never personal data or secrets
    details: Mapped[dict[str, Any]] = holds(AUDIT_OBJECT)
    sequence: Mapped[int] = mapped_column(BigInteger, FetchedValue())  # 1, 2, ... without gaps
    previous_hash: Mapped[bytes] = holds(PROOF, FetchedValue())  # of the entry before
    hash: Mapped[bytes] = holds(PROOF, FetchedValue())  # see domain.audit.entry


class AuditCheckpoint(TenantOwned, Base):
    """The end of an agency's audit chain at an instant, signed by the platform; append-only."""

    __tablename__ = "audit_checkpoints"
    __otherwise__ = LINEAGE
    __table_args__ = (Index(None, "tenant_id", "sequence", "at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    sequence: Mapped[int] = mapped_column(BigInteger)  # of the last entry then
    at: Mapped[dt.datetime]
    statement: Mapped[str] = holds(PROOF)  # a compact JWS; says number, hash and instant itself

"""What the edge keeps: metric definitions, applications, signing keys, the audit trail."""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId
from tenancy.tables.base import Base, TenantOwned

__all__ = [
    "AuditEntry",
    "MetricDefinition",
    "OAuthClient",
    "RevokedToken",
    "SigningKey",
]


class MetricDefinition(TenantOwned, Base):
    """A revision of a metric that the agency defined itself."""

    __tablename__ = "metric_definitions"
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
    name: Mapped[str]
    definition: Mapped[dict[str, Any]]
    revision: Mapped[int]  # 1, 2, ... per name
    created_at: Mapped[dt.datetime]
    retired_at: Mapped[dt.datetime | None]  # NULL: the revision in force


class OAuthClient(TenantOwned, Base):
    """An application that may ask for tokens.

    The secret is 256 random bits, so its plain SHA-256 cannot be guessed from.
    """

    __tablename__ = "oauth_clients"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[str] = mapped_column(unique=True)  # shown to the application
    name: Mapped[str]
    secret_hash: Mapped[bytes]
    scopes: Mapped[list[str]]
    client_ids: Mapped[list[ClientId] | None]  # limited to these clients; NULL: all
    created_at: Mapped[dt.datetime]
    suspended_at: Mapped[dt.datetime | None]
    last_used_at: Mapped[dt.datetime | None]


class RevokedToken(TenantOwned, Base):
    """An access token that is refused before it expires; the row may go once it has expired."""

    __tablename__ = "revoked_tokens"

    token_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)  # its jti
    revoked_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]


class AuditEntry(TenantOwned, Base):
    """Who did what to which object; append-only (no right to change or delete is granted)."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index(None, "tenant_id", "at"),
        Index(None, "tenant_id", "object_kind", "object_id", "at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    at: Mapped[dt.datetime]
    actor: Mapped[str] = mapped_column(info={"personal": "user.unique_id"})
    action: Mapped[str]  # for example connection.paused
    object_kind: Mapped[str]
    object_id: Mapped[str]
    details: Mapped[dict[str, Any]]  # ids and settings, never personal data or secrets


class SigningKey(Base):
    """A key that signs access tokens; of the platform, no tenant data."""

    __tablename__ = "signing_keys"

    kid: Mapped[str] = mapped_column(primary_key=True)
    algorithm: Mapped[str]  # for example EdDSA
    public_jwk: Mapped[dict[str, Any]]
    wrapped_private_key: Mapped[bytes]  # sealed by the master key
    created_at: Mapped[dt.datetime]
    retired_at: Mapped[dt.datetime | None]  # NULL: signs new tokens; set: only verifies old ones
    revoked_at: Mapped[dt.datetime | None]  # set: verifies nothing

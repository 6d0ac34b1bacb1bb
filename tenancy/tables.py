"""Tables of the control plane, one class each.

    request or job -> Database.session(tenant) -> these classes -> PostgreSQL, row-level security

Every table of tenant data starts its primary key with `tenant_id`, and every reference between two
of them carries `tenant_id` as well, so a row cannot point into another tenant even when row-level
security is off. `signing_keys` alone holds no tenant data. Ids are made by the application
(UUIDv7); instants are UTC. A column about a person says so in `info["personal"]` (a Fideslang
category).

The schema is created by `migrations/versions`; a test proves that both agree.
"""

import datetime as dt
import enum
import uuid
from typing import Any, ClassVar, Final

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    CheckConstraint,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Sequence,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from domain.ids import ClientId, ConnectionId, ObjectId, RunId, SyncId, TenantId

__all__ = [
    "LANDING_VERSION",
    "AuditEntry",
    "Base",
    "Client",
    "Connection",
    "ConnectionState",
    "DataVersion",
    "LandingObject",
    "Membership",
    "MembershipClient",
    "MetricDefinition",
    "OAuthClient",
    "QuarantineState",
    "QuarantinedRow",
    "Role",
    "RunState",
    "SigningKey",
    "StreamState",
    "Sync",
    "SyncRun",
    "SyncState",
    "Tenant",
    "TenantOwned",
    "User",
]

_TYPES: Final = {
    TenantId: Uuid(),
    ClientId: Uuid(),
    ConnectionId: Uuid(),
    RunId: Uuid(),
    SyncId: Uuid(),
    ObjectId: Uuid(),
    str: Text(),
    dt.datetime: TIMESTAMP(timezone=True),
    dict[str, Any]: JSONB(none_as_null=True),
    list[str]: ARRAY(Text()),
    list[ClientId]: ARRAY(Uuid()),
}


class Base(DeclarativeBase):
    """Metadata and type rules that all tables share."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s__%(column_0_N_name)s",
            "fk": "fk_%(table_name)s__%(column_0_N_name)s",
            "ck": "ck_%(table_name)s__%(constraint_name)s",
            "ix": "ix_%(table_name)s__%(column_0_N_name)s",
        }
    )
    type_annotation_map: ClassVar = _TYPES


# Orders landed syncs over all tenants: the higher version of a slice wins in the warehouse.
LANDING_VERSION: Final = Sequence("landing_version", metadata=Base.metadata, data_type=BigInteger())


class Role(enum.Enum):
    """What a user may do in a tenant; the scopes of each role are written in `api`."""

    OWNER = "owner"
    ADMIN = "admin"
    ANALYST = "analyst"
    CLIENT_VIEWER = "client_viewer"
    DATA_PROTECTION_OFFICER = "data_protection_officer"
    ML_ENGINEER = "ml_engineer"


class ConnectionState(enum.Enum):
    """Whether a connection is synced. `BROKEN`: the provider refuses the credentials."""

    ACTIVE = "active"
    PAUSED = "paused"
    BROKEN = "broken"


class RunState(enum.Enum):
    """State of a sync run: succeeded when all its syncs are published, else failed."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class SyncState(enum.Enum):
    """How far one sync has come; each state follows the one before, `FAILED` may follow any."""

    PLANNED = "planned"
    EXTRACTING = "extracting"
    LANDED = "landed"
    LOADED = "loaded"
    PUBLISHED = "published"
    FAILED = "failed"


class QuarantineState(enum.Enum):
    """What became of a bad row."""

    OPEN = "open"
    REPLAYED = "replayed"
    DISMISSED = "dismissed"


def _choice(values: type[enum.Enum], name: str) -> Enum:
    return Enum(
        values,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )


def _within_tenant(column: str, table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id", column], [f"{table}.tenant_id", f"{table}.id"])


class TenantOwned:
    """Mixin: rows of one tenant. A new row takes the tenant of the session that adds it."""

    tenant_id: Mapped[TenantId] = mapped_column(
        ForeignKey("tenants.id"), primary_key=True, sort_order=-2
    )


class Tenant(Base):
    """An agency."""

    __tablename__ = "tenants"

    id: Mapped[TenantId] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    currency: Mapped[str]  # reporting currency, ISO 4217
    time_zone: Mapped[str]  # IANA name
    wrapped_data_key: Mapped[bytes]  # the tenant's data key, sealed by the master key
    created_at: Mapped[dt.datetime]


class Client(TenantOwned, Base):
    """A brand that the agency works for."""

    __tablename__ = "clients"
    __table_args__ = (UniqueConstraint("tenant_id", "slug"),)

    id: Mapped[ClientId] = mapped_column(primary_key=True, sort_order=-1)
    slug: Mapped[str]
    name: Mapped[str]
    currency: Mapped[str]  # ISO 4217
    time_zone: Mapped[str]  # IANA name
    created_at: Mapped[dt.datetime]


class User(TenantOwned, Base):
    """A person who works in one agency; the same person in two agencies is two rows."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("tenant_id", "email"),)

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, sort_order=-1, info={"personal": "user.unique_id"}
    )
    email: Mapped[str] = mapped_column(info={"personal": "user.contact.email"})
    name: Mapped[str] = mapped_column(info={"personal": "user.name"})
    created_at: Mapped[dt.datetime]
    deactivated_at: Mapped[dt.datetime | None]


class Membership(TenantOwned, Base):
    """A role of a user; over all clients unless `membership_clients` names some."""

    __tablename__ = "memberships"
    __table_args__ = (
        _within_tenant("user_id", "users"),
        UniqueConstraint("tenant_id", "user_id", "role"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    user_id: Mapped[uuid.UUID] = mapped_column(info={"personal": "user.unique_id"})
    role: Mapped[Role] = mapped_column(_choice(Role, "role"))


class MembershipClient(TenantOwned, Base):
    """A client that a membership is limited to."""

    __tablename__ = "membership_clients"
    __table_args__ = (
        _within_tenant("membership_id", "memberships"),
        _within_tenant("client_id", "clients"),
    )

    membership_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    client_id: Mapped[ClientId] = mapped_column(primary_key=True)


class Connection(TenantOwned, Base):
    """A client's account at a source."""

    __tablename__ = "connections"
    __table_args__ = (
        _within_tenant("client_id", "clients"),
        UniqueConstraint("tenant_id", "client_id", "source", "account_id"),
    )

    id: Mapped[ConnectionId] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    source: Mapped[str]  # for example google_ads
    account_id: Mapped[str]  # the provider's own id, kept as text
    label: Mapped[str]
    settings: Mapped[dict[str, Any]]  # not secret: manager id, shop domain, currency, time zone
    credentials: Mapped[bytes | None]  # sealed by the vault; NULL: the source needs none
    state: Mapped[ConnectionState] = mapped_column(_choice(ConnectionState, "state"))
    start_date: Mapped[dt.date]  # first reporting date to fetch
    created_at: Mapped[dt.datetime]


class StreamState(TenantOwned, Base):
    """How far a stream of a connection has been published."""

    __tablename__ = "stream_states"
    __table_args__ = (_within_tenant("connection_id", "connections"),)

    connection_id: Mapped[ConnectionId] = mapped_column(primary_key=True)
    stream: Mapped[str] = mapped_column(primary_key=True)
    cursor: Mapped[dict[str, Any] | None]  # where an incremental stream goes on
    covered_from: Mapped[dt.date | None]
    covered_to: Mapped[dt.date | None]  # last published reporting date, included
    published_at: Mapped[dt.datetime | None]


class SyncRun(TenantOwned, Base):
    """One request to sync; it plans several syncs."""

    __tablename__ = "sync_runs"

    id: Mapped[RunId] = mapped_column(primary_key=True, sort_order=-1)
    requested_by: Mapped[str] = mapped_column(info={"personal": "user.unique_id"})
    state: Mapped[RunState] = mapped_column(_choice(RunState, "state"))
    started_at: Mapped[dt.datetime]
    finished_at: Mapped[dt.datetime | None]


class Sync(TenantOwned, Base):
    """One run of a stream over a slice.

    A stream by date has `slice_from` and `slice_to` (both included); one by cursor has
    `cursor_from` and `cursor_to` (half-open), and in `slice_from` the first reporting date that
    counts. `version` and `known_at` are given when it has
    landed.
    """

    __tablename__ = "syncs"
    __table_args__ = (
        _within_tenant("run_id", "sync_runs"),
        _within_tenant("client_id", "clients"),
        _within_tenant("connection_id", "connections"),
        Index(None, "tenant_id", "run_id"),
        Index(None, "tenant_id", "connection_id", "stream", "started_at"),
        CheckConstraint(
            "state NOT IN ('landed', 'loaded', 'published')"
            " OR (version IS NOT NULL AND known_at IS NOT NULL)",
            name="landed_has_version",
        ),
        Index("ix_syncs__landed", "version", postgresql_where=text("state = 'landed'")),
    )

    id: Mapped[SyncId] = mapped_column(primary_key=True, sort_order=-1)
    run_id: Mapped[RunId]
    client_id: Mapped[ClientId]
    connection_id: Mapped[ConnectionId]
    source: Mapped[str]
    stream: Mapped[str]
    fact: Mapped[str]
    slice_from: Mapped[dt.date | None]
    slice_to: Mapped[dt.date | None]
    cursor_from: Mapped[dt.datetime | None]
    cursor_to: Mapped[dt.datetime | None]
    api_version: Mapped[str]
    version: Mapped[int | None] = mapped_column(BigInteger)  # from LANDING_VERSION
    known_at: Mapped[dt.datetime | None]
    state: Mapped[SyncState] = mapped_column(_choice(SyncState, "state"))
    checkpoint: Mapped[dict[str, Any] | None]  # where extraction resumes
    rows: Mapped[int] = mapped_column(BigInteger, default=0)
    quarantined: Mapped[int] = mapped_column(BigInteger, default=0)
    bytes_received: Mapped[int] = mapped_column(BigInteger, default=0)
    requests: Mapped[int] = mapped_column(BigInteger, default=0)
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]


class LandingObject(TenantOwned, Base):
    """An immutable Parquet object that a sync landed: the manifest."""

    __tablename__ = "landing_objects"
    __table_args__ = (
        _within_tenant("sync_id", "syncs"),
        UniqueConstraint("tenant_id", "sync_id", "part"),
        Index(
            "ix_landing_objects__unloaded",
            "tenant_id",
            "sync_id",
            postgresql_where=text("loaded_at IS NULL"),
        ),
    )

    id: Mapped[ObjectId] = mapped_column(primary_key=True, sort_order=-1)
    sync_id: Mapped[SyncId]
    part: Mapped[int]  # 0, 1, ... within the sync
    uri: Mapped[str]
    raw_table: Mapped[str]  # raw.<source>__<stream>
    rows: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)
    content_hash: Mapped[str]  # SHA-256 of the object, hexadecimal
    api_version: Mapped[str]
    landed_at: Mapped[dt.datetime]
    loaded_at: Mapped[dt.datetime | None]


class QuarantinedRow(TenantOwned, Base):
    """A provider's row that does not fit its stream, kept with the reason."""

    __tablename__ = "quarantined_rows"
    __table_args__ = (
        _within_tenant("sync_id", "syncs"),
        _within_tenant("connection_id", "connections"),
        Index(None, "tenant_id", "sync_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    sync_id: Mapped[SyncId]
    connection_id: Mapped[ConnectionId]
    source: Mapped[str]
    stream: Mapped[str]
    row_number: Mapped[int] = mapped_column(BigInteger)
    field: Mapped[str | None]  # NULL: the row as a whole
    reason: Mapped[str]  # machine-readable
    message: Mapped[str] = mapped_column(info={"personal": "user"})  # may quote the value
    raw: Mapped[dict[str, Any]] = mapped_column(
        info={"personal": "user"}
    )  # as the provider sent it
    state: Mapped[QuarantineState] = mapped_column(_choice(QuarantineState, "state"))
    created_at: Mapped[dt.datetime]
    resolved_at: Mapped[dt.datetime | None]


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


class DataVersion(TenantOwned, Base):
    """A publication: these dates of this fact changed; append-only."""

    __tablename__ = "data_versions"
    __table_args__ = (
        _within_tenant("sync_id", "syncs"),
        Index(None, "tenant_id", "fact", "version"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    fact: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)  # of the sync
    date_from: Mapped[dt.date | None]  # NULL: a sync by key without rows
    date_to: Mapped[dt.date | None]
    sync_id: Mapped[SyncId]
    published_at: Mapped[dt.datetime]


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

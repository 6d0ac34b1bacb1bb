"""Connections, their syncs, what these landed, and what was published."""

import datetime as dt
import enum
import uuid
from typing import Any, Final

from sqlalchemy import BigInteger, CheckConstraint, Index, Sequence, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId, ConnectionId, ObjectId, RunId, SyncId
from domain.privacy.holds import (
    AGENCY_ACCOUNT,
    CANONICAL_WORD,
    CONFIGURATION,
    CONSENT_GIVER,
    LINEAGE,
    PLATFORM_WORDS,
    PROOF,
    PSEUDONYM,
    QUARANTINED,
    SEALED_SECRET,
    STAFF_ACTOR,
    STAFF_NOTE,
)
from tenancy.tables.base import Base, TenantOwned, choice, holds, within_tenant

__all__ = [
    "LANDING_VERSION",
    "Connection",
    "ConnectionState",
    "DataVersion",
    "LandingObject",
    "QuarantineState",
    "QuarantinedRow",
    "RunState",
    "StreamState",
    "Sync",
    "SyncRun",
    "SyncState",
]


# Orders landed syncs over all tenants: the higher version of a slice wins in the warehouse.
LANDING_VERSION: Final = Sequence("landing_version", metadata=Base.metadata, data_type=BigInteger())


class ConnectionState(enum.Enum):
    """Whether a connection is synced. `BROKEN`: the provider refuses the credentials."""

    ACTIVE = "active"
    PAUSED = "paused"
    BROKEN = "broken"


class RunState(enum.Enum):
    """State of a sync run: succeeded when all that it read is visible, else failed."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class SyncState(enum.Enum):
    """How far one sync has come; each state follows the one before, `FAILED` may follow any.

    `HELD`: it landed, but its data looks wrong; what was published before stays visible.
    `SUPERSEDED`: it was held, and a later sync has published the same days.
    """

    PLANNED = "planned"
    EXTRACTING = "extracting"
    LANDED = "landed"
    LOADED = "loaded"
    PUBLISHED = "published"
    FAILED = "failed"
    HELD = "held"
    SUPERSEDED = "superseded"


class QuarantineState(enum.Enum):
    """What became of a bad row. `SUPERSEDED`: a later sync has told the row again."""

    OPEN = "open"
    REPLAYED = "replayed"
    DISMISSED = "dismissed"
    SUPERSEDED = "superseded"


class Connection(TenantOwned, Base):
    """A client's account at a source."""

    __tablename__ = "connections"
    __otherwise__ = CONFIGURATION
    __table_args__ = (
        within_tenant("client_id", "clients"),
        UniqueConstraint("tenant_id", "client_id", "source", "account_id"),
    )

    id: Mapped[ConnectionId] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    source: Mapped[str] = holds(CANONICAL_WORD)  # for example google_ads
    account_id: Mapped[str] = holds(AGENCY_ACCOUNT)  # the provider's own id, kept as text
    label: Mapped[str] = holds(AGENCY_ACCOUNT)
    # Not secret: manager id, shop domain, currency, time zone
    settings: Mapped[dict[str, Any]] = holds(AGENCY_ACCOUNT)
    # Sealed by the vault; NULL: the source needs none
    credentials: Mapped[bytes | None] = holds(SEALED_SECRET)
    credentials_version: Mapped[int] = mapped_column(default=0)  # one more with every change
    credentials_expire_at: Mapped[dt.datetime | None]  # a person has to be asked again by then
    connected_at: Mapped[dt.datetime | None]  # when somebody last gave them; NULL: not known
    # The platform's id of who consented there; NULL: not told
    granted_by: Mapped[str | None] = holds(CONSENT_GIVER)
    refresh_began_at: Mapped[dt.datetime | None]  # of a refresh whose answer is not stored
    state: Mapped[ConnectionState] = mapped_column(choice(ConnectionState, "state"))
    start_date: Mapped[dt.date]  # first reporting date to fetch
    created_at: Mapped[dt.datetime]


class StreamState(TenantOwned, Base):
    """How far a stream of a connection has been published."""

    __tablename__ = "stream_states"
    __otherwise__ = LINEAGE
    __table_args__ = (within_tenant("connection_id", "connections"),)

    connection_id: Mapped[ConnectionId] = mapped_column(primary_key=True)
    stream: Mapped[str] = holds(LINEAGE, primary_key=True)
    cursor: Mapped[dict[str, Any] | None] = holds(LINEAGE)  # where an incremental stream goes on
    covered_from: Mapped[dt.date | None]
    covered_to: Mapped[dt.date | None]  # last published reporting date, included
    published_at: Mapped[dt.datetime | None]


class SyncRun(TenantOwned, Base):
    """One request to sync; it plans several syncs."""

    __tablename__ = "sync_runs"
    __otherwise__ = LINEAGE

    id: Mapped[RunId] = mapped_column(primary_key=True, sort_order=-1)
    requested_by: Mapped[str] = holds(STAFF_ACTOR)
    state: Mapped[RunState] = mapped_column(choice(RunState, "state"))
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
    __otherwise__ = LINEAGE
    __table_args__ = (
        within_tenant("run_id", "sync_runs"),
        within_tenant("client_id", "clients"),
        within_tenant("connection_id", "connections"),
        Index(None, "tenant_id", "run_id"),
        Index(None, "tenant_id", "connection_id", "stream", "started_at"),
        CheckConstraint(
            "state NOT IN ('landed', 'loaded', 'published', 'held', 'superseded')"
            " OR (version IS NOT NULL AND known_at IS NOT NULL)",
            name="landed_has_version",
        ),
        Index("ix_syncs__landed", "version", postgresql_where=text("state = 'landed'")),
        Index(
            "ix_syncs__held",
            "tenant_id",
            "connection_id",
            "stream",
            postgresql_where=text("state = 'held'"),
        ),
        within_tenant("replays", "syncs"),
    )

    id: Mapped[SyncId] = mapped_column(primary_key=True, sort_order=-1)
    run_id: Mapped[RunId]
    client_id: Mapped[ClientId]
    connection_id: Mapped[ConnectionId]
    source: Mapped[str] = holds(CANONICAL_WORD)
    stream: Mapped[str] = holds(LINEAGE)
    fact: Mapped[str] = holds(LINEAGE)
    slice_from: Mapped[dt.date | None]
    slice_to: Mapped[dt.date | None]
    cursor_from: Mapped[dt.datetime | None]
    cursor_to: Mapped[dt.datetime | None]
    api_version: Mapped[str] = holds(LINEAGE)
    version: Mapped[int | None] = mapped_column(BigInteger)  # from LANDING_VERSION
    known_at: Mapped[dt.datetime | None]
    state: Mapped[SyncState] = mapped_column(choice(SyncState, "state"))
    checkpoint: Mapped[dict[str, Any] | None] = holds(PLATFORM_WORDS)  # where extraction resumes
    rows: Mapped[int] = mapped_column(BigInteger, default=0)
    quarantined: Mapped[int] = mapped_column(BigInteger, default=0)
    screened: Mapped[int] = mapped_column(
        BigInteger, default=0, server_default=text("0")
    )  # rows of people who are erased, or whose time is over: left out, or without the person
    bytes_received: Mapped[int] = mapped_column(BigInteger, default=0)
    requests: Mapped[int] = mapped_column(BigInteger, default=0)
    error_code: Mapped[str | None] = holds(CANONICAL_WORD)
    error_message: Mapped[str | None] = holds(PLATFORM_WORDS)
    retry_at: Mapped[dt.datetime | None]  # the provider grants no calls before
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]
    # "<kind> <field>" -> what its source file does not know
    drift: Mapped[dict[str, Any] | None] = holds(PLATFORM_WORDS)
    released_at: Mapped[dt.datetime | None]  # when somebody let it pass although it was held
    replays: Mapped[SyncId | None]  # the sync whose quarantined rows it brings, mended


class LandingObject(TenantOwned, Base):
    """An immutable Parquet object that a sync landed: the manifest."""

    __tablename__ = "landing_objects"
    __otherwise__ = LINEAGE
    __table_args__ = (
        within_tenant("sync_id", "syncs"),
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
    uri: Mapped[str] = holds(LINEAGE)
    raw_table: Mapped[str] = holds(LINEAGE)  # raw.<source>__<stream>
    rows: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)
    content_hash: Mapped[str] = holds(PROOF)  # SHA-256 of the object, hexadecimal
    api_version: Mapped[str] = holds(LINEAGE)
    landed_at: Mapped[dt.datetime]
    loaded_at: Mapped[dt.datetime | None]
    purged_at: Mapped[dt.datetime | None]  # when its time was over; object and raw rows are gone


class QuarantinedRow(TenantOwned, Base):
    """A provider's row that does not fit its stream, kept with the reason."""

    __tablename__ = "quarantined_rows"
    __person__ = ("pseudonyms",)
    __otherwise__ = LINEAGE
    __table_args__ = (
        within_tenant("sync_id", "syncs"),
        within_tenant("connection_id", "connections"),
        within_tenant("replay_run_id", "sync_runs"),
        within_tenant("replay_sync_id", "syncs"),
        Index(None, "tenant_id", "sync_id"),
        Index(
            "ix_quarantined_rows__open",
            "tenant_id",
            "connection_id",
            "stream",
            postgresql_where=text("state = 'open'"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    sync_id: Mapped[SyncId]
    connection_id: Mapped[ConnectionId]
    source: Mapped[str] = holds(CANONICAL_WORD)
    stream: Mapped[str] = holds(LINEAGE)
    row_number: Mapped[int] = mapped_column(BigInteger)
    field: Mapped[str | None] = holds(CANONICAL_WORD)  # NULL: the row as a whole
    reason: Mapped[str] = holds(CANONICAL_WORD)  # machine-readable
    message: Mapped[str] = holds(QUARANTINED)  # may quote the value
    # As the provider sent it, without addresses and telephone numbers
    raw: Mapped[dict[str, Any]] = holds(QUARANTINED)
    # Of whom it names, and of the order
    pseudonyms: Mapped[list[str]] = holds(
        PSEUDONYM,
        refers_to="subject_identifiers.pseudonym",
        default=list,
        server_default=text("'{}'"),
    )
    # What its stream reads of the records around it, by path; NULL: nothing
    around: Mapped[dict[str, Any] | None] = holds(QUARANTINED)
    natural_key: Mapped[str | None] = holds(QUARANTINED)  # NULL: the key itself cannot be read
    reporting_date: Mapped[dt.date | None]  # NULL: the day itself cannot be read
    state: Mapped[QuarantineState] = mapped_column(choice(QuarantineState, "state"))
    created_at: Mapped[dt.datetime]
    # Field -> text given by hand in its place; NULL: none
    repair: Mapped[dict[str, Any] | None] = holds(QUARANTINED)
    replay_run_id: Mapped[RunId | None]  # the run that tries it again
    replay_sync_id: Mapped[SyncId | None]  # the sync that brings it, mended
    resolved_at: Mapped[dt.datetime | None]
    resolved_by: Mapped[str | None] = holds(STAFF_ACTOR)
    resolution: Mapped[str | None] = holds(STAFF_NOTE)  # why it was closed


class DataVersion(TenantOwned, Base):
    """A publication: these dates of this fact changed; append-only."""

    __tablename__ = "data_versions"
    __otherwise__ = LINEAGE
    __table_args__ = (
        within_tenant("sync_id", "syncs"),
        Index(None, "tenant_id", "fact", "version"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    fact: Mapped[str] = holds(LINEAGE)
    version: Mapped[int] = mapped_column(BigInteger)  # of the sync
    date_from: Mapped[dt.date | None]  # NULL: a sync by key without rows
    date_to: Mapped[dt.date | None]
    sync_id: Mapped[SyncId]
    published_at: Mapped[dt.datetime]

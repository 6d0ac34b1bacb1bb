"""What is wrong with an agency's data, and what was done about it."""

import datetime as dt
import enum
import uuid

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId, ConnectionId, RunId, SyncId
from domain.privacy.holds import CANONICAL_WORD, LINEAGE, OWN_WORDS, STAFF_ACTOR, STAFF_NOTE
from tenancy.tables.base import Base, TenantOwned, choice, holds, within_tenant

__all__ = [
    "Incident",
    "IncidentEvent",
    "IncidentEventKind",
    "IncidentSeverity",
    "IncidentState",
]


class IncidentSeverity(enum.Enum):
    """How much it matters, the least first. `CRITICAL`: the sync is held back."""

    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"


class IncidentState(enum.Enum):
    """Where an incident is. `ACKNOWLEDGED`: somebody looks after it."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class IncidentEventKind(enum.Enum):
    """What happened to an incident. `WORSENED`: found again, and more serious."""

    OPENED = "opened"
    REOPENED = "reopened"
    WORSENED = "worsened"
    ACKNOWLEDGED = "acknowledged"
    RELEASED = "released"
    RESOLVED = "resolved"


class Incident(TenantOwned, Base):
    """What one check found in one stream of a connection; found again, it is opened again."""

    __tablename__ = "incidents"
    __otherwise__ = LINEAGE
    __table_args__ = (
        within_tenant("client_id", "clients"),
        within_tenant("connection_id", "connections"),
        within_tenant("run_id", "sync_runs"),
        within_tenant("sync_id", "syncs"),
        UniqueConstraint("tenant_id", "connection_id", "stream", "check_name"),
        Index(None, "tenant_id", "state", "last_found_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    connection_id: Mapped[ConnectionId]
    stream: Mapped[str] = holds(LINEAGE)
    check_name: Mapped[str] = holds(CANONICAL_WORD)  # of ingestion.quality, for example unit_slip
    severity: Mapped[IncidentSeverity] = mapped_column(choice(IncidentSeverity, "severity"))
    state: Mapped[IncidentState] = mapped_column(choice(IncidentState, "state"))
    message: Mapped[str] = holds(OWN_WORDS)  # what was found last, with figures
    hint: Mapped[str] = holds(OWN_WORDS)  # empty: nothing can be done
    run_id: Mapped[RunId]  # that it was found in last
    sync_id: Mapped[SyncId | None]  # NULL: not about one sync
    times_found: Mapped[int] = mapped_column(BigInteger)  # since it was opened last
    opened_at: Mapped[dt.datetime]  # the last time
    last_found_at: Mapped[dt.datetime]


class IncidentEvent(TenantOwned, Base):
    """Who did what about an incident, when and why; append-only."""

    __tablename__ = "incident_events"
    __otherwise__ = LINEAGE
    __table_args__ = (
        within_tenant("incident_id", "incidents"),
        Index(None, "tenant_id", "incident_id", "at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    incident_id: Mapped[uuid.UUID]
    at: Mapped[dt.datetime]
    kind: Mapped[IncidentEventKind] = mapped_column(choice(IncidentEventKind, "kind"))
    actor: Mapped[str] = holds(STAFF_ACTOR)
    reason: Mapped[str] = holds(STAFF_NOTE)  # of a person, or what was found

"""Programs that an agency wants told, what there is to tell, and what became of telling it."""

import datetime as dt
import enum
import uuid
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId
from domain.privacy.holds import CANONICAL_WORD, CONFIGURATION, LINEAGE, OWN_WORDS, SEALED_SECRET
from tenancy.tables.base import Base, TenantOwned, choice, holds, within_tenant

__all__ = [
    "DeliveryState",
    "EndpointState",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
    "WebhookEventType",
]


class WebhookEventType(enum.Enum):
    """What happened; the schema of an event's data."""

    DATA_PUBLISHED = "data.published"
    SYNC_FAILED = "sync.failed"
    FRESHNESS_MISSED = "freshness.missed"


class EndpointState(enum.Enum):
    """Whether an endpoint is told. `DISABLED`: it said that it is gone, or failed for days."""

    ACTIVE = "active"
    DISABLED = "disabled"


class DeliveryState(enum.Enum):
    """What became of a delivery. `FAILED`: given up; it can be replayed."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookEndpoint(TenantOwned, Base):
    """An address that takes events."""

    __tablename__ = "webhook_endpoints"
    __otherwise__ = CONFIGURATION

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    url: Mapped[str] = holds(CONFIGURATION)
    description: Mapped[str] = holds(CONFIGURATION)
    event_types: Mapped[list[str] | None] = holds(CANONICAL_WORD)  # NULL: all
    client_ids: Mapped[list[ClientId] | None]  # NULL: all
    secrets: Mapped[bytes | None] = holds(SEALED_SECRET)  # sealed by the vault; NULL: removed
    old_secret_until: Mapped[dt.datetime | None]  # until then the one before signs too
    state: Mapped[EndpointState] = mapped_column(choice(EndpointState, "state"))
    disabled_because: Mapped[str | None] = holds(OWN_WORDS)
    failing_since: Mapped[dt.datetime | None]  # first failure after the last success
    not_before: Mapped[dt.datetime | None]  # it asked to be left alone until then
    created_at: Mapped[dt.datetime]
    removed_at: Mapped[dt.datetime | None]


class WebhookEvent(TenantOwned, Base):
    """Something that happened: ids and dates, never figures or personal data; append-only."""

    __tablename__ = "webhook_events"
    __otherwise__ = LINEAGE
    __table_args__ = (
        within_tenant("client_id", "clients"),
        Index(None, "tenant_id", "type", "subject", unique=True),
        Index(None, "tenant_id", "occurred_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)  # of the message
    type: Mapped[WebhookEventType] = mapped_column(choice(WebhookEventType, "type"))
    # What it is about; of one type and subject there is one event
    subject: Mapped[str] = holds(LINEAGE)
    client_id: Mapped[ClientId]
    data: Mapped[dict[str, Any]] = holds(LINEAGE)
    occurred_at: Mapped[dt.datetime]


class WebhookDelivery(TenantOwned, Base):
    """One event on its way to one endpoint."""

    __tablename__ = "webhook_deliveries"
    __otherwise__ = LINEAGE
    __table_args__ = (
        within_tenant("endpoint_id", "webhook_endpoints"),
        within_tenant("event_id", "webhook_events"),
        Index(None, "tenant_id", "event_id"),
        Index(
            "ix_webhook_deliveries__pending",
            "tenant_id",
            "endpoint_id",
            "next_attempt_at",
            postgresql_where=text("state = 'pending'"),
        ),
    )

    endpoint_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    event_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    state: Mapped[DeliveryState] = mapped_column(choice(DeliveryState, "state"))
    attempts: Mapped[int]  # since it was written, or replayed last
    next_attempt_at: Mapped[dt.datetime]
    last_status: Mapped[int | None]  # of HTTP; NULL: no answer
    failure: Mapped[str | None] = holds(OWN_WORDS)  # of the last attempt
    ended_at: Mapped[dt.datetime | None]  # when it was delivered or given up

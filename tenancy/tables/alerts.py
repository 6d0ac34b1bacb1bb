"""What is wrong, where an agency wants to hear of it, and what it was told."""

import datetime as dt
import enum
import uuid
from typing import Any, Final

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId
from domain.privacy.holds import (
    ALERT_ADDRESSES,
    CANONICAL_WORD,
    CONFIGURATION,
    LINEAGE,
    OWN_WORDS,
    SEALED_SECRET,
)
from tenancy.tables.base import Base, TenantOwned, choice, holds, within_tenant

__all__ = [
    "AlertChannel",
    "AlertKind",
    "AlertMessage",
    "AlertNotice",
    "AlertSeverity",
    "ChannelKind",
    "MessageState",
    "NoticePhase",
    "RaisedAlert",
]

_IS_OPEN: Final = text("cleared_at IS NULL")


class AlertKind(enum.Enum):
    """What sort of thing is wrong."""

    FRESHNESS_PREDICTED_MISS = "freshness_predicted_miss"  # data will be late
    FRESHNESS_MISSED = "freshness_missed"  # data is late
    SYNC_FAILED = "sync_failed"
    CREDENTIALS_REFUSED = "credentials_refused"
    CREDENTIALS_EXPIRING = "credentials_expiring"
    QUALITY_INCIDENT = "quality_incident"
    WEBHOOK_FAILED = "webhook_failed"  # a program of the agency cannot be told
    RECIPIENT_NOT_TOLD = "recipient_not_told"  # of a person's request: it refuses, or is down
    PRIVACY_MESSAGE_STUCK = "privacy_message_stuck"  # no request could be made of it
    REQUEST_AT_RISK = "request_at_risk"  # a person's request may not be answered in time
    HELP_AT_RISK = "help_at_risk"  # a client may not have our help with one in time
    REQUEST_STUCK = "request_stuck"  # carrying out a person's request fails
    FEATURES_LATE = "features_late"  # older than their objective
    FEATURES_UNUSUAL = "features_unusual"  # more unknown values, or others, than usual
    FEATURES_DRIFTED = "features_drifted"  # the distribution of values is another one
    FEATURES_DIFFER = "features_differ"  # what was served is not what the facts say
    MODEL_NOT_RETRAINED = "model_not_retrained"  # one that saw people who were erased still serves
    ANOMALY = "anomaly"  # a client's figures are unusual
    BUDGET_PACE = "budget_pace"  # a month will end above or below its budget


class AlertSeverity(enum.Enum):
    """How much it matters, the least first. `CRITICAL`: somebody has to act now."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class ChannelKind(enum.Enum):
    """How a channel is reached."""

    EMAIL = "email"
    SLACK = "slack"
    WEBHOOK = "webhook"


class MessageState(enum.Enum):
    """What became of a message. `FAILED`: given up, a newer one tells of its alerts."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"


class NoticePhase(enum.Enum):
    """What a message says of an alert."""

    OPENED = "opened"
    REMINDER = "reminder"
    CLEARED = "cleared"


class RaisedAlert(TenantOwned, Base):
    """Something that is, or was, wrong with one subject; a relapse within a day reopens it."""

    __tablename__ = "alerts"
    __otherwise__ = LINEAGE
    __table_args__ = (
        within_tenant("client_id", "clients"),
        Index(
            "uq_alerts__open",
            "tenant_id",
            "kind",
            "subject",
            unique=True,
            postgresql_where=_IS_OPEN,
        ),
        Index(None, "tenant_id", "kind", "subject", "raised_at"),
        Index(None, "tenant_id", "raised_at"),
        Index("ix_alerts__unsettled", "tenant_id", postgresql_where=text("settled_at IS NULL")),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    kind: Mapped[AlertKind] = mapped_column(choice(AlertKind, "kind"))
    severity: Mapped[AlertSeverity] = mapped_column(choice(AlertSeverity, "severity"))
    subject: Mapped[str] = holds(OWN_WORDS)  # what it is about, for example connection:<uuid>
    client_id: Mapped[ClientId | None]  # NULL: the agency as a whole
    title: Mapped[str] = holds(OWN_WORDS)
    details: Mapped[str] = holds(OWN_WORDS)
    hint: Mapped[str] = holds(OWN_WORDS)  # empty: nothing can be done
    due_at: Mapped[dt.datetime | None]  # by when it has to be put right
    relapses: Mapped[int]  # how often it came back after it had been cleared
    raised_at: Mapped[dt.datetime]
    opened_at: Mapped[dt.datetime]  # when it was raised or came back last
    updated_at: Mapped[dt.datetime]  # last raised
    cleared_at: Mapped[dt.datetime | None]  # NULL: open
    settled_at: Mapped[dt.datetime | None]  # NULL: more may have to be told


class AlertChannel(TenantOwned, Base):
    """A place where the agency wants to hear of alerts."""

    __tablename__ = "alert_channels"
    __otherwise__ = CONFIGURATION
    __table_args__ = (
        Index(
            "uq_alert_channels__current_name",
            "tenant_id",
            "name",
            unique=True,
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    kind: Mapped[ChannelKind] = mapped_column(choice(ChannelKind, "kind"))
    name: Mapped[str] = holds(CONFIGURATION)
    settings: Mapped[dict[str, Any]] = holds(ALERT_ADDRESSES)
    # Sealed by the vault; NULL: none, or removed
    secrets: Mapped[bytes | None] = holds(SEALED_SECRET)
    alert_kinds: Mapped[list[str] | None] = holds(CANONICAL_WORD)  # NULL: all
    lowest_severity: Mapped[AlertSeverity] = mapped_column(choice(AlertSeverity, "lowest_severity"))
    client_ids: Mapped[list[ClientId] | None]  # NULL: all
    created_at: Mapped[dt.datetime]
    removed_at: Mapped[dt.datetime | None]


class AlertMessage(TenantOwned, Base):
    """What goes to a channel; one at a time, the same text until it is sent or given up."""

    __tablename__ = "alert_messages"
    __otherwise__ = LINEAGE
    __table_args__ = (
        within_tenant("channel_id", "alert_channels"),
        Index(
            "uq_alert_messages__pending",
            "tenant_id",
            "channel_id",
            unique=True,
            postgresql_where=text("state = 'pending'"),
        ),
        Index(None, "tenant_id", "channel_id", "composed_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    channel_id: Mapped[uuid.UUID]
    content: Mapped[dict[str, Any]] = holds(OWN_WORDS)  # as rendered for the channel's kind
    state: Mapped[MessageState] = mapped_column(choice(MessageState, "state"))
    attempts: Mapped[int]
    failure: Mapped[str | None] = holds(ALERT_ADDRESSES)  # of the last attempt
    composed_at: Mapped[dt.datetime]
    next_attempt_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]  # when it was sent or given up


class AlertNotice(TenantOwned, Base):
    """What a message says of one alert; append-only."""

    __tablename__ = "alert_notices"
    __otherwise__ = LINEAGE
    __table_args__ = (
        within_tenant("message_id", "alert_messages"),
        within_tenant("alert_id", "alerts"),
        Index(None, "tenant_id", "alert_id"),
    )

    message_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    alert_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    phase: Mapped[NoticePhase] = mapped_column(choice(NoticePhase, "phase"))
    severity: Mapped[AlertSeverity] = mapped_column(choice(AlertSeverity, "severity"))

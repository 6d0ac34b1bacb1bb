"""What came in for the data protection officer, before it is a request.

PrivacyMessage (a platform's webhook or callback, or a form: kept before it is answered)
PrivacyForm (the address of a client's public form)
"""

import datetime as dt
import enum
import uuid

from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId, ConnectionId
from domain.privacy.holds import (
    CANONICAL_WORD,
    CONFIGURATION,
    REQUEST_CLAIM,
    REQUEST_PSEUDONYM,
    REQUEST_RECORD,
    SEALED_SECRET,
    STAFF_ACTOR,
)
from domain.privacy.rights import IntakeChannel
from tenancy.tables.base import Base, TenantOwned, choice, holds, within_tenant

__all__ = ["MessageTopic", "PrivacyForm", "PrivacyMessage", "PrivacyMessageState"]


class MessageTopic(enum.Enum):
    """What a message is about; the first three in Shopify's words."""

    DATA_REQUEST = "customers/data_request"
    CUSTOMER_REDACT = "customers/redact"
    SHOP_REDACT = "shop/redact"
    DELETION = "deletion"  # Meta: a person wants deleted what Meta told us of them
    DEAUTHORISATION = "deauthorisation"  # Meta: a person has taken our app out
    FORM = "form"


class PrivacyMessageState(enum.Enum):
    """What became of a message. `UNREADABLE`: nothing can be made of it; an officer is told."""

    WAITING = "waiting"
    FILED = "filed"
    UNREADABLE = "unreadable"


class PrivacyMessage(TenantOwned, Base):
    """One message for one connection (or, of a form, for one client), once.

    What it says of people is sealed, and forgotten when a request was made of it.
    """

    __tablename__ = "privacy_inbox"
    __table_args__ = (
        within_tenant("client_id", "clients"),
        within_tenant("connection_id", "connections"),
        Index(
            "uq_privacy_inbox__message",
            "tenant_id",
            "channel",
            "message_id",
            "connection_id",
            unique=True,
        ),
        Index(
            "ix_privacy_inbox__waiting",
            "tenant_id",
            "next_attempt_at",
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_privacy_inbox__status_hash", "status_hash"),
    )
    __otherwise__ = REQUEST_RECORD
    __person__ = ("request_ids", "subject_requests.subject_id")

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    channel: Mapped[IntakeChannel] = mapped_column(choice(IntakeChannel, "channel"))
    message_id: Mapped[str] = holds(REQUEST_RECORD)  # the platform's, or a hash of what it signed
    topic: Mapped[MessageTopic] = mapped_column(choice(MessageTopic, "topic"))
    client_id: Mapped[ClientId]
    connection_id: Mapped[ConnectionId | None]  # NULL: a form
    sealed: Mapped[bytes | None] = holds(REQUEST_CLAIM)
    # Of the code that shows how it stands; NULL: none was given
    status_hash: Mapped[bytes | None] = holds(REQUEST_PSEUDONYM)
    state: Mapped[PrivacyMessageState] = mapped_column(choice(PrivacyMessageState, "state"))
    request_ids: Mapped[list[uuid.UUID]] = holds(
        REQUEST_RECORD, ARRAY(UUID(as_uuid=True)), refers_to="subject_requests.id"
    )
    attempts: Mapped[int]
    next_attempt_at: Mapped[dt.datetime]
    # Why there is no request of it yet; no identifiers
    failure: Mapped[str | None] = holds(CANONICAL_WORD)
    received_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]


class PrivacyForm(TenantOwned, Base):
    """The address of a public form, where people ask one client of the agency for their rights."""

    __tablename__ = "privacy_forms"
    __table_args__ = (
        within_tenant("client_id", "clients"),
        Index(None, "tenant_id", "token_hash", unique=True),
    )
    __otherwise__ = CONFIGURATION

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    token_hash: Mapped[bytes] = holds(SEALED_SECRET)
    created_by: Mapped[str] = holds(STAFF_ACTOR)
    created_at: Mapped[dt.datetime]
    revoked_at: Mapped[dt.datetime | None]

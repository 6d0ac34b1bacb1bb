"""Others who were given people's data, and what they were told of requests.

Recipient (of which client's data) -> RecipientNotice (one request, one recipient, one effect)
"""

import datetime as dt
import enum
import uuid
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId, ConnectionId
from domain.privacy.holds import (
    AGENCY_ACCOUNT,
    CONFIGURATION,
    PLATFORM_WORDS,
    RECIPIENT_ADDRESS,
    REQUEST_CLAIM,
    REQUEST_RECORD,
    SEALED_SECRET,
    STAFF_ACTOR,
)
from domain.privacy.recipients import RecipientKind
from domain.privacy.rights import Right
from tenancy.tables.base import Base, TenantOwned, choice, holds, within_tenant

__all__ = ["NoticeState", "Recipient", "RecipientNotice"]


class NoticeState(enum.Enum):
    """What became of telling a recipient.

    `WAITING`: to be told, or, with a receipt, to be asked whether it is done. `SENDING`: being told
    or asked; without an answer it is told again, under the same key. `SENT`: told, and has to
    confirm. `REFUSED`: says no; an officer decides. `FAILED`: was down for too long.
    """

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        """Somebody has still to do something."""
        return self is not NoticeState.ACKNOWLEDGED


class Recipient(TenantOwned, Base):
    """Somebody who was given data of people of one client."""

    __tablename__ = "recipients"
    __table_args__ = (
        within_tenant("client_id", "clients"),
        within_tenant("connection_id", "connections"),
        Index(
            "uq_recipients__current_name",
            "tenant_id",
            "client_id",
            "name",
            unique=True,
            postgresql_where=text("removed_at IS NULL"),
        ),
    )
    __otherwise__ = CONFIGURATION

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    kind: Mapped[RecipientKind] = mapped_column(choice(RecipientKind, "kind"))
    name: Mapped[str] = holds(AGENCY_ACCOUNT)
    settings: Mapped[dict[str, Any]] = holds(RECIPIENT_ADDRESS)
    connection_id: Mapped[ConnectionId | None]  # whose ids of people the recipient knows
    # Sealed by the vault; NULL: none, or removed
    secrets: Mapped[bytes | None] = holds(SEALED_SECRET)
    created_at: Mapped[dt.datetime]
    removed_at: Mapped[dt.datetime | None]


class RecipientNotice(TenantOwned, Base):
    """One request, told to one recipient: one effect outside, whatever happens meanwhile.

    Who it is about is sealed, and forgotten when the recipient has confirmed.
    """

    __tablename__ = "recipient_notices"
    __table_args__ = (
        within_tenant("recipient_id", "recipients"),
        within_tenant("request_id", "subject_requests"),
        Index(None, "tenant_id", "request_id", "recipient_id", unique=True),
        Index(
            "ix_recipient_notices__due",
            "tenant_id",
            "next_attempt_at",
            postgresql_where=text("state IN ('waiting', 'sending')"),
        ),
    )
    __otherwise__ = REQUEST_RECORD
    __person__ = ("request_id", "subject_requests.subject_id")

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)  # the idempotency key
    recipient_id: Mapped[uuid.UUID]
    request_id: Mapped[uuid.UUID]
    right: Mapped[Right] = mapped_column(choice(Right, "right"))
    sealed: Mapped[bytes | None] = holds(REQUEST_CLAIM)
    state: Mapped[NoticeState] = mapped_column(choice(NoticeState, "state"))
    attempts: Mapped[int]
    next_attempt_at: Mapped[dt.datetime]
    last_status: Mapped[int | None]  # of HTTP; NULL: no answer
    # The recipient's id of what it accepted; NULL: it gave none, or has to be told anew
    receipt: Mapped[str | None] = holds(REQUEST_RECORD)
    # Of the last attempt, or why it was refused
    failure: Mapped[str | None] = holds(PLATFORM_WORDS)
    created_at: Mapped[dt.datetime]
    sent_at: Mapped[dt.datetime | None]  # when it took or accepted what it was told
    ended_at: Mapped[dt.datetime | None]  # when it was confirmed, refused or given up
    confirmed_by: Mapped[str | None] = holds(STAFF_ACTOR)

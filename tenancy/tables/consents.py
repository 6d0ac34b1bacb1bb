"""Connections that wait for a person's consent at a platform."""

import datetime as dt
import enum
import uuid
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId, ConnectionId
from domain.privacy.holds import AGENCY_ACCOUNT, CANONICAL_WORD, LINEAGE, SEALED_SECRET, STAFF_ASKED
from tenancy.tables.base import Base, TenantOwned, choice, holds, within_tenant

__all__ = ["ConsentStep", "PendingConnection"]


class ConsentStep(enum.Enum):
    """Where the person stands who was sent a link, as far as we know."""

    INVITED = "invited"  # has the link
    ASKED = "asked"  # was sent to the platform
    CHOOSING = "choosing"  # has consented, and chooses one of several accounts
    CONNECTED = "connected"


class PendingConnection(TenantOwned, Base):
    """A link that connects one account of a client.

    The link is good until it has connected something; each opening gives a new state, and a state
    is used once. Only hashes of both are stored.
    """

    __tablename__ = "pending_connections"
    __otherwise__ = LINEAGE
    __table_args__ = (
        within_tenant("client_id", "clients"),
        within_tenant("connection_id", "connections"),
        UniqueConstraint("tenant_id", "link_hash"),
        UniqueConstraint("tenant_id", "state_hash"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    connection_id: Mapped[ConnectionId | None]  # that gets new credentials; NULL: a new one
    source: Mapped[str] = holds(CANONICAL_WORD)
    # That is wanted; NULL: the person chooses
    account_id: Mapped[str | None] = holds(AGENCY_ACCOUNT)
    settings: Mapped[dict[str, Any]] = holds(AGENCY_ACCOUNT)  # not secret, as those of a connection
    start_date: Mapped[dt.date]  # of a new connection
    requested_by: Mapped[str] = holds(STAFF_ASKED)
    step: Mapped[ConsentStep] = mapped_column(choice(ConsentStep, "step"))
    link_hash: Mapped[bytes] = holds(SEALED_SECRET)  # SHA-256
    link_expires_at: Mapped[dt.datetime]
    # SHA-256; NULL: none is out, or it was used
    state_hash: Mapped[bytes | None] = holds(SEALED_SECRET)
    state_expires_at: Mapped[dt.datetime | None]
    # By the vault: the code verifier, then what the consent brought
    sealed: Mapped[bytes | None] = holds(SEALED_SECRET)
    created_at: Mapped[dt.datetime]
    finished_at: Mapped[dt.datetime | None]

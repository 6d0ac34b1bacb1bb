"""Connections that wait for a person's consent at a platform."""

import datetime as dt
import enum
import uuid
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId, ConnectionId
from tenancy.tables.base import Base, TenantOwned, choice, within_tenant

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
    __table_args__ = (
        within_tenant("client_id", "clients"),
        within_tenant("connection_id", "connections"),
        UniqueConstraint("tenant_id", "link_hash"),
        UniqueConstraint("tenant_id", "state_hash"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    connection_id: Mapped[ConnectionId | None]  # that gets new credentials; NULL: a new one
    source: Mapped[str]
    account_id: Mapped[str | None]  # that is wanted; NULL: the person chooses
    settings: Mapped[dict[str, Any]]  # not secret, as those of a connection
    start_date: Mapped[dt.date]  # of a new connection
    requested_by: Mapped[str] = mapped_column(info={"personal": "user.unique_id"})
    step: Mapped[ConsentStep] = mapped_column(choice(ConsentStep, "step"))
    link_hash: Mapped[bytes]  # SHA-256
    link_expires_at: Mapped[dt.datetime]
    state_hash: Mapped[bytes | None]  # SHA-256; NULL: none is out, or it was used
    state_expires_at: Mapped[dt.datetime | None]
    sealed: Mapped[bytes | None]  # by the vault: the code verifier, then what the consent brought
    created_at: Mapped[dt.datetime]
    finished_at: Mapped[dt.datetime | None]

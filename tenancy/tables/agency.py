"""Agencies, their clients, and the people who work there."""

import datetime as dt
import enum
import uuid

from sqlalchemy import BigInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId, TenantId
from tenancy.tables.base import Base, TenantOwned, choice, within_tenant

__all__ = [
    "Client",
    "Membership",
    "MembershipClient",
    "Role",
    "Tenant",
    "User",
]


class Role(enum.Enum):
    """What a user may do in a tenant; the scopes of each role are written in `api`."""

    OWNER = "owner"
    ADMIN = "admin"
    ANALYST = "analyst"
    CLIENT_VIEWER = "client_viewer"
    DATA_PROTECTION_OFFICER = "data_protection_officer"
    ML_ENGINEER = "ml_engineer"


class Tenant(Base):
    """An agency.

    Whoever brings data in reads `tombstone_epoch`, screens the data, and looks again, with the row
    locked for sharing, in the transaction that makes the data known: nobody who was erased
    meanwhile slips in.
    """

    __tablename__ = "tenants"

    id: Mapped[TenantId] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    currency: Mapped[str]  # reporting currency, ISO 4217
    time_zone: Mapped[str]  # IANA name
    wrapped_data_key: Mapped[bytes]  # the tenant's data key, sealed by the master key
    created_at: Mapped[dt.datetime]
    tombstone_epoch: Mapped[int] = mapped_column(
        BigInteger, server_default=text("0")
    )  # counts the times that people were erased


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
        within_tenant("user_id", "users"),
        UniqueConstraint("tenant_id", "user_id", "role"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    user_id: Mapped[uuid.UUID] = mapped_column(info={"personal": "user.unique_id"})
    role: Mapped[Role] = mapped_column(choice(Role, "role"))


class MembershipClient(TenantOwned, Base):
    """A client that a membership is limited to."""

    __tablename__ = "membership_clients"
    __table_args__ = (
        within_tenant("membership_id", "memberships"),
        within_tenant("client_id", "clients"),
    )

    membership_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    client_id: Mapped[ClientId] = mapped_column(primary_key=True)

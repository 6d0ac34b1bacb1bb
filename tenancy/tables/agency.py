"""Agencies, their clients, and the people who work there."""

import datetime as dt
import enum
import uuid

from sqlalchemy import BigInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId, TenantId
from domain.privacy.holds import (
    ACCOUNT_SETTING,
    AGENCY_ACCOUNT,
    CONFIGURATION,
    SEALED_SECRET,
    STAFF_ACCESS,
    STAFF_ACCOUNT,
    STAFF_EMAIL,
    STAFF_ID,
    STAFF_NAME,
)
from tenancy.tables.base import Base, TenantOwned, choice, holds, within_tenant

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
    __otherwise__ = CONFIGURATION

    id: Mapped[TenantId] = mapped_column(primary_key=True)
    slug: Mapped[str] = holds(CONFIGURATION, unique=True)
    name: Mapped[str] = holds(CONFIGURATION)
    currency: Mapped[str] = holds(ACCOUNT_SETTING)  # reporting currency, ISO 4217
    time_zone: Mapped[str] = holds(ACCOUNT_SETTING)  # IANA name
    # The tenant's data key, sealed by the master key
    wrapped_data_key: Mapped[bytes] = holds(SEALED_SECRET)
    created_at: Mapped[dt.datetime]
    tombstone_epoch: Mapped[int] = mapped_column(
        BigInteger, server_default=text("0")
    )  # counts the times that people were erased


class Client(TenantOwned, Base):
    """A brand that the agency works for."""

    __tablename__ = "clients"
    __otherwise__ = CONFIGURATION
    __table_args__ = (UniqueConstraint("tenant_id", "slug"),)

    id: Mapped[ClientId] = mapped_column(primary_key=True, sort_order=-1)
    slug: Mapped[str] = holds(CONFIGURATION)
    name: Mapped[str] = holds(AGENCY_ACCOUNT)
    currency: Mapped[str] = holds(ACCOUNT_SETTING)  # ISO 4217
    time_zone: Mapped[str] = holds(ACCOUNT_SETTING)  # IANA name
    created_at: Mapped[dt.datetime]
    # How long rows about its people are kept, days; NULL: as the policy says
    people_days: Mapped[int | None]
    # Rows of earlier days are without their people, now and when they come in; only moves on
    people_purged_before: Mapped[dt.date | None]


class User(TenantOwned, Base):
    """A person who works in one agency; the same person in two agencies is two rows."""

    __tablename__ = "users"
    __otherwise__ = STAFF_ACCOUNT
    __person__ = ("id",)
    __table_args__ = (UniqueConstraint("tenant_id", "email"),)

    id: Mapped[uuid.UUID] = holds(STAFF_ID, primary_key=True, sort_order=-1)
    email: Mapped[str] = holds(STAFF_EMAIL)
    name: Mapped[str] = holds(STAFF_NAME)
    created_at: Mapped[dt.datetime]
    deactivated_at: Mapped[dt.datetime | None]


class Membership(TenantOwned, Base):
    """A role of a user; over all clients unless `membership_clients` names some."""

    __tablename__ = "memberships"
    __otherwise__ = STAFF_ACCESS
    __person__ = ("user_id",)
    __table_args__ = (
        within_tenant("user_id", "users"),
        UniqueConstraint("tenant_id", "user_id", "role"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    user_id: Mapped[uuid.UUID] = holds(STAFF_ID)
    role: Mapped[Role] = mapped_column(choice(Role, "role"))


class MembershipClient(TenantOwned, Base):
    """A client that a membership is limited to."""

    __tablename__ = "membership_clients"
    __otherwise__ = STAFF_ACCESS
    __person__ = ("membership_id", "memberships.user_id")
    __table_args__ = (
        within_tenant("membership_id", "memberships"),
        within_tenant("client_id", "clients"),
    )

    membership_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    client_id: Mapped[ClientId] = mapped_column(primary_key=True)

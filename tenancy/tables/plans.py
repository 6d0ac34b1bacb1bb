"""What an agency plans for its clients, and what it has measured: what models cannot know.

SpendPlan     media cost of a period, for a client, one of its channels or campaigns
PlannedEvent  days that are not like others: a sale, a launch, a closed shop
LiftTest      what an experiment found that a change of spend had brought
"""

import datetime as dt
import uuid
from decimal import Decimal

from sqlalchemy import Index, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId
from domain.privacy.holds import (
    ACCOUNT_SETTING,
    ADVERTISING_OBJECT,
    AGGREGATE_FIGURES,
    CANONICAL_WORD,
    CONFIGURATION,
    OWN_WORDS,
)
from tenancy.tables.base import Base, TenantOwned, holds, within_tenant

__all__ = ["LiftTest", "PlannedEvent", "SpendPlan"]


class SpendPlan(TenantOwned, Base):
    """Media cost that is planned for a period; what is NULL is meant as a whole."""

    __tablename__ = "spend_plans"
    __otherwise__ = CONFIGURATION
    __table_args__ = (
        within_tenant("client_id", "clients"),
        Index(None, "tenant_id", "client_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    channel: Mapped[str | None] = holds(CANONICAL_WORD)
    campaign: Mapped[str | None] = holds(ADVERTISING_OBJECT)  # connection, colon, provider's id
    day_from: Mapped[dt.date]
    day_to: Mapped[dt.date]  # belongs to the period
    amount: Mapped[Decimal] = mapped_column(Numeric(38, 9))
    currency: Mapped[str] = holds(ACCOUNT_SETTING)  # ISO 4217
    planned_at: Mapped[dt.datetime]


class PlannedEvent(TenantOwned, Base):
    """Days that are not like others, of one client."""

    __tablename__ = "planned_events"
    __otherwise__ = CONFIGURATION
    __table_args__ = (
        within_tenant("client_id", "clients"),
        Index(None, "tenant_id", "client_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    name: Mapped[str] = holds(OWN_WORDS)
    day_from: Mapped[dt.date]
    day_to: Mapped[dt.date]  # belongs to the event
    planned_at: Mapped[dt.datetime]


class LiftTest(TenantOwned, Base):
    """What an experiment found: so much more spend has brought so much more."""

    __tablename__ = "lift_tests"
    __otherwise__ = AGGREGATE_FIGURES
    __table_args__ = (
        within_tenant("client_id", "clients"),
        Index(None, "tenant_id", "client_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    channel: Mapped[str] = holds(CANONICAL_WORD)
    campaign: Mapped[str | None] = holds(ADVERTISING_OBJECT)
    day_from: Mapped[dt.date]
    day_to: Mapped[dt.date]
    measure: Mapped[str] = holds(CANONICAL_WORD)  # conversions or revenue
    spend_change: Mapped[Decimal] = mapped_column(Numeric(38, 9))  # over the period, signed
    effect: Mapped[Decimal] = mapped_column(Numeric(38, 9))  # of the measure, over the period
    standard_error: Mapped[Decimal] = mapped_column(Numeric(38, 9))
    currency: Mapped[str] = holds(ACCOUNT_SETTING)
    source: Mapped[str] = holds(OWN_WORDS)  # who made it, how
    noted_at: Mapped[dt.datetime]

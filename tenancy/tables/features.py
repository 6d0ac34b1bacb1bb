"""Features: those that agencies registered, what was computed when, what Feast's registry holds."""

import datetime as dt
import uuid

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId
from domain.privacy.holds import CONFIGURATION, LINEAGE
from tenancy.tables.base import Base, TenantOwned, holds, within_tenant

__all__ = ["FeatureDefinition", "FeatureMaterialisation", "FeatureRegistration"]


class FeatureDefinition(TenantOwned, Base):
    """A version of a feature view that the agency registered; a version never means another."""

    __tablename__ = "feature_definitions"
    __otherwise__ = CONFIGURATION

    view: Mapped[str] = holds(CONFIGURATION, primary_key=True)  # full name, with the version
    name: Mapped[str] = holds(CONFIGURATION)
    version: Mapped[int]
    definition: Mapped[str] = holds(CONFIGURATION)  # the file
    applied_at: Mapped[dt.datetime]
    # The backfill: clients whose entities have been computed, and since when all are
    clients: Mapped[int]
    clients_filled: Mapped[int]
    entities_filled: Mapped[int] = mapped_column(BigInteger)
    filled_at: Mapped[dt.datetime | None]
    # Served until `retires_at`; NULL: it stays
    retires_at: Mapped[dt.datetime | None]
    successor: Mapped[str] = holds(CONFIGURATION)  # full name; empty: none


class FeatureMaterialisation(TenantOwned, Base):
    """The last time that a view was computed for the entities of one account or client."""

    __tablename__ = "feature_materialisations"
    __otherwise__ = LINEAGE
    __table_args__ = (within_tenant("client_id", "clients"),)

    view: Mapped[str] = holds(LINEAGE, primary_key=True)
    owner_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)  # a connection or a client
    client_id: Mapped[ClientId]
    fingerprint: Mapped[str] = holds(LINEAGE)  # of the definitions
    as_of: Mapped[dt.datetime]  # only what was known by then has counted
    entities: Mapped[int] = mapped_column(BigInteger)
    took_milliseconds: Mapped[int] = mapped_column(BigInteger)
    # When all of the client was last computed anew, which follows what changes the past, such as an
    # erasure; NULL: never. What was served before cannot be computed again.
    whole_since: Mapped[dt.datetime | None]


class FeatureRegistration(Base):
    """The definitions that Feast's registry was last given; no tenant's data."""

    __tablename__ = "feature_registrations"
    __otherwise__ = LINEAGE

    project: Mapped[str] = holds(LINEAGE, primary_key=True)
    fingerprint: Mapped[str] = holds(LINEAGE)
    applied_at: Mapped[dt.datetime]

"""Which features have been computed when, and which definitions Feast's registry holds."""

import datetime as dt
import uuid

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId
from domain.privacy.holds import LINEAGE
from tenancy.tables.base import Base, TenantOwned, holds, within_tenant

__all__ = ["FeatureMaterialisation", "FeatureRegistration"]


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


class FeatureRegistration(Base):
    """The definitions that Feast's registry was last given; no tenant's data."""

    __tablename__ = "feature_registrations"
    __otherwise__ = LINEAGE

    project: Mapped[str] = holds(LINEAGE, primary_key=True)
    fingerprint: Mapped[str] = holds(LINEAGE)
    applied_at: Mapped[dt.datetime]

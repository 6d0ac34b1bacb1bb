"""What was found of features day by day, and a sample of what was read of them."""

import datetime as dt
import enum
import uuid
from typing import Any

from sqlalchemy import BigInteger, Float, Index
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from domain.privacy.holds import ADVERTISING_OBJECT, AGGREGATE_FIGURES, LINEAGE
from tenancy.tables.base import Base, TenantOwned, choice, holds

__all__ = ["FeatureDay", "FeatureRead", "FeatureVerdict", "FeatureViewDay"]


class FeatureVerdict(enum.Enum):
    """What a check says. `TOO_FEW`: there is too little to say anything."""

    TOO_FEW = "too_few"
    USUAL = "usual"
    UNUSUAL = "unusual"


class FeatureRead(TenantOwned, Base):
    """What was served to a read, one of a few that are kept until they are computed again."""

    __tablename__ = "feature_reads"
    __otherwise__ = LINEAGE
    __table_args__ = (Index(None, "tenant_id", "view"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    view: Mapped[str] = holds(LINEAGE)
    fingerprint: Mapped[str] = holds(LINEAGE)  # of the definitions
    entity_id: Mapped[str] = holds(ADVERTISING_OBJECT)
    client_id: Mapped[uuid.UUID]  # as served; the client may be gone since
    as_of: Mapped[dt.datetime]  # instant that the values are of
    served: Mapped[list[Any]] = holds(AGGREGATE_FIGURES, JSONB)  # in the view's order
    noted_at: Mapped[dt.datetime]


class FeatureViewDay(TenantOwned, Base):
    """A view of features on one day of the agency."""

    __tablename__ = "feature_view_days"
    __otherwise__ = LINEAGE

    view: Mapped[str] = holds(LINEAGE, primary_key=True)
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = holds(LINEAGE)  # of the definitions
    measured_at: Mapped[dt.datetime]
    judged_at: Mapped[dt.datetime | None]  # NULL: alerts have not been thought of yet
    entities: Mapped[int] = mapped_column(BigInteger)  # that should be served
    missing: Mapped[int] = mapped_column(BigInteger)  # of these, those that are not
    oldest_as_of: Mapped[dt.datetime | None]  # NULL: nothing is served
    late: Mapped[int] = mapped_column(BigInteger)  # entities older than the objective
    objective_seconds: Mapped[int] = mapped_column(BigInteger)
    freshness: Mapped[FeatureVerdict] = mapped_column(choice(FeatureVerdict, "freshness"))
    reference_at: Mapped[dt.datetime]  # drift is measured against the values of then
    reads: Mapped[int] = mapped_column(BigInteger)  # computed again
    unjudged_reads: Mapped[int] = mapped_column(BigInteger)  # the past has changed since
    compared: Mapped[int] = mapped_column(BigInteger)  # values of these reads
    mismatches: Mapped[int] = mapped_column(BigInteger)  # values that were not the same
    # Of the first mismatches: entity, feature, served, computed
    examples: Mapped[list[Any]] = holds(ADVERTISING_OBJECT, JSONB)


class FeatureDay(TenantOwned, Base):
    """A feature on one day of the agency, over all its entities."""

    __tablename__ = "feature_days"
    __otherwise__ = AGGREGATE_FIGURES
    __table_args__ = (Index(None, "tenant_id", "view", "day"),)

    view: Mapped[str] = holds(LINEAGE, primary_key=True)
    feature: Mapped[str] = holds(LINEAGE, primary_key=True)
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    # Of the view's definitions: others are no baseline
    fingerprint: Mapped[str] = holds(LINEAGE)
    count: Mapped[int] = mapped_column(BigInteger)
    nulls: Mapped[int] = mapped_column(BigInteger)
    minimum: Mapped[float | None]
    maximum: Mapped[float | None]
    mean: Mapped[float | None]
    quantiles: Mapped[list[float]] = mapped_column(ARRAY(Float))  # at 1, 5, 25, 50, 75, 95, 99 %
    histogram: Mapped[dict[str, Any]] = holds(AGGREGATE_FIGURES)
    usual_null_rate: Mapped[float | None]  # NULL: nobody knows yet what is usual
    usual_low: Mapped[float | None]
    usual_high: Mapped[float | None]
    reference: Mapped[int] = mapped_column(BigInteger)  # known values then
    psi: Mapped[float | None]  # NULL: too few values
    distance: Mapped[float | None]
    p_value: Mapped[float | None]
    nulls_verdict: Mapped[FeatureVerdict] = mapped_column(choice(FeatureVerdict, "nulls_verdict"))
    range_verdict: Mapped[FeatureVerdict] = mapped_column(choice(FeatureVerdict, "range_verdict"))
    drift_verdict: Mapped[FeatureVerdict] = mapped_column(choice(FeatureVerdict, "drift_verdict"))

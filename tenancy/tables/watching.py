"""What is unusual in the figures of an agency's clients, and how their budgets are spent.

WatchedDay   a morning on which all figures that were due have been looked at
Anomaly      one incident of a client, from its first day to its last
BudgetPace   where the spend of a month ends, as it was told last

Figures are sums over a client's people by day, never those of one.
"""

import datetime as dt
import enum
import uuid
from decimal import Decimal
from typing import Any

from sqlalchemy import Double, Index, Numeric
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId
from domain.privacy.holds import (
    ACCOUNT_SETTING,
    ADVERTISING_OBJECT,
    AGGREGATE_FIGURES,
    CANONICAL_WORD,
    LINEAGE,
    OWN_WORDS,
)
from tenancy.tables.base import Base, TenantOwned, choice, holds, within_tenant

__all__ = ["Anomaly", "AnomalyStage", "BudgetPace", "PaceVerdict", "WatchedDay"]


class AnomalyStage(enum.Enum):
    """Where an incident is in its life. `LASTING`: it is the new level, and closed."""

    OPENED = "opened"
    ONGOING = "ongoing"
    OVER = "over"
    LASTING = "lasting"


class PaceVerdict(enum.Enum):
    """How a month goes. `ON_TRACK`: or nothing can be said with confidence."""

    ON_TRACK = "on_track"
    OVER = "over"
    UNDER = "under"
    TOO_LITTLE_KNOWN = "too_little_known"


class WatchedDay(TenantOwned, Base):
    """A day of the agency on whose morning the figures were looked at."""

    __tablename__ = "watched_days"
    __otherwise__ = LINEAGE

    day: Mapped[dt.date] = mapped_column(primary_key=True)
    as_of: Mapped[dt.datetime]  # nothing that became known later was read
    # Client -> measure -> days that are known of it as a whole, and age at which it is looked at
    measures: Mapped[dict[str, Any]] = holds(AGGREGATE_FIGURES)


class Anomaly(TenantOwned, Base):
    """One incident of a client; what has one cause is one row."""

    __tablename__ = "anomalies"
    __otherwise__ = AGGREGATE_FIGURES
    __table_args__ = (
        within_tenant("client_id", "clients"),
        Index(None, "tenant_id", "last_day"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    channel: Mapped[str | None] = holds(CANONICAL_WORD)  # NULL: all
    campaign: Mapped[str | None] = holds(ADVERTISING_OBJECT)  # connection, colon, provider's id
    currency: Mapped[str | None] = holds(ACCOUNT_SETTING)  # of its money
    cause: Mapped[str] = holds(CANONICAL_WORD)
    direction: Mapped[int]  # 1: more than expected, -1: less
    stage: Mapped[AnomalyStage] = mapped_column(choice(AnomalyStage, "stage"))
    since: Mapped[dt.date]
    last_day: Mapped[dt.date]
    quiet: Mapped[int]  # days since then that were as expected, in a row
    # The first one of each measure: figure, what was expected, bounds, age
    deviations: Mapped[list[Any]] = holds(AGGREGATE_FIGURES, JSONB)
    stakes: Mapped[dict[str, Any]] = holds(AGGREGATE_FIGURES)  # money by day; null: none is known
    found_on: Mapped[dt.date]  # morning of the agency on which it was seen first
    looked_on: Mapped[dt.date]  # and last
    updated_at: Mapped[dt.datetime]
    acknowledged_at: Mapped[dt.datetime | None]  # NULL: nobody has said that they look after it


class BudgetPace(TenantOwned, Base):
    """Planned spend of a month, or of the part of it that is planned, and where it ends."""

    __tablename__ = "budget_paces"
    __otherwise__ = AGGREGATE_FIGURES
    __table_args__ = (
        within_tenant("client_id", "clients"),
        Index(
            "uq_budget_paces__one",
            *("tenant_id", "client_id", "channel", "campaign", "currency", "month"),
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    channel: Mapped[str | None] = holds(CANONICAL_WORD)  # NULL: all
    campaign: Mapped[str | None] = holds(ADVERTISING_OBJECT)
    currency: Mapped[str] = holds(ACCOUNT_SETTING)
    month: Mapped[dt.date]  # its first day
    looked_on: Mapped[dt.date]  # day of the agency
    as_of: Mapped[dt.datetime]  # nothing that became known later was read
    budget: Mapped[Decimal] = mapped_column(Numeric(38, 9))
    spent: Mapped[float] = mapped_column(Double)  # on the days that are known
    planned: Mapped[float] = mapped_column(Double)  # by the end of the day before
    landing: Mapped[list[float]] = holds(AGGREGATE_FIGURES, ARRAY(Double))  # quantiles; NaN
    verdict: Mapped[PaceVerdict] = mapped_column(choice(PaceVerdict, "verdict"))
    probability: Mapped[float | None] = mapped_column(Double)  # of the verdict
    days_missing: Mapped[int]  # that are over and not told yet
    days_left: Mapped[int]
    left_to_spend: Mapped[Decimal] = mapped_column(Numeric(38, 9))  # on these, to end on the budget
    change: Mapped[float | None] = mapped_column(Double)  # to what is expected of them, a factor
    method: Mapped[str | None] = holds(CANONICAL_WORD)  # that forecast the rest; NULL: none did
    version_id: Mapped[uuid.UUID | None]  # of the model; NULL: a baseline
    words: Mapped[str] = holds(OWN_WORDS)  # the same, as people say it

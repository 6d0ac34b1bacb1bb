"""The accuracy ledger, and what is served of it.

    forecast -> MadeForecast (quantiles, baselines) -> the days are over and mature -> actuals
             -> ServedForecast: the latest of each series, with its days and its reasons

Figures are sums over a client's people by day, never those of one. Rows of the ledger go after 400
days; what is served is replaced by each run.

Decisions: ADR-0033, ADR-0043.
"""

import datetime as dt
import enum
import uuid
from typing import Any

from sqlalchemy import REAL, Double, Index
from sqlalchemy.dialects.postgresql import ARRAY, INTEGER
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId
from domain.privacy.holds import (
    ACCOUNT_SETTING,
    ADVERTISING_OBJECT,
    AGGREGATE_FIGURES,
    CANONICAL_WORD,
)
from tenancy.tables.base import Base, TenantOwned, choice, holds, within_tenant

__all__ = ["ForecastLevel", "ForecastRole", "MadeForecast", "ServedForecast"]


class ForecastLevel(enum.Enum):
    """What a series is summed over."""

    CLIENT = "client"
    ACCOUNT = "account"
    CHANNEL = "channel"
    CAMPAIGN = "campaign"


class ForecastRole(enum.Enum):
    """Whether anybody saw it. `SHADOW`: a challenger made it, to be scored and nothing else."""

    SERVED = "served"
    SHADOW = "shadow"


class MadeForecast(TenantOwned, Base):
    """Totals that were forecast of one series from one day on, with one entry for each horizon."""

    __tablename__ = "made_forecasts"
    __otherwise__ = AGGREGATE_FIGURES
    __table_args__ = (
        within_tenant("client_id", "clients"),
        Index(
            "uq_made_forecasts__one",
            *("tenant_id", "client_id", "series", "measure", "origin", "version_id"),
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index(None, "tenant_id", "origin"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    level: Mapped[ForecastLevel] = mapped_column(choice(ForecastLevel, "level"))
    series: Mapped[str] = holds(ADVERTISING_OBJECT)  # what of the client; empty: all
    currency: Mapped[str | None] = holds(ACCOUNT_SETTING)  # of amounts
    measure: Mapped[str] = holds(CANONICAL_WORD)
    origin: Mapped[dt.date]  # the first day that was forecast
    made_at: Mapped[dt.datetime]
    role: Mapped[ForecastRole] = mapped_column(choice(ForecastRole, "role"))
    method: Mapped[str] = holds(CANONICAL_WORD)  # model or baseline that made it
    version_id: Mapped[uuid.UUID | None]  # of the model; NULL: there was none
    is_planned: Mapped[bool]  # made with planned spend
    horizons: Mapped[list[int]] = holds(AGGREGATE_FIGURES, ARRAY(INTEGER))  # days, ascending
    quantiles: Mapped[list[float]] = holds(AGGREGATE_FIGURES, ARRAY(Double))  # five a horizon
    baselines: Mapped[dict[str, Any]] = holds(AGGREGATE_FIGURES)  # name -> one figure a horizon
    actuals: Mapped[list[float] | None] = holds(AGGREGATE_FIGURES, ARRAY(Double))  # NaN: immature
    scored_at: Mapped[dt.datetime | None]  # when an actual changed last


class ServedForecast(TenantOwned, Base):
    """The latest forecast of one series, as it is shown; one that is made anew takes its place."""

    __tablename__ = "served_forecasts"
    __otherwise__ = AGGREGATE_FIGURES
    __table_args__ = (within_tenant("client_id", "clients"),)

    client_id: Mapped[ClientId] = mapped_column(primary_key=True)
    measure: Mapped[str] = holds(CANONICAL_WORD, primary_key=True)
    series: Mapped[str] = holds(ADVERTISING_OBJECT, primary_key=True)  # as in the ledger
    level: Mapped[ForecastLevel] = mapped_column(choice(ForecastLevel, "level"))
    currency: Mapped[str | None] = holds(ACCOUNT_SETTING)
    origin: Mapped[dt.date]
    made_at: Mapped[dt.datetime]
    method: Mapped[str] = holds(CANONICAL_WORD)
    version_id: Mapped[uuid.UUID | None]
    is_planned: Mapped[bool]
    horizons: Mapped[list[int]] = holds(AGGREGATE_FIGURES, ARRAY(INTEGER))
    quantiles: Mapped[list[float]] = holds(AGGREGATE_FIGURES, ARRAY(Double))  # five a horizon
    days: Mapped[list[float]] = holds(AGGREGATE_FIGURES, ARRAY(REAL))  # five a day from the origin
    reasons: Mapped[dict[str, Any]] = holds(AGGREGATE_FIGURES)  # `ml.runs.reasons.Reasons`

"""What a client's spend brings, as it was learnt last: draws of response curves.

    facts, lift tests, events -> a fit -> ResponseCurves, one row for each level, measure, currency

A newer fit takes the place of the row. An erasure deletes all rows of the agency (ADR-0041).
"""

import datetime as dt
import enum
import uuid
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
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

__all__ = ["BudgetLevel", "ResponseCurves"]


class BudgetLevel(enum.Enum):
    """What a budget is split over."""

    CHANNEL = "channel"
    CAMPAIGN = "campaign"


class ResponseCurves(TenantOwned, Base):
    """Curves of a client's channels or campaigns, and all that it takes to learn them again."""

    __tablename__ = "response_curves"
    __otherwise__ = AGGREGATE_FIGURES
    __table_args__ = (
        within_tenant("client_id", "clients"),
        UniqueConstraint("tenant_id", "client_id", "level", "measure", "currency"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    client_id: Mapped[ClientId]
    level: Mapped[BudgetLevel] = mapped_column(choice(BudgetLevel, "level"))
    measure: Mapped[str] = holds(CANONICAL_WORD)  # revenue or conversions
    currency: Mapped[str] = holds(ACCOUNT_SETTING)  # ISO 4217
    as_of: Mapped[dt.datetime]  # nothing that became known later was seen
    code: Mapped[str] = holds(LINEAGE)  # fingerprint of what learnt it
    data_hash: Mapped[str] = holds(LINEAGE)  # SHA-256 of the figures, hexadecimal
    figures: Mapped[int] = mapped_column(BigInteger)  # how many were seen
    first_day: Mapped[dt.date]  # of what was seen
    last_day: Mapped[dt.date]
    final_day: Mapped[dt.date]  # the last one whose results were final
    items: Mapped[list[str]] = holds(ADVERTISING_OBJECT)  # channels, or connection:campaign
    support: Mapped[dict[str, Any]] = holds(AGGREGATE_FIGURES)  # of each item, and who is left out
    events: Mapped[list[str]] = holds(OWN_WORDS)  # names, in the order of their columns
    tests_known: Mapped[list[uuid.UUID]] = holds(
        LINEAGE, ARRAY(Uuid()), refers_to="lift_tests.id"
    )  # when it was learnt
    tests_used: Mapped[list[uuid.UUID]] = holds(LINEAGE, ARRAY(Uuid()), refers_to="lift_tests.id")
    curves: Mapped[bytes] = holds(AGGREGATE_FIGURES, LargeBinary)  # arrays, NumPy's npz

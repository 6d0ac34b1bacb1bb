"""The purges of the warehouse and of landing objects, one for each agency and day."""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from domain.privacy.holds import LINEAGE
from tenancy.tables.base import Base, TenantOwned, holds

__all__ = ["RetentionRun"]


class RetentionRun(TenantOwned, Base):
    """What a day's purge takes: counted before anything changes, so that a crash loses no count."""

    __tablename__ = "retention_runs"
    __otherwise__ = LINEAGE

    day: Mapped[dt.date] = mapped_column(primary_key=True)  # UTC
    run_id: Mapped[uuid.UUID]  # of the latest try, by which its targets are known
    counts: Mapped[dict[str, Any]] = holds(LINEAGE)  # policy and place -> how many
    counted_at: Mapped[dt.datetime]
    done_at: Mapped[dt.datetime | None]
    told_at: Mapped[dt.datetime | None]  # when the audit trail took the counts over

"""What is due when, and which platforms do not answer."""

import datetime as dt
import enum
from typing import Final

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ConnectionId, RunId
from domain.privacy.holds import CANONICAL_WORD, LINEAGE, PLATFORM_WORDS
from tenancy.tables.base import Base, TenantOwned, choice, holds, within_tenant

__all__ = ["DueState", "DueSync", "MissCause", "ProviderOutage"]

_IS_OPEN: Final = text("state IN ('waiting', 'running')")


class DueState(enum.Enum):
    """How far a due sync is. `DROPPED`: a later day took its place, or nobody wants it any more."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    DROPPED = "dropped"


class MissCause(enum.Enum):
    """Why a deadline will be missed, what is most certain first."""

    REFUSED = "refused"  # the platform wants somebody to act
    INCIDENT = "incident"  # what came looks wrong, and is held back until somebody has looked
    OUTAGE = "outage"  # the platform does not answer
    THROTTLED = "throttled"  # the platform grants no calls for now
    FAILING = "failing"  # the tries so far have failed
    READY_LATE = "ready_late"  # the figures are complete too late
    SLOW = "slow"  # it runs, for longer than usual
    QUEUE = "queue"  # too much else has to be read before


class DueSync(TenantOwned, Base):
    """That a connection has to be read for a reporting day; one at a time is open."""

    __tablename__ = "due_syncs"
    __otherwise__ = LINEAGE
    __table_args__ = (
        within_tenant("connection_id", "connections"),
        Index(
            "uq_due_syncs__open",
            "tenant_id",
            "connection_id",
            unique=True,
            postgresql_where=_IS_OPEN,
        ),
        CheckConstraint(
            "state <> 'running' OR (run_id IS NOT NULL AND started_at IS NOT NULL)",
            name="running_has_run",
        ),
    )

    connection_id: Mapped[ConnectionId] = mapped_column(primary_key=True)
    day: Mapped[dt.date] = mapped_column(primary_key=True)  # in the account's calendar
    source: Mapped[str] = holds(CANONICAL_WORD)
    ready_at: Mapped[dt.datetime]  # the platform's figures are complete
    deadline_at: Mapped[dt.datetime]  # the client's morning
    typical_seconds: Mapped[int]  # that such a sync takes
    fastest_seconds: Mapped[int]  # that one took when nothing was in its way
    calls: Mapped[int]  # that one needs
    state: Mapped[DueState] = mapped_column(choice(DueState, "state"))
    run_id: Mapped[RunId | None]  # of the last attempt
    attempts: Mapped[int]
    started_at: Mapped[dt.datetime | None]  # the last attempt
    next_attempt_at: Mapped[dt.datetime | None]  # not before; NULL: as soon as it is ready
    error_code: Mapped[str | None] = holds(CANONICAL_WORD)  # of the last attempt
    error_message: Mapped[str | None] = holds(PLATFORM_WORDS)
    expected_at: Mapped[dt.datetime | None]  # when it will be done; NULL: nobody knows
    miss_foretold_at: Mapped[dt.datetime | None]  # since when it is expected too late
    miss_cause: Mapped[MissCause | None] = mapped_column(choice(MissCause, "miss_cause"))
    missed_at: Mapped[dt.datetime | None]  # when the deadline passed without it
    done_at: Mapped[dt.datetime | None]


class ProviderOutage(Base):
    """A time in which a platform did not answer; of no tenant."""

    __tablename__ = "provider_outages"
    __otherwise__ = LINEAGE
    __table_args__ = (
        Index(
            "uq_provider_outages__open",
            "source",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    source: Mapped[str] = holds(CANONICAL_WORD, primary_key=True)
    since: Mapped[dt.datetime] = mapped_column(primary_key=True)
    asked_at: Mapped[dt.datetime]  # last
    ended_at: Mapped[dt.datetime | None]  # NULL: it still does not

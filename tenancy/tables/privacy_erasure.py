"""The journal of erasure: what a run does for an agency, how far it is, and what is due later.

ErasureRun (the plan) -> ErasureRunRequest (for whom) -> ErasureStep (how far) -> ErasureRescan

A run works for several agencies at once; each has its own rows of it, under the same id. Nothing
here names anybody: ids, pseudonyms, counts and instants.
"""

import datetime as dt
import enum
import uuid
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from domain.ids import ClientId
from domain.privacy.evidence import RescanMoment
from domain.privacy.holds import CONFIGURATION, LINEAGE, REQUEST_PSEUDONYM, REQUEST_RECORD
from tenancy.tables.base import Base, TenantOwned, choice, holds, within_tenant

__all__ = [
    "ErasureCause",
    "ErasureRescan",
    "ErasureRun",
    "ErasureRunRequest",
    "ErasureStep",
    "StepState",
]


class ErasureCause(enum.Enum):
    """Why a run was made. `REPLAY`: something erased may be back, from a backup or otherwise."""

    REQUESTS = "requests"
    REPLAY = "replay"


class StepState(enum.Enum):
    """How far a step is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"


class ErasureRun(TenantOwned, Base):
    """What one run does for one agency."""

    __tablename__ = "erasure_runs"
    __otherwise__ = LINEAGE

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    cause: Mapped[ErasureCause] = mapped_column(choice(ErasureCause, "cause"))
    plan: Mapped[dict[str, Any]] = holds(
        CONFIGURATION
    )  # as it is carried out: steps, treatments, edges
    round: Mapped[int]  # one more whenever a search found something and the steps began anew
    plan_hash: Mapped[str] = holds(LINEAGE)  # SHA-256 of the plan, hexadecimal
    residuals: Mapped[dict[str, Any] | None] = holds(
        LINEAGE
    )  # what still exists until when; NULL: not ended
    started_at: Mapped[dt.datetime]
    finished_at: Mapped[dt.datetime | None]


class ErasureRunRequest(TenantOwned, Base):
    """A request that a run carries out; one run at a time does."""

    __tablename__ = "erasure_run_requests"
    __otherwise__ = REQUEST_RECORD
    __person__ = ("request_id", "subject_requests.subject_id")
    __table_args__ = (
        within_tenant("run_id", "erasure_runs"),
        within_tenant("request_id", "subject_requests"),
        within_tenant("client_id", "clients"),
        within_tenant("subject_id", "subjects"),
        Index(None, "tenant_id", "run_id"),
        Index(
            "uq_erasure_run_requests__one_run",
            "tenant_id",
            "request_id",
            unique=True,
            postgresql_where=text("finished_at IS NULL"),
        ),
        Index(None, "tenant_id", "request_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)  # later ones are greater
    run_id: Mapped[uuid.UUID]
    request_id: Mapped[uuid.UUID]
    client_id: Mapped[ClientId | None]  # NULL: of one of the agency's own people
    subject_id: Mapped[uuid.UUID | None] = holds(REQUEST_PSEUDONYM)
    finished_at: Mapped[dt.datetime | None]


class ErasureStep(TenantOwned, Base):
    """A step of a run, and what it did for this agency."""

    __tablename__ = "erasure_steps"
    __otherwise__ = LINEAGE
    __table_args__ = (within_tenant("run_id", "erasure_runs"),)

    run_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)  # in the order of the plan
    name: Mapped[str] = holds(CONFIGURATION)
    state: Mapped[StepState] = mapped_column(choice(StepState, "state"))
    counts: Mapped[dict[str, Any] | None] = holds(
        LINEAGE
    )  # request -> how many; NULL: not counted yet
    operations: Mapped[list[str]] = holds(LINEAGE, ARRAY(TEXT))  # as the stores know them
    executor: Mapped[str | None] = holds(LINEAGE)  # who may finish it: the last one to begin
    attempts: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]


class ErasureRescan(TenantOwned, Base):
    """A search of every store for what a run erased, done or due."""

    __tablename__ = "erasure_rescans"
    __otherwise__ = LINEAGE
    __table_args__ = (
        within_tenant("run_id", "erasure_runs"),
        within_tenant("client_id", "clients"),
        Index("ix_erasure_rescans__due", "due_at", postgresql_where=text("done_at IS NULL")),
        Index(None, "tenant_id", "run_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-1)
    run_id: Mapped[uuid.UUID]
    moment: Mapped[RescanMoment] = mapped_column(choice(RescanMoment, "moment"))
    client_id: Mapped[ClientId | None]  # whose next ingest or materialisation it follows
    due_at: Mapped[dt.datetime]  # at the latest
    done_at: Mapped[dt.datetime | None]
    found: Mapped[int | None]
    findings: Mapped[dict[str, Any] | None] = holds(LINEAGE)  # place -> how many; NULL: not done

"""What is known of the erasure of one request, out of the journal.

request -> its runs -> plan of the newest, counts of all their steps, residuals, rescans
-> certificate, answer to the person

A request has several runs when the first one was repeated, or carried out what a legal hold had
kept: what each of them erased counts.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import func, select

from domain.privacy.evidence import (
    CountUnit,
    ErasedCount,
    MarkedModel,
    Rescan,
    RescanMoment,
    Residual,
    ResidualKind,
    Treatment,
    TreatmentAction,
)
from gdpr.erasure.plan import StepKind
from gdpr.recipients.outbox import open_recipients
from tenancy.session import TenantSession
from tenancy.tables import (
    ErasureRescan,
    ErasureRun,
    ErasureRunRequest,
    ErasureStep,
    ModelErasure,
    ModelVersion,
)

__all__ = ["ErasureOutcome", "find_outcome", "newest_run"]

_UNITS: Final = {
    StepKind.LANDING: ("landing", CountUnit.ROWS),
    StepKind.TABLE: ("warehouse", CountUnit.ROWS),
    StepKind.QUARANTINE: ("postgres", CountUnit.ROWS),
    StepKind.SHRED: ("postgres", CountUnit.ROWS),
    StepKind.ACCOUNT: ("postgres", CountUnit.ROWS),
}
_RESIDUALS: Final = {
    "time_travel": ResidualKind.TIME_TRAVEL,
    "fail_safe": ResidualKind.FAIL_SAFE,
}
_MOMENTS: Final = {
    RescanMoment.INGEST: "rescan after the next sync, on {:%Y-%m-%d} at the latest",
    RescanMoment.MATERIALISATION: (
        "rescan after features are computed anew, on {:%Y-%m-%d} at the latest"
    ),
    RescanMoment.TIME_TRAVEL: "rescan after time travel, {:%Y-%m-%d}",
}


@dataclass(frozen=True, slots=True)
class ErasureOutcome:
    """How far the erasure of a request is, and what it did.

    Attributes:
        run_id: The newest run.
        plan_hash: Of the newest run's plan; the treatments are those of this plan.
        finished_at: UTC instant; None: the run goes on.
        counts: Of places where something of the person was, over all runs.
        residuals: What exists until when, after the last of the runs.
        unanswered: Recipients that have not confirmed, by name.
        models: Versions that had seen figures of the agency; nothing waits for them.
    """

    run_id: uuid.UUID
    plan_hash: str
    finished_at: dt.datetime | None
    treatments: tuple[Treatment, ...]
    counts: tuple[ErasedCount, ...]
    residuals: tuple[Residual, ...]
    rescans: tuple[Rescan, ...]
    unanswered: tuple[str, ...] = ()
    models: tuple[MarkedModel, ...] = ()

    @property
    def total(self) -> int:
        """Everything that was found of the person."""
        return sum(one.count for one in self.counts)

    @property
    def waits_for(self) -> tuple[str, ...]:
        """What has still to happen, for people."""
        rescans = (
            _MOMENTS[one.moment].format(one.due_at) for one in self.rescans if one.done_at is None
        )
        return (*rescans, *(f"answer of {name}" for name in self.unanswered))


async def find_outcome(session: TenantSession, request_id: uuid.UUID) -> ErasureOutcome | None:
    """The outcome of a request of the session's agency; None: no run has taken it yet."""
    query = select(ErasureRunRequest).where(ErasureRunRequest.request_id == request_id)
    joined = (await session.scalars(query.order_by(ErasureRunRequest.id))).all()
    if not joined:
        return None
    runs = [
        await session.get_one(ErasureRun, (session.tenant_id, one.run_id))
        for one in {one.run_id: one for one in joined}.values()
    ]
    newest, last = runs[-1], joined[-1]
    rescans = select(ErasureRescan).where(ErasureRescan.run_id.in_([run.id for run in runs]))
    residuals = {kind: until for run in runs for kind, until in (run.residuals or {}).items()}
    return ErasureOutcome(
        newest.id,
        newest.plan_hash,
        last.finished_at,
        tuple(_treatment(one) for step in newest.plan["steps"] for one in step["treatments"]),
        await _counts(session, runs, str(request_id)),
        tuple(
            Residual("warehouse", _RESIDUALS[kind], dt.datetime.fromisoformat(until))
            for kind, until in residuals.items()
        ),
        tuple(
            Rescan(one.moment, one.due_at, one.done_at, one.found)
            for one in await session.scalars(
                rescans.order_by(ErasureRescan.due_at, ErasureRescan.id)
            )
            if one.client_id in {None, last.client_id}
        ),
        tuple(one.name for one in await open_recipients(session, request_id)),
        await _models(session, runs),
    )


async def newest_run(session: TenantSession, request_id: uuid.UUID) -> ErasureRunRequest | None:
    """The last run that has taken a request; None: none has."""
    query = select(ErasureRunRequest).where(ErasureRunRequest.request_id == request_id)
    newest: ErasureRunRequest | None = await session.scalar(
        query.order_by(ErasureRunRequest.id.desc()).limit(1)
    )
    return newest


async def _models(session: TenantSession, runs: Sequence[ErasureRun]) -> tuple[MarkedModel, ...]:
    """Models that the runs have marked; of one that several marked the first deadline counts."""
    query = (
        select(
            ModelVersion.kind,
            ModelVersion.number,
            func.min(ModelErasure.retrain_by),
            func.max(ModelErasure.retrained_at),
        )
        .join(ModelVersion, ModelVersion.id == ModelErasure.version_id)
        .where(ModelErasure.run_id.in_([run.id for run in runs]))
        .group_by(ModelVersion.kind, ModelVersion.number)
        .order_by(ModelVersion.kind, ModelVersion.number)
    )
    return tuple(MarkedModel(*row) for row in (await session.execute(query)).all())


async def _counts(
    session: TenantSession, runs: Sequence[ErasureRun], request: str
) -> tuple[ErasedCount, ...]:
    """What the runs did for a request, added up by place."""
    places: dict[tuple[str, str], ErasedCount] = {}
    for run in runs:
        planned = {one["name"]: one for one in run.plan["steps"]}
        steps = select(ErasureStep).where(ErasureStep.run_id == run.id).order_by(ErasureStep.number)
        for step in await session.scalars(steps):
            one = _count(step, planned[step.name], request)
            if one is None:
                continue
            before = places.get((one.store, one.place))
            if before is not None:
                operations = (*before.operations, *one.operations)
                one = replace(one, count=before.count + one.count, operations=operations)
            places[one.store, one.place] = one
    return tuple(places.values())


def _treatment(one: dict[str, str]) -> Treatment:
    return Treatment(one["store"], one["place"], TreatmentAction(one["action"]), one["reason"])


def _count(step: ErasureStep, planned: dict[str, Any], request: str) -> ErasedCount | None:
    kind = StepKind(planned["kind"])
    count = (step.counts or {}).get(request, 0)
    if kind not in _UNITS or not count:
        return None
    store, unit = _UNITS[kind]
    place = planned["treatments"][0]["place"]
    return ErasedCount(store, place, unit, count, tuple(step.operations))

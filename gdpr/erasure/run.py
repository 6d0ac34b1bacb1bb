"""A run: the plan carried out for all its people, step by step, and gone on with after a crash.

    requests of all agencies -> open -> each step: begin, do, finish -> residuals, rescans -> closed

A step is done for all agencies together where the store is one (the warehouse), else for one after
the other. Each is idempotent, and leaves the journal and the store in one transaction where they
are one database.

Decision: ADR-0027.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert

from domain.ids import TenantId
from domain.ports import Steps
from domain.privacy.evidence import Treatment
from gdpr.erasure.everybody import bury_everybody, people_buried_by
from gdpr.erasure.find import find_targets
from gdpr.erasure.journal import Journal, StepRecord
from gdpr.erasure.landing import rewrite_objects
from gdpr.erasure.people import bury, identifiers_of, shred_people
from gdpr.erasure.plan import Plan, Step, StepKind, build_plan
from gdpr.erasure.records import clear_quarantine, renew_versions, tell_versions
from gdpr.erasure.rescan import ResidueError, note_at_once, plan_rescans, rescan_at_once
from gdpr.erasure.tables import change_table
from gdpr.erasure.work import Run, RunRequest, Stores
from tenancy import audit
from tenancy.privacy.model_marks import mark_models
from tenancy.privacy.tombstones import hold_back
from tenancy.redis_sweep import unlink_answers
from tenancy.session import TenantSession
from tenancy.tables import ErasureCause, ErasureRunRequest

__all__ = ["Eraser", "PlainSteps", "join_run"]

Todo = Mapping[TenantId, StepRecord]

_LOG: Final = structlog.get_logger(__name__)
_ACTOR: Final = "job:erasure"
_MOST_ROUNDS: Final = 3  # what is still there then, no step takes away


class PlainSteps:
    """Steps that only the journal of the run keeps: without a job engine."""

    async def run(self, name: str, step: Any) -> Any:
        """See `domain.ports.Steps`."""
        del name
        return await step()


async def join_run(
    session: TenantSession, stores: Stores, run_id: uuid.UUID, requests: Sequence[RunRequest]
) -> None:
    """Write down whom a run is for; a request that an open run has stays with that one."""
    if requests:
        rows = [
            {
                "tenant_id": session.tenant_id,
                "id": stores.ids(),
                "run_id": run_id,
                "request_id": one.request_id,
                "client_id": one.client_id,
                "subject_id": one.subject_id,
            }
            for one in requests
        ]
        await session.execute(insert(ErasureRunRequest).on_conflict_do_nothing(), rows)


@dataclass(frozen=True, slots=True)
class Eraser:
    """Carries out runs.

    Attributes:
        plan: Of runs of whose people no hold keeps anything.
        kept: See `build_plan`.
    """

    stores: Stores
    plan: Plan
    journal: Journal
    kept: Mapping[str, Treatment] = field(default_factory=dict)

    def plan_of(self, held: Collection[str]) -> Plan:
        """The plan of a run of whose people holds keep some categories of data."""
        return build_plan(self.stores.erasables, self.kept, held) if held else self.plan

    async def run(self, run: Run, steps: Steps | None = None) -> None:
        """Erase everybody of a run; called again after a crash, it goes on.

        Args:
            run: The same for every try.
            steps: Of a durable job; None: the run's own journal has to do.

        Raises:
            ResidueError: Something is still there after all.
            BoscoError: A store does not answer; nothing is lost, the run goes on later.
        """
        steps = PlainSteps() if steps is None else steps
        round_ = await steps.run("open", partial(self._open, run))
        while await self._round(replace(run, round=round_), steps):
            round_ = await steps.run(f"anew {round_}", partial(self._begin_anew, run, round_))
        await steps.run("close", partial(self._close, run))

    async def _round(self, run: Run, steps: Steps) -> int:
        """All steps once; how much the search has found, which ends the round."""
        for number, step in enumerate(self.plan_of(run.held).steps):
            name = f"{run.round}.{number} {step.name}"
            found = await steps.run(name, partial(self._step, run, number, step))
            if found:
                return found
        return 0

    async def _open(self, run: Run) -> int:
        cause = ErasureCause.REPLAY if run.is_replay else ErasureCause.REQUESTS
        plan, rounds = self.plan_of(run.held), [0]
        for tenant_id, requests in run.requests.items():
            async with self.stores.database.session(tenant_id) as session:
                rounds.append(await self.journal.open_run(session, run.run_id, plan, cause))
                if not run.is_replay:
                    await join_run(session, self.stores, run.run_id, requests)
        return max(rounds)

    async def _begin_anew(self, run: Run, last: int) -> int:
        if last + 1 == _MOST_ROUNDS:
            raise ResidueError(f"run {run.run_id} has left something after {_MOST_ROUNDS} rounds")
        for tenant_id in run.requests:
            async with self.stores.database.session(tenant_id) as session:
                await self.journal.begin_anew(session, run.run_id, last)
        return last + 1

    async def _step(self, run: Run, number: int, step: Step) -> int:
        """Do a step for the agencies whose journal does not have it yet; what a search found."""
        todo: dict[TenantId, StepRecord] = {}
        for tenant_id in run.requests:
            record = await self.journal.begin(run.run_id, number, tenant_id)
            if not record.is_done:
                todo[tenant_id] = record
        if step.kind is StepKind.RESCAN:
            found = [await self._rescan(run, tenant_id) for tenant_id in todo]
            if any(found):
                return sum(found)
        if todo:
            await self._do(run, number, step, todo)
        return 0

    async def _do(self, run: Run, number: int, step: Step, todo: Todo) -> None:
        stores = self.stores
        operations: Sequence[str] = ()
        match step.kind:
            case StepKind.FIND:
                await find_targets(stores, run)
            case StepKind.LANDING:
                await rewrite_objects(stores, run, self.journal, number, list(todo))
            case StepKind.TABLE:
                erasable = next(e for e in stores.erasables if e.table.qualified == step.name)
                operations = await change_table(stores, run, erasable, self.journal, number, todo)
            case StepKind.ANSWERS:
                await unlink_answers(stores.redis, list(todo))
            case StepKind.FORGET:
                await run.targets(stores).forget()
            case _:
                pass
        for tenant_id in todo:
            await self._finish(run, number, step, tenant_id, operations)

    async def _finish(
        self, run: Run, number: int, step: Step, tenant_id: TenantId, operations: Sequence[str]
    ) -> None:
        """Do what concerns one agency alone, and say that its step is done, in one transaction."""
        if step.kind is StepKind.FEATURES:
            for client_id in sorted({one.client_id for one in run.requests[tenant_id]}):
                await self.stores.refresh_features(tenant_id, client_id)
        versions: dict[str, int] = {}
        async with self.stores.database.session(tenant_id) as session:
            counts = await self._own(session, run, step)
            if step.kind is StepKind.VERSIONS:
                clients = {one.client_id for one in run.requests[tenant_id]}
                versions = await renew_versions(session, self.stores, clients)
            if counts:
                await self.journal.add(session, run.run_id, number, counts)
            await self.journal.finish(session, run.run_id, number, operations)
        await tell_versions(self.stores, tenant_id, versions)

    async def _own(self, session: TenantSession, run: Run, step: Step) -> Mapping[str, int]:
        """What a step does in PostgreSQL, and how much, by request."""
        stores, requests = self.stores, run.requests[session.tenant_id]
        match step.kind:
            case StepKind.TOMBSTONES:
                counts = {}
                for request in requests if not run.is_replay else ():
                    await hold_back(session, request.request_id, run.held)
                    if request.everybody_of is not None:
                        told = await bury_everybody(
                            session, stores, request, request.everybody_of, run.held
                        )
                        counts[str(request.request_id)] = told
                        continue
                    identifiers = await identifiers_of(session, stores, request)
                    counts[str(request.request_id)] = await bury(
                        session, stores, request, identifiers, run.held
                    )
                return counts
            case StepKind.QUARANTINE:
                cleared = await clear_quarantine(session, stores)
                return {str(request): count for request, count in cleared.items()}
            case StepKind.RECORDS:
                await mark_models(session, run.run_id, stores.clock())
                return {
                    str(one.request_id): sum(
                        [
                            await stores.forget_exports(session, person)
                            for person in await _known_people(session, one)
                        ]
                    )
                    for one in requests
                }
            case StepKind.RECIPIENTS:
                return {} if run.is_replay else await self._notify(session, run)
            case StepKind.SHRED:
                return await shred_people(session, stores, () if run.is_replay else requests)
            case _:
                return {}

    async def _notify(self, session: TenantSession, run: Run) -> Mapping[str, int]:
        told: dict[str, int] = {}
        for request in run.requests[session.tenant_id]:
            identifiers = await identifiers_of(session, self.stores, request)
            for recipient in self.stores.recipients:
                count = await recipient.notify(session, run.run_id, request, identifiers)
                told[str(request.request_id)] = told.get(str(request.request_id), 0) + count
        return told

    async def _rescan(self, run: Run, tenant_id: TenantId) -> int:
        findings = await rescan_at_once(self.stores, run, tenant_id)
        async with self.stores.database.session(tenant_id) as session:
            await note_at_once(session, self.stores, run.run_id, findings)
        if findings:
            _LOG.error("erased_data_left", run_id=str(run.run_id), places=sorted(findings))
        return findings.total()

    async def _close(self, run: Run) -> int:
        retention = await self.stores.warehouse.retention()
        told = _told(run, self.plan_of(run.held))  # hashes the plan, so not for each request
        for tenant_id, requests in run.requests.items():
            now = self.stores.clock()
            residuals = {
                "time_travel": (now + retention.time_travel).isoformat(),
                "fail_safe": (now + retention.time_travel + retention.fail_safe).isoformat(),
            }
            async with self.stores.database.session(tenant_id) as session:
                await plan_rescans(session, self.stores, run.run_id, requests, retention)
                closed = (
                    update(ErasureRunRequest)
                    .where(
                        ErasureRunRequest.run_id == run.run_id,
                        ErasureRunRequest.finished_at.is_(None),
                    )
                    .values(finished_at=now)
                    .returning(ErasureRunRequest.request_id)
                )
                for request_id in (await session.scalars(closed)).all():
                    audit.record(
                        session,
                        clock=self.stores.clock,
                        ids=self.stores.ids,
                        actor=_ACTOR,
                        action="subject.erased",
                        object_kind="subject_request",
                        object_id=str(request_id),
                        details=told,
                    )
                await self.journal.close_run(
                    session, run.run_id, residuals if retention.time_travel else {}
                )
        return len(run.requests)


def _told(run: Run, plan: Plan) -> Mapping[str, str | list[str]]:
    told: dict[str, str | list[str]] = {"run": str(run.run_id), "plan": plan.hash}
    return told | {"held": list(plan.held)} if plan.held else told


async def _known_people(session: TenantSession, request: RunRequest) -> Sequence[uuid.UUID]:
    if request.everybody_of is not None:
        return await people_buried_by(session, request.request_id)
    return () if request.subject_id is None else (request.subject_id,)

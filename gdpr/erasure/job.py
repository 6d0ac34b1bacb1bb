"""Erasure as durable work: requests join a run, runs are carried out one after the other.

    request is being carried out -> in a run? -> else a new run -> job, one at a time
        -> waits for whoever is about to be carried out, too
        -> takes every request of every agency that is being carried out -> Eraser
    request waits for its run -> Fulfilled

So however many people ask at once, each table is changed once. People of whom legal holds keep
something are in a run of their own with those of whom the same is kept. A store that does not
answer puts the run off; the journal knows where it goes on.
"""

import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT

from domain.errors import BoscoError, ConflictError, InternalError, Terminal, Transient
from domain.ids import ClientId, TenantId
from domain.ports import Steps
from domain.privacy.rights import RequestOutcome, RequestState, Right
from gdpr.erasure.colleagues import erase_colleague
from gdpr.erasure.outcome import ErasureOutcome, find_outcome, newest_run
from gdpr.erasure.plan import CHANGES
from gdpr.erasure.run import Eraser, join_run
from gdpr.erasure.work import Run, RunRequest
from gdpr.requests.colleagues import colleague_of
from gdpr.requests.everybody import connection_of
from gdpr.requests.fulfilment import Fulfilled
from gdpr.requests.rounds import ROUND_SECONDS
from tenancy.jobs import JobEngine, JobHandle, JobQueue, JobStatus
from tenancy.session import Database, TenantSession
from tenancy.tables import (
    ErasureCause,
    ErasureRun,
    ErasureRunRequest,
    RequestRun,
    SubjectRequest,
    Tombstone,
)
from tenancy.unscoped import Doors

__all__ = [
    "ERASE_JOB",
    "ErasureJobs",
    "ErasureStoppedError",
    "StaffNotErasableError",
]

_LOG: Final = structlog.get_logger(__name__)

ERASE_JOB: Final = "erase_people"
_WAITS_SECONDS: Final = (1.0, 5.0, 25.0, 120.0, 600.0)
_POLL_SECONDS: Final = 1.0
_LONGEST_POLL_SECONDS: Final = 10.0  # hundreds may wait for one run
_MOST_GATHERING: Final = int(ROUND_SECONDS / _POLL_SECONDS)  # then a round has found who was ready


class ErasureStoppedError(InternalError, Transient):
    """A run has stopped before its end; trying the request again lets it go on."""

    code = "ERASURE_STOPPED"


class StaffNotErasableError(ConflictError, Terminal):
    """It is about the agency's own people, and names no account (an officer can find it)."""

    code = "ERASURE_OF_STAFF"


@dataclass(frozen=True, slots=True)
class ErasureJobs:
    """Starts runs and carries them out; `gdpr.requests.fulfilment.Fulfiller` of erasure.

    Attributes:
        sleep: Awaits so many seconds.
    """

    eraser: Eraser
    jobs: JobEngine
    doors: Doors
    sleep: Callable[[float], Awaitable[None]]

    def register(self) -> None:
        """Make the job known to the engine; before it starts."""
        self.jobs.register(ERASE_JOB, self._erase)

    async def fulfil(self, steps: Steps, tenant_id: TenantId, request_id: uuid.UUID) -> Fulfilled:
        """See `Fulfiller.fulfil`.

        Raises:
            ErasureStoppedError: The run has stopped; trying again lets it go on.
            StaffNotErasableError: It is about the agency's own people, and names no account.
            NoOwnerLeftError: It is about the agency's only owner.
            StillNamedError: The address of one of the agency's people is in use elsewhere.
        """
        async with self.eraser.stores.database.session(tenant_id) as session:
            colleague = await _check(session, request_id)
        if colleague is not None:
            return await self._fulfil_colleague(steps, tenant_id, request_id, colleague)
        joined = await steps.run("choose a run", partial(self._choose, tenant_id, request_id))
        # Jobs are queued by jobs, never by their steps; the same id again is the same job.
        await self._enqueue(joined)
        await steps.run("await the run", partial(self._wait, tenant_id, request_id, joined))
        async with self.eraser.stores.database.session(tenant_id) as session:
            outcome = await find_outcome(session, request_id)
        if outcome is None:
            raise ErasureStoppedError(f"no run has taken request {request_id}")
        return _fulfilled(outcome)

    async def _fulfil_colleague(
        self, steps: Steps, tenant_id: TenantId, request_id: uuid.UUID, colleague: uuid.UUID
    ) -> Fulfilled:
        async def erase() -> bool:
            async with self.eraser.stores.database.session(tenant_id) as session:
                stores, journal = self.eraser.stores, self.eraser.journal
                await erase_colleague(session, stores, journal, request_id, colleague)
            return True

        await steps.run("erase the account", erase)
        async with self.eraser.stores.database.session(tenant_id) as session:
            outcome = await find_outcome(session, request_id)
        if outcome is None:
            raise ErasureStoppedError(f"nothing has erased for request {request_id}")
        return _fulfilled(outcome)

    async def replay(self, tenant_id: TenantId) -> JobHandle:
        """Erase again whoever has a tombstone in an agency: after a backup was restored."""
        return await self._enqueue(self._job({"tenant_id": str(tenant_id)}))

    async def _choose(self, tenant_id: TenantId, request_id: uuid.UUID) -> dict[str, Any]:
        """A new run; one that is open and has the request goes on instead."""
        async with self.eraser.stores.database.session(tenant_id) as session:
            newest = await newest_run(session, request_id)
            run = await session.get(RequestRun, (tenant_id, request_id))
        held = {} if run is None or not run.held_categories else {"held": run.held_categories}
        if newest is None:
            return self._job(held)
        if newest.finished_at is None:
            return self._job({"resumes": str(newest.run_id)})
        again = {"again_tenant": str(tenant_id), "again": str(request_id)}
        return self._job(again | held, after=str(newest.run_id))

    async def _wait(
        self, tenant_id: TenantId, request_id: uuid.UUID, joined: Mapping[str, Any]
    ) -> bool:
        """Wait for a run after the one that had the request before."""
        seconds = _POLL_SECONDS
        while True:
            job = await self.jobs.find(joined["job"])
            status = JobStatus.FAILED if job is None else await job.status()
            async with self.eraser.stores.database.session(tenant_id) as session:
                newest = await newest_run(session, request_id)
            is_taken = newest is not None and str(newest.run_id) != joined["after"]
            if is_taken and newest is not None and newest.finished_at is not None:
                return True
            is_over = status in {JobStatus.FAILED, JobStatus.CANCELLED}
            if is_over or (status is JobStatus.SUCCEEDED and not is_taken):
                raise ErasureStoppedError(f"no run has erased for request {request_id} yet")
            await self.sleep(seconds)
            seconds = min(2 * seconds, _LONGEST_POLL_SECONDS)

    def _job(self, more: Mapping[str, Any], *, after: str = "") -> dict[str, Any]:
        """A job that carries a run out, and the run that had the request before."""
        run_id = more.get("resumes") or str(self.eraser.stores.ids())
        arguments = {"run_id": run_id, **more}
        return {"job": f"erase-{self.eraser.stores.ids()}", "arguments": arguments, "after": after}

    async def _enqueue(self, job: Mapping[str, Any]) -> JobHandle:
        arguments, job_id = job["arguments"], job["job"]
        return await self.jobs.enqueue(ERASE_JOB, arguments, queue=JobQueue.ERASURE, job_id=job_id)

    async def _erase(self, steps: Steps, arguments: Mapping[str, Any]) -> dict[str, Any]:
        run_id = uuid.UUID(arguments["run_id"])
        replayed = arguments.get("tenant_id")
        if replayed is None:
            if "resumes" not in arguments:
                await steps.run("gather", self._gather)
            taken = await steps.run("take", partial(self._take, run_id, arguments))
            runs = [await self._load(run_id, [TenantId(uuid.UUID(text)) for text in taken])]
        else:
            tenant_id = TenantId(uuid.UUID(replayed))
            database = self.eraser.stores.database
            kept = await steps.run("sort by holds", partial(_kept, database, tenant_id))
            runs = [await _replayed(database, tenant_id, run_id, held) for held in kept]
        people, changed = 0, Counter[str]()
        for run in runs:
            found = sum(len(requests) for requests in run.requests.values())
            if found:
                await self._persist(run, steps)
                changed += await self._changed(run)
            people += found
        return {"people": people, "changed": dict(changed)}

    async def _changed(self, run: Run) -> Counter[str]:
        """How much was changed where, for all people together."""
        changed: Counter[str] = Counter()
        for tenant_id in run.requests:
            records = await self.eraser.journal.read(run.run_id, tenant_id)
            for step in self.eraser.plan_of(run.held).steps:
                count = sum((records[step.name].counts or {}).values())
                if count and step.kind in CHANGES:
                    changed[step.name] += count
        return changed

    async def _persist(self, run: Run, steps: Steps) -> None:
        """Carry the run out, through outages of stores."""
        for seconds in _WAITS_SECONDS:
            try:
                return await self.eraser.run(run, steps)
            except BoscoError as error:
                if not isinstance(error, Transient):
                    raise
                _LOG.warning("erasure_put_off", run_id=str(run.run_id), seconds=seconds)
                await self.sleep(seconds)
        return await self.eraser.run(run, steps)

    async def _gather(self) -> int:
        """Let whoever is ready begin, so that one run takes all who ask at the same time.

        Returns:
            How often it had to be waited.
        """
        for waited in range(_MOST_GATHERING):
            if not await self._count_ready():
                return waited
            await self.sleep(_POLL_SECONDS)
        return _MOST_GATHERING

    async def _count_ready(self) -> int:
        ready = select(func.count()).where(
            SubjectRequest.right == Right.ERASURE, SubjectRequest.state == RequestState.READY
        )
        count = 0
        for tenant_id in await self.doors.agencies_with_requests():
            async with self.eraser.stores.database.session(tenant_id) as session:
                count += await session.scalar(ready) or 0
        return count

    async def _take(self, run_id: uuid.UUID, arguments: Mapping[str, Any]) -> list[str]:
        """Let every request that is being carried out join a new run; the agencies that have any.

        One that has begun takes nobody more: its first steps are done. Holds keep the same of all.
        """
        held: list[str] = arguments.get("held", [])
        plan, tenants = self.eraser.plan_of(held), []
        for tenant_id in await self.doors.agencies_with_requests():
            async with self.eraser.stores.database.session(tenant_id) as session:
                is_asked = arguments.get("again_tenant") == str(tenant_id)
                again = uuid.UUID(arguments["again"]) if is_asked else None
                requests = () if "resumes" in arguments else await _waiting(session, again, held)
                if requests:
                    cause = ErasureCause.REQUESTS
                    await self.eraser.journal.open_run(session, run_id, plan, cause)
                    await join_run(session, self.eraser.stores, run_id, requests)
                query = select(ErasureRunRequest.request_id).where(
                    ErasureRunRequest.run_id == run_id
                )
                if await session.scalar(query.limit(1)) is not None:
                    tenants.append(str(tenant_id))
        return tenants

    async def _load(self, run_id: uuid.UUID, tenants: list[TenantId]) -> Run:
        requests, held = {}, frozenset[str]()
        for tenant_id in tenants:
            async with self.eraser.stores.database.session(tenant_id) as session:
                requests[tenant_id] = await _joined(session, run_id)
                run = await session.get_one(ErasureRun, (tenant_id, run_id))
                held = frozenset(run.plan.get("held", ()))
        return Run(run_id, requests, held=held)


async def _check(session: TenantSession, request_id: uuid.UUID) -> uuid.UUID | None:
    """The account of the agency's own that is to be erased; None: a run takes the request."""
    row = await session.get_one(SubjectRequest, (session.tenant_id, request_id))
    colleague = colleague_of(row)
    if row.client_id is None and colleague is None:
        raise StaffNotErasableError(
            "this request is about the agency's own people, and names no account",
            hint="look for the account again, or answer the person by hand",
        )
    return colleague


async def _waiting(
    session: TenantSession, again: uuid.UUID | None, held: Sequence[str]
) -> tuple[RunRequest, ...]:
    """Requests for erasure that are being carried out and had no run; and one, once more.

    Args:
        session: Of the agency.
        again: The one; None: there is none.
        held: Categories of data that holds keep of each, in order.
    """
    had = select(ErasureRunRequest.request_id)
    kept = func.coalesce(RequestRun.held_categories, literal([], ARRAY(TEXT)))
    query = (
        select(SubjectRequest)
        .outerjoin(
            RequestRun,
            (RequestRun.tenant_id == SubjectRequest.tenant_id)
            & (RequestRun.request_id == SubjectRequest.id),
        )
        .where(
            SubjectRequest.right == Right.ERASURE,
            SubjectRequest.state == RequestState.RUNNING,
            kept == list(held),
            SubjectRequest.id.not_in(had) | (SubjectRequest.id == again),
        )
        .order_by(SubjectRequest.id)
        .with_for_update(of=SubjectRequest)  # whoever refuses one that is stuck comes first, or not
    )
    return tuple(
        RunRequest(row.id, ClientId(row.client_id), row.subject_id, connection_of(row))
        for row in await session.scalars(query)
        if row.client_id is not None
    )


async def _joined(session: TenantSession, run_id: uuid.UUID) -> tuple[RunRequest, ...]:
    asked = SubjectRequest.id == ErasureRunRequest.request_id
    query = select(ErasureRunRequest, SubjectRequest).join(SubjectRequest, asked)
    mine = query.where(ErasureRunRequest.run_id == run_id).order_by(ErasureRunRequest.request_id)
    return tuple(
        RunRequest(row.request_id, row.client_id, row.subject_id, connection_of(request))
        for row, request in await session.execute(mine)
        if row.client_id is not None
    )


async def _kept(database: Database, tenant_id: TenantId) -> list[list[str]]:
    """What holds keep of those who have a tombstone: a replay has a run for each."""
    query = select(Tombstone.held).distinct().order_by(Tombstone.held)
    async with database.session(tenant_id) as session:
        return [list(held) for held in await session.scalars(query)]


async def _replayed(
    database: Database, tenant_id: TenantId, run_id: uuid.UUID, held: Sequence[str]
) -> Run:
    """A run for whom tombstones were set, whatever became of the requests; this is kept of all."""
    query = select(Tombstone.request_id, Tombstone.client_id).where(Tombstone.held == list(held))
    async with database.session(tenant_id) as session:
        rows = await session.execute(query.distinct().order_by(Tombstone.request_id))
        requests = tuple(RunRequest(request_id, client_id, None) for request_id, client_id in rows)
    own = uuid.uuid5(run_id, " ".join(held)) if held else run_id
    return Run(own, {tenant_id: requests}, is_replay=True, held=frozenset(held))


def _fulfilled(outcome: ErasureOutcome) -> Fulfilled:
    counts = {f"{one.store} {one.place}": one.count for one in outcome.counts}
    found = RequestOutcome.DONE if outcome.total else RequestOutcome.NOTHING_FOUND
    return Fulfilled(found, outcome.waits_for, counts)

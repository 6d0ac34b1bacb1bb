"""The dispatcher: keeps the night going, one look at a time.

    plan -> what is due -> settle what has ended -> ask platforms that may be away
        -> start the most urgent, as many as there are slots -> foretell the rest of the night

It remembers nothing: all that it knows is in PostgreSQL, so any serving process may take the next
look, and one that dies is replaced by whoever looks next. Looks take turns over all processes. The
job queue is fair among agencies but blind to urgency between them; so no more is queued than can
run at once, and the most urgent of all agencies runs first.

Decision: ADR-0011.
"""

import asyncio
import contextlib
import dataclasses
import datetime as dt
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from domain.errors import InternalError, Transient
from domain.ids import ConnectionId, RunId, TenantId
from domain.ports import BudgetGauge
from ingestion.connector.failures import ProviderUnavailableError
from ingestion.expiring import tell_expiring
from ingestion.pipeline import Pipeline, sync_job_id
from ingestion.schedule.attempts import claim, settle
from ingestion.schedule.board import Board
from ingestion.schedule.forecast import forecast
from ingestion.schedule.planning import plan_agency
from ingestion.schedule.provider_state import Providers
from ingestion.schedule.provider_watch import ProviderWatch
from ingestion.schedule.services import ScheduleServices
from ingestion.schedule.standing import Standing, new_standing
from ingestion.schedule.telling import foretell, tell_missed
from tenancy.due_work import DueWork
from tenancy.exclusive import Exclusive
from tenancy.jobs import JobEngine, JobQueue, JobStatus, SyncCapacity
from tenancy.tables import DueState
from tenancy.unscoped import Doors

__all__ = ["LOOK_SECONDS", "PLAN_EVERY", "Dispatcher", "dispatcher_of"]

_LOG: Final = structlog.get_logger(__name__)

REQUESTED_BY: Final = "schedule"
LOOK_SECONDS: Final = 15.0
PLAN_EVERY: Final = dt.timedelta(hours=1)


def dispatcher_of(pipeline: Pipeline, doors: Doors, budgets: BudgetGauge) -> "Dispatcher":
    """The dispatcher of the connections that a pipeline syncs."""
    services = ScheduleServices(pipeline.database, pipeline.sources, pipeline.clock, pipeline.ids)
    extraction = pipeline.extraction
    return Dispatcher(
        turn=Exclusive(pipeline.database, "dispatcher"),
        doors=doors,
        services=services,
        providers=ProviderWatch(services, extraction.apps, budgets, extraction),
        jobs=pipeline.jobs,
        pipeline=pipeline,
    )


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Starts syncs when they are due.

    Attributes:
        turn: Of the looks of all processes.
    """

    turn: Exclusive
    doors: Doors
    services: ScheduleServices
    providers: ProviderWatch
    jobs: JobEngine
    pipeline: Pipeline

    @asynccontextmanager
    async def running(self, sleep: Callable[[float], Awaitable[None]]) -> AsyncIterator[None]:
        """Plan and look while a block runs.

        Args:
            sleep: Awaits so many seconds.
        """
        looking = asyncio.create_task(self._run(sleep))
        try:
            yield
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking

    async def _run(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        planned_at: dt.datetime | None = None
        while True:
            now = self.services.clock()
            try:
                if planned_at is None or now - planned_at >= PLAN_EVERY:
                    await self.plan()
                    planned_at = now
                await self.look()
            except Exception:  # noqa: BLE001  # whatever stops a look, there is a next one
                _LOG.exception("look_failed")
            await sleep(LOOK_SECONDS)

    async def plan(self) -> None:
        """Write down what is due next, of every agency, and tell of credentials that run out."""
        async with self.turn():
            for tenant in await self.doors.list_tenants():
                with _stays_with(tenant.tenant_id):
                    await plan_agency(self.services, tenant.tenant_id)
                    await tell_expiring(
                        self.services.database,
                        tenant.tenant_id,
                        self.services.sources,
                        clock=self.services.clock,
                        ids=self.services.ids,
                    )

    async def look(self) -> None:
        """Do what can be done now; doing it twice does nothing twice.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer; the next look goes on.
            RedisUnavailableError: Redis does not.
        """
        async with self.turn():
            jobs = await self.jobs.list_unfinished(JobQueue.SYNC)
            works = await self._works()
            if ended := await self._settle_ended(works, jobs):
                works = await self._works()
            unavailable = ProviderUnavailableError.code
            suspects = {source for source, code in ended if code == unavailable}
            providers = await self.providers.look(works, suspects)
            capacity = await self.jobs.sync_capacity()
            if not capacity.slots:
                return  # PostgreSQL has just come back: workers tell of themselves in a moment
            own = {_job_id(work) for work in works if work.is_running}
            others = sum(
                status is JobStatus.RUNNING and job_id not in own for job_id, status in jobs.items()
            )
            night = _Night(self.services.clock(), capacity, providers, others)
            works = await self._start(works, night)
            await self._tell(works, night)

    async def _works(self) -> list[DueWork]:
        """What is due; not of sources that a later release knows no more."""
        works = await self.doors.due_work()
        return [work for work in works if work.source in self.services.sources]

    async def _settle_ended(
        self, works: Sequence[DueWork], jobs: Mapping[str, JobStatus]
    ) -> list[tuple[str, str | None]]:
        """Note which syncs have ended; enqueue those whose job nobody did.

        Returns:
            Source, and the code of what went wrong, of each that has ended.
        """
        ended: list[tuple[str, str | None]] = []
        for work in works:
            if work.is_running and _job_id(work) not in jobs:
                with _stays_with(work.tenant_id):
                    ended += await self._settle(work)
        return ended

    async def _settle(self, work: DueWork) -> list[tuple[str, str | None]]:
        job = await self.jobs.find(_job_id(work))
        if job is None:
            await self._enqueue(work)
            return []
        status = await job.status()
        if status in {JobStatus.QUEUED, JobStatus.RUNNING}:
            return []  # it was enqueued after the list was made
        is_broken = status is not JobStatus.SUCCEEDED
        return [(work.source, await settle(self.services, work, is_broken=is_broken))]

    async def _start(self, works: Sequence[DueWork], night: "_Night") -> list[DueWork]:
        """Start what is most urgent, as much as there is room for; all works as they are then."""
        board = night.board()
        for work in works:
            if work.is_running:
                board.run(work)
            elif night.may_start(work):
                board.wait(work)
        started: dict[ConnectionId, DueWork] = {}
        while taken := board.take(night.now):
            run_id = RunId(self.services.ids())
            with _stays_with(taken.tenant_id):
                if await claim(self.services, taken, run_id):
                    begun = dataclasses.replace(
                        taken, state=DueState.RUNNING, run_id=run_id, started_at=night.now
                    )
                    await self._enqueue(begun)
                    started[taken.connection_id] = begun
        if started:
            _LOG.info("syncs_started", syncs=len(started), slots=night.capacity.slots)
        return [started.get(work.connection_id, work) for work in works]

    async def _enqueue(self, work: DueWork) -> None:
        await self.pipeline.start_run(
            work.tenant_id,
            _run_id(work),
            [work.connection_id],
            REQUESTED_BY,
            deadline=work.deadline_at,
        )

    async def _tell(self, works: Sequence[DueWork], night: "_Night") -> None:
        """Foretell what is ahead, and tell what has been missed."""
        expected = await asyncio.to_thread(
            forecast, works, night.now, night.capacity, night.providers, others=night.others
        )
        standings: defaultdict[TenantId, list[Standing]] = defaultdict(list)
        past: defaultdict[TenantId, list[DueWork]] = defaultdict(list)
        for work in works:
            if work.deadline_at > night.now:
                standing = new_standing(work, expected[work.connection_id])
                if standing is not None:
                    standings[work.tenant_id].append(standing)
            elif work.missed_at is None:
                past[work.tenant_id].append(work)
        for tenant_id in standings.keys() | past.keys():
            with _stays_with(tenant_id):
                await foretell(self.services, tenant_id, standings[tenant_id])
                await tell_missed(self.services, tenant_id, past[tenant_id])


@dataclass(frozen=True, slots=True)
class _Night:
    """What one look has found.

    Attributes:
        others: Sync jobs that run and are not the schedule's.
    """

    now: dt.datetime
    capacity: SyncCapacity
    providers: Providers
    others: int

    def board(self) -> Board:
        return Board(self.capacity, self.providers, others=self.others)

    def may_start(self, work: DueWork) -> bool:
        return work.may_start_at <= self.now and self.providers[work.source].is_open


@contextmanager
def _stays_with(tenant_id: TenantId) -> Iterator[None]:
    """Let a failure that one agency meets stop nobody else; what is away is away for all."""
    try:
        yield
    except Exception as error:
        if isinstance(error, Transient):
            raise
        _LOG.exception("agency_passed_over", tenant_id=str(tenant_id))


def _run_id(work: DueWork) -> RunId:
    if work.run_id is None:
        raise InternalError(f"connection {work.connection_id} runs without a run")
    return work.run_id


def _job_id(work: DueWork) -> str:
    return sync_job_id(_run_id(work), work.connection_id)

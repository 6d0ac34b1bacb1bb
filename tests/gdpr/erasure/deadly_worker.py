"""A worker process that carries runs out, and dies at moments that are laid out for it.

    Place (servers, folder) -> World -> ErasureJobs on an engine of its own -> the run's end
    a file in the folder of moments -> whoever gets to that checkpoint removes it, and is no more

A checkpoint is a step's begin or finish in the journal; a moment is just before or just after it is
committed.
"""

import asyncio
import os
import signal
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import event

from domain.ids import TenantId
from domain.privacy.identifiers import Identifier
from gdpr.erasure.job import ERASE_JOB, ErasureJobs
from gdpr.erasure.journal import Journal, StepRecord
from gdpr.erasure.plan import Plan
from gdpr.erasure.work import RunRequest
from tenancy.jobs import JobEngine, JobQueue, JobsConfig
from tenancy.landing_store import LandingStore
from tenancy.redis_server import RedisServer
from tenancy.session import Database, DatabaseConfig, TenantSession
from tenancy.unscoped import Doors
from tenancy.warehouse.open import open_warehouse
from tests.gdpr.erasure.world import World

__all__ = ["Place", "moments", "open_world", "work"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run takes place.

    Attributes:
        folder: Has `land` (objects), `moments` (files) and `log` (a line for each checkpoint).
        recipient: Address of who is told.
    """

    database_url: str
    redis_url: str
    warehouse_url: str
    recipient: str
    folder: Path


def moments(plan: Plan) -> list[str]:
    """Every moment at which a worker can die."""
    return [
        f"{when}-{what}-{number}"
        for number in range(len(plan.steps))
        for what in ("begin", "finish")
        for when in ("before", "after")
    ]


class DeadlyJournal(Journal):
    """The journal; its checkpoints may be somebody's last."""

    folder: Path

    async def begin(self, run_id: uuid.UUID, number: int, tenant_id: TenantId) -> StepRecord:
        self._pass("before", "begin", number)
        record = await super().begin(run_id, number, tenant_id)
        self._pass("after", "begin", number)
        return record

    async def finish(
        self,
        session: TenantSession,
        run_id: uuid.UUID,
        number: int,
        operations: Sequence[str] = (),
    ) -> None:
        await super().finish(session, run_id, number, operations)
        self._pass("before", "finish", number)

        def committed(_: object) -> None:
            self._pass("after", "finish", number)

        event.listen(session.sync_session, "after_commit", committed, once=True)

    def _pass(self, when: str, what: str, number: int) -> None:
        moment = f"{when}-{what}-{number}"
        with (self.folder / "log").open("a") as log:
            log.write(f"{time.monotonic()} {os.getpid()} {moment}\n")
        try:
            (self.folder / "moments" / moment).unlink()
        except FileNotFoundError:
            return
        with (self.folder / "log").open("a") as log:
            log.write(f"{time.monotonic()} {os.getpid()} killed\n")
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class HttpRecipient:
    """Tells somebody over HTTP, at once; they know a notice again by its key."""

    url: str

    async def notify(
        self,
        session: TenantSession,
        run_id: uuid.UUID,
        request: RunRequest,
        identifiers: Sequence[Identifier],
    ) -> int:
        del session, identifiers
        async with httpx.AsyncClient() as http:
            key = f"{run_id} {request.request_id}"
            (await http.post(self.url, headers={"Idempotency-Key": key})).raise_for_status()
        return 1


def open_world(place: Place) -> World:
    """The parts as one process has them; ids are of this process alone."""
    return World(
        database=Database(DatabaseConfig(place.database_url)),
        redis=RedisServer(place.redis_url, timeout_seconds=10),
        warehouse=open_warehouse(place.warehouse_url),
        landing=LandingStore(f"file://{place.folder}/land"),
        recipients=(HttpRecipient(place.recipient),),
        seed=uuid.uuid4().int >> 64 << 64,
    )


def work(place: Place, job_id: str) -> None:
    """Take part in a run until it has ended."""
    asyncio.run(_work(place, job_id))


async def _work(place: Place, job_id: str) -> None:
    world = open_world(place)
    executor = str(uuid.uuid4())
    config = JobsConfig(
        place.database_url, queues=(JobQueue.ERASURE,), poll_seconds=0.1, watch_seconds=0.5
    )
    engine = JobEngine(config, executor_id=executor)
    journal = DeadlyJournal(world.database, world.clock, executor)
    journal.folder = place.folder
    jobs = ErasureJobs(world.eraser(journal), engine, Doors(world.database), asyncio.sleep)
    jobs.register()
    await engine.start()
    arguments = {"run_id": job_id.removeprefix("erase-")}
    job = await engine.enqueue(ERASE_JOB, arguments, queue=JobQueue.ERASURE, job_id=job_id)
    await job.result()
    await engine.close()
    await world.warehouse.close()
    await world.redis.close()
    await world.database.close()

"""A worker process that carries runs out, and dies at moments that are laid out for it.

    Place (servers, folder) -> World -> ErasureJobs on an engine of its own -> the run's end
    -> recipients are told
    a file in the folder of moments -> whoever gets to that moment removes it, and is no more

A moment is just before or just after something is committed: the opening of a run, a step's begin
or finish in the journal, the closing. Or it is around telling a recipient.
"""

import asyncio
import os
import signal
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import event

from api.alerts.sender import AlertSender
from api.recipients.notifier import HttpNotifier
from domain.ids import TenantId
from domain.privacy.recipients import RecipientAnswer, Telling
from gdpr.erasure.job import ERASE_JOB, ErasureJobs
from gdpr.erasure.journal import Journal, StepRecord
from gdpr.erasure.plan import Plan
from gdpr.erasure.recipients import OutboxRecipients
from gdpr.recipients.delivery import NoticeDelivery
from tenancy.jobs import JobEngine, JobQueue, JobsConfig
from tenancy.landing_store import LandingStore
from tenancy.redis_server import RedisServer
from tenancy.session import Database, DatabaseConfig, TenantSession
from tenancy.unscoped import Doors
from tenancy.warehouse.open import open_warehouse
from tests.gdpr.erasure.world import VAULT, World

__all__ = ["KILLED", "LEASE_SECONDS", "Place", "moments", "open_world", "tell_recipients", "work"]

LEASE_SECONDS = 3.0  # how often a worker looks whether another one is dead
KILLED = "killed"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run takes place.

    Attributes:
        folder: Has `land` (objects), `moments` (files) and `log` (a line for each checkpoint:
            monotonic instant, process, moment).
    """

    database_url: str
    redis_url: str
    warehouse_url: str
    folder: Path

    def is_last(self, moment: str) -> bool:
        """Whether the caller has to die now; one of all that ask."""
        try:
            (self.folder / "moments" / moment).unlink()
        except FileNotFoundError:
            return False
        return True

    def note(self, what: str) -> None:
        """Add a line to the log."""
        with (self.folder / "log").open("a") as log:
            log.write(f"{time.monotonic()} {os.getpid()} {what}\n")


def moments(plan: Plan) -> list[str]:
    """Every moment at which a worker can die."""
    steps = range(len(plan.steps))
    points = ["open", *(f"{what}-{n}" for n in steps for what in ("begin", "finish")), "close"]
    return [f"{when}-{point}" for point in (*points, "tell") for when in ("before", "after")]


def die() -> None:
    """As when the machine goes away."""
    os.kill(os.getpid(), signal.SIGKILL)


class DeadlyJournal(Journal):
    """The journal; its checkpoints may be somebody's last."""

    place: Place

    async def open_run(self, session: TenantSession, *of: Any) -> int:
        round_ = await super().open_run(session, *of)
        self._commits(session, "open")
        return round_

    async def begin(self, run_id: uuid.UUID, number: int, tenant_id: TenantId) -> StepRecord:
        self._pass(f"before-begin-{number}")
        record = await super().begin(run_id, number, tenant_id)
        self._pass(f"after-begin-{number}")
        return record

    async def finish(
        self,
        session: TenantSession,
        run_id: uuid.UUID,
        number: int,
        operations: Sequence[str] = (),
    ) -> None:
        await super().finish(session, run_id, number, operations)
        self._commits(session, f"finish-{number}")

    async def close_run(self, session: TenantSession, *of: Any) -> None:
        await super().close_run(session, *of)
        self._commits(session, "close")

    def _commits(self, session: TenantSession, what: str) -> None:
        """Everything is in the transaction, which may or may not be committed yet."""
        self._pass(f"before-{what}")

        def committed(_: object) -> None:
            self._pass(f"after-{what}")

        event.listen(session.sync_session, "after_commit", committed, once=True)

    def _pass(self, moment: str) -> None:
        self.place.note(moment)
        if self.place.is_last(moment):
            self.place.note(KILLED)
            die()


@dataclass(frozen=True, slots=True)
class DeadlyNotifier:
    """Tells recipients, for the last time maybe."""

    place: Place
    notifier: HttpNotifier

    async def tell(self, telling: Telling) -> RecipientAnswer:
        """See `domain.ports.RecipientNotifier`."""
        if self.place.is_last("before-tell"):
            die()
        answer = await self.notifier.tell(telling)
        if self.place.is_last("after-tell"):
            die()
        return answer


def open_world(place: Place) -> World:
    """The parts as one process has them; ids are of this process alone."""
    world = World(
        database=Database(DatabaseConfig(place.database_url)),
        redis=RedisServer(place.redis_url, timeout_seconds=10),
        warehouse=open_warehouse(place.warehouse_url),
        landing=LandingStore(f"file://{place.folder}/land"),
        seed=uuid.uuid4().int >> 64 << 64,
    )
    world.recipients = (OutboxRecipients(VAULT, world.clock, world.ids),)
    return world


async def tell_recipients(place: Place, world: World) -> int:
    """Tell recipients what is due by the world's clock; how many took it."""
    mail = AlertSender(public_only=False)
    notifier = DeadlyNotifier(place, HttpNotifier(mail, world.clock, public_only=False))
    delivery = NoticeDelivery(
        world.database, Doors(world.database), VAULT, notifier, world.clock, world.ids
    )
    return await delivery.deliver_due()


def work(place: Place, job_id: str) -> None:
    """Take part in a run until it has ended."""
    asyncio.run(_work(place, job_id))


async def _work(place: Place, job_id: str) -> None:
    world = open_world(place)
    executor = str(uuid.uuid4())
    config = JobsConfig(
        place.database_url,
        queues=(JobQueue.ERASURE,),
        poll_seconds=0.1,
        watch_seconds=LEASE_SECONDS,
    )
    engine = JobEngine(config, executor_id=executor)
    journal = DeadlyJournal(world.database, world.clock, executor)
    journal.place = place
    jobs = ErasureJobs(world.eraser(journal), engine, Doors(world.database), asyncio.sleep)
    jobs.register()
    await engine.start()
    arguments = {"run_id": job_id.removeprefix("erase-")}
    job = await engine.enqueue(ERASE_JOB, arguments, queue=JobQueue.ERASURE, job_id=job_id)
    await job.result()
    await engine.close()
    await tell_recipients(place, world)
    await world.warehouse.close()
    await world.redis.close()
    await world.database.close()

"""One night: agencies, platforms, worker processes, the owner of the warehouse, and virtual time.

    places -> control plane -> workers (SYNC) + owner (LOAD, FOLLOW) + conductor -> Night

Time passes when the conductor sleeps, every running sync sleeps (in a wait of its own, or while a
platform takes its time over an answer), nothing is being loaded, no job of a dead worker waits for
its heir, and no job is queued that a live worker has a slot for.
"""

import asyncio
import datetime as dt
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy import make_url
from uuid_utils.compat import uuid7

from domain.ids import RunId, SyncId
from tenancy.jobs import JobQueue
from tenancy.session import Database, TenantSession
from tenancy.tables import (
    Client,
    Connection,
    ConnectionState,
    RunState,
    StreamState,
    Sync,
    SyncRun,
    SyncState,
)
from tenancy.unscoped import Doors, TenantProfile
from tenancy.vault import MasterKey, Vault
from tenancy.warehouse.duckdb import DuckDbWarehouse
from tests.night.places import DATA_DAY, LIMITS, Place, by_tenant
from tests.night.plane import TENANT_SLOTS, Ground, Plane, open_plane, register_owner
from tests.night.provider import Outage, Platforms, serve_platforms
from tests.night.sources import STREAM
from tests.night.virtual_time import VirtualTime, serve_time

__all__ = ["CONDUCTOR", "Conductor", "Night", "Worker", "open_night"]

CONDUCTOR: Final = "conductor"
DIRECTOR: Final = "director"
_GRAIN_SECONDS: Final = 60.0
_UNFINISHED: Final = """
SELECT queue_name, status, executor_id, queue_partition_key, count(*)
FROM dbos.workflow_status WHERE status IN ('ENQUEUED', 'PENDING', 'DELAYED') GROUP BY 1, 2, 3, 4
"""

_RUNNING: Final = """
SELECT workflow_uuid FROM dbos.workflow_status WHERE status = 'PENDING' AND executor_id = %s
"""
_STATES: Final = "SELECT status FROM dbos.workflow_status WHERE workflow_uuid = ANY(%s)"

# Starts runs for ever; sleeps under the name `conductor`.
Conductor = Callable[["Night"], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class Worker:
    """A worker process."""

    executor_id: str
    slots: int
    process: "subprocess.Popen[bytes]"


@dataclass(slots=True)
class Night:
    """The stage while the night is on.

    Attributes:
        orphans: Jobs that the killed worker was running.
    """

    places: Sequence[Place]
    time: VirtualTime
    platforms: Platforms
    plane: Plane
    warehouse: DuckDbWarehouse
    watch: "_Watch"
    orphans: list[str] = field(default_factory=list)

    @property
    def slots(self) -> int:
        """Of the workers that live."""
        return sum(worker.slots for worker in self.watch.workers)

    async def conduct(
        self, conductor: Conductor, *, until: dt.datetime, kill_at: dt.datetime
    ) -> None:
        """Let the night pass; one worker is killed on the way."""
        await self.time.pass_while(self._direct(conductor, until, kill_at))

    async def _direct(self, conductor: Conductor, until: dt.datetime, kill_at: dt.datetime) -> None:
        conducting = asyncio.create_task(conductor(self))
        directing = asyncio.create_task(self._kill_and_wait(until, kill_at))
        try:
            await asyncio.wait({conducting, directing}, return_when=asyncio.FIRST_COMPLETED)
            if conducting.done():
                await conducting
            await directing
        finally:
            conducting.cancel()
            directing.cancel()
            await asyncio.gather(conducting, directing, return_exceptions=True)

    async def _kill_and_wait(self, until: dt.datetime, kill_at: dt.datetime) -> None:
        sleep = self.time.sleeper(DIRECTOR)
        await sleep((kill_at - self.time.clock()).total_seconds())
        victim, self.orphans = await self.watch.take_busiest()
        victim.process.kill()
        await asyncio.to_thread(victim.process.wait)
        await sleep((until - self.time.clock()).total_seconds())


class _Watch:
    """Looks whether nothing runs for real."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self.workers: list[Worker] = []

    async def take_busiest(self) -> tuple[Worker, list[str]]:
        """Count a worker that has most to do as dead from now on; tells the jobs that it runs."""
        jobs = {worker.executor_id: await self._jobs_of(worker) for worker in self.workers}
        busiest = max(self.workers, key=lambda worker: len(jobs[worker.executor_id]))
        self.workers.remove(busiest)
        return busiest, jobs[busiest.executor_id]

    async def _jobs_of(self, worker: Worker) -> list[str]:
        cursor = await self._connection.execute(_RUNNING, (worker.executor_id,))
        return [job_id for (job_id,) in await cursor.fetchall()]

    async def states_of(self, job_ids: Sequence[str]) -> list[str]:
        """How these jobs stand."""
        cursor = await self._connection.execute(_STATES, (list(job_ids),))
        return [state for (state,) in await cursor.fetchall()]

    async def is_quiet(self, asleep: Mapping[str, int]) -> bool:
        if not (asleep[CONDUCTOR] == asleep[DIRECTOR] == 1):
            return False
        cursor = await self._connection.execute(_UNFINISHED)
        running: Counter[tuple[str, str]] = Counter()
        queued: list[str] = []
        for queue, status, executor_id, tenant, jobs in await cursor.fetchall():
            if queue != JobQueue.SYNC.value:
                return False
            if status == "PENDING":
                running[executor_id, tenant] += jobs
            else:
                queued.append(tenant)
        live = {worker.executor_id for worker in self.workers}
        if any(executor_id not in live for executor_id, _ in running):
            return False
        return running.total() == asleep["job"] and not any(
            self._has_slot(worker, tenant, running) for worker in self.workers for tenant in queued
        )

    @staticmethod
    def _has_slot(worker: Worker, tenant: str, running: Counter[tuple[str, str]]) -> bool:
        mine = sum(
            jobs for (executor_id, _), jobs in running.items() if executor_id == worker.executor_id
        )
        return mine < worker.slots and running[worker.executor_id, tenant] < TENANT_SLOTS


@asynccontextmanager
async def open_night(
    folder: Path,
    database_url: str,
    redis_url: str,
    places: Sequence[Place],
    *,
    start: dt.datetime,
    outage: Outage,
    workers: Sequence[int],
) -> AsyncIterator[Night]:
    """Set the stage.

    Args:
        folder: For sockets, landing and warehouse.
        database_url: Migrated and empty.
        redis_url: Empty.
        places: What is to be synced.
        start: When the night begins.
        outage: Of one platform.
        workers: The slots of each worker process.
    """
    async with AsyncExitStack() as stack:
        conninfo = make_url(database_url).set(drivername="postgresql")
        watching = await psycopg.AsyncConnection.connect(
            conninfo.render_as_string(hide_password=False), autocommit=True
        )
        stack.push_async_callback(watching.close)
        watch = _Watch(watching)
        time = await stack.enter_async_context(
            serve_time(folder, start, watch.is_quiet, grain_seconds=_GRAIN_SECONDS)
        )
        platforms = Platforms({place.account_id: place for place in places}, LIMITS, outage, time)
        url = await stack.enter_async_context(serve_platforms(platforms))
        ground = Ground(folder, database_url, redis_url, url)
        warehouse = DuckDbWarehouse(str(folder / "warehouse.duckdb"), memory_limit_mb=512)
        stack.push_async_callback(warehouse.close)
        plane = await stack.enter_async_context(
            open_plane(
                ground,
                time.clock,
                time.sleeper(CONDUCTOR),
                (JobQueue.LOAD, JobQueue.FOLLOW),
                executor_id=str(uuid.uuid4()),
            )
        )
        register_owner(plane, warehouse, asyncio.sleep)
        await _settle(plane.database, places, start)
        await plane.jobs.start()
        stack.push_async_callback(plane.jobs.close)
        watch.workers += [_spawn(stack, ground, slots) for slots in workers]
        for worker in watch.workers:
            while not (folder / f"{worker.executor_id}.ready").exists():
                assert worker.process.poll() is None
                await asyncio.sleep(0.02)
        yield Night(places, time, platforms, plane, warehouse, watch)


def _spawn(stack: AsyncExitStack, ground: Ground, slots: int) -> Worker:
    executor_id = str(uuid.uuid4())
    words = [ground.database_url, ground.redis_url, ground.platforms_url, executor_id, str(slots)]
    process = subprocess.Popen(  # noqa: S603  # our own module
        [sys.executable, "-m", "tests.night.worker", str(ground.folder), *words]
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return Worker(executor_id, slots, process)


async def _settle(database: Database, places: Sequence[Place], now: dt.datetime) -> None:
    """Store agencies, clients and connections, and what earlier nights have left."""
    for number, (tenant_id, own) in enumerate(by_tenant(places).items()):
        profile = TenantProfile(
            tenant_id, f"agency-{number}", f"Agency {number}", "EUR", "Europe/Berlin", now
        )
        key = await Vault(MasterKey(bytes(32))).create_tenant_key(profile.tenant_id)
        await Doors(database).create_tenant(profile, wrapped_data_key=key)
        async with database.session(tenant_id) as session:
            session.add_all(_client(place, now) for place in own)
            await session.flush()
            session.add_all(_connection(place, now) for place in own)
            await session.flush()
            for place in own:
                await _remember(session, place)


async def _remember(session: TenantSession, place: Place) -> None:
    """Three earlier nights, each a little quicker or slower, and nothing missing."""
    for nights, pace in enumerate((1.1, 0.9, 1.0), start=1):
        day = DATA_DAY - dt.timedelta(days=nights)
        started_at = place.ready_at - dt.timedelta(days=nights)
        finished_at = started_at + pace * place.work
        run_id = RunId(uuid7())
        run = {"started_at": started_at, "finished_at": finished_at}
        session.add(SyncRun(id=run_id, requested_by="past", state=RunState.SUCCEEDED, **run))
        await session.flush()
        session.add(
            Sync(
                id=SyncId(uuid7()),
                run_id=run_id,
                client_id=place.client_id,
                connection_id=place.connection_id,
                source=place.source,
                stream=STREAM,
                fact="ads_daily",
                slice_from=day,
                slice_to=day,
                api_version="v1",
                version=0,
                known_at=finished_at,
                state=SyncState.PUBLISHED,
                requests=place.pages,
                **run,
            )
        )
    session.add(
        StreamState(
            connection_id=place.connection_id,
            stream=STREAM,
            cursor=None,
            covered_from=DATA_DAY - dt.timedelta(days=3),
            covered_to=DATA_DAY - dt.timedelta(days=1),
            published_at=place.ready_at - dt.timedelta(days=1) + place.work,
        )
    )


def _client(place: Place, now: dt.datetime) -> Client:
    return Client(
        id=place.client_id,
        slug=f"client-{place.account_id}",
        name=place.account_id,
        currency="EUR",
        time_zone=place.client_zone,
        created_at=now,
    )


def _connection(place: Place, now: dt.datetime) -> Connection:
    return Connection(
        id=place.connection_id,
        client_id=place.client_id,
        source=place.source,
        account_id=place.account_id,
        label="",
        settings={"currency": "EUR", "time_zone": place.account_zone},
        credentials=None,
        state=ConnectionState.ACTIVE,
        start_date=DATA_DAY - dt.timedelta(days=3),
        created_at=now - dt.timedelta(days=30),
    )

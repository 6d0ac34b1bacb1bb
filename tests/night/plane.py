"""The product's parts for the night, wired as `api.bootstrap` wires them, but for the platforms.

    folder + URLs + virtual time -> Plane -> worker process (SYNC) | owner (LOAD, FOLLOW)

The platforms exist only here, so the sources cannot be those that the product brings along.
"""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from uuid_utils.compat import uuid7

from domain.ports import Clock
from ingestion.connector.extract import Extractor
from ingestion.connector.spec import StreamSpec
from ingestion.credentials import CredentialStore
from ingestion.drift import DriftBoard
from ingestion.extraction import Extraction
from ingestion.file_landing import FileLanding
from ingestion.history_landing import HistoryLanding
from ingestion.landing.target import LandingServices
from ingestion.load import Loader
from ingestion.pipeline import Pipeline
from ingestion.publication import PublicationJobs
from ingestion.publish import Publisher
from ingestion.quality.gate import QualityGate
from ingestion.stored_tokens import TokenKeeper
from tenancy.exclusive import Exclusive
from tenancy.jobs import JobEngine, JobQueue, JobsConfig
from tenancy.landing_store import LandingStore
from tenancy.quota import RedisCallBudget
from tenancy.redis_server import RedisServer
from tenancy.session import Database, DatabaseConfig
from tenancy.unscoped import Doors
from tenancy.vault import MasterKey, Vault
from tenancy.warehouse.duckdb import DuckDbWarehouse
from tests.night.places import APPS, SOURCES

__all__ = ["TENANT_SLOTS", "Ground", "Plane", "open_plane", "streams"]

TENANT_SLOTS: Final = 2  # of one tenant in one process, as in the product
_POLL_SECONDS: Final = 0.02
_WATCH_SECONDS: Final = 0.5
# Virtual time stands still while a request is on its way: nothing may give up on real time.
_HTTP_SECONDS: Final = 600.0

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Ground:
    """Where everything takes place."""

    folder: Path
    database_url: str
    redis_url: str
    platforms_url: str


@dataclass(frozen=True, slots=True)
class Plane:
    """What jobs need."""

    database: Database
    redis: RedisServer
    jobs: JobEngine
    pipeline: Pipeline
    budget: RedisCallBudget
    publisher: Publisher
    store: LandingStore


def streams() -> dict[str, StreamSpec]:
    """Every stream of the night by its raw table."""
    found = [stream for source in SOURCES.values() for stream in source.streams.values()]
    return {stream.raw_table.qualified: stream for stream in found}


@asynccontextmanager
async def open_plane(
    ground: Ground,
    clock: Clock,
    sleep: Sleep,
    queues: Sequence[JobQueue],
    *,
    executor_id: str,
    slots: int = TENANT_SLOTS,
) -> AsyncIterator[Plane]:
    """Wire the parts; the engine has not been started."""
    async with AsyncExitStack() as stack:
        database = Database(DatabaseConfig(ground.database_url))
        stack.push_async_callback(database.close)
        redis = RedisServer(ground.redis_url, timeout_seconds=30)
        stack.push_async_callback(redis.close)
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=_HTTP_SECONDS))
        publisher = Publisher(database, redis, clock, uuid7)
        store = LandingStore(f"file://{ground.folder}/landing")
        landing = LandingServices(database, store, clock, uuid7, Vault(MasterKey(bytes(32))))
        budget = RedisCallBudget(redis, clock=clock)
        extraction = _extraction(landing, publisher, http, budget, sleep, ground.platforms_url)
        config = JobsConfig(
            ground.database_url,
            queues=tuple(queues),
            sync_concurrency=slots,
            tenant_concurrency=TENANT_SLOTS,
            poll_seconds=_POLL_SECONDS,
            watch_seconds=_WATCH_SECONDS,
        )
        jobs = JobEngine(config, executor_id=executor_id)
        pipeline = Pipeline(
            database=database,
            jobs=jobs,
            sources=SOURCES,
            extraction=extraction,
            files=FileLanding(landing, publisher, extraction.waiting),
            history=HistoryLanding(landing, publisher, extraction.waiting),
            clock=clock,
            ids=uuid7,
        )
        pipeline.register()
        yield Plane(database, redis, jobs, pipeline, budget, publisher, store)


def _extraction(
    landing: LandingServices,
    publisher: Publisher,
    http: httpx.AsyncClient,
    budget: RedisCallBudget,
    sleep: Sleep,
    platforms_url: str,
) -> Extraction:
    places = {name: f"{platforms_url}/{name}" for name in SOURCES}

    @functools.cache
    def make_extractor(_: tuple[tuple[str, str], ...]) -> Extractor:
        return Extractor(http, budget, landing.clock, sleep, places, jitter=lambda: 0.5)

    store = CredentialStore(landing.database, landing.vault, landing.clock, landing.ids)
    return Extraction(
        landing=landing,
        publisher=publisher,
        credentials=store,
        tokens=TokenKeeper(store),
        sources=SOURCES,
        apps=APPS,
        make_extractor=make_extractor,
        waiting={},
        drift=DriftBoard(),
    )


def register_owner(plane: Plane, warehouse: DuckDbWarehouse, sleep: Sleep) -> None:
    """Let the process load and follow up, as only the owner of the warehouse may."""
    loader = Loader(
        exclusive=Exclusive(plane.database, "loader"),
        doors=Doors(plane.database),
        store=plane.store,
        warehouse=warehouse,
        gate=QualityGate.over(
            warehouse,
            streams().values(),
            plane.database,
            plane.publisher.clock,
            plane.publisher.ids,
        ),
        publisher=plane.publisher,
        streams=streams(),
    )
    PublicationJobs(plane.database, plane.jobs, loader, sleep).register()

"""Workers die before and after every checkpoint of a run, and it ends all the same.

three workers on one BigQuery (emulated), one PostgreSQL, one Redis, one folder of objects
-> SIGKILL at moments -> another worker goes on, a new one starts -> everybody is erased, once
"""

import asyncio
import datetime as dt
import hashlib
import itertools
import json
import math
import multiprocessing
import random
import signal
import threading
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest
from sqlalchemy import func, select

from domain.privacy.recipients import RecipientKind
from gdpr.erasure.erasable import Erasable
from gdpr.erasure.plan import Plan
from gdpr.recipients.desk import NewRecipient, RecipientDesk
from tenancy.tables import AuditEntry, ErasureRunRequest, ErasureStep, RecipientNotice, StepState
from tests.fixtures.database import TEMPLATE, copied_database
from tests.gdpr.erasure import deadly_worker
from tests.gdpr.erasure.deadly_worker import (
    KILLED,
    Place,
    moments,
    open_world,
    tell_recipients,
    work,
)
from tests.gdpr.erasure.generated_shop import Shop
from tests.gdpr.erasure.twin import Rows, as_erased, stored, table_rows
from tests.gdpr.erasure.world import VAULT, Agency, World

pytestmark = pytest.mark.anyio

SEED: Final = 20261130
SHOP: Final = Shop(people=6)
CHOSEN: Final = frozenset({1, 4})
PEOPLE: Final = {Shop.customer(number) for number in CHOSEN}
ORDERS: Final = SHOP.orders_of(CHOSEN)
# Rows that name a chosen person or one of their orders, in each of raw, facts and marts.
ROWS_EACH: Final = {"orders": 2, "order_lines": 4, "customers": 1}
WORKERS: Final = 3
PATIENCE_SECONDS: Final = 900.0
TAKEOVER_SECONDS: Final = 15.0
SIDE_BY_SIDE: Final = 2
ROUNDS: Final = 5
ROOT: Final = Path(__file__).parents[3]
CODE: Final = ("domain", "tenancy", "gdpr", "feature_repo", "ingestion", "tests/gdpr/erasure")

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([deadly_worker.__name__])


@contextmanager
def recipient() -> Iterator[tuple[str, Counter[str]]]:
    """A recipient of the data: its address, and how often it was told what, by key."""
    told: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told[self.headers["webhook-id"]] += 1
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/", told
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True, slots=True)
class Before:
    """An agency whose people have asked, and its tables as they were."""

    agency: Agency
    tables: dict[str, pa.Table]


async def prepare(world: World, address: str, slug: str) -> Before:
    agency = await world.agency(slug)
    await world.ingest_shop(agency, SHOP)
    desk = RecipientDesk(world.database, VAULT, world.clock, world.ids)
    new = NewRecipient(
        agency.client_id,
        RecipientKind.WEBHOOK,
        "told",
        {"url": address},
        {"signing_secret": "whsec_AAAA"},
    )
    await desk.add(agency.tenant_id, new, actor="test")
    await world.request_all(agency, CHOSEN)
    tables = [one.table for one in world.stores.erasables]
    return Before(agency, {table.qualified: await stored(world, agency, table) for table in tables})


async def run_to_its_end(place: Place, job_id: str, dying: list[str]) -> int:
    """Three workers, a new one for each that dies; how many died."""
    folder = place.folder / "moments"
    folder.mkdir()
    for moment in dying:
        (folder / moment).touch()
    running: list[Any] = []
    ended: list[int] = []
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while 0 not in ended or running:
                while 0 not in ended and len(running) < WORKERS:
                    running.append(_processes.Process(target=work, args=(place, job_id)))
                    running[-1].start()
                sentinels = [process.sentinel for process in running]
                over = await asyncio.to_thread(wait, sentinels, PATIENCE_SECONDS)
                for process in [one for one in running if one.sentinel in over]:
                    process.join()
                    running.remove(process)
                    ended.append(process.exitcode)
                    assert process.exitcode in {0, -signal.SIGKILL}, process.exitcode
    finally:
        for process in running:
            process.kill()
            process.join()
    return ended.count(-signal.SIGKILL)


def takeovers(place: Place) -> list[float]:
    """Seconds from each death in the run to the next checkpoint of anybody."""
    lines = [line.split() for line in (place.folder / "log").read_text().splitlines()]
    instants = [(float(instant), moment) for instant, _, moment in lines]
    return [
        later[0] - died
        for (died, moment), later in itertools.pairwise(instants)
        if moment == KILLED
    ]


async def check(world: World, before: Before) -> None:
    """Everybody is erased, once, and nothing else has changed."""
    agency = before.agency
    async with world.database.session(agency.tenant_id) as session:
        joined = (await session.scalars(select(ErasureRunRequest))).all()
        steps = (await session.scalars(select(ErasureStep))).all()
        erased = select(AuditEntry.object_id).where(AuditEntry.action == "subject.erased")
        audited = (await session.scalars(erased)).all()
        notices = select(func.count()).select_from(RecipientNotice)
        assert await session.scalar(notices) == len(CHOSEN)
    requests = sorted(str(one.request_id) for one in joined)
    assert len(requests) == len(CHOSEN)
    assert all(one.finished_at is not None for one in joined)
    assert sorted(audited) == requests
    assert {step.state for step in steps} == {StepState.DONE}
    counts = {step.name: step.counts for step in steps}
    for table, each in ROWS_EACH.items():
        for place in (f"raw.shopify__{table}", f"facts.{table}", f"marts.{table}"):
            assert counts[place] == dict.fromkeys(requests, each), place
    for erasable in world.stores.erasables:
        name = erasable.table.qualified
        after = sorted(await table_rows(world, agency, erasable.table), key=str)
        assert after == expected(agency, erasable, before.tables[name]), name
    tables = {table.qualified: table for table in world.tables}
    assert await table_rows(world, agency, tables["privacy.targets"]) == []


def expected(agency: Agency, erasable: Erasable, before: pa.Table) -> Rows:
    """Customers who were chosen are gone, their orders anonymous, and all the rest as it was."""
    if erasable.order is None:
        rows = [row for row in before.to_pylist() if row["customer_id"] not in PEOPLE]
    else:
        rows = as_erased(before, erasable, agency, ORDERS).to_pylist()
    return sorted(rows, key=str)


def check_told(told: Counter[str], requests: int, dying: list[str]) -> None:
    """One key for each request; whoever is told again, after a death, knows it by its key."""
    assert len(told) == requests
    assert max(told.values()) <= 2
    if not any(moment.endswith("tell") for moment in dying):
        assert told.total() == requests
    if "after-tell" in dying:
        assert told.total() > requests


def chosen_moments(plan: Plan, number: int | None, seed: int) -> list[str]:
    """So many moments, None: all; one of the two around telling, for who comes after waits."""
    left_out = ("before-tell", "after-tell")[seed % 2]
    every = [moment for moment in moments(plan) if moment != left_out]
    chance = random.Random(f"{SEED} {seed}")  # noqa: S311 - a test draws the same again
    return every if number is None else chance.sample(every, number)


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[World]:
    world = open_world(place)
    try:
        yield world
    finally:
        await world.warehouse.close()
        await world.redis.close()
        await world.database.close()


@dataclass(frozen=True, slots=True)
class Ground:
    """Servers that runs share; a database each."""

    database_template: str
    redis_url: str
    emulator: str
    folder: Path

    async def one_run(self, kills: int | None, seed: int, *, agencies: int = 1) -> list[float]:
        """A run with so many deaths, None: at all moments; seconds that each takeover took."""
        folder = self.folder / f"run-{seed}"
        await asyncio.to_thread(folder.mkdir)
        warehouse = f"local/t{uuid.uuid4().hex[:12]}?location=EU&endpoint={self.emulator}"
        with (
            recipient() as (address, told),
            copied_database(self.database_template, TEMPLATE) as database_url,
        ):
            place = Place(database_url, self.redis_url, f"bigquery://{warehouse}", folder)
            async with opened(place) as world:
                await world.warehouse.ensure_tables(world.tables)
                prepared = [await prepare(world, address, f"shop{n}") for n in range(agencies)]
                dying = chosen_moments(world.eraser().plan, kills, seed)
                deaths = await run_to_its_end(place, f"erase-{world.ids()}", dying)
                assert list((folder / "moments").iterdir()) == []
                assert deaths == len(dying)
                world.now += dt.timedelta(hours=1)  # claims of the dead are over
                await tell_recipients(place, world)
                for before in prepared:
                    await check(world, before)
            check_told(told, agencies * len(CHOSEN), dying)
        took = takeovers(place)
        assert len(took) == sum(not moment.endswith("tell") for moment in dying)
        return took


@pytest.fixture
def ground(
    database_template: str, redis_url: str, bigquery_emulator: str, tmp_path: Path
) -> Ground:
    return Ground(database_template, redis_url, bigquery_emulator, tmp_path)


async def test_two_deaths_in_one_run(ground: Ground) -> None:
    assert len(await ground.one_run(2, seed=1)) == 2


class Progress:
    """Seconds of takeovers by round, kept until the last one: whoever was interrupted goes on.

    They are forgotten when the code has changed, and with `-p no:cacheprovider`.
    """

    KEY: Final = "bosco/kills"

    def __init__(self, cache: Any, code: str) -> None:
        self._cache, self._code = cache, code
        kept = self._cache.get(self.KEY, {}) if self._cache else {}
        self.rounds: dict[str, list[float]] = (
            kept["rounds"] if kept.get("code") == self._code else {}
        )

    def keep(self, number: int, took: list[float]) -> None:
        self.rounds[str(number)] = took
        self._store({"code": self._code, "rounds": self.rounds})

    def forget(self) -> None:
        self._store({})

    def _store(self, value: dict[str, Any]) -> None:
        if self._cache:
            self._cache.set(self.KEY, value)


def digest_of_code() -> str:
    digest = hashlib.sha256()
    for path in sorted(path for part in CODE for path in (ROOT / part).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Cache:
    """Fake of pytest's."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def get(self, key: str, default: object) -> Any:
        return json.loads(self.kept[key]) if key in self.kept else default

    def set(self, key: str, value: object) -> None:
        self.kept[key] = json.dumps(value)


async def test_who_was_interrupted_goes_on_with_the_same_code_only() -> None:
    cache = Cache()
    Progress(cache, "code").keep(0, [1.5])
    Progress(cache, "code").keep(3, [2.5, 0.5])
    assert Progress(cache, "code").rounds == {"0": [1.5], "3": [2.5, 0.5]}
    assert Progress(cache, "changed").rounds == {}
    Progress(cache, "code").forget()
    assert Progress(cache, "code").rounds == {}
    Progress(None, "code").keep(0, [1.5])
    assert Progress(None, "code").rounds == {}


@pytest.mark.slow
async def test_death_before_and_after_every_checkpoint(
    ground: Ground, request: pytest.FixtureRequest
) -> None:
    """Every moment there is, five times over; in two agencies, so that one may be a step ahead."""
    progress = Progress(getattr(request.config, "cache", None), digest_of_code())
    places = asyncio.Semaphore(SIDE_BY_SIDE)

    async def play(number: int) -> None:
        async with places:
            took = await ground.one_run(None, seed=10 + number, agencies=1 + number // 3)
            progress.keep(number, took)

    async with asyncio.TaskGroup() as rounds:
        for number in range(ROUNDS):
            if str(number) not in progress.rounds:
                rounds.create_task(play(number))
    took = sorted(itertools.chain.from_iterable(progress.rounds.values()))
    p50, p99 = took[len(took) // 2], took[math.ceil(len(took) * 0.99) - 1]
    print(  # noqa: T201 - the figures of the suite
        f"\n{len(took)} takeovers: p50 {p50:.2f} s, p99 {p99:.2f} s, longest {took[-1]:.2f} s"
    )
    assert len(took) >= 500
    assert p99 < TAKEOVER_SECONDS
    progress.forget()

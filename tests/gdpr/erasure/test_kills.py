"""Workers die before and after every checkpoint of a run, and it ends all the same.

three workers on one BigQuery (emulated), one PostgreSQL, one Redis, one folder of objects
-> SIGKILL at moments -> another worker goes on, a new one starts -> everybody is erased, once
"""

import asyncio
import itertools
import multiprocessing
import random
import signal
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gdpr.erasure.plan import Plan
from tenancy.tables import ErasureRunRequest, ErasureStep, StepState
from tests.gdpr.erasure import deadly_worker
from tests.gdpr.erasure.deadly_worker import Place, moments, open_world, work
from tests.gdpr.erasure.twin import table_rows
from tests.gdpr.erasure.world import Agency, Shop, World

pytestmark = pytest.mark.anyio

SEED = 20261130
SHOP = Shop(people=6)
CHOSEN = frozenset({1, 4})
WORKERS = 3
PATIENCE_SECONDS = 600.0
TAKEOVER_SECONDS = 15.0
EVERY_MOMENT = 96

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([deadly_worker.__name__])


@contextmanager
def recipient() -> Iterator[tuple[str, Counter[str]]]:
    """A recipient of the data: its address, and how often it was told what, by key."""
    told: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told[self.headers["Idempotency-Key"]] += 1
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", told
        server.shutdown()
        thread.join()


async def prepare(world: World) -> Agency:
    await world.redis.commands.flushdb()
    await world.warehouse.ensure_tables(world.tables)
    agency = await world.agency("shop")
    await world.ingest_shop(agency, SHOP)
    await world.request_all(agency, CHOSEN)
    return agency


async def run_to_its_end(place: Place, job_id: str, dying: list[str]) -> int:
    """Three workers, one for each that dies; how many died."""
    folder = place.folder / "moments"
    folder.mkdir()
    for moment in dying:
        (folder / moment).touch()
    running: list[Any] = []
    deaths = 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            for process in [one for one in running if not one.is_alive()]:
                running.remove(process)
                if process.exitcode == 0:  # the run has ended
                    break
                assert process.exitcode == -signal.SIGKILL, process.exitcode
                deaths += 1
            else:
                while len(running) < WORKERS:
                    running.append(_processes.Process(target=work, args=(place, job_id)))
                    running[-1].start()
                await asyncio.sleep(0.02)  # processes end when they like
                continue
            break
        for process in running:
            await asyncio.to_thread(process.join)
            deaths += process.exitcode == -signal.SIGKILL
    return deaths


def takeovers(place: Place) -> list[float]:
    """Seconds from each death to the next checkpoint of anybody."""
    lines = [line.split() for line in (place.folder / "log").read_text().splitlines()]
    instants = [(float(instant), moment) for instant, _, moment in lines]
    return [
        later[0] - died
        for (died, moment), later in itertools.pairwise(instants)
        if moment == "killed"
    ]


async def check(world: World, agency: Agency, told: Counter[str]) -> None:
    """Everybody is erased, once, and nothing else has changed."""
    async with world.database.session(agency.tenant_id) as session:
        joined = (await session.scalars(select(ErasureRunRequest))).all()
        steps = (await session.scalars(select(ErasureStep))).all()
    assert len(joined) == len(CHOSEN)
    assert all(one.finished_at is not None for one in joined)
    assert {step.state for step in steps} == {StepState.DONE}
    # Whoever is told again hears the same key: one effect for each request.
    assert sorted(told) == sorted(f"{one.run_id} {one.request_id}" for one in joined)
    counts = {step.name: step.counts for step in steps}
    for table, each in (("orders", 2), ("order_lines", 4), ("customers", 1)):
        for place in (f"raw.shopify__{table}", f"facts.{table}", f"marts.{table}"):
            assert counts[place] == {str(one.request_id): each for one in joined}, place
    tables = {table.qualified: table for table in world.tables}
    orders = await table_rows(world, agency, tables["marts.orders"])
    expected = sorted(row["total"] for page in SHOP.pages("orders") for row in page.to_pylist())
    assert sorted(row["revenue"] for row in orders) == expected
    anonymous = [row for row in orders if row["order_id"].startswith("erased_")]
    assert len(anonymous) == len(CHOSEN) * SHOP.orders_each
    assert len(await table_rows(world, agency, tables["marts.customers"])) == 4
    assert await table_rows(world, agency, tables["privacy.targets"]) == []


def chosen_moments(plan: Plan, number: int, seed: int) -> list[str]:
    chance = random.Random(f"{SEED} {seed}")  # noqa: S311 - a test draws the same again
    return chance.sample(moments(plan), number)


async def one_run(
    database_url: str, redis_url: str, emulator: str, folder: Path, kills: int, seed: int
) -> list[float]:
    """A run with so many deaths; seconds that each takeover took."""
    await asyncio.to_thread(folder.mkdir)
    name = f"t{uuid.uuid4().hex[:12]}"
    url = f"bigquery://local/{name}?location=EU&endpoint={emulator}"
    with recipient() as (address, told):
        place = Place(database_url, redis_url, url, address, folder)
        world = open_world(place)
        agency = await prepare(world)
        dying = chosen_moments(world.eraser().plan, kills, seed)
        deaths = await run_to_its_end(place, f"erase-{world.ids()}", dying)
        assert list((folder / "moments").iterdir()) == []
        assert deaths == kills
        await check(world, agency, told)
        await world.warehouse.close()
        await world.redis.close()
        await world.database.close()
    return takeovers(place)


@pytest.mark.slow
async def test_a_run_ends_whoever_dies(
    database_url: str, redis_url: str, bigquery_emulator: str, tmp_path: Path
) -> None:
    await one_run(database_url, redis_url, bigquery_emulator, tmp_path / "run", 3, 0)


@pytest.mark.slow
async def test_twenty_deaths_in_one_run(
    database_url: str, redis_url: str, bigquery_emulator: str, tmp_path: Path
) -> None:
    took = await one_run(database_url, redis_url, bigquery_emulator, tmp_path / "run", 20, 1)
    assert max(took) < TAKEOVER_SECONDS


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
async def test_death_before_and_after_every_checkpoint(
    database_url: str, redis_url: str, bigquery_emulator: str, tmp_path: Path, seed: int
) -> None:
    """Every moment there is, six times over: more than 500 deaths."""
    run = (database_url, redis_url, bigquery_emulator, tmp_path / "run")
    took = sorted(await one_run(*run, EVERY_MOMENT, 10 + seed))
    assert took[int(len(took) * 0.99)] < TAKEOVER_SECONDS

"""Erasing 500 of 10,000 people from all stores in one run, and one request at a time.

    a shop, landed and loaded -> requests -> 2 of them, one run after the other
                                          -> one run of 500: find, change, search everything again

Rows of all stores: landing objects, raw tables, facts and current views. A run is the product's
own, from tombstones to the forgotten keys, with its search of every store at the end. The baseline
is the same run for a single request, which changes each table for that person alone; it is the mean
of two. Processor time is that of this process, DuckDB's threads included; PostgreSQL's and Redis'
are not in it.
"""

import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.embedded.servers import launch_servers
from bench.harness import Figure, figure
from gdpr.erasure.plan import StepKind
from gdpr.erasure.work import RunRequest
from migrations.upgrade import migrate
from tenancy.landing_store import LandingStore
from tenancy.redis_server import RedisServer
from tenancy.session import Database, DatabaseConfig
from tenancy.warehouse.duckdb import DuckDbWarehouse
from tests.gdpr.erasure.generated_shop import Shop
from tests.gdpr.erasure.world import Agency, World

__all__ = ["main"]

_STORES: Final = 4  # that hold each row: landing, raw, facts, current views
_SHOPS: Final = (
    Shop(people=10_000, orders_each=5, guest_orders=25_000, has_addresses=True),
    Shop(people=10_000, orders_each=25, guest_orders=528_125, has_addresses=True),
)
_ERASED: Final = 500
_ALONE: Final = 2


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of one run."""

    seconds: float
    processor_seconds: float
    statements: int
    rows: int


async def main() -> list[Figure]:
    """Run the bench."""
    figures: list[Figure] = []
    for shop in _SHOPS:
        with _servers() as (folder, urls):
            migrate(urls["database_url"])
            figures += await _measure(shop, folder, urls)
    return figures


async def _measure(shop: Shop, folder: Path, urls: dict[str, str]) -> list[Figure]:
    statements: list[str] = []
    world = World(
        Database(DatabaseConfig(urls["database_url"])),
        RedisServer(urls["redis_url"]),
        DuckDbWarehouse(str(folder / "warehouse.duckdb"), on_statement=statements.append),
        LandingStore(f"file://{folder}/land"),
    )
    await world.warehouse.ensure_tables(world.tables)
    agency = await world.agency("shop")
    await world.ingest_shop(agency, shop)
    await world.features.refresh_client(agency.tenant_id, agency.client_id)
    step = shop.people // _ERASED
    alone = await world.request_all(agency, frozenset(range(1, _ALONE * step, step)))
    together = await world.request_all(agency, frozenset(range(0, shop.people, step)))
    each = [await _erase(world, agency, [one], statements) for one in alone]
    all_ = await _erase(world, agency, together, statements)
    await world.warehouse.close()
    await world.redis.close()
    await world.database.close()
    what = f"erase {_ERASED} of {shop.people:,} people from {shop.rows * _STORES:,} rows"
    one = f"vs one DML per request, mean of {_ALONE}"
    return [
        figure(
            f"{what}, per person {one}",
            "s",
            all_.seconds / _ERASED,
            statistics.mean(cost.seconds for cost in each),
        ),
        figure(
            f"{what}, processor time per person {one}",
            "s",
            all_.processor_seconds / _ERASED,
            statistics.mean(cost.processor_seconds for cost in each),
        ),
        figure(
            f"{what}, statements of the warehouse per person {one}",
            "statements",
            all_.statements / _ERASED,
            statistics.mean(cost.statements for cost in each),
        ),
        figure(f"{what}, people", "1/s", _ERASED / all_.seconds),
        figure(f"{what}, rows looked through", "rows/s", shop.rows * _STORES / all_.seconds),
        figure(f"{what}, rows changed", "rows/s", all_.rows / all_.seconds),
    ]


async def _erase(
    world: World, agency: Agency, requests: Sequence[RunRequest], statements: list[str]
) -> _Cost:
    run, eraser = world.run(agency, tuple(requests)), world.eraser()
    before = len(statements)
    begun, processor = time.perf_counter(), time.process_time()
    await eraser.run(run)
    seconds, processor_seconds = time.perf_counter() - begun, time.process_time() - processor
    steps = await eraser.journal.read(run.run_id, agency.tenant_id)
    rows = sum(
        sum((steps[step.name].counts or {}).values())
        for step in eraser.plan.steps
        if step.kind in {StepKind.LANDING, StepKind.TABLE}
    )
    return _Cost(seconds, processor_seconds, len(statements) - before, rows)


@contextmanager
def _servers() -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder for the run, and PostgreSQL and Redis in it."""
    folder = Path(tempfile.mkdtemp(prefix="bosco-bench-"))
    folder.chmod(0o711)  # root runs the servers as another user, who has to enter
    servers = launch_servers(folder / "state", durable=False)
    try:
        yield folder, servers.wait_ready()
    finally:
        servers.stop()
        shutil.rmtree(folder, ignore_errors=True)

"""Worker processes beside an owner: a killed one is taken over, and nothing is lost or doubled.

owner (this process) + two `bosco worker` -> four accounts -> SIGKILL -> the platforms' truth
"""

import asyncio
import datetime as dt
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
import psycopg
import pytest
from sqlalchemy import make_url, select

from api.bootstrap import open_runtime
from api.commands.connections import create_connection
from api.commands.demo_accounts import demo_accounts
from api.commands.registry import COMMANDS
from api.commands.tenants import create_client, create_tenant
from api.control.front_door import CommandHost, own_runtime
from api.runtime import Runtime
from api.settings import load_settings
from domain.ids import RunId
from ingestion.simulator.config import DEMO_AGENCIES, demo_config
from ingestion.simulator.server import SimulatorServer, create_simulator
from tenancy.jobs import SyncCapacity
from tenancy.tables import Connection, RunState, Sync, SyncRun, SyncState
from tenancy.unscoped import TenantProfile
from tests.api.embedded.processes import CHECKOUT, family, survivors
from tests.e2e.platform import FakeClock, Platform
from tests.e2e.test_serve import bosco, serve

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PATIENCE_SECONDS: Final = 120
AGENCY: Final = DEMO_AGENCIES[0]
_RUNNING: Final = """
SELECT executor_id, workflow_uuid FROM dbos.workflow_status
WHERE status = 'PENDING' AND queue_name = 'sync'
"""


Workers = dict[str, asyncio.subprocess.Process]  # by the name that each has among the jobs


@asynccontextmanager
async def workers(state: Path, count: int) -> AsyncIterator[Workers]:
    """Running worker processes."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME")}
    started = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "api.cli.main", "worker"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            cwd=CHECKOUT,
            env={**environment, "BOSCO_STATE_DIR": str(state)},
        )
        for _ in range(count)
    ]
    try:
        yield {await _name(process): process for process in started}
    finally:
        for process in started:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _name(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    words = (await process.stdout.readline()).decode().split()
    assert words[0] == "worker"
    return words[1].rstrip(";")


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(create_simulator(demo_config())) as server:
        yield server


@pytest.fixture
async def owner(open_folder: Path) -> AsyncIterator[Runtime]:
    """This process serves, but for HTTP."""
    host = CommandHost(
        load_registry=lambda: COMMANDS,
        open_runtime=open_runtime,
        command_line="test",
        clock=lambda: dt.datetime.now(dt.UTC),
        new_trace_id=lambda: "trace",
    )
    settings = load_settings({"BOSCO_STATE_DIR": str(open_folder / "workers")})
    async with own_runtime(settings, host) as runtime:
        yield runtime


async def connect(runtime: Runtime, url: str) -> tuple[TenantProfile, list[Connection]]:
    """Two clients of an agency, each with an ads account and a shop, from a month ago."""
    tenant = await create_tenant(
        runtime, slug="northwind", name="Northwind", currency="EUR", time_zone="Europe/Berlin"
    )
    start = (runtime.clock() - dt.timedelta(days=30)).date()
    connections = []
    for client in AGENCY.clients:
        await create_client(runtime, tenant, slug=client.shop, name=client.name, actor="test")
        connections += [
            await create_connection(runtime, tenant, new, actor="test")
            for new in demo_accounts(AGENCY, client, url, start)
            if new.source in {"google_ads", "shopify"}
        ]
    return tenant, connections


async def busy_worker(runtime: Runtime, found: Workers) -> tuple[str, list[str]]:
    """A worker that is syncing, and its jobs; waits until there is one."""
    url = make_url(runtime.urls.database_url).set(drivername="postgresql")
    conninfo = url.render_as_string(hide_password=False)
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection,
    ):
        while True:  # another process begins when it likes
            rows = await (await connection.execute(_RUNNING)).fetchall()
            for name in found:
                if jobs := [job for executor, job in rows if executor == name]:
                    return name, jobs
            await asyncio.sleep(0.02)


async def truth(url: str, connections: list[Connection], day: dt.date) -> dict[str, Any]:
    """What the platforms hold of these accounts, up to a day."""
    found: dict[str, Any] = {}
    async with httpx.AsyncClient(base_url=f"{url}/_control/truth", timeout=60) as http:
        for one in connections:
            days = {"from": one.start_date.isoformat(), "to": day.isoformat()}
            path = f"/{one.source}/{one.account_id}"
            if one.source == "google_ads":
                totals = (await http.get(path, params={**days, "by": ""})).json()["totals"]
                found[str(one.id)] = Decimal(totals["costMicros"]) / 1_000_000
            else:
                document = (await http.get(path, params={**days, "by": "test"})).json()
                found[str(one.id)] = sum(
                    Decimal(row["totalPrice"]) for row in document["rows"] if row["test"] == "false"
                )
    return found


async def held(runtime: Runtime, tenant: TenantProfile, day: dt.date) -> dict[str, Any]:
    """What the warehouse holds of each account, up to a day."""
    platform = Platform(runtime, FakeClock(runtime.clock()))
    found: dict[str, Any] = {}
    for fact, column in (("ads_daily", "spend"), ("orders", "revenue")):
        rows = await platform.rows(
            tenant,
            f"SELECT m.connection_id AS id, SUM(m.{column}) AS total FROM marts.{fact} AS m"
            f" WHERE m.reporting_date <= DATE '{day}' GROUP BY m.connection_id",
        )
        found |= {connection_id: Decimal(total) for connection_id, total in rows}
    return found


async def test_a_killed_worker_s_accounts_come_all_the_same(
    owner: Runtime, simulator: SimulatorServer
) -> None:
    tenant, connections = await connect(owner, simulator.url)
    day = (owner.clock() - dt.timedelta(days=1)).date()
    slow = {"kind": "slow", "seconds": 1.5, "times": None, "match": {"path": "/"}}
    async with (
        httpx.AsyncClient(base_url=f"{simulator.url}/_control") as control,
        workers(owner.settings.state_dir, 2) as found,
    ):
        (await control.post("/faults", json=slow)).raise_for_status()
        assert await owner.jobs.sync_capacity() == SyncCapacity(slots=12, tenant_slots=6)
        run_id = RunId(owner.ids())
        ids = [connection.id for connection in connections]
        handles = await owner.pipeline.start_run(tenant.tenant_id, run_id, ids, "test")
        victim, orphans = await busy_worker(owner, found)
        found[victim].kill()
        await found[victim].wait()
        (await control.delete("/faults")).raise_for_status()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(handle.result() for handle in handles))
        assert set(orphans) <= {handle.job_id for handle in handles}
        assert await owner.jobs.sync_capacity() == SyncCapacity(slots=8, tenant_slots=4)

    async with owner.database.session(tenant.tenant_id) as session:
        assert (await session.scalars(select(SyncRun.state))).all() == [RunState.SUCCEEDED]
        syncs = (await session.scalars(select(Sync))).all()
    assert {sync.state for sync in syncs} == {SyncState.PUBLISHED}
    slices = [(sync.connection_id, sync.stream, sync.slice_from, sync.slice_to) for sync in syncs]
    assert len(set(slices)) == len(slices)
    assert await held(owner, tenant, day) == await truth(simulator.url, connections, day)


async def test_a_worker_without_an_owner_says_what_to_do(open_folder: Path) -> None:
    state = open_folder / "nobody"
    told = bosco(state, "worker")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.splitlines() == [
        f"error nobody serves {state}  NOBODY_SERVES",
        "  → start bosco serve first: it owns the servers that workers share",
    ]


def test_serve_keeps_its_workers_running(open_folder: Path) -> None:
    state = open_folder / "kept"
    with serve(state, "--workers", "1") as serving:
        first = _wait_for_worker(serving.process.pid)
        first.kill()
        second = _wait_for_worker(serving.process.pid, other_than=first.pid)
        assert second.pid != first.pid
        assert serving.end(signal.SIGTERM) == (0, "")


def test_workers_end_with_an_owner_that_is_killed(open_folder: Path) -> None:
    state = open_folder / "left"
    with serve(state, "--workers", "1") as serving:
        _wait_for_worker(serving.process.pid)
        everybody = family(serving.process.pid)
        serving.process.kill()
        assert survivors(everybody) == []


def _wait_for_worker(pid: int, *, other_than: int = 0) -> psutil.Process:
    """A worker process below a `bosco serve`, once it is there."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for process in family(pid):
            words = process.cmdline()
            if words[-1:] == ["worker"] and process.pid != other_than:
                return process
        time.sleep(0.05)
    raise AssertionError("no worker was started")

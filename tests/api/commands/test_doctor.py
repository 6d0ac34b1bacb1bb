"""The doctor: every part by name, and for each broken one what to do."""

import dataclasses
import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import pytest

from api.commands.doctor import doctor
from api.control.protocol import Arguments, DoneEvent, Event, LineEvent, TableEvent
from api.runtime import Runtime
from ingestion.landing.target import LandingServices
from tenancy.landing_store import LandingStore
from tenancy.redis_server import RedisServer
from tenancy.session import Database, DatabaseConfig
from tenancy.unscoped import TenantProfile
from tenancy.vault import MasterKey, Vault
from tenancy.warehouse.duckdb import DuckDbWarehouse
from tests.e2e.platform import Platform

pytestmark = pytest.mark.anyio


async def _examine(runtime: Runtime) -> tuple[dict[str, tuple[str, str]], list[str], int]:
    events: list[Event] = [e async for e in doctor(runtime, Arguments({}, Path("/")))]
    (table,) = [event for event in events if isinstance(event, TableEvent)]
    lines = [event.text for event in events if isinstance(event, LineEvent)]
    codes = [event.exit_code for event in events if isinstance(event, DoneEvent)]
    return {name: (state, what) for name, state, what in table.rows}, lines, sum(codes)


async def _broken(platform: Platform, **parts: Any) -> tuple[dict[str, tuple[str, str]], list[str]]:
    found, lines, code = await _examine(dataclasses.replace(platform.runtime, **parts))
    assert code == 1
    return found, lines


async def test_all_is_well(platform: Platform) -> None:
    found, lines, code = await _examine(platform.runtime)
    assert (lines, code) == ([], 0)
    assert {name: state for name, (state, _) in found.items()} == dict.fromkeys(
        ("postgresql", "redis", "warehouse", "landing", "vault", "jobs", "sources"), "ok"
    )
    assert found["postgresql"][1] == "embedded; row-level security forced, schema current"
    assert found["redis"][1] == "embedded"
    assert found["warehouse"][1].startswith("DuckDB ")
    assert found["landing"][1] == platform.runtime.settings.landing_url
    assert found["vault"][1] == "no agency yet, so no key to open"
    assert found["jobs"][1].endswith("; 0 jobs of dead executors resumed")
    assert found["sources"][1].startswith("ga4 v1beta, google_ads v25, ")


async def test_a_database_that_is_away(platform: Platform) -> None:
    away = Database(DatabaseConfig("postgresql+psycopg://bosco:s3cret@127.0.0.1:1/bosco"))
    found, lines = await _broken(platform, database=away)
    await away.close()
    assert found["postgresql"] == ("FAILED", "PostgreSQL gives no connection")
    assert lines == [
        "→ postgresql: check DATABASE_URL, that the server runs, and how many connections it allows"
    ]
    assert "s3cret" not in repr((found, lines))


async def test_a_redis_that_is_away(platform: Platform, dead_redis: RedisServer) -> None:
    found, lines = await _broken(platform, redis=dead_redis)
    assert found["redis"] == ("FAILED", "Redis does not do its work: ConnectionError")
    assert lines == ["→ redis: check REDIS_URL, that the server runs, and its memory limit"]


async def test_a_warehouse_that_is_closed(platform: Platform, tmp_path: Path) -> None:
    closed = DuckDbWarehouse(str(tmp_path / "closed.duckdb"), memory_limit_mb=64)
    await closed.close()
    found, lines = await _broken(platform, warehouse=closed)
    assert found["warehouse"][0] == "FAILED"
    assert lines == [
        "→ warehouse: check WAREHOUSE_URL and, for BigQuery, the credentials of this machine"
    ]


async def test_a_landing_store_that_is_gone(platform: Platform, tmp_path: Path) -> None:
    folder = tmp_path / "landing"
    store = LandingStore(f"file://{folder}")
    shutil.rmtree(folder)
    folder.write_text("a file in its place", encoding="utf-8")
    services = platform.runtime.extraction.landing
    landing = LandingServices(
        services.database, store, services.clock, services.ids, services.vault
    )
    extraction = dataclasses.replace(platform.runtime.extraction, landing=landing)
    found, lines = await _broken(platform, extraction=extraction)
    assert found["landing"][0] == "FAILED"
    assert lines == ["→ landing: check BOSCO_LANDING_URL, and that this user may write there"]


async def test_versions_that_end_soon(platform: Platform) -> None:
    found, lines = await _broken(platform, clock=lambda: dt.datetime(2027, 4, 2, tzinfo=dt.UTC))
    state, told = found["sources"]
    assert state == "FAILED"
    assert "google_ads v25 ends 2027-06-30" in told.split("; ")
    assert lines == ["→ sources: move the source file to a newer API version"]


async def test_the_key_of_an_agency_opens(platform: Platform, northwind: TenantProfile) -> None:
    found, _, code = await _examine(platform.runtime)
    assert (found["vault"], code) == (
        ("ok", f"the master key opens the data key of {northwind.slug}"),
        0,
    )


async def test_another_master_key_is_told(platform: Platform, northwind: TenantProfile) -> None:
    assert northwind.slug == "northwind"
    found, lines = await _broken(platform, vault=Vault(MasterKey(b"k" * 32)))
    assert found["vault"] == ("FAILED", "a stored key does not open with this master key")
    assert lines == ["→ vault: restore the file that BOSCO_MASTER_KEY_FILE named when it was made"]


class DeafJobs:
    """An engine whose tables cannot be reached."""

    executor_id = "x"

    async def recover_dead(self) -> int:
        raise ConnectionError("server closed the connection\nDETAIL: password=s3cret")


async def test_jobs_that_are_away(platform: Platform) -> None:
    found, lines = await _broken(platform, jobs=DeafJobs())
    assert found["jobs"] == ("FAILED", "server closed the connection")
    assert lines == ["→ jobs: check PostgreSQL: jobs are kept there"]

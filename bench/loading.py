"""Loading, unifying and publishing against plain statements in DuckDB.

    landed objects of 40 agencies -> Loader.load_pending; baseline: INSERT .. SELECT read_parquet
    new versions of 30 days -> superseded rows out, current rows in, on the mart of 20,000,000 rows;
    baseline: DELETE and INSERT by hand

The loader keeps each row three times (raw, every version, current view), proves whose it is, drops
what a provider sent twice and writes the publication to PostgreSQL. The baseline does none of it.
"""

import datetime as dt
import io
import shutil
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from api.bootstrap import open_runtime
from api.settings import load_settings
from bench.agencies import create_agency, land
from bench.harness import Figure, figure
from bench.mart import BENCH_STATE, CLIENTS, LAST_DAY, MART, connection_id, large_mart, tenant_id
from domain.facts import ADS_DAILY
from domain.facts.tables import SYNCS, facts_table
from domain.ids import TenantId
from domain.time_window import DateRange
from ingestion.connector.columns import batch_schema
from ingestion.connector.source_file import load_source
from ingestion.unify.statements import SYNC_IDS, delete_superseded, insert_current
from tenancy.audited_tenants import AuditedTenants
from tenancy.warehouse.open import open_warehouse
from tenancy.warehouse.port import Warehouse

__all__ = ["main"]

_AGENCIES: Final = 40
_ROWS: Final = 5_000  # of each landed object
_DAYS: Final = 14
_ROUNDS: Final = 5
_REPLACED_AGENCIES: Final = 8
_REPLACED_DAYS: Final = 30
_FIRST_DAY: Final = dt.date(2026, 9, 1)
_MART_ROWS: Final = 20_000_000
_STREAM: Final = load_source("google_ads").streams["campaign_day"]
_FACTS: Final = facts_table(ADS_DAILY)


async def main() -> list[Figure]:
    """Run the bench. The first run builds the mart: some minutes."""
    return [*await _whole_load(), *await _replacement(await large_mart())]


async def _whole_load() -> list[Figure]:
    state = BENCH_STATE / "loading"
    shutil.rmtree(state, ignore_errors=True)
    settings = load_settings({"BOSCO_STATE_DIR": str(state), "BOSCO_LOG_LEVEL": "WARNING"})
    new: list[float] = []
    again: list[float] = []
    plain: list[float] = []
    async with open_runtime(settings) as runtime:
        load = runtime.loader.load_pending
        agencies = [await create_agency(runtime, f"agency-{n}", _STREAM) for n in range(_AGENCIES)]
        for number in range(_ROUNDS):
            start = _FIRST_DAY + number * dt.timedelta(days=_DAYS)
            days = DateRange(start, start + dt.timedelta(days=_DAYS - 1))
            for seconds in (new, again):
                batch = _google_rows(days, len(seconds))
                for agency in agencies:
                    await land(runtime, agency, _STREAM, days, [batch])
                seconds.append(await _seconds(load))
            plain.append(_plain_load(sorted((state / "landing").rglob("*.parquet"))[:_AGENCIES]))
    rows = _AGENCIES * _ROWS
    what = f"load, unify, publish {_AGENCIES} objects of {_ROWS:,} rows"
    how = "INSERT .. SELECT * FROM read_parquet"
    rates = [rows / statistics.median(seconds) for seconds in (new, again, plain)]
    return [
        figure(f"{what}, new days vs {how}", "rows/s", rates[0], rates[2]),
        figure(f"{what}, the same days again vs {how}", "rows/s", rates[1], rates[2]),
    ]


def _google_rows(days: DateRange, seed: int) -> pa.RecordBatch:
    """Rows as the extractor hands them out."""
    numbers = np.arange(_ROWS)
    campaigns = numbers // (days.days * 5)
    clicks = pa.array((numbers * 7 + seed) % 90)
    amounts = clicks.cast(pa.decimal128(38, 9))
    devices = ("MOBILE", "DESKTOP", "TABLET", "CONNECTED_TV", "OTHER")
    columns = {
        "row_number": pa.array(numbers + 1),
        "date": pa.array(
            [days.start + dt.timedelta(days=int(n)) for n in numbers // 5 % days.days]
        ),
        "campaign_id": pa.array(campaigns).cast(pa.string()),
        "campaign_name": pa.array([f"Campaign {n}" for n in campaigns]),
        "channel_type": pa.repeat(pa.scalar("SEARCH"), _ROWS),
        "device": pa.array([devices[n % 5] for n in numbers]),
        "cost": amounts,
        "impressions": pa.array(numbers % 5_000),
        "clicks": clicks,
        "conversions": amounts,
        "conversions_value": amounts,
        "currency": pa.repeat(pa.scalar("EUR"), _ROWS),
        "time_zone": pa.repeat(pa.scalar("Europe/Berlin"), _ROWS),
        "unknown_fields": pa.nulls(_ROWS, pa.string()),
    }
    schema = batch_schema(_STREAM.fields)
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def _plain_load(files: list[Path]) -> float:
    """Seconds that DuckDB takes to append the objects to one table of a file."""
    path = BENCH_STATE / "plain.duckdb"
    path.unlink(missing_ok=True)
    names = [str(file) for file in files]
    with duckdb.connect(str(path), config={"threads": 2}) as db:
        db.execute(
            "CREATE TABLE raw AS SELECT * FROM read_parquet($files) LIMIT 0", {"files": names}
        )
        begun = time.perf_counter()
        db.execute("INSERT INTO raw SELECT * FROM read_parquet($files)", {"files": names})
        return time.perf_counter() - begun


async def _replacement(mart: Path) -> list[Figure]:
    """Replace 30 days of 16 connections, by the product and by hand, each on its own copy."""
    copies = [BENCH_STATE / name for name in ("replaced.duckdb", "replaced_by_hand.duckdb")]
    for copy in copies:
        shutil.copyfile(mart, copy)
    warehouse = open_warehouse(f"duckdb://{copies[0]}")
    by_hand = duckdb.connect(str(copies[1]), config={"threads": 2, "memory_limit": "1024MiB"})
    by_hand.execute("SET TimeZone = 'UTC'")
    tenants = AuditedTenants(
        frozenset(TenantId(tenant_id(number)) for number in range(_REPLACED_AGENCIES)), "unify"
    )
    subject: list[float] = []
    baseline: list[float] = []
    rows = 0
    try:
        for number in range(_ROUNDS):
            version = 1_000_000_000 + number
            new = _new_version(by_hand, version)
            rows = new.num_rows
            await _add_version(warehouse, new, version, tenants)
            parameters = {SYNC_IDS: (_sync_id(version),)}
            statements = [delete_superseded(ADS_DAILY), insert_current(ADS_DAILY)]
            change = partial(warehouse.execute, f"bench-{version}", statements, parameters, tenants)
            subject.append(await _seconds(change))
            baseline.append(_replace_by_hand(by_hand, new))
    finally:
        await warehouse.close()
        by_hand.close()
        for copy in copies:
            copy.unlink()
    rates = [rows / statistics.median(seconds) for seconds in (subject, baseline)]
    what = f"replace {rows:,} rows of {_REPLACED_AGENCIES} agencies in {_MART_ROWS:,}"
    return [figure(f"{what} vs DELETE and INSERT by hand", "rows/s", *rates)]


def _sync_id(version: int) -> str:
    return str(uuid.UUID(int=0x019AB << 108 | version))


def _first_replaced() -> dt.date:
    return LAST_DAY - dt.timedelta(days=_REPLACED_DAYS - 1)


def _new_version(db: duckdb.DuckDBPyConnection, version: int) -> pa.Table:
    """What the last days look like in the next sync of some connections."""
    return db.execute(
        f"SELECT * REPLACE ($sync AS sync_id, $version AS version) FROM {MART.qualified}"
        " WHERE tenant_id IN (SELECT unnest($tenants)) AND reporting_date >= $first",
        {
            "sync": _sync_id(version),
            "version": version,
            "tenants": [str(tenant_id(number)) for number in range(_REPLACED_AGENCIES)],
            "first": _first_replaced(),
        },
    ).to_arrow_table()


async def _add_version(
    warehouse: Warehouse, new: pa.Table, version: int, tenants: AuditedTenants
) -> None:
    """Put the version where the loader has put it when it comes to the mart."""
    pairs = [(t, c) for t in range(_REPLACED_AGENCIES) for c in range(CLIENTS)]
    kept = new.group_by(["tenant_id", "client_id", "connection_id"]).aggregate([])
    if kept.num_rows != len(pairs):
        raise ValueError(f"{kept.num_rows} connections, not {len(pairs)}")
    syncs = pa.Table.from_pylist(
        [
            {
                "tenant_id": row["tenant_id"],
                "client_id": row["client_id"],
                "connection_id": row["connection_id"],
                "source": "google_ads",
                "stream": "campaign_day",
                "fact": ADS_DAILY.name,
                "sync_id": _sync_id(version),
                "version": version,
                "known_at": dt.datetime(2026, 11, 23, tzinfo=dt.UTC),
                "covers_from": _first_replaced(),
                "covers_to": LAST_DAY,
            }
            for row in kept.to_pylist()
        ]
    )
    await warehouse.load(f"facts-{version}", _FACTS, [_parquet(new)], tenants)
    await warehouse.load(f"syncs-{version}", SYNCS, [_parquet(syncs)], tenants)


def _parquet(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(rows, sink)
    return sink.getvalue()


def _replace_by_hand(db: duckdb.DuckDBPyConnection, new: pa.Table) -> float:
    connections = [
        str(connection_id(tenant, client))
        for tenant in range(_REPLACED_AGENCIES)
        for client in range(CLIENTS)
    ]
    db.register("new_rows", new)
    db.execute("CREATE OR REPLACE TEMP TABLE staged AS SELECT * FROM new_rows")
    begun = time.perf_counter()
    db.execute("BEGIN")
    db.execute(
        f"DELETE FROM {MART.qualified}"
        " WHERE connection_id IN (SELECT unnest($connections)) AND reporting_date >= $first",
        {"connections": connections, "first": _first_replaced()},
    )
    db.execute(f"INSERT INTO {MART.qualified} SELECT * FROM staged")
    db.execute("COMMIT")
    seconds = time.perf_counter() - begun
    found = db.execute(f"SELECT count(*) FROM {MART.qualified}").fetchall()[0][0]
    if found != _MART_ROWS:
        raise ValueError(f"{found:,} rows are left")
    return seconds


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    await work()
    return time.perf_counter() - begun

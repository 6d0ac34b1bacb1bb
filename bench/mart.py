"""A large mart in a DuckDB file, laid out as years of daily loads leave it.

    tables by the warehouse adapter -> rows by arithmetic, one layer a day -> .bosco/bench/<name>

200 agencies, 400 days, 250 rows a day each: 2 clients x 25 campaigns x 5 devices, 20,000,000 rows.
A daily sync restates the last 30 days, so a mart consists of one thin layer for each older day and
one thick layer for the last 30; within a layer rows lie in the table's cluster order.
"""

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from domain.facts import ADS_DAILY
from domain.facts.ads import CHANNELS, DEVICES
from domain.facts.tables import SYNCS, Table, facts_table, marts_table
from tenancy.warehouse.open import open_warehouse

__all__ = [
    "BENCH_STATE",
    "CLIENTS",
    "LAST_DAY",
    "MART",
    "TENANTS",
    "client_id",
    "connection_id",
    "large_mart",
    "tenant_id",
]

BENCH_STATE: Final = Path(__file__).resolve().parents[1] / ".bosco" / "bench"

TENANTS: Final = 200
CLIENTS: Final = 2
CAMPAIGNS: Final = 25
DAYS: Final = 400
RESTATED_DAYS: Final = 30
LAST_DAY: Final = dt.date(2026, 11, 22)
MART: Final = marts_table(ADS_DAILY)

_ROWS_A_DAY: Final = TENANTS * CLIENTS * CAMPAIGNS * len(DEVICES)
_FIRST_AGENCY: Final = dt.datetime(2023, 1, 9, 8, tzinfo=dt.UTC)
_BETWEEN_AGENCIES: Final = dt.timedelta(days=5, hours=7)
_FORMAT: Final = "2"  # of the file: another one builds it anew


def _id(kind: str, *numbers: int, at: dt.datetime) -> uuid.UUID:
    """A UUIDv7 of that instant; the same arguments give the same id."""
    digest = hashlib.sha256(f"{kind} {numbers}".encode()).digest()
    milliseconds = int(at.timestamp() * 1000).to_bytes(6, "big")
    value = bytearray(milliseconds + digest[:10])
    value[6] = 0x70 | value[6] & 0x0F
    value[8] = 0x80 | value[8] & 0x3F
    return uuid.UUID(bytes=bytes(value))


def tenant_id(tenant: int) -> uuid.UUID:
    """Id of an agency, 0 to `TENANTS` - 1; agencies came one every five days."""
    return _id("tenant", tenant, at=_FIRST_AGENCY + tenant * _BETWEEN_AGENCIES)


def client_id(tenant: int, client: int) -> uuid.UUID:
    """Id of one of the `CLIENTS` clients of an agency."""
    return _id("client", tenant, client, at=_FIRST_AGENCY + tenant * _BETWEEN_AGENCIES)


def connection_id(tenant: int, client: int) -> uuid.UUID:
    """Id of the only connection of a client."""
    return _id("connection", tenant, client, at=_FIRST_AGENCY + tenant * _BETWEEN_AGENCIES)


@dataclass(frozen=True, slots=True)
class _Layer:
    """Rows of `days` days from `first` on: of a load each day, or of one load for all."""

    first: dt.date
    days: int
    is_one_load: bool


async def large_mart() -> Path:
    """The file with `marts.ads_daily`, all rows in `facts.ads_daily` too; built when missing."""
    path = BENCH_STATE / f"mart-{_FORMAT}.duckdb"
    if path.exists():
        return path
    unfinished = path.with_suffix(".new")
    for leftover in (unfinished, unfinished.with_name(f"{unfinished.name}.wal")):
        leftover.unlink(missing_ok=True)
    print(f"building {path.name}: {_ROWS_A_DAY * DAYS:,} rows, once")
    warehouse = open_warehouse(f"duckdb://{unfinished}")
    facts = facts_table(ADS_DAILY)
    await warehouse.ensure_tables([SYNCS, facts, MART])
    await warehouse.close()
    with duckdb.connect(str(unfinished), config={"threads": 2, "memory_limit": "4GiB"}) as db:
        db.execute("SET TimeZone = 'UTC'")
        for layer in _layers():
            db.execute(_insert(MART, layer), _values(layer))
        db.execute(f"INSERT INTO {facts.qualified} SELECT * FROM {MART.qualified}")
        db.execute("CHECKPOINT")
    unfinished.rename(path)
    return path


def _layers() -> Iterator[_Layer]:
    older = DAYS - RESTATED_DAYS
    first = LAST_DAY - dt.timedelta(days=DAYS - 1)
    yield _Layer(first, older, is_one_load=False)
    yield _Layer(first + dt.timedelta(days=older), RESTATED_DAYS, is_one_load=True)


def _values(layer: _Layer) -> dict[str, object]:
    pairs = [(tenant, client) for tenant in range(TENANTS) for client in range(CLIENTS)]
    return {
        "rows": _ROWS_A_DAY * layer.days,
        "first": layer.first,
        "tenants": [str(tenant_id(tenant)) for tenant in range(TENANTS)],
        "clients": [str(client_id(*pair)) for pair in pairs],
        "connections": [str(connection_id(*pair)) for pair in pairs],
        "channels": list(CHANNELS[:9]),
        "devices": list(DEVICES),
    }


def _insert(table: Table, layer: _Layer) -> str:
    devices, days = len(DEVICES), layer.days
    if layer.is_one_load:  # agency, client, campaign, day, device
        day, campaign = f"i // {devices} % {days}", f"i // {devices * days} % {CAMPAIGNS}"
        pair = f"i // {devices * days * CAMPAIGNS}"
    else:  # day, agency, client, campaign, device
        pairs = TENANTS * CLIENTS
        day = f"i // {devices * CAMPAIGNS * pairs}"
        campaign = f"i // {devices} % {CAMPAIGNS}"
        pair = f"i // {devices * CAMPAIGNS} % {pairs}"
    return f"""
        INSERT INTO {table.qualified}
        WITH numbers AS (
            SELECT i, CAST($first AS DATE) + CAST({day} AS INTEGER) AS day, {pair} AS pair,
                   {campaign} AS campaign, i % {devices} AS device
            FROM range($rows) AS t(i)
        ), amounts AS (
            SELECT *, day - DATE '2000-01-01' AS number_of_day,
                   50 + hash(i) % 5000 AS impressions, hash(i + 7) % 90 AS clicks FROM numbers
        )
        SELECT $tenants[pair // {CLIENTS} + 1], $clients[pair + 1], $connections[pair + 1], day,
               (pair * 100 + campaign) || chr(31) || day || chr(31) || $devices[device + 1],
               'google_ads', 'campaign_day',
               $connections[pair + 1][1:24] || lpad(CAST(number_of_day AS VARCHAR), 12, '0'),
               number_of_day * 1000 + pair,
               CAST(day + INTERVAL 30 HOUR AS TIMESTAMP), $channels[campaign % 9 + 1],
               CAST(pair * 100 + campaign AS VARCHAR),
               'Campaign ' || campaign || ' of client ' || pair, $devices[device + 1],
               'EUR', 'Europe/Berlin', 'google_ads:30d_click:purchases',
               CAST(clicks AS DECIMAL(38,9)) * 0.73 + 0.01, impressions, clicks,
               CAST(clicks // 17 AS DECIMAL(38,9)) + 0.5,
               CAST(clicks // 17 AS DECIMAL(38,9)) * 41.9
        FROM amounts
    """

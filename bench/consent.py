"""Consent withdrawn by a crowd: how soon no answer reads it, and what that costs other answers.

    1,000 withdrawals a second for a minute, 50 agencies -> ledger and suppressions, committed
        -> the writer, in its rounds -> each agency asked in turn -> first answer without them
    time to effect: from the call that tells of it to that answer
    the same question with nobody and with 10,000 people suppressed

PostgreSQL, Redis and the warehouse (DuckDB) run on this machine. Those who withdraw are a process
of their own, as web processes are; the writer and those who ask are in the one that owns the
warehouse. Each question reads all orders of an agency from the warehouse: no cache is in between.
Features follow in their own rounds; making them is measured by `features`.
"""

import asyncio
import datetime as dt
import io
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp, parse_one
from uuid_utils.compat import uuid7

from api.embedded.servers import ServerUrls, launch_servers
from api.rounds import beside
from api.suppressing import keep_suppressing
from bench.consent_callers import person
from bench.harness import Figure, figure, time_pair
from domain.facts.orders import ORDERS
from domain.facts.tables import SUPPRESSED, Table, facts_table, marts_table
from domain.ids import ClientId, ConnectionId, TenantId
from domain.ports import Statement, TenantScope
from migrations.upgrade import migrate
from tenancy.audited_tenants import AuditedTenants
from tenancy.exclusive import Exclusive
from tenancy.privacy.suppression_writer import SuppressionWriter
from tenancy.redis_server import RedisServer
from tenancy.session import Database, DatabaseConfig
from tenancy.tables import Client, Connection, ConnectionState, Tenant
from tenancy.unscoped import Doors
from tenancy.vault import MasterKey, Vault
from tenancy.warehouse.duckdb import DuckDbWarehouse
from tenancy.warehouse.types import ARROW_TYPES

__all__ = ["main"]

_AGENCIES: Final = 50
_SECONDS: Final = 60
_AT_ONCE: Final = 10  # agencies that tell of theirs in one second, each in its turn
_EACH: Final = 100  # people in one call: 1,000 a second together
_SUPPRESSED: Final = 10_000
_RUNS: Final = 40
_PAUSE_SECONDS: Final = 0.02  # between two questions
_LATER: Final = dt.datetime(2099, 1, 1, tzinfo=dt.UTC)  # what happens after every withdrawal


@dataclass(slots=True)
class _Crowd:
    """Agencies, who has withdrawn, and how long that took to be in force."""

    database_url: str
    database: Database
    warehouse: DuckDbWarehouse
    writer: SuppressionWriter
    agencies: list[tuple[TenantId, ClientId, ConnectionId]] = field(default_factory=list)
    waiting: dict[TenantId, dict[str, float]] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)
    late: float = 0.0


async def main() -> list[Figure]:
    """Run the bench."""
    with _servers() as (folder, urls):
        migrate(urls.database_url)
        crowd = await _open(folder, urls)
        ratio = await _measure_answers(crowd)
        await _withdraw_all(crowd)
        await crowd.warehouse.close()
        await crowd.database.close()
    crowd.took.sort()
    return [
        *ratio,
        figure("withdrawn people, not read any more", "people", float(len(crowd.took))),
        figure("withdrawal to effect, median", "s", statistics.median(crowd.took)),
        figure("withdrawal to effect, p99", "s", crowd.took[int(len(crowd.took) * 0.99)]),
        figure("withdrawal to effect, longest", "s", crowd.took[-1]),
        figure("withdrawals a second, accepted", "1/s", len(crowd.took) / crowd.late),
    ]


async def _withdraw_all(crowd: _Crowd) -> None:
    callers = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.consent_callers"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with keep_suppressing(crowd.writer, asyncio.sleep), beside(_keep_asking(crowd)):
        await _listen(crowd, callers)
        while any(crowd.waiting.values()):  # noqa: ASYNC110  # whoever asks empties it
            await asyncio.sleep(0.05)


async def _listen(crowd: _Crowd, callers: asyncio.subprocess.Process) -> None:
    if callers.stdin is None or callers.stdout is None:
        raise RuntimeError("the callers have no pipes")
    told = {
        "database": crowd.database_url,
        "agencies": crowd.agencies,
        "seconds": _SECONDS,
        "at_once": _AT_ONCE,
        "each": _EACH,
    }
    callers.stdin.write(orjson.dumps(told))
    callers.stdin.close()
    async for line in callers.stdout:
        call = orjson.loads(line)
        if "seconds" in call:
            crowd.late = max(float(_SECONDS), call["seconds"])
            continue
        people = (person(call["turn"], number, _EACH) for number in range(_EACH))
        waiting = crowd.waiting.setdefault(TenantId(uuid.UUID(call["tenant"])), {})
        waiting.update(dict.fromkeys(people, call["begun"]))
    if await callers.wait() != 0:
        raise RuntimeError("the callers failed")


async def _keep_asking(crowd: _Crowd) -> None:
    statement = _question("SELECT customer_id AS k FROM marts.orders")
    while True:
        for tenant_id, waiting in list(crowd.waiting.items()):
            if not waiting:
                continue
            answer = await crowd.warehouse.run(TenantScope(tenant_id), statement, {})
            seen = time.monotonic()
            read = set(answer.column("k").to_pylist())
            for withdrawn in [one for one in waiting if one not in read]:
                crowd.took.append(seen - waiting.pop(withdrawn))
            await asyncio.sleep(_PAUSE_SECONDS)
        await asyncio.sleep(_PAUSE_SECONDS)


async def _measure_answers(crowd: _Crowd) -> list[Figure]:
    """One agency's question, with nobody of it and with 10,000 of its people suppressed."""
    nobody, many = TenantId(uuid.uuid4()), TenantId(uuid.uuid4())
    for tenant_id in (nobody, many):
        await _load_orders(crowd.warehouse, [(tenant_id, uuid.uuid4(), uuid.UUID(int=1))], 200_000)
    rows = [
        {
            "tenant_id": str(many),
            "client_id": "c",
            "connection_id": str(uuid.UUID(int=1)),
            "suppression_id": str(number),
            "stamp": str(number),
            "value": f"p{number}",
            "purpose": "analytics",
            "events_from": dt.datetime(2000, 1, 1, tzinfo=dt.UTC),
            "events_to": _LATER + dt.timedelta(days=1),
        }
        for number in range(_SUPPRESSED)
    ]
    tenants = AuditedTenants(frozenset({many}), "bench")
    await crowd.warehouse.load("s", SUPPRESSED, [_parquet(rows, SUPPRESSED)], tenants)
    statement = _question(
        "SELECT o.reporting_date, COUNT(*) AS n FROM marts.orders AS o"
        " WHERE o.reporting_date >= DATE '2000-01-01' GROUP BY o.reporting_date"
    )

    async def ask(tenant_id: TenantId) -> None:
        await crowd.warehouse.run(TenantScope(tenant_id), statement, {})

    suppressed, plain = await time_pair(lambda: ask(many), lambda: ask(nobody), runs=_RUNS)
    case = "answer over 200,000 orders, 10,000 people suppressed vs nobody suppressed"
    return [figure(case, "ms", suppressed, plain)]


async def _open(folder: Path, urls: ServerUrls) -> _Crowd:
    database = Database(DatabaseConfig(urls.database_url, pool_size=8))
    warehouse = DuckDbWarehouse(str(folder / "warehouse.duckdb"))
    await warehouse.ensure_tables([SUPPRESSED, facts_table(ORDERS), marts_table(ORDERS)])
    vault = Vault(MasterKey(bytes(32)))

    async def follow(_tenant_id: TenantId, _client_id: ClientId) -> None:
        return None

    doors = Doors(database)
    writer = SuppressionWriter(
        database=database,
        unwritten=doors.agencies_with_unwritten_suppressions,
        unfollowed=doors.agencies_with_unfollowed_suppressions,
        warehouse=warehouse,
        vault=vault,
        redis=RedisServer(urls.redis_url),
        exclusive=Exclusive(database, "suppressions"),
        follow=follow,
        clock=_now,
        ids=uuid7,
    )
    crowd = _Crowd(urls.database_url, database, warehouse, writer)
    for number in range(_AGENCIES):
        crowd.agencies.append(await _agency(database, vault, number))
    await _load_orders(warehouse, crowd.agencies, _SECONDS * _AT_ONCE * _EACH // _AGENCIES)
    return crowd


async def _agency(
    database: Database, vault: Vault, number: int
) -> tuple[TenantId, ClientId, ConnectionId]:
    tenant_id, client_id, shop = TenantId(uuid7()), ClientId(uuid7()), ConnectionId(uuid7())
    wrapped = await vault.create_tenant_key(tenant_id)
    common: dict[str, Any] = {"currency": "EUR", "time_zone": "UTC", "created_at": _now()}
    async with database.session(tenant_id) as session:
        session.add(
            Tenant(id=tenant_id, slug=f"a{number}", name="A", wrapped_data_key=wrapped, **common)
        )
        await session.flush()
        session.add(Client(id=client_id, slug="c", name="C", **common))
        await session.flush()
        session.add(
            Connection(
                id=shop,
                client_id=client_id,
                source="shopify",
                account_id="shop",
                label="",
                settings={},
                credentials=None,
                state=ConnectionState.ACTIVE,
                start_date=_now().date(),
                created_at=_now(),
            )
        )
    return tenant_id, client_id, shop


async def _load_orders(warehouse: DuckDbWarehouse, agencies: list[Any], people: int) -> None:
    """One order of each person, after every withdrawal."""
    tenants = AuditedTenants(frozenset(one[0] for one in agencies), "bench")
    for make in (facts_table, marts_table):
        table = make(ORDERS)
        rows = [
            {
                "tenant_id": str(tenant_id),
                "client_id": str(client_id),
                "connection_id": str(shop),
                "reporting_date": _LATER.date(),
                "natural_key": f"o{number}",
                "order_id": f"o{number}",
                "customer_id": f"p{number}",
                "ordered_at": _LATER,
            }
            for tenant_id, client_id, shop in agencies
            for number in range(people)
        ]
        name = f"{table.qualified}-{uuid.uuid4()}"
        await warehouse.load(name, table, [_parquet(rows, table)], tenants)


def _parquet(rows: list[dict[str, Any]], table: Table) -> bytes:
    schema = pa.schema([(c.name, ARROW_TYPES[c.type]) for c in table.columns if c.name in rows[0]])
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), sink)
    return sink.getvalue()


def _question(text: str) -> Statement:
    tree = parse_one(text, dialect="bigquery")
    if not isinstance(tree, exp.Query):
        raise TypeError(text)
    return Statement(tree, frozenset())


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@contextmanager
def _servers() -> Iterator[tuple[Path, ServerUrls]]:
    """A folder, and PostgreSQL and Redis in it."""
    folder = Path(tempfile.mkdtemp(prefix="bosco-bench-"))
    folder.chmod(0o711)  # root runs the servers as another user, who has to enter
    servers = launch_servers(folder / "state", durable=False)
    try:
        ready = servers.wait_ready()
        yield folder, ServerUrls(ready["database_url"], ready["redis_url"])
    finally:
        servers.stop()
        shutil.rmtree(folder, ignore_errors=True)

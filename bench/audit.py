"""Verifying an audit chain against a plain SELECT of its rows, and what the chain costs a deed.

    200,000 entries of one agency, by the trigger -> iter_chain + ChainVerifier | SELECT in psycopg
    one entry in a transaction of its own -> with the trigger | without it

The plain SELECT streams the same columns in the same order and looks at nothing.
"""

import datetime as dt
import itertools
import shutil
import statistics
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from sqlalchemy import make_url

from api.embedded.servers import launch_servers
from bench.harness import Figure, figure, sample_pair
from domain.audit.verify import Anchor, ChainVerifier, verify_chain
from domain.ids import TenantId
from migrations.upgrade import migrate
from tenancy.audit import find_last_link, iter_chain, record
from tenancy.session import Database, DatabaseConfig

__all__ = ["main"]

_ENTRIES: Final = 200_000
_RUNS: Final = 5
_DEEDS: Final = 400
_BATCH: Final = 2_000
_TENANT: Final = TenantId(uuid.UUID(int=1))
_NOW: Final = dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC)

_INSERT_TENANT: Final = "INSERT INTO tenants VALUES (%s, 'bench', 'b', 'EUR', 'UTC', 'k', now())"
_INSERT_ENTRIES: Final = """
INSERT INTO audit_entries (tenant_id, id, at, actor, action, object_kind, object_id, details)
SELECT %s, gen_random_uuid(), timestamptz '2026-01-01' + n * interval '1 second',
    'user:' || gen_random_uuid(), 'connection.paused', 'connection', gen_random_uuid()::text,
    jsonb_build_object('source', 'google_ads', 'streams', jsonb_build_array('a', 'b'), 'tries', n)
FROM generate_series(1, %s) n
"""
_SELECT: Final = """
SELECT tenant_id, sequence, id, at, actor, action, object_kind, object_id, details::text,
    previous_hash, hash
FROM audit_entries WHERE tenant_id = %s ORDER BY sequence
"""


async def main() -> list[Figure]:
    """Run the bench."""
    with _server() as url:
        migrate(url)
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain) as connection:
            connection.execute(_INSERT_TENANT, (_TENANT,))
            connection.execute(_INSERT_ENTRIES, (_TENANT, _ENTRIES))
            connection.commit()
            connection.autocommit = True
            connection.execute("VACUUM ANALYZE audit_entries")
        database = Database(DatabaseConfig(url))
        figures = [
            *await _measure_verifying(database, plain),
            await _measure_recording(database, plain),
        ]
        await database.close()
    return figures


@contextmanager
def _server() -> Iterator[str]:
    """The URL of a PostgreSQL of this run."""
    folder = Path(tempfile.mkdtemp(prefix="bosco-bench-"))
    folder.chmod(0o711)  # root runs the servers as another user, who has to enter
    servers = launch_servers(folder / "state", durable=False)
    try:
        yield servers.wait_ready()["database_url"]
    finally:
        servers.stop()
        shutil.rmtree(folder)


async def _measure_verifying(database: Database, plain: str) -> list[Figure]:
    async with database.session(_TENANT) as session:
        end = Anchor(await find_last_link(session), "the bench")
        chain = [entry async for entries in iter_chain(session) for entry in entries]

    async def verify() -> None:
        verifier = ChainVerifier(_TENANT, [end])
        async with database.session(_TENANT) as session:
            async for entries in iter_chain(session):
                verifier.feed(entries)
        if verifier.finish() is not None or verifier.last.sequence != _ENTRIES:
            raise ValueError("the chain is not in order")

    async def select() -> None:
        async with (
            await psycopg.AsyncConnection.connect(plain) as connection,
            connection.cursor("bench") as cursor,
        ):
            await cursor.execute(_SELECT, (_TENANT,))
            found = 0
            while rows := await cursor.fetchmany(_BATCH):
                found += len(rows)
        if found != _ENTRIES:
            raise ValueError(f"{found:,} rows")

    async def compute() -> None:
        if verify_chain(_TENANT, chain, [end]) is not None:
            raise ValueError("the chain is not in order")

    subject, baseline = await sample_pair(verify, select, runs=_RUNS, warmup=1)
    alone, _ = await sample_pair(compute, compute, runs=_RUNS, warmup=1)
    return [
        figure(
            f"verify {_ENTRIES:,} entries in PostgreSQL vs plain SELECT of the same rows",
            "events/s",
            _rate(subject),
            _rate(baseline),
        ),
        figure(f"verify {len(chain):,} entries in memory", "events/s", _rate(alone)),
    ]


def _rate(milliseconds: list[float]) -> float:
    return _ENTRIES / statistics.median(milliseconds) * 1000


async def _measure_recording(database: Database, plain: str) -> Figure:
    """Pairs of short phases: the trigger is switched off and on between them."""
    numbers = itertools.count(1)

    async def deed() -> None:
        async with database.session(_TENANT) as session:
            record(
                session,
                clock=lambda: _NOW,
                ids=lambda: uuid.UUID(int=next(numbers)),
                actor="user:7",
                action="connection.paused",
                object_kind="connection",
                object_id="con_1",
                details={"source": "google_ads"},
            )

    chained, _ = await sample_pair(deed, _nothing, runs=_DEEDS)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("ALTER TABLE audit_entries DISABLE TRIGGER chain_audit_entry")
        connection.execute(
            "ALTER TABLE audit_entries"
            " ALTER sequence SET DEFAULT nextval('landing_version') + 1000000"
        )
        connection.execute("ALTER TABLE audit_entries ALTER previous_hash SET DEFAULT ''")
        connection.execute("ALTER TABLE audit_entries ALTER hash SET DEFAULT ''")
    unchained, _ = await sample_pair(deed, _nothing, runs=_DEEDS)
    return figure(
        "record one entry in a transaction vs INSERT without a chain",
        "ms",
        statistics.median(chained),
        statistics.median(unchained),
    )


async def _nothing() -> None:
    pass

"""A search of every store for words that should be gone, by what the stores say they hold.

    PostgreSQL's catalogue -> every row of every table of the agency, as text
    the warehouse's catalogue -> every text column of every table
    the folder of the agency -> every object, every text column
    every key of the agency in Redis, and its value (cached answers and features are among them)

It shares nothing with the plan but the words: a table that no plan knows is searched as well.
"""

import functools
import io
import itertools
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import select, text
from sqlglot import exp, parse_one

from domain.facts.tables import SUPPRESSED
from domain.ids import TenantId
from domain.ports import Statement
from gdpr.erasure.erasable import told_by
from gdpr.erasure.needles import Needles, Place, place_of, place_of_row
from gdpr.erasure.people import AS_LONG_AS_KNOWN
from gdpr.erasure.targets import TARGETS
from gdpr.erasure.work import Stores
from tenancy.audited_tenants import AuditedTenants
from tenancy.landing_manifest import list_landed
from tenancy.redis_sweep import iter_stored
from tenancy.session import TenantSession
from tenancy.tables import QuarantinedRow, Sync

__all__ = ["Findings", "search_everywhere", "search_postgres"]

Findings = Counter[str]  # place -> how many rows, objects or keys name somebody

# Ids of our own: never those of a platform.
_OURS: Final = frozenset(
    {"tenant_id", "client_id", "connection_id", "sync_id", "object_id", "run_id", "request_id"}
)
_PLACE: Final = ("client_id", "connection_id")
_QUARANTINE: Final = QuarantinedRow.__tablename__
_SYNC: Final = re.compile(r"/sync=([0-9a-f-]{36})/")
_ROWS_AT_ONCE: Final = 1_000_000
_TABLES: Final = text("""
    SELECT DISTINCT table_name FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name = 'tenant_id' ORDER BY table_name
""")


async def search_everywhere(stores: Stores, tenant_id: TenantId, needles: Needles) -> Findings:
    """Look through every store of an agency.

    Raises:
        DatabaseUnavailableError: A store does not answer; nothing is known then.
        WarehouseError: Likewise.
        LandingError: Likewise.
        RedisUnavailableError: Likewise.
    """
    findings: Findings = Counter()
    async with stores.database.session(tenant_id) as session:
        await search_postgres(session, needles, findings)
    await _search_warehouse(stores, tenant_id, needles, findings)
    await _search_landing(stores, tenant_id, needles, findings)
    async for key, value in iter_stored(stores.redis, tenant_id):
        if needles.is_found_in(f"{key} {value.decode('latin-1')}", place_of(None, None)):
            findings[f"redis {key.split(':')[2]}"] += 1
    return findings


async def search_postgres(session: TenantSession, needles: Needles, found: Findings) -> None:
    """Look through every table of the session's agency; what is found is added to `found`."""
    tells_of = await _tells_of(session)
    for table in (await session.scalars(_TABLES)).all():
        rows = await session.stream(text(f'SELECT to_jsonb(t) AS stored FROM "{table}" AS t'))
        async for (row,) in rows:
            is_of_sync = table == _QUARANTINE
            place = place_of_row(row, tells_of.get(row["sync_id"], "") if is_of_sync else "")
            if needles.is_found_in(_written(row), place):
                found[f"postgres {table}"] += 1


async def _tells_of(session: TenantSession) -> Mapping[str, str]:
    """The category of what each sync brings, by its id, of those that bring anything of people."""
    syncs = await session.execute(select(Sync.id, Sync.fact))
    return {str(sync_id): told_by(fact) for sync_id, fact in syncs if told_by(fact)}


def _written(row: Mapping[str, Any]) -> str:
    """Every text of a row; what is sealed or hashed says nothing."""
    return "\n".join(_texts_in(row))


def _texts_in(value: object) -> Iterable[str]:
    if isinstance(value, str):
        if not value.startswith("\\x"):
            yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts_in(one)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)


async def _search_warehouse(
    stores: Stores, tenant_id: TenantId, needles: Needles, found: Findings
) -> None:
    scope = AuditedTenants(frozenset({tenant_id}), "rescan")
    tells_of = {one.table.qualified: one.table.tells_of for one in stores.erasables}
    tells_of[SUPPRESSED.qualified] = AS_LONG_AS_KNOWN
    async for table, columns, is_placed in _tables(stores):
        counted = await stores.warehouse.run_for(scope, _count_of(table), {})
        if not counted.column("row_count").to_pylist()[0]:
            continue
        for column in columns:
            statement = _values_of(table, column, is_placed=is_placed)
            rows = await stores.warehouse.run_for(scope, statement, {})
            count = _count(rows, needles, tells_of.get(table, ""))
            if count:
                found[f"warehouse {table}.{column}"] += count


async def _tables(stores: Stores) -> AsyncIterator[tuple[str, list[str], bool]]:
    """Each table, its text columns that are not ids of ours, and whether rows tell their place."""
    tables: dict[str, list[Any]] = {}
    for column in await stores.warehouse.list_columns():
        tables.setdefault(f"{column.schema}.{column.table}", []).append(column)
    for table, columns in sorted(tables.items()):
        names = {column.name for column in columns}
        if "tenant_id" in names and table != TARGETS.qualified:
            texts = [one.name for one in columns if one.is_text and one.name not in _OURS]
            yield table, texts, {*_PLACE} <= names


@functools.cache
def _count_of(table: str) -> Statement:
    return _question(f"SELECT COUNT(*) AS row_count FROM {table} AS r")


@functools.cache
def _values_of(table: str, column: str, *, is_placed: bool) -> Statement:
    place = "r.client_id, r.connection_id, " if is_placed else ""
    return _question(
        f"SELECT {place}r.{column} AS value, COUNT(*) AS row_count FROM {table} AS r"
        f" WHERE r.{column} IS NOT NULL GROUP BY {place}r.{column}"
    )


def _question(sql: str) -> Statement:
    """A statement over a table of the catalogue; the warehouse remembers what it made of it."""
    tree = parse_one(sql, dialect="bigquery")
    if not isinstance(tree, exp.Query):
        raise TypeError(type(tree))
    return Statement(tree, frozenset())


def _count(rows: pa.Table, needles: Needles, tells_of: str) -> int:
    count = 0
    for place, mine in _by_place(rows, tells_of):
        for batch in mine.to_batches(max_chunksize=_ROWS_AT_ONCE):
            hit = batch.filter(needles.candidates(batch.column("value"), place))
            for row in hit.to_pylist():
                if _names(row["value"], needles, place):
                    count += row["row_count"]
    return count


def _by_place(rows: pa.Table, tells_of: str) -> Iterator[tuple[Place, pa.Table]]:
    if not {*_PLACE} <= {*rows.column_names}:
        yield place_of(None, None, tells_of), rows
        return
    for place in rows.group_by(list(_PLACE)).aggregate([]).to_pylist():
        here = [
            pc.is_null(rows.column(name)) if one is None else pc.equal(rows.column(name), one)
            for name, one in place.items()
        ]
        found = place_of(place["client_id"], place["connection_id"], tells_of)
        yield found, rows.filter(pc.and_(*here))


def _names(value: str, needles: Needles, place: Place) -> bool:
    if any(needles.is_found(part, place) for part in value.split("\x1f")):
        return True
    is_prose = any(mark in value for mark in '{["@/')
    return is_prose and needles.is_found_in(value, place)


async def _search_landing(
    stores: Stores, tenant_id: TenantId, needles: Needles, found: Findings
) -> None:
    async with stores.database.session(tenant_id) as session:
        tells_of = await _tells_of(session)
    landing = stores.landing.for_tenant(tenant_id)
    for key in await list_landed(stores.database, stores.landing, tenant_id):
        if not key.endswith(".parquet"):
            continue  # a copy for a person: sealed, and noise without its key
        rows = pq.read_table(io.BytesIO(await landing.get(key)))
        sync = _SYNC.search(key)
        if _is_in_object(rows, needles, tells_of.get(sync.group(1), "") if sync else ""):
            found["landing objects"] += 1


def _is_in_object(rows: pa.Table, needles: Needles, tells_of: str) -> bool:
    ids = (
        rows.column(name).unique().to_pylist() if name in rows.column_names else [None]
        for name in _PLACE
    )
    places = [place_of(one, other, tells_of) for one, other in itertools.product(*ids)]
    for field in rows.schema:
        if not pa.types.is_string(field.type) or field.name in _OURS:
            continue
        values = rows.column(field.name).unique().drop_null()
        for place in places:
            hit = values.filter(needles.candidates(values, place))
            if any(_names(value, needles, place) for value in hit.to_pylist()):
                return True
    return False

"""Erasing 500 of 10,000 people from facts, in one go and one after the other.

    facts.orders (a quarter of the rows), facts.order_lines (the rest) -> one run: find, count,
    change each table once; baseline: the same statements on the same tables for each person alone

Seconds per person of the baseline are measured over a few people: each costs the same.
"""

import shutil
import statistics
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb

from bench.harness import Figure, figure
from bench.mart import BENCH_STATE
from domain.facts import ORDER_LINES, ORDERS
from domain.facts.fact import ColumnType
from domain.facts.tables import Table, facts_table
from domain.ids import ConnectionId, TenantId
from gdpr.erasure.erasable import Erasable, find_erasables, word_of
from gdpr.erasure.statements import (
    KEY,
    ORDER,
    PERSON,
    RUN,
    anonymise,
    count_rows,
    find_orders,
    find_words,
)
from gdpr.erasure.targets import TARGETS, Target, TargetList
from tenancy.audited_tenants import AuditedTenants
from tenancy.privacy.pseudonyms import Pseudonyms
from tenancy.warehouse.open import open_warehouse
from tenancy.warehouse.port import Warehouse

__all__ = ["main"]

_SIZES: Final = (1_000_000, 10_000_000)
_PEOPLE: Final = 10_000
_ERASED: Final = 500
_ALONE: Final = 5
_TENANT: Final = TenantId(uuid.UUID(int=0xA1))
_CONNECTION: Final = ConnectionId(uuid.UUID(int=0xC1))
_NAMES: Final = Pseudonyms(b"p" * 32, b"s" * 32)
_SCOPE: Final = AuditedTenants(frozenset({_TENANT}), "erase")
_TABLES: Final = (facts_table(ORDERS), facts_table(ORDER_LINES))
_ERASABLES: Final = find_erasables(_TABLES)
_LINES_EACH: Final = 3
_VALUES: Final = {
    ColumnType.STRING: "'text'",
    ColumnType.INT64: "1",
    ColumnType.NUMERIC: "CAST(19.9 AS DECIMAL(38, 9))",
    ColumnType.DATE: "DATE '2026-01-01' + CAST(n % 300 AS INTEGER)",
    ColumnType.TIMESTAMP: "TIMESTAMPTZ '2026-01-01 09:00:00+00' + INTERVAL (n % 300) DAY",
}


async def main() -> list[Figure]:
    """Run the bench."""
    figures: list[Figure] = []
    for rows in _SIZES:
        figures += await _measure(rows)
    return figures


async def _measure(rows: int) -> list[Figure]:
    path = BENCH_STATE / "erasure" / "warehouse.duckdb"
    shutil.rmtree(path.parent, ignore_errors=True)
    path.parent.mkdir(parents=True)
    await _fill(path, rows)
    warehouse = open_warehouse(f"duckdb://{path}")
    try:
        await warehouse.ensure_tables([TARGETS, *_TABLES])
        alone = [
            (await _erase(warehouse, [person]))[0] for person in range(_PEOPLE - _ALONE, _PEOPLE)
        ]
        seconds, changed = await _erase(warehouse, range(_ERASED))
    finally:
        await warehouse.close()
        shutil.rmtree(path.parent)
    what = f"erase {_ERASED} of {_PEOPLE:,} people from {rows:,} rows"
    return [
        figure(
            f"{what}, per person vs one DML per request",
            "s",
            seconds / _ERASED,
            statistics.median(alone),
        ),
        figure(f"{what}, rows changed", "rows/s", changed / seconds),
    ]


async def _fill(path: Path, rows: int) -> None:
    warehouse = open_warehouse(f"duckdb://{path}")
    await warehouse.ensure_tables([TARGETS, *_TABLES])
    await warehouse.close()
    orders = rows // (1 + _LINES_EACH)
    with duckdb.connect(str(path), config={"memory_limit": "1024MiB", "threads": 2}) as db:
        db.execute("SET TimeZone = 'UTC'")
        db.execute(_insert(_TABLES[0], orders, "n"))
        db.execute(_insert(_TABLES[1], orders * _LINES_EACH, f"n // {_LINES_EACH}"))


def _insert(table: Table, rows: int, order: str) -> str:
    known = {
        "tenant_id": f"'{_TENANT}'",
        "connection_id": f"'{_CONNECTION}'",
        "source": "'shopify'",
        "stream": f"'{table.name}'",
        "natural_key": "'k' || n",
        "order_id": f"'o' || ({order})",
        "order_line_id": "'k' || n",
        "customer_id": f"'c' || (n % {_PEOPLE})",
    }
    values = ", ".join(known.get(c.name, _VALUES[c.type]) for c in table.columns)
    return f"INSERT INTO {table.qualified} SELECT {values} FROM range({rows}) AS r(n)"


async def _erase(warehouse: Warehouse, people: Sequence[int]) -> tuple[float, int]:
    """Seconds, and rows that were changed."""
    run_id = uuid.uuid4()
    targets = TargetList(warehouse, run_id, _SCOPE)
    parameters = {RUN: str(run_id)}
    begun = time.perf_counter()
    await targets.add([_target(PERSON, f"c{person}") for person in people])
    orders = next(one for one in _ERASABLES if one.person is not None)
    found = await warehouse.run_for(_SCOPE, find_orders(orders), parameters)
    await targets.add([_target(ORDER, value) for value in found.column("value").to_pylist()])
    for erasable in _ERASABLES:
        await targets.add(await _words(warehouse, erasable, run_id))
    changed = 0
    for erasable in _ERASABLES:
        await warehouse.run_for(_SCOPE, count_rows(erasable), parameters)
        operation = f"bench-{run_id}-{erasable.table.name}"
        both = await warehouse.execute(operation, anonymise(erasable), parameters, _SCOPE)
        changed += both // 2  # each row goes in once and out once
    await targets.forget()
    return time.perf_counter() - begun, changed


async def _words(warehouse: Warehouse, erasable: Erasable, run_id: uuid.UUID) -> list[Target]:
    rows = await warehouse.run_for(_SCOPE, find_words(erasable), {RUN: str(run_id)})
    found = []
    for row in rows.to_pylist():
        found += [_target(word_of(column), row[column.name]) for column in erasable.surrogates]
        found.append(_target(f"{KEY}shopify.{erasable.table.name}", row["natural_key"]))
    return found


def _target(word: str, value: str) -> Target:
    new = None if word == PERSON else _NAMES.surrogate(_CONNECTION, word, value)
    return Target(_TENANT, _CONNECTION, uuid.UUID(int=1), word, value, new)

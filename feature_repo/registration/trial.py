"""Facts on trial: a warehouse in memory, and the statement that serves, asked of it.

    rows of a unit test, or of the agency -> Sample -> DuckDB in memory -> features

What is computed here is computed by `FeatureComputer`, which also computes what is served: a test
that passes here has tested the very statement, not a picture of it. Each sample is an agency of its
own in there, so many share one warehouse and none sees another's rows.
"""

import datetime as dt
import io
import itertools
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from domain.facts import FACTS
from domain.facts.fact import Fact, Supersession
from domain.facts.tables import SUPPRESSED, SYNCS, Table, facts_table
from domain.ids import TenantId
from domain.ports import QueryWarehouse, TenantScope
from feature_repo.compute import FeatureComputer
from feature_repo.feature import FeatureView
from feature_repo.registration.definition import Case
from tenancy.audited_tenants import AuditedTenants
from tenancy.warehouse.open import WarehouseOptions, open_warehouse
from tenancy.warehouse.port import Warehouse
from tenancy.warehouse.types import ARROW_TYPES

__all__ = ["MakeComputer", "Sample", "Trial", "open_trial", "sample_of_case", "schema_of"]

MakeComputer = Callable[[QueryWarehouse], FeatureComputer]

# Small, since it lives beside the warehouse that serves.
_OPTIONS: Final = WarehouseOptions(memory_limit_mb=256, threads=1, readers=1)
_CLIENT: Final = str(uuid.UUID(int=1))
_CONNECTION: Final = str(uuid.UUID(int=2))
_STREAM: Final = "test"


@dataclass(frozen=True, slots=True)
class Sample:
    """Facts with their history, and what is asked of them.

    Attributes:
        facts: Rows of `facts.<name>`, by name.
        syncs: Rows of `facts.syncs`.
        pairs: Entity and instant.
    """

    facts: Mapping[str, pa.Table]
    syncs: pa.Table
    pairs: Sequence[tuple[str, dt.datetime]]


class Trial:
    """A warehouse in memory."""

    def __init__(self, warehouse: Warehouse, computer: FeatureComputer) -> None:
        self._warehouse = warehouse
        self._computer = computer
        self._numbers = itertools.count(1)

    async def compute(self, view: FeatureView, sample: Sample) -> pa.Table:
        """Features of the sample's pairs; see `FeatureComputer.asked`.

        Raises:
            WarehouseError: DuckDB failed.
        """
        tenant_id = TenantId(uuid.UUID(int=next(self._numbers)))
        for fact, rows in sample.facts.items():
            await self._load(tenant_id, facts_table(FACTS[fact]), rows)
        await self._load(tenant_id, SYNCS, sample.syncs)
        return await self._computer.asked(TenantScope(tenant_id), view, sample.pairs)

    async def _load(self, tenant_id: TenantId, table: Table, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        own = pa.array([str(tenant_id)] * rows.num_rows, pa.string())
        rows = rows.set_column(rows.column_names.index("tenant_id"), "tenant_id", own)
        file = io.BytesIO()
        pq.write_table(rows, file)
        scope = AuditedTenants(frozenset({tenant_id}), "trial")
        load_id = f"{tenant_id} {table.qualified}"
        await self._warehouse.load(load_id, table, [file.getvalue()], scope)


@asynccontextmanager
async def open_trial(
    facts: Sequence[str], make_computer: MakeComputer = FeatureComputer
) -> AsyncIterator[Trial]:
    """Open a warehouse in memory for some facts; it is gone afterwards."""
    warehouse = open_warehouse("duckdb://", options=_OPTIONS)
    try:
        tables = [facts_table(FACTS[name]) for name in facts]
        await warehouse.ensure_tables([SYNCS, SUPPRESSED, *tables])
        yield Trial(warehouse, make_computer(warehouse))
    finally:
        await warehouse.close()


def schema_of(table: Table) -> pa.Schema:
    """Arrow's types of a table's columns."""
    return pa.schema([(column.name, ARROW_TYPES[column.type]) for column in table.columns])


def sample_of_case(view: FeatureView, case: Case) -> Sample:
    """What a unit test tells: one sync for each fact and instant, in the order of instants."""
    owner = _CLIENT if view.entity.is_of_client else _CONNECTION
    entity = f"{owner}:{case.own_id}" if case.own_id else owner
    lines: list[dict[str, Any]] = []
    facts = {}
    for name in view.facts:
        table = facts_table(FACTS[name])
        rows = list(_synced(FACTS[name], case.rows.get(name, ()), lines))
        facts[name] = pa.Table.from_pylist(rows, schema_of(table))
    return Sample(facts, pa.Table.from_pylist(lines, schema_of(SYNCS)), [(entity, case.as_of)])


def _synced(
    fact: Fact, rows: Sequence[Mapping[str, Any]], lines: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The rows with what a sync adds to them; its own line goes to `lines`."""

    def known_at(row: Mapping[str, Any]) -> dt.datetime:
        instant: dt.datetime = row["known_at"]
        return instant

    by_instant = itertools.groupby(sorted(rows, key=known_at), key=known_at)
    for version, (instant, group) in enumerate(by_instant, start=1):
        of_sync = list(group)
        envelope = {
            "tenant_id": "",
            "client_id": _CLIENT,
            "connection_id": _CONNECTION,
            "source": _STREAM,
            "stream": _STREAM,
            "sync_id": str(uuid.UUID(int=version)),
            "version": version,
        }
        days = [row["reporting_date"] for row in of_sync]
        by_days = fact.supersession is Supersession.SLICE
        lines.append(
            {
                **envelope,
                "fact": fact.name,
                "known_at": instant,
                "covers_from": min(days) if by_days else None,
                "covers_to": max(days) if by_days else None,
            }
        )
        yield from ({**row, **envelope} for row in of_sync)

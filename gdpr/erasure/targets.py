"""Whom a run erases, as a warehouse table that every statement of the run joins.

    people and orders of the requests -> privacy.targets <- found orders, lines, refunds, keys
    -> one statement per table for all agencies -> the run's rows go when it ends

Of everybody at a large shop there are millions: they come and go in batches, and of those that are
there already a process holds digests only.

So no identifier stands in the text of a statement (BigQuery keeps texts for 180 days), and a
table is changed once per run, however many people are erased.

Decision: ADR-0027.
"""

import hashlib
import io
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from domain.facts.fact import Column, ColumnType, Role
from domain.facts.tables import Table
from domain.ids import ConnectionId, TenantId
from domain.privacy.classification import Privacy
from domain.privacy.holds import LINEAGE, SHOP_CUSTOMER_ID, SHOP_ORDER
from gdpr.erasure.statements import (
    RUN,
    delete_targets,
    targets_of_run,
)
from tenancy.audited_tenants import AuditedTenants
from tenancy.warehouse.port import Warehouse

__all__ = ["TARGETS", "Target", "TargetList", "iter_rows"]


_ROWS_AT_ONCE: Final = 10_000


def _column(
    name: str, description: str, what: Privacy = LINEAGE, *, required: bool = True
) -> Column:
    return Column(
        name, ColumnType.STRING, Role.ATTRIBUTE, description, required=required, holds=what
    )


TARGETS: Final = Table(
    "privacy",
    "targets",
    (
        _column("tenant_id", "Agency, UUID text."),
        _column("run_id", "Run that erases, UUID text."),
        _column("connection_id", "Connection in which the value is unique, UUID text."),
        _column("request_id", "Request that it is erased for, UUID text."),
        _column("word", "What the value is: person, a surrogate's column, or a key."),
        _column("value", "As the rows have it; gone when the run ends.", SHOP_CUSTOMER_ID),
        _column("surrogate", "What takes its place; NULL: nothing.", SHOP_ORDER, required=False),
    ),
    cluster_by=("tenant_id", "run_id", "word"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """A value to be found. In the clear: it lives in memory and in `privacy.targets` only.

    Attributes:
        word: `PERSON`, a fact's column that gets a surrogate, or `KEY` and `source.stream`.
    """

    tenant_id: TenantId
    connection_id: ConnectionId
    request_id: uuid.UUID
    word: str
    value: str
    surrogate: str | None = None

    @property
    def place(self) -> tuple[TenantId, ConnectionId, str, str]:
        """Unique in a run."""
        return (self.tenant_id, self.connection_id, self.word, self.value)

    def __repr__(self) -> str:
        return f"Target({self.word})"


@dataclass(frozen=True, slots=True)
class TargetList:
    """The targets of one run, in the warehouse.

    Attributes:
        at_once: So many are added in one load; BigQuery takes 1,500 loads a day for a table.
    """

    warehouse: Warehouse
    run_id: uuid.UUID
    tenants: AuditedTenants
    at_once: int = 200_000

    async def each(self) -> AsyncIterator[Target]:
        """All targets so far."""
        table = await self.warehouse.run_for(
            self.tenants, targets_of_run(), {RUN: str(self.run_id)}
        )
        for row in iter_rows(table):
            yield Target(
                TenantId(uuid.UUID(row["tenant_id"])),
                ConnectionId(uuid.UUID(row["connection_id"])),
                uuid.UUID(row["request_id"]),
                row["word"],
                row["value"],
                row["surrogate"],
            )

    async def read(self) -> list[Target]:
        """All targets so far, where they are few."""
        return [one async for one in self.each()]

    async def add(self, targets: Iterable[Target]) -> int:
        """See `add_from`."""

        async def each() -> AsyncIterator[Target]:
            for one in targets:
                yield one

        return await self.add_from(each())

    async def add_from(self, targets: AsyncIterable[Target]) -> int:
        """Add those that are new; a value counts for the request that named it first.

        Returns:
            How many were new. Doing it again adds none.
        """
        known = {_digest(one) async for one in self.each()}
        added, new = 0, []
        async for one in targets:
            digest = _digest(one)
            if digest in known:
                continue
            known.add(digest)
            new.append(one)
            if len(new) == self.at_once:
                added += await self._load(new)
                new = []
        return added + await self._load(new)

    async def _load(self, targets: Sequence[Target]) -> int:
        if not targets:
            return 0
        data = self._parquet(sorted(targets, key=lambda one: str(one.place)))
        load_id = f"targets-{self.run_id}-{hashlib.sha256(data).hexdigest()[:32]}"
        return await self.warehouse.load(load_id, TARGETS, [data], self.tenants)

    async def forget(self) -> int:
        """Take the run's targets out."""
        parameters = {RUN: str(self.run_id)}
        operation = f"erase-{self.run_id}-targets"
        return await self.warehouse.execute(operation, delete_targets(), parameters, self.tenants)

    def _parquet(self, rows: Sequence[Target]) -> bytes:
        columns = {
            "tenant_id": [str(row.tenant_id) for row in rows],
            "run_id": [str(self.run_id)] * len(rows),
            "connection_id": [str(row.connection_id) for row in rows],
            "request_id": [str(row.request_id) for row in rows],
            "word": [row.word for row in rows],
            "value": [row.value for row in rows],
            "surrogate": [row.surrogate for row in rows],
        }
        sink = io.BytesIO()
        schema = pa.schema([(column.name, pa.string()) for column in TARGETS.columns])
        pq.write_table(pa.table(columns, schema=schema), sink)
        return sink.getvalue()


def iter_rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Rows of an answer, of which few at once are objects of Python."""
    for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
        yield from batch.to_pylist()


def _digest(target: Target) -> bytes:
    return hashlib.blake2b(str(target.place).encode(), digest_size=16).digest()

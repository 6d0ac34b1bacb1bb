"""Whom a run erases, as a warehouse table that every statement of the run joins.

    people and orders of the requests -> privacy.targets <- found orders, lines, refunds, keys
    -> one statement per table for all agencies -> the run's rows go when it ends

So no identifier stands in the text of a statement (BigQuery keeps texts for 180 days), and a
table is changed once per run, however many people are erased.

Decision: ADR-0027.
"""

import hashlib
import io
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

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

__all__ = ["TARGETS", "Target", "TargetList"]


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
    """The targets of one run, in the warehouse."""

    warehouse: Warehouse
    run_id: uuid.UUID
    tenants: AuditedTenants

    async def read(self) -> list[Target]:
        """All targets so far."""
        table = await self.warehouse.run_for(
            self.tenants, targets_of_run(), {RUN: str(self.run_id)}
        )
        return [
            Target(
                TenantId(uuid.UUID(row["tenant_id"])),
                ConnectionId(uuid.UUID(row["connection_id"])),
                uuid.UUID(row["request_id"]),
                row["word"],
                row["value"],
                row["surrogate"],
            )
            for row in table.to_pylist()
        ]

    async def add(self, targets: Iterable[Target]) -> int:
        """Add those that are new; a value counts for the request that named it first.

        Returns:
            How many were new. Doing it again adds none.
        """
        known = {target.place for target in await self.read()}
        new = {one.place: one for one in targets if one.place not in known}
        rows = [new[place] for place in sorted(new, key=str)]
        if not rows:
            return 0
        data = self._parquet(rows)
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

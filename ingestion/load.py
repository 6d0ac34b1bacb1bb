"""Load and unify: what has landed, of all tenants together, into raw tables, facts and marts.

    pending loads -> one load per raw table -> quality gate -> facts.syncs -> facts.<fact>
    -> marts.<fact> -> publish

One batch holds what many tenants have landed, since the warehouse allows few loads per table and
few mutating statements at once. One loader works at a time. Every statement is idempotent per
sync, so a batch that a crash cut short is simply done again, perhaps in other company: its raw rows
may then stand twice, and count once. A sync that looks wrong is held back by the gate, and one that
cannot be loaded fails; neither keeps the others waiting.
"""

import hashlib
import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
import structlog
from sqlglot import exp

from domain.errors import BoscoError, InternalError, NotFoundError, Terminal, Transient
from domain.facts.fact import Fact
from domain.facts.tables import SYNCS, Table, facts_table, marts_table
from domain.ids import SyncId
from domain.time_window import DateRange
from ingestion.connector.spec import StreamSpec
from ingestion.landing.parquet import arrow_schema
from ingestion.publish import Publisher
from ingestion.quality.checks.totals_differ import totals_of
from ingestion.quality.evidence import LandedSync
from ingestion.quality.gate import QualityGate
from ingestion.unify.feeds import facts_fed
from ingestion.unify.statements import (
    SYNC_IDS,
    delete_superseded,
    insert_current,
    insert_facts,
    insert_syncs,
)
from tenancy.exclusive import Exclusive
from tenancy.landing_store import LandingHandle, LandingStore
from tenancy.unscoped import Doors, PendingLoad
from tenancy.warehouse.port import AuditedTenants, Warehouse

__all__ = ["RAW_SYNCS", "DamagedObjectError", "Loader"]

_LOG: Final = structlog.get_logger(__name__)

# The objects of a batch are held in memory, table by table.
OBJECTS_PER_BATCH: Final = 500

# Syncs travel to `facts.syncs` the way rows travel to facts: loaded first, then inserted once each.
RAW_SYNCS: Final = Table("raw", "bosco__syncs", SYNCS.columns, cluster_by=SYNCS.cluster_by)


Batch = Sequence[PendingLoad]
Step = Callable[[Batch], Awaitable[Batch]]


class DamagedObjectError(InternalError, Terminal):
    """A landing object is gone, or is not what was landed; its sync has to be done again."""

    code = "DAMAGED_OBJECT"


@dataclass(frozen=True, slots=True)
class Loader:
    """Brings landed objects into the warehouse and publishes them.

    Attributes:
        streams: Every stream by its raw table.
        objects_per_batch: A batch ends at the last sync that fits; one sync is never cut.
    """

    exclusive: Exclusive
    doors: Doors
    store: LandingStore
    warehouse: Warehouse
    gate: QualityGate
    publisher: Publisher
    streams: Mapping[str, StreamSpec]
    objects_per_batch: int = OBJECTS_PER_BATCH

    async def load_pending(self) -> int:
        """Load everything that has landed by now; waits while another loader works.

        Returns:
            Number of syncs published.
        """
        published = 0
        async with self.exclusive():
            while batch := await self._next_batch():
                admitted = await self._together_or_alone(batch, self._admit)
                done = await self._together_or_alone(admitted, self._publish)
                published += len(_by_sync(done))
        return published

    async def _next_batch(self) -> Batch:
        """Objects of whole syncs, the oldest first; none when nothing is left."""
        limit = self.objects_per_batch
        while True:
            pending = await self.doors.pending_loads(limit)
            if len(pending) < limit:
                return pending
            # Some objects of the last sync may lie beyond the limit.
            whole = [load for load in pending if load.sync_id != pending[-1].sync_id]
            if whole:
                return whole
            limit *= 2

    async def _together_or_alone(self, batch: Batch, step: Step) -> Batch:
        """Do a step for a batch; when it fails for good, find the sync that spoils it.

        Returns:
            What the step returned: the loads that go on.
        """
        if not batch:
            return batch
        try:
            return await step(batch)
        except BoscoError as error:
            if isinstance(error, Transient):
                raise
            syncs = _by_sync(batch)
            if len(syncs) == 1:
                _LOG.warning("sync_cannot_be_loaded", sync_id=str(batch[0].sync_id), exc_info=True)
                await self.publisher.fail(batch[0].tenant_id, batch[0].sync_id, error)
                return []
            alone = [await self._together_or_alone(one, step) for one in syncs.values()]
            return list(itertools.chain.from_iterable(alone))

    async def _admit(self, batch: Batch) -> Batch:
        """Load raw rows; the loads of syncs that may be published."""
        tenants = _tenants(batch)
        await self._load_raw(_batch_id(batch), batch, tenants)
        landed = [_landed(loads, self.streams) for loads in _by_sync(batch).values()]
        admitted = await self.gate.admit(landed, tenants)
        return [load for load in batch if load.sync_id in admitted]

    async def _publish(self, batch: Batch) -> Batch:
        """Unify raw rows that are in the warehouse, and make them visible."""
        parameters = {SYNC_IDS: tuple(str(sync_id) for sync_id in _by_sync(batch))}
        statements: list[exp.Expression] = [insert_syncs()]
        for raw_table in sorted({load.raw_table for load in batch}):
            stream = self.streams[raw_table]
            statements += [insert_facts(stream, fact) for fact in self._facts_fed(raw_table)]
        for fact in self._facts_of(batch):
            statements += [delete_superseded(fact), insert_current(fact)]
        operation = f"unify-{_batch_id(batch)}"
        await self.warehouse.execute(operation, statements, parameters, _tenants(batch))
        for loads in _by_sync(batch).values():
            fed = [fact.name for fact in self._facts_fed(loads[0].raw_table)]
            await self.publisher.publish(loads, fed)
        return batch

    def _facts_fed(self, raw_table: str) -> tuple[Fact, ...]:
        return facts_fed(self.streams[raw_table], self.streams.values())

    def _facts_of(self, batch: Batch) -> list[Fact]:
        tables = sorted({load.raw_table for load in batch})
        return list({fact.name: fact for name in tables for fact in self._facts_fed(name)}.values())

    async def _load_raw(self, batch_id: str, batch: Batch, tenants: AuditedTenants) -> None:
        raw_tables = {load.raw_table for load in batch}
        specs = [self.streams[name].raw_table for name in raw_tables]
        facts = self._facts_of(batch)
        totals = {fact.name: fact for one in facts if (fact := totals_of(one)) is not None}
        marts = map(marts_table, (*facts, *totals.values()))
        await self.warehouse.ensure_tables(
            [RAW_SYNCS, SYNCS, *specs, *map(facts_table, facts), *marts]
        )
        store = self.store.open_for(tenants)
        for table in specs:
            loads = [load for load in batch if load.raw_table == table.qualified]
            objects = [await _fetch(store, load) for load in loads]
            await self.warehouse.load(f"{table.name}-{batch_id}", table, objects, tenants)
        await self.warehouse.load(
            f"{RAW_SYNCS.name}-{batch_id}", RAW_SYNCS, [self._syncs_object(batch)], tenants
        )

    def _syncs_object(self, batch: Batch) -> bytes:
        rows = [
            {
                "tenant_id": str(load.tenant_id),
                "client_id": str(load.client_id),
                "connection_id": str(load.connection_id),
                "source": load.source,
                "stream": load.stream,
                "fact": fact.name,
                "sync_id": str(load.sync_id),
                "version": load.version,
                "known_at": load.known_at,
                "covers_from": load.slice_from,
                "covers_to": load.slice_to,
            }
            for load in (loads[0] for loads in _by_sync(batch).values())
            for fact in self._facts_fed(load.raw_table)
        ]
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows, schema=arrow_schema(RAW_SYNCS)), sink)
        return bytes(sink.getvalue())


async def _fetch(store: LandingHandle, load: PendingLoad) -> bytes:
    """The object's bytes, proved to be those that were landed."""
    try:
        data = await store.get(load.uri)
    except NotFoundError as error:
        raise DamagedObjectError(f"landing object {load.uri} is gone") from error
    if hashlib.sha256(data).hexdigest() != load.content_hash:
        raise DamagedObjectError(f"landing object {load.uri} is not what was landed")
    return data


def _tenants(batch: Batch) -> AuditedTenants:
    return AuditedTenants(frozenset(load.tenant_id for load in batch), "load")


def _landed(loads: Batch, streams: Mapping[str, StreamSpec]) -> LandedSync:
    """One sync as the gate sees it."""
    load = loads[0]
    stream = streams[load.raw_table]
    first, last = load.slice_from, load.slice_to
    return LandedSync(
        tenant_id=load.tenant_id,
        client_id=load.client_id,
        connection_id=load.connection_id,
        run_id=load.run_id,
        sync_id=load.sync_id,
        source=load.source,
        name=load.stream,
        stream=stream,
        version=load.version,
        known_at=load.known_at,
        days=DateRange(first, last) if first is not None and last is not None else None,
        rows=sum(part.rows for part in loads),
        quarantined=load.quarantined,
        is_released=load.released_at is not None,
    )


def _by_sync(batch: Iterable[PendingLoad]) -> dict[SyncId, list[PendingLoad]]:
    return {
        sync_id: list(loads)
        for sync_id, loads in itertools.groupby(batch, key=lambda load: load.sync_id)
    }


def _batch_id(batch: Batch) -> str:
    digest = hashlib.sha256()
    for load in batch:
        digest.update(load.object_id.bytes)
    return digest.hexdigest()[:32]

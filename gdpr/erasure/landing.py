"""Landing objects without the people of a run.

    objects of loaded rows (raw tables tell) + objects not loaded -> screened -> a new object
    -> manifest -> the old object goes
    objects that nothing names (a crash left them) -> gone

A rewritten object lies under a name of its own: whenever a process dies, the manifest names an
object that is whole and is the one that it says. Bytes that a bucket keeps of the old one (object
versions, soft deletion) are a residual.

Decision: ADR-0027.
"""

import hashlib
import io
import re
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import or_, select

from domain.errors import NotFoundError
from domain.facts.fact import Names
from domain.ids import ClientId, ConnectionId, TenantId
from domain.privacy.identifiers import IdentifierKind
from gdpr.erasure.erasable import Erasable
from gdpr.erasure.journal import Journal
from gdpr.erasure.people import Recogniser, load_recogniser
from gdpr.erasure.statements import RUN, find_objects
from gdpr.erasure.work import Run, Stores
from tenancy.landing_manifest import list_landed
from tenancy.landing_store import TenantLanding
from tenancy.privacy.screen import Screen, screen
from tenancy.session import TenantSession
from tenancy.tables import LandingObject, Sync, SyncState

__all__ = ["Landed", "read_unloaded", "rewrite_objects"]

_PART: Final = re.compile(r".*/sync=(?P<sync>[0-9a-f-]{36})/part-(?P<part>\d+)[^/]*\.parquet")
_REWRITTEN: Final = re.compile(r"\.[0-9a-f]{8}\.parquet$|\.parquet$")
_KINDS: Final = {Names.PERSON: IdentifierKind.PLATFORM, Names.ORDER: IdentifierKind.ORDER}


@dataclass(frozen=True, slots=True)
class Landed:
    """The rows of one object.

    Attributes:
        entry: Its line of the manifest.
        rows: All of one connection.
    """

    entry: LandingObject
    client_id: ClientId
    connection_id: ConnectionId
    erasable: Erasable
    rows: pa.Table

    def orders_of(
        self, people: Mapping[tuple[ConnectionId, str], uuid.UUID]
    ) -> Iterator[tuple[str, uuid.UUID]]:
        """Orders of people in the rows, and the request of each."""
        person, order = self.erasable.person, self.erasable.order
        if person is None or order is None:
            return
        mine = [value for connection, value in people if connection == self.connection_id]
        found = pc.is_in(self.rows.column(person), value_set=pa.array(mine, pa.string()))
        hit = self.rows.filter(found)
        pairs = zip(hit.column(order).to_pylist(), hit.column(person).to_pylist(), strict=True)
        for value, whose in dict.fromkeys(pairs):
            if value is not None:
                yield value, people[self.connection_id, whose]


async def read_unloaded(
    stores: Stores, tenant_id: TenantId, erasables: Sequence[Erasable]
) -> AsyncIterator[Landed]:
    """Objects of an agency that the warehouse has not loaded, of some raw tables."""
    async with stores.database.session(tenant_id) as session:
        found = await _entries(session, erasables, frozenset())
    landing = stores.landing.for_tenant(tenant_id)
    for entry, sync in found:
        landed = await _read(landing, entry, sync, erasables)
        if landed is not None:
            yield landed


async def rewrite_objects(
    stores: Stores, run: Run, journal: Journal, number: int, todo: Sequence[TenantId]
) -> None:
    """Take the people out of the objects of some agencies. Holds the loader's lock.

    Counts go to the journal with each object; doing it again changes nothing.
    """
    async with stores.loading():
        raws = [
            one
            for one in stores.erasables
            if one.table.schema == "raw" and one.table.tells_of not in run.held
        ]
        loaded = await _loaded(stores, run, raws)
        for tenant_id in todo:
            of_tenant = frozenset(
                object_id for owner, object_id in loaded if owner == str(tenant_id)
            )
            await _rewrite(stores, run, journal, number, tenant_id, raws, of_tenant)


async def _loaded(stores: Stores, run: Run, raws: Sequence[Erasable]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for erasable in raws:
        rows = await stores.warehouse.run_for(
            run.tenants, find_objects(erasable), {RUN: str(run.run_id)}
        )
        found |= {(row["tenant_id"], row["object_id"]) for row in rows.to_pylist()}
    return found


async def _rewrite(
    stores: Stores,
    run: Run,
    journal: Journal,
    number: int,
    tenant_id: TenantId,
    raws: Sequence[Erasable],
    loaded: frozenset[str],
) -> None:
    landing = stores.landing.for_tenant(tenant_id)
    async with stores.database.session(tenant_id) as session:
        known = await load_recogniser(session, stores)
        entries = await _entries(session, raws, loaded)
    await list_landed(stores.database, stores.landing, tenant_id)
    for entry, sync in entries:
        landed = await _read(landing, entry, sync, raws)
        if landed is None:
            continue
        rows, counts = _without_people(landed, known)
        if counts:
            data = _parquet(rows)
            key = _REWRITTEN.sub(f".{hashlib.sha256(data).hexdigest()[:8]}.parquet", entry.uri)
            await landing.put(key, data)
            async with stores.database.session(tenant_id) as session:
                await _name(session, entry, key, data, rows.num_rows)
                told = {str(request): count for request, count in counts.items()}
                await journal.add(session, run.run_id, number, told)
            await landing.delete(entry.uri)
    await _clear_leftovers(stores, landing, tenant_id)


async def _entries(
    session: TenantSession, raws: Sequence[Erasable], loaded: frozenset[str]
) -> list[tuple[LandingObject, Sync]]:
    """Objects that may hold people: those not loaded, and those that their rows came from."""
    tables = [one.table.qualified for one in raws]
    mine = [uuid.UUID(one) for one in sorted(loaded)]
    query = (
        select(LandingObject, Sync)
        .join(
            Sync, (Sync.tenant_id == LandingObject.tenant_id) & (Sync.id == LandingObject.sync_id)
        )
        .where(
            LandingObject.raw_table.in_(tables),
            LandingObject.purged_at.is_(None),
            or_(LandingObject.loaded_at.is_(None), LandingObject.id.in_(mine)),
        )
        .order_by(LandingObject.uri)
    )
    return [(entry, sync) for entry, sync in await session.execute(query)]


async def _read(
    landing: TenantLanding, entry: LandingObject, sync: Sync, raws: Sequence[Erasable]
) -> Landed | None:
    """The rows of an object; None: it is gone (a purge was cut short), and holds nobody."""
    erasable = next(one for one in raws if one.table.qualified == entry.raw_table)
    try:
        data = await landing.get(entry.uri)
    except NotFoundError:
        return None
    rows = pq.read_table(io.BytesIO(data))
    return Landed(entry, sync.client_id, sync.connection_id, erasable, rows)


def _without_people(landed: Landed, known: Recogniser) -> tuple[pa.Table, Counter[uuid.UUID]]:
    tells_of = landed.erasable.table.tells_of

    def is_erased(pseudonym: str) -> bool:
        return known.is_erased(pseudonym, tells_of)

    against = Screen(known.names, landed.client_id, landed.connection_id, is_erased)
    counts: Counter[uuid.UUID] = Counter()
    batches = []
    for batch in landed.rows.to_batches():
        screened = screen(batch, landed.erasable.table, against)
        batches.append(screened.rows)
        if screened.erased is not None:
            hit = batch.filter(screened.erased)
            counts += _requests_of(hit, landed, known)
    return pa.Table.from_batches(batches, landed.rows.schema), counts


def _requests_of(hit: pa.RecordBatch, landed: Landed, known: Recogniser) -> Counter[uuid.UUID]:
    """For whom rows are changed, by request."""
    tells_of = landed.erasable.table.tells_of
    named = [
        (_KINDS[column.names], hit.column(column.name).to_pylist())
        for column in landed.erasable.table.columns
        if column.names is not None and column.name in hit.schema.names
    ]
    counts: Counter[uuid.UUID] = Counter()
    memo: dict[tuple[IdentifierKind, str], uuid.UUID | None] = {}
    for number in range(hit.num_rows):
        for kind, values in named:
            value = values[number]
            if value is None:
                continue
            if (kind, value) not in memo:
                memo[kind, value] = known.request_of(
                    landed.client_id, landed.connection_id, kind, value, tells_of
                )
            request = memo[kind, value]
            if request is not None:
                counts[request] += 1
                break
    return counts


def _parquet(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(rows.combine_chunks(), sink, compression="zstd")
    return sink.getvalue()


async def _name(
    session: TenantSession, entry: LandingObject, key: str, data: bytes, rows: int
) -> None:
    line = await session.get_one(LandingObject, (session.tenant_id, entry.id), with_for_update=True)
    line.uri, line.rows, line.bytes = key, rows, len(data)
    line.content_hash = hashlib.sha256(data).hexdigest()


async def _clear_leftovers(stores: Stores, landing: TenantLanding, tenant_id: TenantId) -> None:
    """Delete objects that no line of the manifest names, and no sync will name any more."""
    keys = await landing.list()
    async with stores.database.session(tenant_id) as session:
        named = frozenset(await session.scalars(select(LandingObject.uri)))
        query = select(Sync.id).where(Sync.state.in_((SyncState.PLANNED, SyncState.EXTRACTING)))
        open_syncs = {str(sync_id) for sync_id in await session.scalars(query)}
    for key in keys:
        part = _PART.fullmatch(key)
        if part is not None and key not in named and part["sync"] not in open_syncs:
            await landing.delete(key)

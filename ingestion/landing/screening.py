"""Nobody who is erased comes back with late data.

    rows -> screened against the tombstones of an epoch -> object -> stored
    -> the transaction that names it holds the epoch: still that one? -> recorded
                                                      else -> the object screened again

Rows whose time is over (`tenancy.privacy.people_age`) lose their person the same way.

An agency that erased nobody pays a look at two rows for each object; streams that are about nobody
pay nothing. Whatever else a row of an erased person names becomes a tombstone, before the row is
stored, so that rows which name only that are known, too: a new order shows its customer, its lines
and refunds show the order. Lines that come before their order bring the customer along for this
alone (`identifier: person` in the source file), where the platform tells it.

Decision: ADR-0025.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from domain.ids import TenantId
from domain.privacy.identifiers import IdentifierKind
from ingestion.landing.beside import Beside
from ingestion.landing.target import LandingServices, LandingTarget
from tenancy.privacy.landed_rows import read_rows, write_rows
from tenancy.privacy.people_age import comes_in_before
from tenancy.privacy.pseudonyms import open_pseudonyms
from tenancy.privacy.screen import Screen, Screened, rows_over, screen
from tenancy.privacy.tombstones import (
    Pseudonymised,
    add_tombstones,
    load_tombstones,
    lock_epoch,
)
from tenancy.session import TenantSession
from tenancy.tables import LandingObject, Tombstone

__all__ = ["Part", "ScreenedRows", "recording", "screen_rows"]

_Rows = tuple[pa.RecordBatch, Sequence[tuple[IdentifierKind, pa.Array]]]  # and what came beside


@dataclass(frozen=True, slots=True)
class ScreenedRows:
    """Rows that may be stored.

    Attributes:
        batches: Without erased people.
        count: How many rows were about them.
        epoch: Of the tombstones.
    """

    batches: Sequence[pa.RecordBatch]
    count: int
    epoch: int


@dataclass(slots=True)
class Part:
    """An object that is stored and not yet known.

    Attributes:
        target: The sync that it belongs to.
        entry: Its line of the manifest.
        epoch: Of the tombstones that it is screened against.
        screened: How many rows were about erased people.
        beside: What came beside its rows, by row, and never lands; None: nothing.
    """

    target: LandingTarget
    entry: LandingObject
    epoch: int = 0
    screened: int = 0
    beside: pa.RecordBatch | None = field(default=None, repr=False)


async def screen_rows(
    services: LandingServices, target: LandingTarget, batches: Sequence[pa.RecordBatch]
) -> ScreenedRows:
    """Take erased people out of rows that are about to be stored."""
    table, beside = target.stream.raw_table, Beside(target.stream, target.connection_id)
    if not table.names_people:
        return ScreenedRows(batches, 0, 0)
    shown = [beside.without_addresses(batch) for batch in batches]
    given = [(batch, beside.naming(batch)) for batch in shown]
    found, epoch = await _take_out(services, target, given)
    kept = [
        beside.without(one.rows, one.erased)
        if one.erased is not None and table.outlives_person
        else one.rows
        for one in found
    ]
    return ScreenedRows(kept, sum(one.count for one in found), epoch)


@asynccontextmanager
async def recording(
    services: LandingServices, targets: Sequence[LandingTarget], parts: Sequence[Part]
) -> AsyncIterator[TenantSession]:
    """The transaction that makes stored objects known; nobody is erased until it ends.

    Objects that were screened before somebody was erased are screened again, and replaced, first.

    Args:
        services: Of the platform.
        targets: Whose objects or other rows become known, all of one tenant.
        parts: The objects.
    """
    is_about_people = any(target.stream.raw_table.names_people for target in targets)
    while True:
        async with services.database.session(targets[0].tenant_id) as session:
            epoch = await lock_epoch(session) if is_about_people else 0
            stale = [
                part
                for part in parts
                if part.epoch != epoch and part.target.stream.raw_table.names_people
            ]
            if not stale:
                yield session
                return
        for part in stale:
            await _screen_again(services, part)


async def _screen_again(services: LandingServices, part: Part) -> None:
    """Read an object back, and replace it when somebody in it has been erased meanwhile."""
    target, entry = part.target, part.entry
    beside = Beside(target.stream, target.connection_id)
    handle = services.store.for_tenant(target.tenant_id)
    rows = await asyncio.to_thread(read_rows, await handle.get(entry.uri))
    naming = beside.naming(part.beside) if part.beside is not None else []
    [found], epoch = await _take_out(services, target, [(rows, naming)])
    if found.erased is not None:
        data, content_hash = write_rows(pa.Table.from_batches([found.rows]))
        await handle.put(entry.uri, data)
        entry.rows, entry.bytes, entry.content_hash = found.rows.num_rows, len(data), content_hash
        part.screened += found.count
        if part.beside is not None and target.stream.raw_table.outlives_person:
            part.beside = beside.without(part.beside, found.erased)
        elif part.beside is not None:
            part.beside = part.beside.filter(pc.invert(found.erased))
    part.epoch = epoch


async def _take_out(
    services: LandingServices, target: LandingTarget, given: Sequence[_Rows]
) -> tuple[list[Screened], int]:
    """Screen until nothing that is left names a person who is erased by what is screened."""
    table = target.stream.raw_table
    while True:
        async with services.database.session(target.tenant_id) as session:
            tombstones = await load_tombstones(session)
            over_before = await comes_in_before(session, target.client_id, services.clock())
            is_over = any(rows_over(rows, table, over_before) is not None for rows, _ in given)
            erased = tombstones.of(table.tells_of)
            if not erased and not is_over:
                return [Screened(rows) for rows, _ in given], tombstones.epoch
            names = await open_pseudonyms(session, services.vault)
        against = Screen(
            names, target.client_id, target.connection_id, erased.__contains__, over_before
        )
        found = [
            await asyncio.to_thread(screen, rows, table, against, beside) for rows, beside in given
        ]
        related = {new: by for one in found for new, by in one.related.items()}
        if not related:
            return found, tombstones.epoch
        await _set_tombstones(services, target.tenant_id, related)


async def _set_tombstones(
    services: LandingServices, tenant_id: TenantId, related: Mapping[Pseudonymised, str]
) -> None:
    """Say of more identifiers that their person is erased, by the request that said it of them."""
    async with services.database.session(tenant_id) as session:
        columns = (Tombstone.pseudonym, Tombstone.request_id, Tombstone.held)
        found = select(*columns).where(Tombstone.pseudonym.in_(set(related.values())))
        told = {
            row.pseudonym: (row.request_id, tuple(row.held)) for row in await session.execute(found)
        }
        by_request = defaultdict(list)
        for new, by in related.items():
            by_request[told[by]].append(new)
        for (request_id, held), new_ones in sorted(by_request.items()):
            await add_tombstones(session, new_ones, request_id, services.clock, held)

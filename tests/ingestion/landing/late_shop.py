"""An agency whose shop is read from the simulator, and people of it who are erased.

land(stream) -> pages of the simulator -> LandingWriter -> objects
erase(identifiers) -> tombstones, as erasure sets them
"""

import dataclasses
import datetime as dt
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq
from sqlalchemy import select

from domain.ids import SyncId
from domain.privacy.identifiers import Identifier, IdentifierKind
from domain.privacy.rights import (
    IdentityLevel,
    IntakeChannel,
    ProcessingRole,
    RequestState,
    Right,
)
from domain.time_window import DateRange
from ingestion.connector.job import Page
from tenancy.privacy.pseudonyms import Pseudonyms, open_pseudonyms
from tenancy.privacy.subjects import match, reveal
from tenancy.privacy.tombstones import (
    Tombstones,
    add_tombstones,
    load_tombstones,
    pseudonymise,
)
from tenancy.tables import SubjectIdentifier, SubjectRequest
from tests.ingestion.connector.harness import Harness
from tests.ingestion.plane import NOW, VAULT, Agency, Plane
from tests.ingestion.sources.shop import SHOP, SOURCE, read, window

__all__ = ["DAYS", "STREAMS", "LateShop", "erase"]

DAYS = DateRange(dt.date(2026, 10, 12), dt.date(2026, 10, 13))
# The order stands last: whatever its parts and its customer do, it comes too late to help them.
STREAMS = ("order_lines", "refunds", "orders", "customers")


@dataclass(slots=True)
class LateShop:
    """One agency's shop."""

    plane: Plane
    agency: Agency
    syncs: list[SyncId] = dataclasses.field(default_factory=list)

    async def names(self) -> Pseudonyms:
        async with self.plane.database.session(self.agency.tenant_id) as session:
            return await open_pseudonyms(session, VAULT)

    async def land(self, stream: str, pages: Sequence[Page]) -> SyncId:
        """Land what the simulator told of a stream."""
        spec = SOURCE.streams[stream]
        found = window(SHOP, DAYS)
        cursor = (found.start, found.end)
        sync_id = await self.plane.plan(self.agency, None, stream=spec, cursor=cursor)
        writer = self.plane.writer(self.agency, sync_id, spec)
        for page in pages:
            await writer.add(page)
        await writer.finish()
        self.syncs.append(sync_id)
        return sync_id

    async def rows(self, *sync_ids: SyncId) -> list[dict[str, Any]]:
        """The rows of landing objects, as they lie in the store."""
        store = self.plane.store.for_tenant(self.agency.tenant_id)
        entries = [e for one in sync_ids for e in await self.plane.objects(self.agency, one)]
        tables = [pq.read_table(io.BytesIO(await store.get(entry.uri))) for entry in entries]
        return [row for table in tables for row in table.to_pylist()]

    async def person(self, customer_id: str) -> tuple[Identifier, ...]:
        """What the identity graph knows of a customer."""
        found = Identifier(IdentifierKind.PLATFORM, customer_id, self.agency.connection_id)
        name = (await self.names()).of(self.agency.client_id, found)
        async with self.plane.database.session(self.agency.tenant_id) as session:
            [subject_id] = await match(session, [name])
            return await reveal(session, VAULT, subject_id)

    async def known(self) -> set[str]:
        """The pseudonyms of everybody whom the identity graph knows."""
        async with self.plane.database.session(self.agency.tenant_id) as session:
            return set(await session.scalars(select(SubjectIdentifier.pseudonym)))

    async def tombstones(self) -> Tombstones:
        async with self.plane.database.session(self.agency.tenant_id) as session:
            return await load_tombstones(session)

    async def pages(self, run: Harness, stream: str) -> list[Page]:
        return await read(run, stream, days=DAYS)


async def erase(plane: Plane, agency: Agency, identifiers: Iterable[Identifier]) -> int:
    """Set tombstones, by a request of their own."""
    request_id = plane.ids()
    async with plane.database.session(agency.tenant_id) as session:
        names = await open_pseudonyms(session, VAULT)
        session.add(
            SubjectRequest(
                id=request_id,
                client_id=agency.client_id,
                right=Right.ERASURE,
                channel=IntakeChannel.DESK,
                role=ProcessingRole.PROCESSOR,
                state=RequestState.RUNNING,
                identity=IdentityLevel.VOUCHED,
                fingerprint=request_id.bytes,
                pseudonyms=[],
                scope={},
                policy="1",
                received_at=NOW,
                due_at=NOW,
                requested_by="user:ann",
            )
        )
        await session.flush()
        erased = pseudonymise(names, agency.client_id, identifiers)
        return await add_tombstones(session, erased, request_id, lambda: NOW)

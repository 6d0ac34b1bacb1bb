"""Carries out requests for access (article 15) and for a copy to take along (article 20).

    request -> person and their identifiers -> sections of every store -> sealed archive
        -> row of the export, audit entry -> an officer hands the link out

One durable step: done again after a crash it writes the same parts anew, under a new key. Its
result is counts only. A copy to take along holds what the person gave, or what was observed of what
they did (WP 242 rev.01), as JSON lines and CSV; a copy of all holds the rest as well.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.dialects.postgresql import insert

from domain.errors import NotFoundError
from domain.ids import TenantId, public_id
from domain.ports import Clock, IdFactory, Steps
from domain.privacy.identifiers import Identifier, IdentifierKind
from domain.privacy.rights import IdentityLevel, RequestOutcome, Right
from gdpr.access.archive import Written, write_archive
from gdpr.access.exports import KEPT_FOR
from gdpr.access.information import Told
from gdpr.access.sections import Person, PersonSource, Section
from gdpr.access.vessel import KEY_BYTES, PART_BYTES, SealedPlace, SealedWriter
from gdpr.requests.claim import open_claim
from gdpr.requests.fulfilment import Fulfilled
from tenancy import audit
from tenancy.landing_store import LandingStore
from tenancy.privacy.pseudonyms import open_own_key
from tenancy.privacy.subjects import current, reveal
from tenancy.session import Database, TenantSession
from tenancy.tables import Client, PersonExport, SubjectRequest, Tenant
from tenancy.vault import Purpose, RandomBytes, Vault

__all__ = ["ExportFulfiller"]

_JOB: Final = "job:export"
_IN_WORDS: Final = {
    Right.ACCESS: "access to your data, article 15",
    Right.PORTABILITY: "a copy to take along, article 20",
}
_ABOUT_THE_DESK: Final = frozenset({"requests"})  # that somebody asked is no find


@dataclass(frozen=True, slots=True)
class ExportFulfiller:
    """See `gdpr.requests.fulfilment.Fulfiller`; of both rights.

    Attributes:
        sources: Every store that knows something of people.
        part_bytes: See `gdpr.access.vessel`.
    """

    database: Database
    store: LandingStore
    vault: Vault
    sources: Sequence[PersonSource]
    clock: Clock
    ids: IdFactory
    random_bytes: RandomBytes
    part_bytes: int = PART_BYTES

    async def fulfil(self, steps: Steps, tenant_id: TenantId, request_id: uuid.UUID) -> Fulfilled:
        """Make the export."""
        counts: dict[str, int] = await steps.run(
            "export", lambda: self._export(tenant_id, request_id)
        )
        found = sum(rows for name, rows in counts.items() if name not in _ABOUT_THE_DESK)
        outcome = RequestOutcome.DONE if found else RequestOutcome.NOTHING_FOUND
        return Fulfilled(outcome, counts=dict(counts))

    async def _export(self, tenant_id: TenantId, request_id: uuid.UUID) -> dict[str, int]:
        person, right, told = await self._look_up(tenant_id, request_id)
        key = self.random_bytes(KEY_BYTES)
        place = SealedPlace(self.store.for_tenant(tenant_id), tenant_id, request_id)
        await place.delete()  # of an earlier try, which may have been longer
        writer = SealedWriter(place, key, part_bytes=self.part_bytes)
        is_portable = right is Right.PORTABILITY
        sections = [one for one in self._sections(person) if one.is_provided or not is_portable]
        written = await write_archive(writer, told, sections, with_csv=is_portable)
        await self._store_row(tenant_id, request_id, key, written)
        return dict(written.rows)

    def _sections(self, person: Person) -> list[Section]:
        return [section for source in self.sources for section in source.sections(person)]

    async def _look_up(
        self, tenant_id: TenantId, request_id: uuid.UUID
    ) -> tuple[Person, Right, Told]:
        async with self.database.session(tenant_id) as session:
            request = await session.get(SubjectRequest, (tenant_id, request_id))
            if request is None or request.subject_id is None:
                raise NotFoundError("the agency has no such request, or it is about nobody")
            if request.client_id is None:
                controller = (await session.get_one(Tenant, tenant_id)).name
            else:
                controller = (await session.get_one(Client, (tenant_id, request.client_id))).name
            subject_id = await current(session, request.subject_id) or request.subject_id
            known = await reveal(session, self.vault, subject_id)
            person = Person(
                tenant_id,
                request.client_id,
                subject_id,
                (*known, *await self._vouched_orders(session, request)),
            )
            reference = public_id("req", request_id)
            told = Told(controller, reference, _IN_WORDS[request.right], self.clock())
            return person, request.right, told

    async def _vouched_orders(
        self, session: TenantSession, request: SubjectRequest
    ) -> tuple[Identifier, ...]:
        """Orders that the request names; only when a platform or an officer vouches for them.

        Anybody can name the number of somebody else's order.
        """
        if request.identity is not IdentityLevel.VOUCHED:
            return ()
        claimed = await open_claim(session, self.vault, request)
        return tuple(one for one in claimed if one.kind is IdentifierKind.ORDER)

    async def _store_row(
        self, tenant_id: TenantId, request_id: uuid.UUID, key: bytes, written: Written
    ) -> None:
        now = self.clock()
        async with self.database.session(tenant_id) as session:
            sealed = self.vault.seal_for(
                await open_own_key(session, self.vault),
                {"key": key.hex()},
                tenant_id=tenant_id,
                purpose=Purpose.SUBJECT_EXPORT,
                object_id=request_id,
            )
            values = _values(now, sealed, written)
            row = insert(PersonExport).values(tenant_id=tenant_id, request_id=request_id, **values)
            await session.execute(
                row.on_conflict_do_update(index_elements=["tenant_id", "request_id"], set_=values)
            )
            audit.record(
                session,
                clock=self.clock,
                ids=self.ids,
                actor=_JOB,
                action="person_export.made",
                object_kind="subject_request",
                object_id=str(request_id),
                details={"bytes": written.bytes, "rows": sum(written.rows.values())},
            )


def _values(now: dt.datetime, sealed: bytes, written: Written) -> dict[str, Any]:
    return {
        "parts": written.parts,
        "size_bytes": written.bytes,
        "sealed_key": sealed,
        "link_hash": None,
        "link_expires_at": None,
        "made_at": now,
        "expires_at": now + KEPT_FOR,
        "downloaded_at": None,
        "purged_at": None,
    }

"""Exports after they are made: links that open them once, revocation, and the end.

    make_link -> 256 random bits, kept as a hash -> GET shows a page, POST takes the export, once
    revoke    -> its key is forgotten: the parts are noise, and go with the next purge
    purge     -> parts deleted, key forgotten

PostgreSQL decides who takes an export: of any number that come at once, one gets it. A link that
was used, has run out, or belongs to nothing is told as the same.

Sources: GDPR articles 5(1)(e), 5(1)(f), 12(2) and 15(3).
"""

import base64
import binascii
import datetime as dt
import hashlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, delete, select, update

from domain.errors import NotFoundError
from domain.ids import TenantId
from domain.ports import Clock, IdFactory
from gdpr.access.vessel import SealedPlace
from tenancy import audit
from tenancy.landing_store import LandingStore
from tenancy.privacy.pseudonyms import open_own_key
from tenancy.session import Database, TenantSession
from tenancy.tables import (
    Client,
    LetterKind,
    PersonExport,
    RequestLetter,
    SubjectRequest,
    Tenant,
)
from tenancy.vault import Purpose, RandomBytes, Vault

__all__ = ["KEPT_FOR", "LINK_DAYS", "Download", "ExportLink", "Exports", "WaitingExport"]

LINK_DAYS: Final = 7
KEPT_FOR: Final = dt.timedelta(days=30)  # after it was made; article 12(3) is over by then
_LINK_BYTES: Final = 32
_TENANT_BYTES: Final = 16
_PERSON: Final = "person"


@dataclass(frozen=True, slots=True)
class ExportLink:
    """A link that opens an export once.

    Attributes:
        token: The last part of its address; kept nowhere, but in a letter until the person has it.
        expires_at: UTC instant.
    """

    token: str
    expires_at: dt.datetime


@dataclass(frozen=True, slots=True)
class WaitingExport:
    """An export that a link would open."""

    controller: str
    size_bytes: int
    expires_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Download:
    """An export that was taken; read it once.

    Attributes:
        content: Part by part.
    """

    size_bytes: int
    content: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Exports:
    """Hands exports out, and lets them go."""

    database: Database
    store: LandingStore
    vault: Vault
    clock: Clock
    ids: IdFactory
    random_bytes: RandomBytes

    async def make_link(
        self, session: TenantSession, request_id: uuid.UUID, *, actor: str
    ) -> ExportLink:
        """A new link to an export; an earlier one opens nothing, and its letter waits no more.

        Raises:
            NotFoundError: The agency has no export for such a request, or it is over.
        """
        export = await session.get(
            PersonExport, (session.tenant_id, request_id), with_for_update=True
        )
        now = self.clock()
        if export is None or export.sealed_key is None or export.expires_at <= now:
            raise NotFoundError(
                "there is no export for this request", hint="it was not made, or its time is over"
            )
        raw = session.tenant_id.bytes + self.random_bytes(_LINK_BYTES)
        export.link_hash = hashlib.sha256(raw).digest()
        export.link_expires_at = min(now + dt.timedelta(days=LINK_DAYS), export.expires_at)
        export.downloaded_at = None
        await session.execute(
            delete(RequestLetter).where(
                RequestLetter.request_id == request_id,
                RequestLetter.kind == LetterKind.EXPORT_LINK,
                RequestLetter.sent_at.is_(None),
                RequestLetter.handed_at.is_(None),
            )
        )
        self._record(session, "link_made", request_id, actor)
        token = base64.urlsafe_b64encode(raw).decode()
        return ExportLink(token, export.link_expires_at)

    async def look(self, token: str) -> WaitingExport | None:
        """What a link would open; uses nothing up."""
        tenant_id, digest = _parse(token)
        if tenant_id is None:
            return None
        async with self.database.session(tenant_id) as session:
            query = (
                select(
                    PersonExport.size_bytes, PersonExport.link_expires_at, SubjectRequest.client_id
                )
                .join(
                    SubjectRequest,
                    (SubjectRequest.tenant_id == PersonExport.tenant_id)
                    & (SubjectRequest.id == PersonExport.request_id),
                )
                .where(*self._opens(digest))
            )
            row = (await session.execute(query)).one_or_none()
            if row is None or row.link_expires_at is None:
                return None
            size_bytes, expires_at, client_id = row.size_bytes, row.link_expires_at, row.client_id
            if client_id is None:
                name = (await session.get_one(Tenant, tenant_id)).name
            else:
                name = (await session.get_one(Client, (tenant_id, client_id))).name
            return WaitingExport(name, size_bytes, expires_at)

    async def take(self, token: str) -> Download | None:
        """Open an export by its link; of all who try, one gets it. None: there is nothing (more).

        Raises:
            CredentialError: Its key does not open (the operator).
        """
        tenant_id, digest = _parse(token)
        if tenant_id is None:
            return None
        async with self.database.session(tenant_id) as session:
            taken = (
                update(PersonExport)
                .where(*self._opens(digest))
                .values(downloaded_at=self.clock(), link_hash=None)
                .returning(PersonExport.request_id)
            )
            request_id = await session.scalar(taken)
            if request_id is None:
                return None
            export = await session.get_one(PersonExport, (tenant_id, request_id))
            key = await self._open_key(session, export)
            self._record(session, "downloaded", request_id, _PERSON)
        place = SealedPlace(self.store.for_tenant(tenant_id), tenant_id, request_id)
        return Download(export.size_bytes, place.read(key, export.parts))

    async def revoke(self, session: TenantSession, subject_id: uuid.UUID, *, actor: str) -> int:
        """Let the exports of a person be opened by nobody any more; part of their erasure.

        Returns:
            How many there were; their parts go with the next purge.
        """
        own = select(SubjectRequest.id).where(SubjectRequest.subject_id == subject_id)
        gone = (
            update(PersonExport)
            .where(PersonExport.request_id.in_(own), PersonExport.sealed_key.is_not(None))
            .values(sealed_key=None, link_hash=None, expires_at=self.clock())
            .returning(PersonExport.request_id)
        )
        revoked = (await session.scalars(gone)).all()
        for request_id in revoked:
            self._record(session, "revoked", request_id, actor)
        return len(revoked)

    async def purge(self, tenant_id: TenantId) -> int:
        """Delete the exports whose time is over; gives back how many.

        Parts go first: after a crash between, the next purge finds the row again.
        """
        now = self.clock()
        async with self.database.session(tenant_id) as session:
            over = (
                select(PersonExport.request_id)
                .where(PersonExport.purged_at.is_(None), PersonExport.expires_at <= now)
                .order_by(PersonExport.request_id)
            )
            due = (await session.scalars(over)).all()
        landing = self.store.for_tenant(tenant_id)
        for request_id in due:
            await SealedPlace(landing, tenant_id, request_id).delete()
            async with self.database.session(tenant_id) as session:
                export = await session.get_one(PersonExport, (tenant_id, request_id))
                export.sealed_key, export.link_hash, export.purged_at = None, None, now
                self._record(session, "purged", request_id, "job:retention")
        return len(due)

    def _opens(self, digest: bytes) -> tuple[ColumnElement[bool], ...]:
        now = self.clock()
        return (
            PersonExport.link_hash == digest,
            PersonExport.link_expires_at > now,
            PersonExport.expires_at > now,
            PersonExport.sealed_key.is_not(None),
        )

    async def _open_key(self, session: TenantSession, export: PersonExport) -> bytes:
        opened = self.vault.open_for(
            await open_own_key(session, self.vault),
            export.sealed_key or b"",
            tenant_id=session.tenant_id,
            purpose=Purpose.SUBJECT_EXPORT,
            object_id=export.request_id,
        )
        return bytes.fromhex(opened["key"].reveal())

    def _record(self, session: TenantSession, what: str, request_id: uuid.UUID, actor: str) -> None:
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=actor,
            action=f"person_export.{what}",
            object_kind="subject_request",
            object_id=str(request_id),
            details={},
        )


def _parse(token: str) -> tuple[TenantId | None, bytes]:
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None, b""
    if len(raw) != _TENANT_BYTES + _LINK_BYTES:
        return None, b""
    return TenantId(uuid.UUID(bytes=raw[:_TENANT_BYTES])), hashlib.sha256(raw).digest()

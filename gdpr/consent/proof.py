"""What can be shown of consent: the state at any instant, and signed receipts.

identifiers -> pseudonyms -> everything of the same person -> state_at
receipt id -> its events -> statement -> Ed25519 -> JWS
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select

from domain.ids import ClientId, public_id
from domain.privacy.consent import Consent, ConsentState, state_at
from domain.privacy.identifiers import Identifier
from domain.privacy.purposes import Purpose
from domain.privacy.receipts import NoticeShown, Receipt, join_receipt, receipt_input
from gdpr.consent.desk import EVENT
from gdpr.evidence.keys import EvidenceKeys
from tenancy.privacy.pseudonyms import open_pseudonyms
from tenancy.session import TenantSession
from tenancy.tables import ConsentEvent, ConsentNotice, SubjectIdentifier
from tenancy.vault import Vault

__all__ = ["ConsentProof", "ConsentStanding"]


@dataclass(frozen=True, slots=True)
class ConsentStanding:
    """How somebody stands to one purpose.

    Attributes:
        state: None: nobody has said anything.
        events: All that counted, oldest first.
    """

    purpose: Purpose
    state: ConsentState | None
    events: tuple[Consent, ...]


@dataclass(frozen=True, slots=True)
class ConsentProof:
    """Shows what was recorded."""

    vault: Vault
    keys: EvidenceKeys

    async def standing(
        self,
        session: TenantSession,
        client_id: ClientId,
        identifiers: Collection[Identifier],
        at: dt.datetime,
        *,
        known_by: dt.datetime | None = None,
    ) -> list[ConsentStanding]:
        """How somebody stood to each purpose at an instant.

        Args:
            session: Of the agency.
            client_id: Whose data.
            identifiers: Of the person.
            at: UTC instant.
            known_by: UTC: as it was known then; None: as it is known now.
        """
        events = await self._events(session, client_id, identifiers)
        counted = [
            one
            for one in sorted(events, key=lambda one: (one.effective_at, one.recorded_at))
            if one.effective_at <= at and (known_by is None or one.recorded_at <= known_by)
        ]
        return [
            ConsentStanding(
                purpose,
                state_at(events, purpose, at, known_by=known_by),
                tuple(one for one in counted if one.purpose is purpose),
            )
            for purpose in Purpose
            if purpose is not Purpose.STORAGE
        ]

    async def receipts(
        self,
        session: TenantSession,
        receipt_ids: Collection[uuid.UUID],
        *,
        clients: Collection[ClientId] | None = None,
    ) -> dict[uuid.UUID, str]:
        """Receipts, signed now; those that there are not are left out.

        Args:
            session: Of the agency.
            receipt_ids: Of what was recorded.
            clients: Only of these; None: of all.

        Raises:
            MasterKeyError: The signing key does not open (the operator).
        """
        query = select(ConsentEvent).where(ConsentEvent.receipt_id.in_(receipt_ids))
        if clients is not None:
            query = query.where(ConsentEvent.client_id.in_(clients))
        found: dict[uuid.UUID, list[ConsentEvent]] = defaultdict(list)
        for row in await session.scalars(query):
            found[row.receipt_id].append(row)
        return {
            receipt_id: await self._signed(session, receipt_id, rows)
            for receipt_id, rows in found.items()
        }

    async def trusted(self, session: TenantSession) -> Mapping[str, Mapping[str, Any]]:
        """The public keys that receipts are checked with, by their id."""
        return {
            one.jwk["kid"]: one.jwk
            for one in await self.keys.public_keys(session)
            if one.revoked_at is None
        }

    async def _signed(
        self, session: TenantSession, receipt_id: uuid.UUID, rows: Sequence[ConsentEvent]
    ) -> str:
        first = rows[0]
        receipt = Receipt(
            record_id=public_id("rcp", receipt_id),
            principal=first.pseudonym,
            controller=public_id("cli", first.client_id),
            processor=public_id("ten", session.tenant_id),
            signal=first.signal,
            events=[
                Consent(
                    one.purpose,
                    one.source,
                    one.state,
                    one.effective_at,
                    one.recorded_at,
                    one.receipt_id,
                )
                for one in rows
            ],
            notice=await _notice(session, first.client_id, first.notice_version),
        )
        signer = await self.keys.signer(session)
        signed = receipt_input(receipt, signer.kid)
        return join_receipt(signed, signer.private.sign(signed))

    async def _events(
        self, session: TenantSession, client_id: ClientId, identifiers: Collection[Identifier]
    ) -> list[Consent]:
        names = await open_pseudonyms(session, self.vault)
        given = {names.of(client_id, one) for one in identifiers}
        same = select(SubjectIdentifier.subject_id).where(SubjectIdentifier.pseudonym.in_(given))
        theirs = select(SubjectIdentifier.pseudonym).where(SubjectIdentifier.subject_id.in_(same))
        query = select(*EVENT).where(
            or_(ConsentEvent.pseudonym.in_(given), ConsentEvent.pseudonym.in_(theirs))
        )
        query = query.order_by(ConsentEvent.id)
        return [Consent(*row) for row in await session.execute(query)]


async def _notice(session: TenantSession, client_id: ClientId, version: str) -> NoticeShown | None:
    if not version:
        return None
    query = select(ConsentNotice.language, ConsentNotice.content_hash).where(
        ConsentNotice.client_id == client_id, ConsentNotice.version == version
    )
    language, digest = (await session.execute(query)).one()
    return NoticeShown(version, language, digest)

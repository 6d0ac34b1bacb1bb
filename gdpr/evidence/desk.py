"""Issues certificates of erasure: one after the other within an agency, never changed.

    evidence -> lock of the agency's certificates -> its last one, the request's last one, the end
        of the audit trail -> statement -> signature -> `certificates` + audit entry, or neither

The audit entry `certificate.issued` names the certificate's hash, and the certificate names the end
of the trail before it: each shows that the other was not made later.

Decisions: ADR-0018, ADR-0030.
"""

import base64
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from domain.errors import NotFoundError
from domain.ids import public_id
from domain.ports import Clock, IdFactory
from domain.privacy.canonical_json import JsonValue, read_json
from domain.privacy.certificate import (
    CertificatePlace,
    UnfitEvidenceError,
    hash_of,
    join_signature,
    signing_input,
    state_erasure,
    write_file,
)
from domain.privacy.certificate_trail import ISSUED
from domain.privacy.evidence import ErasureEvidence
from gdpr.evidence.keys import EvidenceKeys
from tenancy import audit
from tenancy.audit import find_last_link
from tenancy.exclusive import hold_exclusively
from tenancy.session import TenantSession
from tenancy.tables import Certificate

__all__ = ["CertificateDesk"]

# What a statement says of the certificate itself; the rest is about the erasure.
_OF_PLACE: Final = ("certificate", "auditTrail")


@dataclass(frozen=True, slots=True)
class CertificateDesk:
    """Issues certificates and hands them out."""

    keys: EvidenceKeys
    clock: Clock
    ids: IdFactory

    async def issue(
        self, session: TenantSession, evidence: ErasureEvidence, *, actor: str
    ) -> Certificate:
        """State what is known of an erasure now; stored when the session commits.

        Done again with the same evidence it gives back what it issued, so a durable step may be
        repeated; unless the key of that was revoked since.

        Args:
            session: Of the agency.
            evidence: Its request is one of the agency's.
            actor: On whose behalf: `job:<name>`, `user:<id>` or `cli:<name>`.

        Raises:
            UnfitEvidenceError: See `domain.privacy.certificate.state_erasure`, or it is of another
                agency (our bug).
            MasterKeyError: The signing key does not open (the operator).
        """
        if evidence.agency != public_id("ten", session.tenant_id):
            raise UnfitEvidenceError("evidence of an erasure names another agency")
        await hold_exclusively(session, f"certificates {session.tenant_id}")
        former = await self.find_newest(session, evidence.request_id)
        place = await self._place(session, former)
        statement = state_erasure(evidence, place)
        if former is not None and await self._says(session, former, statement):
            return former
        key = await self.keys.signer(session)
        signed = signing_input(statement, key.kid)
        jws = join_signature(signed, key.private.sign(signed))
        row = Certificate(
            id=self.ids(),
            request_id=evidence.request_id,
            number=place.number,
            revision=place.revision,
            digest=hash_of(jws),
            kid=key.kid,
            signed=jws,
            issued_at=place.issued_at,
            closed_at=evidence.closed_at,
        )
        session.add(row)
        await session.flush()
        self._record(session, row, evidence.request, actor)
        return row

    async def find_newest(
        self, session: TenantSession, request_id: uuid.UUID
    ) -> Certificate | None:
        """The newest revision for a request of the session's tenant."""
        query = select(Certificate).where(Certificate.request_id == request_id)
        return (
            await session.scalars(query.order_by(Certificate.revision.desc()).limit(1))
        ).one_or_none()

    async def list_newest(self, session: TenantSession, limit: int) -> Sequence[Certificate]:
        """Certificates of the session's tenant, the newest first."""
        query = select(Certificate).order_by(Certificate.number.desc()).limit(limit)
        return (await session.scalars(query)).all()

    def request_of(self, certificate: Certificate) -> str:
        """The id, for the outside, of the request that a certificate is about."""
        return str(_payload(certificate)["request"]["id"])

    async def write_file(self, session: TenantSession, certificate: Certificate) -> bytes:
        """The file of a certificate, for whoever asks for the proof.

        Raises:
            NotFoundError: Its key does not open with our master key: it would prove nothing.
        """
        for key in await self.keys.public_keys(session):
            if key.jwk["kid"] == certificate.kid:
                return write_file(_payload(certificate), certificate.signed, key.jwk)
        raise NotFoundError(
            f"the key {certificate.kid} that signed certificate {certificate.number:,} is not ours",
            hint="restore the master key that was in use then",
        )

    async def _place(self, session: TenantSession, former: Certificate | None) -> CertificatePlace:
        last = next(iter(await self.list_newest(session, 1)), None)
        return CertificatePlace(
            number=1 if last is None else last.number + 1,
            previous=None if last is None else last.digest,
            revision=1 if former is None else former.revision + 1,
            replaces=None if former is None else former.digest,
            trail=await find_last_link(session),
            issued_at=self.clock(),
        )

    async def _says(
        self, session: TenantSession, former: Certificate, statement: dict[str, JsonValue]
    ) -> bool:
        """Whether a certificate says the same already, by a key that still counts.

        That a recipient who does not answer is tried again is nothing new.
        """
        if _news(_payload(former)) != _news(statement):
            return False
        keys = await self.keys.public_keys(session)
        return any(key.jwk["kid"] == former.kid and key.revoked_at is None for key in keys)

    def _record(self, session: TenantSession, row: Certificate, request: str, actor: str) -> None:
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=actor,
            action=ISSUED,
            object_kind="certificate",
            object_id=str(row.id),
            details={
                "hash": row.digest.hex(),
                "number": row.number,
                "request": request,
                "revision": row.revision,
            },
        )


def _news(statement: Mapping[str, Any]) -> dict[str, Any]:
    news = {name: value for name, value in statement.items() if name not in _OF_PLACE}
    news["recipients"] = [one | {"nextTryAt": None} for one in statement["recipients"]]
    return news


def _payload(certificate: Certificate) -> dict[str, Any]:
    text = certificate.signed.split(".")[1]
    statement: dict[str, Any] = read_json(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return statement

"""A person of an agency's first client, what somebody like them asks, and a hold on their data."""

import datetime as dt
import uuid

from domain.ids import ClientId, public_id
from domain.privacy.identifiers import IdentifierKind
from domain.privacy.rights import RequestState
from tenancy.session import TenantSession
from tenancy.tables import (
    Certificate,
    LegalHold,
    RequestEvent,
    RequestRun,
    Subject,
    SubjectIdentifier,
)
from tests.gdpr.desk.requests import request_row

__all__ = ["add_privacy_rows", "privacy_id"]


def privacy_id(slug: str, prefix: str) -> str:
    """Public id of the agency's only request (`req`), person (`sub`) or hold (`hold`)."""
    return public_id(prefix, _id(slug, prefix))


def _id(slug: str, prefix: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"{prefix}.{slug}.example")


async def add_privacy_rows(
    session: TenantSession, slug: str, client_id: ClientId, canary: str, now: dt.datetime
) -> None:
    """Store them; each text carries the canary."""
    subject_id, request_id = _id(slug, "sub"), _id(slug, "req")
    session.add(Subject(id=subject_id, client_id=client_id, sealed_key=None, created_at=now))
    await session.flush()
    session.add(
        SubjectIdentifier(
            pseudonym=f"sp_{canary}",
            subject_id=subject_id,
            kind=IdentifierKind.EMAIL,
            connection_id=None,
            sealed=b"sealed",
            seen_at=now,
        )
    )
    session.add(
        request_row(
            request_id,
            client_id,
            now - dt.timedelta(days=27),
            state=RequestState.MATCHING,
            pseudonyms=[f"sp_{canary}"],
            requested_by=f"shopify:{canary}",
        )
    )
    await session.flush()
    session.add(
        LegalHold(
            id=_id(slug, "hold"),
            client_id=client_id,
            subject_id=subject_id,
            category=None,
            basis=f"{canary} tax audit",
            owner=f"{canary} counsel",
            created_by="cli:test",
            created_at=now,
        )
    )
    session.add(
        RequestEvent(
            id=_id(slug, "event"),
            request_id=request_id,
            at=now,
            kind="received",
            actor=f"shopify:{canary}",
            details={"right": "erasure"},
        )
    )
    session.add(
        Certificate(
            id=_id(slug, "certificate"),
            request_id=request_id,
            number=1_000,
            revision=1,
            digest=canary.encode(),
            kid=canary,
            signed=canary,
            issued_at=now,
        )
    )
    session.add(
        RequestRun(
            request_id=request_id,
            attempts=1,
            failures=0,
            job_id=canary,
            waits_for=[f"{canary} answers"],
            held_categories=[],
        )
    )

"""Carries out requests for rectification (article 16).

    request -> identifiers that are wrong leave the person; new ones that somebody vouches for join
        -> recipients are told (article 19) -> an officer has the source corrected, and says so

What came from a platform is corrected at the platform: our copy follows with its next sync, and a
correction made here alone would be gone with it. So the request waits until an officer says what
was done; that is told to the person.

A new identifier that is somebody else's already, or an erased person's, is left to the officer: a
correction must not make one of two people, nor bring somebody back.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, func, select

from domain.errors import ConflictError, NotFoundError
from domain.ids import TenantId
from domain.ports import Clock, IdFactory, Steps
from domain.privacy.identifiers import Identifier, IdentifierKind
from domain.privacy.rights import IdentityLevel, RequestOutcome
from gdpr.recipients.outbox import open_recipients, tell_recipients
from gdpr.requests.claim import open_claim
from gdpr.requests.fulfilment import Fulfilled
from tenancy import audit
from tenancy.privacy.pseudonyms import Pseudonyms, open_own_key
from tenancy.privacy.subjects import current, match, observe, reveal
from tenancy.privacy.tombstones import lock_epoch
from tenancy.session import Database, TenantSession
from tenancy.tables import Connection, SubjectIdentifier, SubjectRequest, Tombstone
from tenancy.vault import Vault

__all__ = ["Rectification"]

_JOB: Final = "job:rectification"
_STRONG: Final = (IdentifierKind.PLATFORM, IdentifierKind.EMAIL)


@dataclass(frozen=True, slots=True)
class Rectification:
    """See `gdpr.requests.fulfilment.Fulfiller`.

    `scope["corrections"]` of the request: `wrong_identifiers` (pseudonyms), `fields` (names of
    columns). New identifiers stand in the sealed claim.
    """

    database: Database
    vault: Vault
    clock: Clock
    ids: IdFactory

    async def fulfil(self, steps: Steps, tenant_id: TenantId, request_id: uuid.UUID) -> Fulfilled:
        """Correct what is ours, and say what others have to correct."""
        done: dict[str, Any] = await steps.run(
            "correct", lambda: self._correct(tenant_id, request_id)
        )
        return Fulfilled(
            RequestOutcome.DONE, waits_for=tuple(done["waits_for"]), counts=done["counts"]
        )

    async def _correct(self, tenant_id: TenantId, request_id: uuid.UUID) -> dict[str, Any]:
        async with self.database.session(tenant_id) as session:
            await lock_epoch(session)  # nobody is erased between the look and the change
            request = await session.get(SubjectRequest, (tenant_id, request_id))
            if request is None or request.subject_id is None:
                raise NotFoundError("the agency has no such request, or it is about nobody")
            subject_id = await current(session, request.subject_id) or request.subject_id
            wanted = request.scope.get("corrections") or {}
            known = await reveal(session, self.vault, subject_id)
            added, left = await self._add(session, request, known)
            wrong = [str(one) for one in wanted.get("wrong_identifiers") or ()]
            removed = await _remove(session, subject_id, wrong)
            right = await reveal(session, self.vault, subject_id)
            await tell_recipients(
                session, request_id, right, vault=self.vault, now=self.clock(), ids=self.ids
            )
            told = [one.name for one in await open_recipients(session, request_id)]
            waits_for = [
                *await _sources(session, right, wanted.get("fields") or ()),
                *(f"{name} to confirm" for name in told),
                *(["an identifier that is somebody else's: an officer decides"] if left else []),
                "an officer's word on what was corrected",
            ]
            counts = {"added": added, "removed": removed, "told": len(told)}
            self._record(session, request_id, counts)
            return {"waits_for": waits_for, "counts": counts}

    async def _add(
        self, session: TenantSession, request: SubjectRequest, known: Sequence[Identifier]
    ) -> tuple[int, int]:
        """How many new identifiers joined the person, and how many were left to an officer."""
        if request.identity is not IdentityLevel.VOUCHED or request.client_id is None:
            return 0, 0
        claimed = await open_claim(session, self.vault, request)
        new = [one for one in claimed if one not in known and one.kind is not IdentifierKind.ORDER]
        anchor = next((one for one in known if one.kind in _STRONG), None)
        if not new or anchor is None:
            return 0, len(new)
        key = await open_own_key(session, self.vault)
        names = Pseudonyms.under(key)
        free = [one for one in new if await _is_free(session, names.of(request.client_id, one))]
        if free:
            await observe(
                session,
                self.vault,
                key,
                request.client_id,
                [(anchor, *free)],
                ids=self.ids,
                now=self.clock(),
            )
        return len(free), len(new) - len(free)

    def _record(
        self, session: TenantSession, request_id: uuid.UUID, counts: dict[str, int]
    ) -> None:
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=_JOB,
            action="subject.rectified",
            object_kind="subject_request",
            object_id=str(request_id),
            details=dict(counts),
        )


async def _is_free(session: TenantSession, pseudonym: str) -> bool:
    """Nobody's, and no erased person's."""
    if await match(session, [pseudonym]):
        return False
    erased = select(func.count()).where(Tombstone.pseudonym == pseudonym)
    return not await session.scalar(erased)


async def _remove(session: TenantSession, subject_id: uuid.UUID, wrong: Sequence[str]) -> int:
    """Take identifiers off a person; at least one has to be left, else they cannot be found."""
    own = SubjectIdentifier.subject_id == subject_id
    removed = await session.scalars(
        delete(SubjectIdentifier)
        .where(own, SubjectIdentifier.pseudonym.in_(wrong))
        .returning(SubjectIdentifier.pseudonym)
    )
    count = len(removed.all())
    if count and not await session.scalar(select(func.count()).where(own)):
        raise ConflictError(
            "that would leave nothing that names the person",
            hint="add what is right first, or carry out an erasure",
        )
    return count


async def _sources(
    session: TenantSession, identifiers: Sequence[Identifier], fields: Sequence[Any]
) -> list[str]:
    """Where facts about the person come from, to be corrected there."""
    if not fields:
        return []
    ids = {one.connection_id for one in identifiers if one.connection_id is not None}
    query = select(Connection).where(Connection.id.in_(ids)).order_by(Connection.id)
    what = ", ".join(sorted(map(str, fields)))
    return [
        f"the correction of {what} at {one.source} {one.account_id};"
        " our copy follows with its next sync"
        for one in await session.scalars(query)
    ]

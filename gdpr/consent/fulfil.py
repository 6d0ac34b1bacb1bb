"""Carries out restriction, objection and withdrawal.

request -> purposes of its scope, or all -> suppressions, and for a withdrawal the ledger -> DONE

Decision: ADR-0028.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy import select

from domain.errors import InvalidInputError
from domain.ids import TenantId
from domain.ports import Steps
from domain.privacy.purposes import SUPPRESSIBLE, Purpose, SuppressionCause
from domain.privacy.rights import RequestOutcome, Right
from gdpr.consent.desk import ConsentDesk
from gdpr.requests.fulfilment import Fulfilled
from tenancy import audit
from tenancy.privacy.subjects import current
from tenancy.privacy.suppressions import suppress
from tenancy.session import Database, TenantSession
from tenancy.tables import SubjectRequest

__all__ = ["SuppressionFulfiller", "purposes_of"]

_CAUSES: Final = {
    Right.RESTRICTION: SuppressionCause.RESTRICTION,
    Right.OBJECTION: SuppressionCause.OBJECTION,
}
_ACTOR: Final = "job:privacy"


def purposes_of(scope: Mapping[str, Any]) -> frozenset[Purpose]:
    """What a request is about: `{"purposes": ["advertising"]}`; without it, all.

    Raises:
        InvalidInputError: An unknown purpose, or storage, which cannot be suppressed.
    """
    named = scope.get("purposes")
    if not named:
        return SUPPRESSIBLE
    known = {purpose.value: purpose for purpose in SUPPRESSIBLE}
    if unknown := sorted(set(named) - set(known)):
        raise InvalidInputError(
            f"{unknown[0]!r} is no purpose that can be suppressed",
            hint=f"one of {', '.join(sorted(known))}",
        )
    return frozenset(known[name] for name in named)


@dataclass(frozen=True, slots=True)
class SuppressionFulfiller:
    """A `gdpr.requests.fulfilment.Fulfiller`."""

    database: Database
    desk: ConsentDesk

    async def fulfil(self, steps: Steps, tenant_id: TenantId, request_id: uuid.UUID) -> Fulfilled:
        """See `Fulfiller.fulfil`; in force within seconds after it.

        Raises:
            InvalidInputError: The request names a purpose that there is not.
        """
        count = await steps.run("suppress", partial(self._suppress, tenant_id, request_id))
        if not count:
            return Fulfilled(RequestOutcome.NOTHING_FOUND)
        return Fulfilled(RequestOutcome.DONE, counts={"purposes": count})

    async def _suppress(self, tenant_id: TenantId, request_id: uuid.UUID) -> int:
        async with self.database.session(tenant_id) as session:
            request = (
                await session.scalars(select(SubjectRequest).where(SubjectRequest.id == request_id))
            ).one()
            named = request.subject_id
            subject_id = None if named is None else await current(session, named)
            if subject_id is None:
                return 0
            purposes = purposes_of(request.scope)
            cause = _CAUSES.get(request.right)
            if cause is None:
                await self.desk.withdraw(
                    session, subject_id, purposes, request.received_at, request_id=request_id
                )
            else:
                await suppress(
                    session,
                    subject_id,
                    purposes,
                    cause,
                    request.received_at,
                    origin=str(request_id),
                    ids=self.desk.ids,
                )
            self._audit(session, request, purposes)
        return len(purposes)

    def _audit(
        self, session: TenantSession, request: SubjectRequest, purposes: frozenset[Purpose]
    ) -> None:
        audit.record(
            session,
            clock=self.desk.clock,
            ids=self.desk.ids,
            actor=_ACTOR,
            action="person.suppressed",
            object_kind="subject_request",
            object_id=str(request.id),
            details={
                "right": request.right.value,
                "purposes": sorted(purpose.value for purpose in purposes),
            },
        )

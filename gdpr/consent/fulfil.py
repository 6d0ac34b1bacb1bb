"""Carries out requests that withdraw consent (article 7(3)).

    request -> purposes of its scope, or all -> ledger of consent -> suppressions -> DONE

Restriction and objection need a ruling first: `gdpr.requests.rulings`.

Decision: ADR-0028.
"""

import uuid
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import select

from domain.ids import TenantId
from domain.ports import Steps
from domain.privacy.purposes import purposes_asked
from domain.privacy.rights import RequestOutcome
from gdpr.consent.desk import ConsentDesk
from gdpr.requests.fulfilment import Fulfilled
from tenancy import audit
from tenancy.privacy.subjects import current
from tenancy.session import Database
from tenancy.tables import SubjectRequest

__all__ = ["Withdrawal"]

_ACTOR: Final = "job:privacy"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A `gdpr.requests.fulfilment.Fulfiller`."""

    database: Database
    desk: ConsentDesk

    async def fulfil(self, steps: Steps, tenant_id: TenantId, request_id: uuid.UUID) -> Fulfilled:
        """See `Fulfiller.fulfil`; in force within seconds after it.

        Raises:
            InvalidInputError: The request names a purpose that there is not.
        """
        count = await steps.run("withdraw", partial(self._withdraw, tenant_id, request_id))
        if not count:
            return Fulfilled(RequestOutcome.NOTHING_FOUND)
        return Fulfilled(RequestOutcome.DONE, counts={"purposes": count})

    async def _withdraw(self, tenant_id: TenantId, request_id: uuid.UUID) -> int:
        async with self.database.session(tenant_id) as session:
            request = (
                await session.scalars(select(SubjectRequest).where(SubjectRequest.id == request_id))
            ).one()
            named = request.subject_id
            subject_id = None if named is None else await current(session, named)
            if subject_id is None:
                return 0
            purposes = purposes_asked(request.scope)
            await self.desk.withdraw(
                session, subject_id, purposes, request.received_at, request_id=request_id
            )
            audit.record(
                session,
                clock=self.desk.clock,
                ids=self.desk.ids,
                actor=_ACTOR,
                action="consent.withdrawn",
                object_kind="subject_request",
                object_id=str(request_id),
                details={"purposes": sorted(purpose.value for purpose in purposes)},
            )
        return len(purposes)

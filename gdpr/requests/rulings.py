"""Rights that an officer rules on: restriction, objection, review of an automated decision.

A correction ends with an officer's word as well: what was corrected at the source.

    READY -> job: WAITING for the ruling -> grant -> COMPLETED, with what was decided
                                         -> refuse (`DecisionDesk`) -> REFUSED, with remedies

A restriction or an objection that is granted is in force for every question within seconds: the
person is suppressed for the purposes that the request names (ADR-0028). What follows beyond that is
written in the ruling, and told to the person. How it ends: `gdpr.requests.lifting`.

Sources: GDPR articles 18(1), 21(1), 22(3).
"""

import uuid
from dataclasses import dataclass
from typing import Final

from domain.errors import InvalidInputError
from domain.ids import TenantId
from domain.ports import Steps
from domain.privacy.purposes import SuppressionCause, purposes_asked
from domain.privacy.request_machine import NotPossibleError
from domain.privacy.rights import RequestOutcome, RequestState, Right
from gdpr.requests.docket import Docket, open_docket
from gdpr.requests.fulfilment import Fulfilled
from gdpr.requests.run import RequestJobs
from gdpr.requests.services import RequestServices
from tenancy.privacy.suppressions import suppress

__all__ = ["CAUSES", "RULED_RIGHTS", "Ruled", "RulingDesk"]

RULED_RIGHTS: Final = (Right.RESTRICTION, Right.OBJECTION, Right.DECISION_REVIEW)
# What a grant of these rights keeps from being read, it keeps for this cause.
CAUSES: Final = {
    Right.RESTRICTION: SuppressionCause.RESTRICTION,
    Right.OBJECTION: SuppressionCause.OBJECTION,
}


@dataclass(frozen=True, slots=True)
class Ruled:
    """The fulfiller of these rights: nothing happens until somebody has thought about it."""

    async def fulfil(
        self, _steps: Steps, _tenant_id: TenantId, _request_id: uuid.UUID
    ) -> Fulfilled:
        """See `Fulfiller`."""
        return Fulfilled(RequestOutcome.DONE, waits_for=("an officer's ruling",))


@dataclass(frozen=True, slots=True)
class RulingDesk:
    """Officers' rulings."""

    services: RequestServices
    jobs: RequestJobs

    async def grant(
        self, tenant_id: TenantId, request_id: uuid.UUID, reason: str, *, actor: str
    ) -> RequestState:
        """Act on the request: of a restriction or an objection, read the person no more.

        Args:
            tenant_id: The agency.
            request_id: Of a request that waits for a ruling.
            reason: What is done about it; told to the person.
            actor: The officer.

        Raises:
            NotFoundError: The agency has no such request.
            NotPossibleError: It waits for no ruling.
            InvalidInputError: It does not say what is done.
        """
        if not reason.strip():
            raise InvalidInputError(
                "a ruling says what is done", hint="write it for the person who asked"
            )
        async with self.services.database.session(tenant_id) as session:
            docket = await open_docket(self.services, session, request_id)
            _check_waits(docket)
            purposes = await _suppress(docket)
            docket.note("granted", actor, {"right": docket.row.right.value, "purposes": purposes})
        return await self.jobs.settle(
            tenant_id, request_id, RequestOutcome.DONE, actor=actor, reason=reason
        )


def _check_waits(docket: Docket) -> None:
    waits = docket.case.state is RequestState.WAITING
    granted = docket.machine.rules.ruled_rights | {Right.RECTIFICATION}
    if docket.row.right not in granted or not waits:
        raise NotPossibleError(
            "this request waits for no ruling", hint="bosco gdpr requests show tells what it needs"
        )


async def _suppress(docket: Docket) -> list[str]:
    """Which purposes the person is not read for any more."""
    cause, row = CAUSES.get(docket.row.right), docket.row
    if cause is None or row.subject_id is None:
        return []
    purposes = purposes_asked(row.scope)
    await suppress(
        docket.session,
        row.subject_id,
        purposes,
        cause,
        row.received_at,
        origin=str(row.id),
        ids=docket.services.ids,
    )
    return sorted(one.value for one in purposes)

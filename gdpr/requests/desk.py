"""The desk's door: a request comes in, once, whatever brings it.

    Intake -> fingerprint -> one open request -> whom is it about? -> first gate -> ReceivedRequest

The same request again, also from 64 sides at once or long after it has ended under the platform's
own id, is the request that there is. PostgreSQL decides, by a unique index over what is open.

Decision: ADR-0026.
"""

import datetime as dt
import uuid
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from domain.errors import InvalidInputError, NotFoundError
from domain.ids import TenantId
from domain.privacy.deadlines import CURRENT_POLICY, assist_by
from domain.privacy.request_machine import Case, Move, RequestMachine
from domain.privacy.request_rules import lower
from domain.privacy.rights import ProcessingRole, RequestState
from gdpr.requests.claim import Claim, make_claim
from gdpr.requests.colleagues import COLLEAGUE, find_colleague
from gdpr.requests.docket import Docket, note_event, open_docket, public_request_id
from gdpr.requests.intake import Intake
from gdpr.requests.letters import keep_message, write_letter
from gdpr.requests.matching import find_people
from gdpr.requests.services import RequestServices
from tenancy.session import TenantSession
from tenancy.tables import Client, LetterKind, SubjectRequest, Tenant

__all__ = ["ReceivedRequest", "RequestDesk", "search"]

_CLOCK_SKEW: Final = dt.timedelta(minutes=5)
_IS_OPEN: Final = text("state NOT IN ('completed', 'refused', 'withdrawn', 'merged')")
_FINAL: Final = tuple(state for state in RequestState if state.is_final)


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """What became of an intake.

    Attributes:
        public_id: As people name it, `req_...`.
        is_new: False: there was this request already.
    """

    request_id: uuid.UUID
    public_id: str
    state: RequestState
    is_new: bool


@dataclass(frozen=True, slots=True)
class RequestDesk:
    """Takes requests in."""

    services: RequestServices

    async def receive(self, tenant_id: TenantId, intake: Intake) -> ReceivedRequest:
        """Take a request in, in a transaction of its own.

        Raises:
            InvalidInputError: It names nobody, or comes from the future.
            NotFoundError: The agency has no such client.
        """
        async with self.services.database.session(tenant_id) as session:
            return await self.receive_in(session, intake)

    async def receive_in(self, session: TenantSession, intake: Intake) -> ReceivedRequest:
        """The same, as part of the caller's transaction.

        Raises:
            InvalidInputError: It names nobody, or comes from the future.
            NotFoundError: The agency has no such client.
        """
        self._check(intake)
        machine = await self._machine(session, intake)
        request_id = self.services.ids()
        claim = await make_claim(session, self.services.vault, intake, request_id)
        known = await self._find_told_before(session, intake, claim)
        while known is None:
            case = self._new_case(machine, intake)
            if await self._store(session, intake, claim, case, request_id):
                await self._keep_message(session, intake, request_id)
                return await self._begin(session, intake, request_id)
            known = await self._find_open(session, claim)
        row = await session.get_one(SubjectRequest, (session.tenant_id, known))
        note_event(self.services, session, known, "repeated", intake.requested_by, {})
        await self._keep_message(session, intake, known)
        return ReceivedRequest(known, public_request_id(known), row.state, is_new=False)

    async def _keep_message(
        self, session: TenantSession, intake: Intake, request_id: uuid.UUID
    ) -> None:
        if intake.message:
            await keep_message(self.services, session, request_id, intake.message)

    def _check(self, intake: Intake) -> None:
        if not intake.identifiers and not intake.scope.get("everybody"):
            raise InvalidInputError(
                "the request names nobody",
                hint="give an e-mail address, a telephone number or a platform's id",
            )
        if intake.received_at > self.services.clock() + _CLOCK_SKEW:
            raise InvalidInputError(
                "the request was received in the future", hint="give the instant, with its zone"
            )

    async def _machine(self, session: TenantSession, intake: Intake) -> RequestMachine:
        if intake.client_id is None:
            time_zone = (await session.get_one(Tenant, session.tenant_id)).time_zone
        else:
            client = await session.get(Client, (session.tenant_id, intake.client_id))
            if client is None:
                raise NotFoundError("the agency has no such client", hint="bosco clients list")
            time_zone = client.time_zone
        days = self.services.calendar_of(time_zone)
        return RequestMachine(self.services.rules, CURRENT_POLICY, days)

    def _new_case(self, machine: RequestMachine, intake: Intake) -> Case:
        most = self.services.rules.most_of_channel[intake.channel]
        return machine.receive(
            intake.right,
            intake.channel,
            lower(intake.identity, most),
            intake.received_at,
            is_special=bool(intake.scope.get("special_categories")),
        )

    async def _find_told_before(
        self, session: TenantSession, intake: Intake, claim: Claim
    ) -> uuid.UUID | None:
        """The request under the platform's own id, also one that has ended; or an open one."""
        if not intake.external_ref:
            return await self._find_open(session, claim)
        query = select(SubjectRequest.id).where(SubjectRequest.fingerprint == claim.fingerprint)
        latest = query.order_by(SubjectRequest.received_at.desc(), SubjectRequest.id.desc())
        found: uuid.UUID | None = await session.scalar(latest.limit(1))
        return found

    async def _find_open(self, session: TenantSession, claim: Claim) -> uuid.UUID | None:
        query = select(SubjectRequest.id).where(
            SubjectRequest.fingerprint == claim.fingerprint, SubjectRequest.state.not_in(_FINAL)
        )
        found: uuid.UUID | None = await session.scalar(query)
        return found

    async def _store(
        self,
        session: TenantSession,
        intake: Intake,
        claim: Claim,
        case: Case,
        request_id: uuid.UUID,
    ) -> bool:
        """Whether there was none like it; waits for whoever stores one at the same time."""
        is_own = intake.client_id is None
        role = ProcessingRole.CONTROLLER if is_own else ProcessingRole.PROCESSOR
        row = {
            "tenant_id": session.tenant_id,
            "id": request_id,
            "client_id": intake.client_id,
            "right": intake.right,
            "channel": intake.channel,
            "role": role,
            "state": case.state,
            "identity": case.identity,
            "fingerprint": claim.fingerprint,
            "external_ref": intake.external_ref or None,
            "sealed_claim": claim.sealed,
            "pseudonyms": claim.pseudonyms,
            "scope": dict(intake.scope),
            "policy": CURRENT_POLICY.version,
            "received_at": intake.received_at,
            "due_at": case.due_at,
            "assist_by": assist_by(CURRENT_POLICY, role, intake.received_at),
            "paused_seconds": 0,
            "language": intake.language,
            "requested_by": intake.requested_by,
        }
        stored = await session.execute(
            insert(SubjectRequest)
            .values(row)
            .on_conflict_do_nothing(
                index_elements=["tenant_id", "fingerprint"], index_where=_IS_OPEN
            )
            .returning(SubjectRequest.id)
        )
        return stored.one_or_none() is not None

    async def _begin(
        self, session: TenantSession, intake: Intake, request_id: uuid.UUID
    ) -> ReceivedRequest:
        docket = await open_docket(self.services, session, request_id)
        docket.note(
            "received",
            intake.requested_by,
            {
                "right": intake.right.value,
                "channel": intake.channel.value,
                "due_at": docket.row.due_at.isoformat(),
            },
        )
        await search(docket, intake.requested_by)
        await write_letter(docket, LetterKind.ACKNOWLEDGEMENT)
        state = docket.case.state
        return ReceivedRequest(request_id, public_request_id(request_id), state, is_new=True)


async def search(docket: Docket, actor: str) -> None:
    """Look for the person, and go as far as the request is ready for.

    Raises:
        NotPossibleError: The person is known already, or the request has ended.
    """
    docket.machine.check(docket.case, Move.SEARCH)
    row = docket.row
    people = await find_people(docket.session, row.pseudonyms)
    colleague = await find_colleague(docket.session, docket.services.vault, row)
    if colleague is not None:
        people, row.scope = [colleague], {**row.scope, COLLEAGUE: str(colleague)}
    elif len(people) == 1:
        row.subject_id = people[0]
    if len(people) == 1:
        await docket.look_around()
    now = docket.services.clock()
    case = replace(docket.case, has_subject=len(people) == 1)
    moved = docket.machine.pass_gates(case, Move.SEARCH, actor=actor, at=now)
    await docket.record(moved, "searched", actor, details={"people": len(people)})

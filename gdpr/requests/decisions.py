"""What officers decide about a request, one verb each.

    verb -> lock the request -> machine: is it possible, what comes of it -> row, history, audit
        -> letter to the person, where the law asks for one

Every verb is one transaction and gives back the state that the request is in then.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from sqlalchemy import update

from domain.errors import InvalidInputError
from domain.ids import TenantId
from domain.privacy.request_machine import Move
from domain.privacy.rights import RequestState
from gdpr.requests.colleagues import check_can_go, colleague_of
from gdpr.requests.desk import search
from gdpr.requests.docket import Docket, open_docket
from gdpr.requests.dual_control import use_approval
from gdpr.requests.everybody import EVERYBODY, check_choice
from gdpr.requests.letters import language_of, remedy_in, write_letter, write_note
from gdpr.requests.matching import get_named
from gdpr.requests.services import RequestServices
from tenancy.tables import IdentityCode, LetterKind

__all__ = ["DecisionDesk"]


@dataclass(frozen=True, slots=True)
class DecisionDesk:
    """The officers' verbs."""

    services: RequestServices

    async def search(
        self, tenant_id: TenantId, request_id: uuid.UUID, *, actor: str
    ) -> RequestState:
        """Look for the person again, in what is known by now.

        Raises:
            NotFoundError: The agency has no such request.
            NotPossibleError: The person is known already.
        """
        async with self._open(tenant_id, request_id) as docket:
            await search(docket, actor)
            return docket.case.state

    async def choose_subject(
        self, tenant_id: TenantId, request_id: uuid.UUID, pseudonym: str, *, actor: str
    ) -> RequestState:
        """Say whom it is about.

        Args:
            tenant_id: The agency.
            request_id: Of the request.
            pseudonym: Of any identifier of the person, `sp_...`, as candidates are shown; or
                `everybody`, where the request is about all people of a connection.
            actor: The officer.

        Raises:
            NotFoundError: The agency has no such request, or its client no such person.
            NotPossibleError: The person is known already, or the request is not about one.
        """
        async with self._open(tenant_id, request_id) as docket:
            docket.machine.check(docket.case, Move.CHOOSE)
            session, row = docket.session, docket.row
            await check_choice(session, row, pseudonym)
            if pseudonym != EVERYBODY:
                row.subject_id = await get_named(session, row.client_id, pseudonym)
            await docket.look_around()
            chosen = replace(docket.case, has_subject=True)
            case = docket.machine.pass_gates(
                chosen, Move.CHOOSE, actor=actor, at=self.services.clock()
            )
            await docket.record(case, "chosen", actor)
            return case.state

    async def declare_nobody(
        self, tenant_id: TenantId, request_id: uuid.UUID, *, actor: str
    ) -> RequestState:
        """Say that the data knows no such person; another officer has to confirm it.

        Raises:
            NotFoundError: The agency has no such request.
            NotPossibleError: The person is known already.
        """
        async with self._open(tenant_id, request_id) as docket:
            now = self.services.clock()
            case = docket.machine.declare_nobody(docket.case, actor=actor, at=now)
            await docket.record(case, "declared_nobody", actor)
            return case.state

    async def approve(
        self, tenant_id: TenantId, request_id: uuid.UUID, *, actor: str
    ) -> RequestState:
        """Agree, as the second person.

        Raises:
            NotFoundError: The agency has no such request.
            NotPossibleError: Nobody's agreement is waited for.
            SecondPersonError: The officer had a hand in it already.
            ConflictError: It was refused on the page of approvals.
            NoOwnerLeftError: It would erase the agency's only owner.
        """
        async with self._open(tenant_id, request_id) as docket:
            docket.machine.check(docket.case, Move.APPROVE)
            colleague = colleague_of(docket.row)
            if colleague is not None:
                await check_can_go(docket.session, colleague)
            await use_approval(self.services, docket.session, docket.row, actor)
            case = docket.machine.approve(docket.case, actor=actor, at=self.services.clock())
            await docket.record(case, "approved", actor)
            return case.state

    async def countersign(
        self, tenant_id: TenantId, request_id: uuid.UUID, *, actor: str
    ) -> RequestState:
        """Confirm that nothing was found.

        Raises:
            NotFoundError: The agency has no such request.
            NotPossibleError: Nothing is to be confirmed.
            SecondPersonError: The officer had it carried out.
        """
        async with self._open(tenant_id, request_id) as docket:
            case = docket.machine.countersign(docket.case, actor=actor)
            await docket.record(case, "countersigned", actor)
            await write_letter(docket, LetterKind.COMPLETION, reason=docket.row.reason or "")
            return case.state

    async def look_again(
        self, tenant_id: TenantId, request_id: uuid.UUID, *, actor: str
    ) -> RequestState:
        """Do not confirm it: somebody else may be meant.

        Raises:
            NotFoundError: The agency has no such request.
            NotPossibleError: Nothing is to be confirmed.
        """
        async with self._open(tenant_id, request_id) as docket:
            case = docket.machine.look_again(docket.case)
            # A code that is on its way proves who somebody else is.
            await docket.session.execute(
                update(IdentityCode)
                .where(IdentityCode.request_id == request_id, IdentityCode.ended_at.is_(None))
                .values(ended_at=self.services.clock())
            )
            await docket.record(case, "looked_again", actor)
            return case.state

    async def extend(
        self, tenant_id: TenantId, request_id: uuid.UUID, reason: str, *, actor: str
    ) -> RequestState:
        """Take two months more; the person is told why.

        Raises:
            NotFoundError: The agency has no such request.
            NotPossibleError: It has ended.
            InvalidInputError: No reason.
            TooLateError: The first month is over, or it was extended before.
        """
        async with self._open(tenant_id, request_id) as docket:
            case = docket.machine.extend(docket.case, reason, at=self.services.clock())
            due = {"due_at": case.due_at.isoformat()}
            await docket.record(case, "extended", actor, details=due)
            await write_letter(docket, LetterKind.EXTENSION, reason=reason)
            return case.state

    async def refuse(
        self,
        tenant_id: TenantId,
        request_id: uuid.UUID,
        reason: str,
        *,
        actor: str,
        remedy: str | None = None,
    ) -> RequestState:
        """Do not act on it; the person is told why, and what they can do about that.

        Args:
            tenant_id: The agency.
            request_id: Of the request.
            reason: For the person.
            actor: The officer.
            remedy: Authority and courts; None: the general words in the person's language.

        Raises:
            NotFoundError: The agency has no such request.
            NotPossibleError: It is being carried out, or has ended.
            InvalidInputError: No reason, or no remedy.
        """
        async with self._open(tenant_id, request_id) as docket:
            told = remedy_in(language_of(docket.row)) if remedy is None else remedy
            case = docket.machine.refuse(docket.case, reason, told, at=self.services.clock())
            await docket.record(case, "refused", actor, reason=reason)
            await write_letter(docket, LetterKind.REFUSAL, reason=reason, remedy=told)
            return case.state

    async def withdraw(
        self, tenant_id: TenantId, request_id: uuid.UUID, *, actor: str
    ) -> RequestState:
        """The person takes it back.

        Raises:
            NotFoundError: The agency has no such request.
            NotPossibleError: It is being carried out, or has ended.
        """
        async with self._open(tenant_id, request_id) as docket:
            case = docket.machine.withdraw(docket.case, at=self.services.clock())
            await docket.record(case, "withdrawn", actor)
            return case.state

    async def note(
        self, tenant_id: TenantId, request_id: uuid.UUID, text: str, *, actor: str
    ) -> None:
        """Keep a note, sealed: it may name people.

        Raises:
            NotFoundError: The agency has no such request.
            InvalidInputError: It is empty.
        """
        if not text.strip():
            raise InvalidInputError("the note is empty")
        async with self._open(tenant_id, request_id) as docket:
            await write_note(docket, text)
            docket.note("noted", actor, {})

    @asynccontextmanager
    async def _open(self, tenant_id: TenantId, request_id: uuid.UUID) -> AsyncIterator[Docket]:
        async with self.services.database.session(tenant_id) as session:
            yield await open_docket(self.services, session, request_id)

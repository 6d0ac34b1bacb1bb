"""The desk's verbs for whoever may see some clients only.

    officer, request -> may they see it? -> verb of `gdpr.requests` -> the request as it is then

A request of a client that the officer may not see is not found. What a verb needs and changes is
its own matter; here nothing is decided.
"""

import uuid
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from domain.errors import NotFoundError
from domain.ids import ClientId, TenantId
from domain.privacy.rights import IntakeChannel
from gdpr.access.link_letter import LinkLetters
from gdpr.access.sections import PersonSource
from gdpr.desk.new_request import NewRequest, read_intake
from gdpr.desk.preview import Previewer
from gdpr.desk.queue import QueueLine, find_line
from gdpr.desk.request_file import names_of_person
from gdpr.erasure.plan import Plan
from gdpr.requests.decisions import DecisionDesk
from gdpr.requests.desk import ReceivedRequest, RequestDesk
from gdpr.requests.holds import HoldDesk, NewHold
from gdpr.requests.identity import IdentityDesk
from gdpr.requests.letters import Letter, Letters
from gdpr.requests.lifting import LiftingDesk
from gdpr.requests.open import Requests
from gdpr.requests.rulings import RulingDesk
from gdpr.requests.services import RequestServices
from tenancy.session import TenantSession
from tenancy.tables import LegalHold, RequestLetter

__all__ = ["Officer", "PrivacyOffice", "office_of"]

Verb = Callable[[TenantId, uuid.UUID], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Officer:
    """Who decides.

    Attributes:
        actor: As the audit names them.
        clients: The only clients that they may see; None: all, and the agency's own people.
    """

    actor: str
    clients: Collection[ClientId] | None = None


@dataclass(frozen=True, slots=True)
class PrivacyOffice:
    """Every part of the desk that an officer uses."""

    services: RequestServices
    desk: RequestDesk
    decisions: DecisionDesk
    identity: IdentityDesk
    rulings: RulingDesk
    lifting: LiftingDesk
    holds: HoldDesk
    letters: Letters
    link_letters: LinkLetters
    previewer: Previewer

    async def create(
        self, tenant_id: TenantId, new: NewRequest, channel: IntakeChannel, officer: Officer
    ) -> ReceivedRequest:
        """Take a request in.

        Raises:
            InvalidInputError: It names nobody, or something in it cannot be read.
            NotFoundError: There is no such client for this officer, or no such connection.
        """
        if officer.clients is not None and new.client_id not in officer.clients:
            raise NotFoundError("the agency has no such client", hint="bosco clients list AGENCY")
        async with self.services.database.session(tenant_id) as session:
            intake = await read_intake(
                session, new, channel, actor=officer.actor, now=self.services.clock()
            )
            return await self.desk.receive_in(session, intake)

    async def decide(
        self, tenant_id: TenantId, request_id: uuid.UUID, verb: Verb, officer: Officer
    ) -> QueueLine:
        """Do something about a request; how it stands then.

        Raises:
            NotFoundError: There is no such request for this officer.
            UserError: The verb refuses.
        """
        await self.find(tenant_id, request_id, officer)
        await verb(tenant_id, request_id)
        return await self.find(tenant_id, request_id, officer)

    async def find(self, tenant_id: TenantId, request_id: uuid.UUID, officer: Officer) -> QueueLine:
        """A request as the queue shows it.

        Raises:
            NotFoundError: There is no such request for this officer.
        """
        async with self.services.database.session(tenant_id) as session:
            return await find_line(
                session, request_id, now=self.services.clock(), seen=officer.clients
            )

    async def put_hold(self, tenant_id: TenantId, hold: NewHold, officer: Officer) -> uuid.UUID:
        """Keep data of a client from being erased; the hold's id.

        Raises:
            InvalidInputError: Without basis or owner, or over already.
            NotFoundError: There is no such client for this officer, or no such person.
        """
        if officer.clients is not None and hold.client_id not in officer.clients:
            raise NotFoundError("the agency has no such client", hint="bosco clients list AGENCY")
        return await self.holds.put(tenant_id, hold, actor=officer.actor)

    async def name_person(
        self, tenant_id: TenantId, request_id: uuid.UUID, officer: Officer
    ) -> tuple[ClientId, str]:
        """The client and a pseudonym of the person whom a request is about.

        Raises:
            NotFoundError: There is no such request for this officer, or nobody is chosen.
        """
        async with self.services.database.session(tenant_id) as session:
            row = (
                await find_line(
                    session, request_id, now=self.services.clock(), seen=officer.clients
                )
            ).row
            names = await names_of_person(session, row.subject_id) if row.subject_id else ()
            if row.client_id is None or not names:
                raise NotFoundError(
                    "nobody is chosen for this request", hint="choose the person first"
                )
            return row.client_id, names[0]

    async def release_hold(self, tenant_id: TenantId, hold_id: uuid.UUID, officer: Officer) -> int:
        """End a hold; how many requests go on.

        Raises:
            NotFoundError: There is no such hold in force for this officer.
        """
        async with self.services.database.session(tenant_id) as session:
            await self._check_hold(session, hold_id, officer)
        return await self.holds.release(tenant_id, hold_id, actor=officer.actor)

    async def read_letters(self, session: TenantSession, request_id: uuid.UUID) -> list[Letter]:
        """All letters and notes of a request that the caller has found.

        Raises:
            CredentialError: One was changed where it is stored (the operator).
        """
        return await self.letters.list_of(session, request_id)

    async def hand_over(
        self, tenant_id: TenantId, request_id: uuid.UUID, letter_id: uuid.UUID, officer: Officer
    ) -> None:
        """Note that the person has a letter.

        Raises:
            NotFoundError: The request has no such letter that waits.
        """
        async with self.services.database.session(tenant_id) as session:
            row = await session.get(RequestLetter, (tenant_id, letter_id))
            if row is None or row.request_id != request_id:
                raise NotFoundError("the request has no such letter that waits")
        await self.letters.hand_over(tenant_id, letter_id, actor=officer.actor)

    async def _check_hold(
        self, session: TenantSession, hold_id: uuid.UUID, officer: Officer
    ) -> None:
        row = await session.get(LegalHold, (session.tenant_id, hold_id))
        if row is None or (officer.clients is not None and row.client_id not in officer.clients):
            raise NotFoundError("the agency has no such hold in force")


def office_of(
    services: RequestServices,
    requests: Requests,
    plan_of: Callable[[Collection[str]], Plan],
    sources: Sequence[PersonSource],
    link_letters: LinkLetters,
) -> PrivacyOffice:
    """The office over the parts that the composition root has.

    Args:
        services: Of requests.
        requests: What is done about them.
        plan_of: The plan of erasure, by the categories of data that holds keep.
        sources: Every store that knows something of people.
        link_letters: Tell people where the copy of their data is.
    """
    return PrivacyOffice(
        services=services,
        desk=requests.desk,
        decisions=requests.decisions,
        identity=requests.identity,
        rulings=requests.rulings,
        lifting=requests.lifting,
        holds=requests.holds,
        letters=requests.letters,
        link_letters=link_letters,
        previewer=Previewer(services.database, services.vault, services.clock, plan_of, sources),
    )

"""The page of one request: all that is known of it, and what an officer can do about it.

/desk/privacy/requests/req_... -> search | choose | nobody | ask | vouch | approve | countersign |
    retry | look-again | grant | tell-lifting | lift | extend | refuse | withdraw | hold | note |
    handed | link
"""

import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from api.pages import desk_words as words
from api.pages.desk_queue import OFFICERS, tag_of
from api.pages.doorway import Visit, for_people
from api.pages.rendering import render
from api.pages.services import PageServices
from api.pages.visits import see_other
from domain.errors import InvalidInputError, NotFoundError, UserError
from domain.ids import parse_id, public_id
from domain.privacy.evidence import TreatmentAction
from domain.privacy.rights import RequestState, Right
from gdpr.desk.actors import name_actors
from gdpr.desk.office import Officer, PrivacyOffice
from gdpr.desk.preview import Preview
from gdpr.desk.request_file import RequestFile, load_request_file
from gdpr.desk.urgency import describe_due, describe_help
from gdpr.requests.dual_control import has_hand
from gdpr.requests.holds import NewHold
from gdpr.requests.identity import Proof
from gdpr.requests.rulings import RULED_RIGHTS

__all__ = ["DeskRequestPages"]

_PATH: Final = "/desk/privacy/requests/{subject_request}"
_DONE: Final = {
    "new": "The request is at the desk.",
    "known": "The same was asked for before: this is that request.",
    "search": "The person was looked for again.",
    "choose": "The person is chosen.",
    "nobody": "Another officer has to confirm that nobody fits.",
    "ask": "A code is on its way to an address that the data carries.",
    "asked": "It is noted that you asked. No code went out: there is no address, or no mail"
    " server. Vouch for the person when you have seen a proof.",
    "vouch": "You vouch for the person.",
    "approve": "You have agreed. It starts within a minute.",
    "countersign": "It is confirmed that nothing was found.",
    "retry": "It is tried again.",
    "look-again": "The person is to be chosen again.",
    "grant": "The request is granted. The person is told what is done.",
    "tell-lifting": "The letter that says that the restriction ends is below.",
    "lift": "The person is read again.",
    "extend": "There are two months more. The letter that says why is below.",
    "refuse": "The request is refused. The letter that says why is below.",
    "withdraw": "The request is withdrawn.",
    "hold": "A legal hold keeps the person's data.",
    "note": "The note is kept.",
    "handed": "It is noted that the person has the letter.",
    "link": "The letter with the link is below. It goes to an address that the data carries, if"
    " there is one; else hand it over.",
}

_NOT_BEGUN: Final = (
    RequestState.IDENTIFYING,
    RequestState.APPROVING,
    RequestState.HELD,
    RequestState.READY,
)

Deed = Callable[[Visit, uuid.UUID], Awaitable[str | None]]


class DeskRequestPages:
    """For data protection officers, owners and admins."""

    def __init__(self, services: PageServices) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """See the module."""
        visits = self._services.visits
        office = self._office
        deeds: dict[str, Deed] = {
            "search": self._plain(office.decisions.search),
            "choose": self._choose,
            "nobody": self._plain(office.decisions.declare_nobody),
            "ask": self._ask,
            "vouch": self._vouch,
            "approve": self._plain(office.decisions.approve),
            "countersign": self._plain(office.decisions.countersign),
            "retry": self._plain(office.rulings.jobs.retry),
            "look-again": self._plain(office.decisions.look_again),
            "grant": self._grant,
            "tell-lifting": self._tell_lifting,
            "lift": self._lift,
            "extend": self._extend,
            "refuse": self._refuse,
            "withdraw": self._plain(office.decisions.withdraw),
            "hold": self._hold,
            "note": self._note,
            "handed": self._handed,
            "link": self._plain(office.link_letters.write),
        }
        show = for_people(visits, self._show, *OFFICERS, is_hidden=True)
        return [
            Route(_PATH, show, methods=["GET"]),
            *(
                Route(
                    f"{_PATH}/{name}",
                    for_people(visits, partial(self._do, name, deed), *OFFICERS, is_hidden=True),
                    methods=["POST"],
                )
                for name, deed in deeds.items()
            ),
        ]

    @property
    def _office(self) -> PrivacyOffice:
        return self._services.privacy

    async def _show(self, visit: Visit, problem: UserError | None = None) -> Response:
        request_id, tenant_id = _request_of(visit), visit.visitor.tenant_id
        now = self._services.clock()
        async with self._services.database.session(tenant_id) as session:
            file = await load_request_file(session, request_id, now=now)
            letters = await self._office.read_letters(session, request_id)
            names = await name_actors(
                session, [file.row.requested_by, *(event.actor for event in file.events)]
            )
        return render(
            "desk_request.html",
            preview=await self._preview(file),
            status=400 if problem else 200,
            visitor=visit.visitor,
            page="desk/privacy",
            part="queue",
            id=public_id("req", request_id),
            file=file,
            line=file.line,
            row=file.row,
            moves={move.name for move in file.moves},
            may_decide=_may_decide(file, visit.visitor.actor),
            is_ruled=_is_ruled(file),
            is_stuck=_is_stuck(file),
            now=now,
            due_words=describe_due(file.row, now),
            help_words=describe_help(file.row, now),
            letters=letters,
            names=names,
            others=[(public_id("req", one.row.id), one) for one in file.others],
            merged_into=_public_or_none(file.row.merged_into),
            hold_id=lambda one: public_id("hold", one.id),
            tag=tag_of,
            actions=TreatmentAction,
            w=words,
            given=visit.fields,
            done=_DONE.get(visit.request.query_params.get("done", "")),
            problem=problem,
        )

    async def _preview(self, file: RequestFile) -> Preview | None:
        """What an erasure will come to, as long as it has not begun."""
        if file.row.right is not Right.ERASURE or file.row.state not in _NOT_BEGUN:
            return None
        return await self._office.previewer.preview(file.row)

    async def _do(self, name: str, deed: Deed, visit: Visit) -> Response:
        request_id = _request_of(visit)
        officer = Officer(visit.visitor.actor)
        await self._office.find(visit.visitor.tenant_id, request_id, officer)
        try:
            done = await deed(visit, request_id)
        except UserError as error:
            return await self._show(visit, problem=error)
        return see_other(
            f"/desk/privacy/requests/{public_id('req', request_id)}?done={done or name}"
        )

    def _plain(self, verb: Callable[..., Awaitable[object]]) -> Deed:
        """A verb that needs to know nothing but who."""

        async def deed(visit: Visit, request_id: uuid.UUID) -> None:
            await verb(visit.visitor.tenant_id, request_id, actor=visit.visitor.actor)

        return deed

    async def _choose(self, visit: Visit, request_id: uuid.UUID) -> None:
        who, pseudonym = visit.visitor, visit.field("pseudonym")
        await self._office.decisions.choose_subject(
            who.tenant_id, request_id, pseudonym, actor=who.actor
        )

    async def _ask(self, visit: Visit, request_id: uuid.UUID) -> str:
        who = visit.visitor
        asked = await self._office.identity.ask(who.tenant_id, request_id, actor=who.actor)
        return "ask" if asked.is_code_sent else "asked"

    async def _vouch(self, visit: Visit, request_id: uuid.UUID) -> None:
        try:
            proof = Proof(visit.field("proof"))
        except ValueError as error:
            raise InvalidInputError("choose what you have seen") from error
        who = visit.visitor
        await self._office.identity.vouch(who.tenant_id, request_id, proof, actor=who.actor)

    async def _grant(self, visit: Visit, request_id: uuid.UUID) -> None:
        who, reason = visit.visitor, visit.field("grant_reason")
        await self._office.rulings.grant(who.tenant_id, request_id, reason, actor=who.actor)

    async def _tell_lifting(self, visit: Visit, request_id: uuid.UUID) -> None:
        who, reason = visit.visitor, visit.field("tell_reason")
        await self._office.lifting.tell(who.tenant_id, request_id, reason, actor=who.actor)

    async def _lift(self, visit: Visit, request_id: uuid.UUID) -> None:
        who, reason = visit.visitor, visit.field("lift_reason")
        await self._office.lifting.lift(who.tenant_id, request_id, reason, actor=who.actor)

    async def _extend(self, visit: Visit, request_id: uuid.UUID) -> None:
        who, reason = visit.visitor, visit.field("extend_reason")
        await self._office.decisions.extend(who.tenant_id, request_id, reason, actor=who.actor)

    async def _refuse(self, visit: Visit, request_id: uuid.UUID) -> None:
        who = visit.visitor
        await self._office.decisions.refuse(
            who.tenant_id,
            request_id,
            visit.field("refuse_reason"),
            remedy=visit.field("remedy") or None,
            actor=who.actor,
        )

    async def _hold(self, visit: Visit, request_id: uuid.UUID) -> None:
        officer, tenant_id = Officer(visit.visitor.actor), visit.visitor.tenant_id
        client_id, pseudonym = await self._office.name_person(tenant_id, request_id, officer)
        hold = NewHold(client_id, visit.field("basis"), visit.field("owner"), pseudonym)
        await self._office.put_hold(tenant_id, hold, officer)

    async def _note(self, visit: Visit, request_id: uuid.UUID) -> None:
        who = visit.visitor
        await self._office.decisions.note(
            who.tenant_id, request_id, visit.field("note"), actor=who.actor
        )

    async def _handed(self, visit: Visit, request_id: uuid.UUID) -> None:
        officer, letter_id = Officer(visit.visitor.actor), parse_id("let", visit.field("letter"))
        await self._office.hand_over(visit.visitor.tenant_id, request_id, letter_id, officer)


def _may_decide(file: RequestFile, actor: str) -> bool:
    """Whether somebody may be the second person, for whom it waits."""
    if file.row.state is RequestState.COUNTERSIGNING:
        return file.row.run_by != actor
    return not has_hand(file.events, actor)


def _is_ruled(file: RequestFile) -> bool:
    """Whether an officer's ruling is what it waits for."""
    return file.row.right in RULED_RIGHTS and file.row.state is RequestState.WAITING


def _is_stuck(file: RequestFile) -> bool:
    """Whether it failed, and nothing tries again by itself."""
    run = file.run
    is_failed = run is not None and bool(run.failure) and run.next_attempt_at is None
    return is_failed and not (run and run.job_id) and file.row.state is RequestState.RUNNING


def _public_or_none(request_id: uuid.UUID | None) -> str | None:
    return None if request_id is None else public_id("req", request_id)


def _request_of(visit: Visit) -> uuid.UUID:
    try:
        return parse_id("req", visit.request.path_params["subject_request"])
    except UserError as error:
        raise NotFoundError("the agency has no such request") from error

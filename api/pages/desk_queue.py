"""The officers' first page: what waits, the most urgent first.

/desk/privacy?state=&right=&client=&risk= -> QueueFilter -> list
"""

from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from api.pages.choices import client_choices
from api.pages.desk_words import CHANNELS, RIGHTS, STATES
from api.pages.doorway import Visit, for_people
from api.pages.rendering import render
from api.pages.services import PageServices
from domain.errors import InvalidInputError, UserError
from domain.ids import ClientId, parse_id, public_id
from domain.privacy.rights import RequestState, Right
from gdpr.desk.queue import QueueFilter, QueueLine, count_open, list_queue
from gdpr.desk.urgency import AT_RISK
from tenancy.tables import Role

__all__ = ["OFFICERS", "DeskQueuePages", "tag_of"]

OFFICERS: Final = (Role.DATA_PROTECTION_OFFICER, Role.OWNER, Role.ADMIN)

_PAGE: Final = 50
_MOST_PAGES: Final = 10_000
_OPEN: Final = "open"
_ALL: Final = "all"


class DeskQueuePages:
    """For data protection officers, owners and admins."""

    def __init__(self, services: PageServices) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """See the module."""
        show = for_people(self._services.visits, self._show, *OFFICERS, is_hidden=True)
        return [Route("/desk/privacy", show, methods=["GET"])]

    async def _show(self, visit: Visit) -> Response:
        given = visit.request.query_params
        problem: UserError | None = None
        try:
            wanted, page = _filter(dict(given)), _page(given.get("page", "1"))
        except UserError as error:
            wanted, page, problem = QueueFilter(is_open=True), 1, error
        now = self._services.clock()
        async with self._services.database.session(visit.visitor.tenant_id) as session:
            lines = await list_queue(
                session, wanted, now=now, limit=_PAGE + 1, offset=(page - 1) * _PAGE
            )
            clients = await client_choices(session)
            total, at_risk = await count_open(session, now=now)
        return render(
            "desk_queue.html",
            status=400 if problem else 200,
            visitor=visit.visitor,
            page="desk/privacy",
            part="queue",
            lines=[(public_id("req", line.row.id), line) for line in lines[:_PAGE]],
            tag=tag_of,
            total=total,
            at_risk=at_risk,
            clients=clients,
            rights=RIGHTS,
            states=STATES,
            channels=CHANNELS,
            given=dict(given),
            is_filtered=wanted != QueueFilter(is_open=True),
            number=page,
            has_next=len(lines) > _PAGE,
            problem=problem,
        )


def tag_of(line: QueueLine) -> str:
    """Class of the tag that says how near a request is."""
    return "off" if line.urgency in AT_RISK else ""


def _filter(given: dict[str, str]) -> QueueFilter:
    """What was asked for.

    Raises:
        InvalidInputError: There is no such state, right or client.
    """
    state, right, client = given.get("state", _OPEN), given.get("right", ""), given.get("client")
    try:
        return QueueFilter(
            state=RequestState(state) if state not in {_OPEN, _ALL, ""} else None,
            right=Right(right) if right else None,
            client=ClientId(parse_id("cli", client)) if client else None,
            is_open=state in {_OPEN, ""},
            is_at_risk=given.get("risk") == "on",
        )
    except ValueError as error:
        raise InvalidInputError(
            "there is no such state or right", hint="choose from the lists"
        ) from error


def _page(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= _MOST_PAGES:
        raise InvalidInputError("there is no such page", hint="go back to the first one")
    return int(text)

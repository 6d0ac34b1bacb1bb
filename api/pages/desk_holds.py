"""The page of legal holds: what may not be erased for now, and why.

/desk/privacy/holds -> put | release
"""

import datetime as dt
import uuid

from starlette.responses import Response
from starlette.routing import Route

from api.pages.choices import client_choices, day_of
from api.pages.desk_queue import OFFICERS
from api.pages.doorway import Visit, for_people
from api.pages.rendering import render
from api.pages.services import PageServices
from api.pages.visits import see_other
from domain.errors import InvalidInputError, NotFoundError, UserError
from domain.ids import ClientId, parse_id, public_id
from domain.privacy.held_categories import HELD_CATEGORIES
from gdpr.desk.actors import name_actors
from gdpr.desk.holds import list_holds
from gdpr.desk.office import Officer
from gdpr.requests.holds import HOLD_PREFIX, NewHold

__all__ = ["DeskHoldsPages"]


class DeskHoldsPages:
    """For data protection officers, owners and admins."""

    def __init__(self, services: PageServices) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """See the module."""
        visits = self._services.visits
        return [
            Route(path, for_people(visits, handler, *OFFICERS, is_hidden=True), methods=[verb])
            for path, verb, handler in (
                ("/desk/privacy/holds", "GET", self._list),
                ("/desk/privacy/holds", "POST", self._put),
                ("/desk/privacy/holds/{hold}/release", "POST", self._release),
            )
        ]

    async def _list(self, visit: Visit, problem: UserError | None = None) -> Response:
        now = self._services.clock()
        async with self._services.database.session(visit.visitor.tenant_id) as session:
            holds = await list_holds(session, now=now, includes_ended=True)
            clients = await client_choices(session)
            names = await name_actors(session, [one.row.created_by for one in holds])
        return render(
            "desk_holds.html",
            status=400 if problem else 200,
            visitor=visit.visitor,
            page="desk/privacy",
            part="holds",
            holds=[(public_id(HOLD_PREFIX, one.row.id), one) for one in holds],
            categories=HELD_CATEGORIES,
            clients=clients,
            names=names,
            given=visit.fields,
            done=_done(visit.request.query_params.get("done", "")),
            problem=problem,
        )

    async def _put(self, visit: Visit) -> Response:
        officer = Officer(visit.visitor.actor)
        try:
            hold = _new_hold(visit)
            await self._services.privacy.put_hold(visit.visitor.tenant_id, hold, officer)
        except UserError as error:
            return await self._list(visit, problem=error)
        return see_other("/desk/privacy/holds?done=put")

    async def _release(self, visit: Visit) -> Response:
        officer = Officer(visit.visitor.actor)
        freed = await self._services.privacy.release_hold(
            visit.visitor.tenant_id, _hold_of(visit), officer
        )
        return see_other(f"/desk/privacy/holds?done={freed}")


def _done(text: str) -> str:
    if text == "put":
        return "The hold is in force."
    if not text.isdigit():
        return ""
    number = int(text[:6])
    if number == 0:
        return "The hold is over. No request was waiting for that."
    return f"The hold is over. {number} request{' goes' if number == 1 else 's go'} on."


def _new_hold(visit: Visit) -> NewHold:
    """What was typed in.

    Raises:
        InvalidInputError: Something is missing or cannot be read.
    """
    if not visit.field("client"):
        raise InvalidInputError("choose the client whose data is kept")
    return NewHold(
        client_id=ClientId(parse_id("cli", visit.field("client"))),
        basis=visit.field("basis"),
        owner=visit.field("owner"),
        pseudonym=visit.field("pseudonym") or None,
        category=visit.field("category") or None,
        expires_at=_end_of(visit.field("until")),
    )


def _end_of(text: str) -> dt.datetime | None:
    day = day_of(text)
    if day is None:
        return None
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC)


def _hold_of(visit: Visit) -> uuid.UUID:
    try:
        return parse_id(HOLD_PREFIX, visit.request.path_params["hold"])
    except UserError as error:
        raise NotFoundError("the agency has no such hold in force") from error

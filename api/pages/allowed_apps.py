"""The page of what a person has allowed apps.

/account/apps -> list | withdraw
"""

from starlette.responses import Response
from starlette.routing import Route

from api.oauth.consents import list_consents, withdraw
from api.pages.consent import in_words
from api.pages.doorway import Visit, for_people
from api.pages.rendering import render
from api.pages.services import PageServices
from api.pages.visits import see_other
from domain.errors import InvalidInputError, NotFoundError
from domain.ids import parse_id, public_id
from tenancy import audit

__all__ = ["AllowedAppsPages"]

_PATH = "/account/apps"


class AllowedAppsPages:
    """For whoever is signed in."""

    def __init__(self, services: PageServices) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """See the module."""
        visits = self._services.visits
        return [
            Route(_PATH, for_people(visits, self._show), methods=["GET"]),
            Route(f"{_PATH}/withdraw", for_people(visits, self._withdraw), methods=["POST"]),
        ]

    async def _show(self, visit: Visit) -> Response:
        visitor = visit.visitor
        async with self._services.database.session(visitor.tenant_id) as session:
            consents = await list_consents(session, visitor.user_id)
        return render(
            "allowed_apps.html",
            visitor=visitor,
            page="account",
            consents=[(public_id("grant", one.id), one, in_words(one.scopes)) for one in consents],
            is_done=visit.request.query_params.get("done") == "withdrawn",
        )

    async def _withdraw(self, visit: Visit) -> Response:
        visitor, services = visit.visitor, self._services
        try:
            grant_id = parse_id("grant", visit.field("grant"))
        except InvalidInputError as error:
            raise NotFoundError("you allow no such app") from error
        async with services.database.session(visitor.tenant_id) as session:
            client_id = await withdraw(session, visitor.user_id, grant_id, services.clock())
            audit.record(
                session,
                clock=services.clock,
                ids=services.ids,
                actor=visitor.actor,
                action="app.withdrawn",
                object_kind="app_grant",
                object_id=str(grant_id),
                details={"client_id": client_id},
            )
        return see_other(f"{_PATH}?done=withdrawn")

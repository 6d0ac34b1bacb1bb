"""The pages of whoever looks after apps: which there are, new ones, secrets, cutting off.

/apps -> /apps/new -> secret, shown once | rotate -> secret, shown once | suspend, resume
"""

import datetime as dt
import functools
from typing import Final

from sqlalchemy import select
from starlette.responses import Response
from starlette.routing import Route

from api.identity.caller import Scope
from api.oauth.app_registry import USUAL_SCOPES, AppRegistry, AppSecret, Registration
from api.pages.choices import Choice, chosen, client_choices, client_ids
from api.pages.consent import SCOPES_IN_WORDS
from api.pages.doorway import Handler, Visit, for_people
from api.pages.rendering import render
from api.pages.services import PageServices
from api.pages.visits import see_other
from domain.errors import InvalidInputError, NotFoundError, UserError
from domain.ids import ClientId
from tenancy.session import TenantSession
from tenancy.tables import Client, Role

__all__ = ["AppPages"]

_OVERLAP: Final = dt.timedelta(days=7)
_DONE: Final = {
    "suspend": "The app is suspended: it gets no tokens, and those it has are refused.",
    "resume": "The app is live again.",
}


class AppPages:
    """For owners and admins."""

    def __init__(self, services: PageServices) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """See the module."""
        visits, leads = self._services.visits, (Role.OWNER, Role.ADMIN)
        new = for_people(visits, self._new, *leads)
        forms: dict[str, Handler] = {
            "rotate": self._rotate,
            "suspend": functools.partial(self._set_suspended, "suspend"),
            "resume": functools.partial(self._set_suspended, "resume"),
        }
        return [
            Route("/apps", for_people(visits, self._list, *leads), methods=["GET"]),
            Route("/apps/new", new, methods=["GET", "POST"]),
            *(
                Route(
                    f"/apps/{{client_id}}/{name}",
                    for_people(visits, handler, *leads),
                    methods=["POST"],
                )
                for name, handler in forms.items()
            ),
        ]

    @property
    def _apps(self) -> AppRegistry:
        return self._services.apps

    async def _list(self, visit: Visit, problem: UserError | None = None) -> Response:
        tenant_id = visit.visitor.tenant_id
        apps = await self._apps.list_apps(tenant_id)
        async with self._services.database.session(tenant_id) as session:
            rows = await session.execute(select(Client.id, Client.name))
            names: dict[ClientId, str] = {row.id: row.name for row in rows}
        return render(
            "apps.html",
            status=400 if problem else 200,
            visitor=visit.visitor,
            page="apps",
            apps=apps,
            names=names,
            done=_DONE.get(visit.request.query_params.get("done", "")),
            problem=problem,
        )

    async def _new(self, visit: Visit) -> Response:
        tenant_id, problem = visit.visitor.tenant_id, None
        if visit.request.method == "POST":
            try:
                async with self._services.database.session(tenant_id) as session:
                    registration = await _read_registration(visit, session)
                made = await self._apps.register(tenant_id, registration, actor=visit.visitor.actor)
            except UserError as error:
                problem = error
            else:
                return _show_secret(visit, made, title=registration.name, is_new=True)
        async with self._services.database.session(tenant_id) as session:
            clients = await client_choices(session)
        usual = {f"scope_{scope}": "on" for scope in USUAL_SCOPES}
        return render(
            "app_new.html",
            status=400 if problem else 200,
            visitor=visit.visitor,
            page="apps",
            scopes=[Choice(scope.value, SCOPES_IN_WORDS[scope]) for scope in Scope],
            clients=clients,
            given=visit.fields if problem else usual,
            problem=problem,
        )

    async def _rotate(self, visit: Visit) -> Response:
        try:
            made = await self._apps.rotate(
                visit.visitor.tenant_id,
                visit.request.path_params["client_id"],
                overlap=_OVERLAP,
                actor=visit.visitor.actor,
            )
        except InvalidInputError as error:
            return await self._list(visit, problem=error)
        return _show_secret(visit, made, title="A new secret", is_new=False)

    async def _set_suspended(self, change: str, visit: Visit) -> Response:
        await self._apps.set_suspended(
            visit.visitor.tenant_id,
            visit.request.path_params["client_id"],
            is_suspended=change == "suspend",
            actor=visit.visitor.actor,
        )
        return see_other(f"/apps?done={change}")


def _show_secret(visit: Visit, made: AppSecret, *, title: str, is_new: bool) -> Response:
    return render(
        "app_secret.html",
        visitor=visit.visitor,
        page="apps",
        made=made,
        title=title,
        is_new=is_new,
        overlap_days=_OVERLAP.days,
    )


async def _read_registration(visit: Visit, session: TenantSession) -> Registration:
    clients = client_ids(visit.fields)
    known = set((await session.scalars(select(Client.id).where(Client.id.in_(clients)))).all())
    if known != set(clients):
        raise NotFoundError("the agency has no such client")
    calls = visit.field("calls_per_minute")
    if calls and not calls.isdecimal():
        raise InvalidInputError("calls in a minute is not a number", hint="write it in digits")
    return Registration(
        name=visit.field("name"),
        scopes=chosen(visit.fields, "scope_"),
        is_public=visit.field("kind") == "public",
        clients=clients or None,
        metrics=visit.field("metrics").replace(",", " ").split() or None,
        redirect_uris=visit.field("redirect_uris").split(),
        origins=visit.field("origins").split(),
        calls_per_minute=int(calls) if calls else None,
    )

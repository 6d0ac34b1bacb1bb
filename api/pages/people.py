"""The pages of whoever looks after people: who is there, invitations, roles, and putting out.

/people -> invite -> link, shown once
/people/usr_... -> role | withdraw | deactivate | reactivate | link | authenticator
"""

import functools
import uuid
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from api.identity.links import LINK_LIFETIMES
from api.identity.people import Invited, Manager, People
from api.pages.choices import ROLES, client_choices, client_ids, role_of
from api.pages.doorway import Handler, Visit, for_people
from api.pages.rendering import render
from api.pages.services import PageServices
from api.pages.visits import see_other
from domain.errors import NotFoundError, UserError
from domain.ids import ClientId, parse_id, public_id
from tenancy.tables import Role

__all__ = ["PeoplePages"]

_DONE: Final = {
    "role": "The role is given.",
    "withdraw": "The role is changed.",
    "deactivate": "The person is put out. Sessions have ended, and tokens are refused.",
    "reactivate": "The person may come in again.",
    "authenticator": "The authenticator is removed. The person is signed out everywhere.",
}


class PeoplePages:
    """For owners and admins."""

    def __init__(self, services: PageServices) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """See the module."""
        visits, leads = self._services.visits, (Role.OWNER, Role.ADMIN)
        changes = {
            "role": self._give_role,
            "withdraw": self._withdraw,
            "deactivate": self._deactivate,
            "reactivate": self._reactivate,
            "authenticator": self._remove_authenticator,
        }
        forms: dict[str, Handler] = {
            "/people/invite": self._invite,
            "/people/{user}/link": self._link,
            **{
                f"/people/{{user}}/{name}": functools.partial(self._change, name, change)
                for name, change in changes.items()
            },
        }
        return [
            Route("/people", for_people(visits, self._list, *leads), methods=["GET"]),
            Route("/people/{user}", for_people(visits, self._show, *leads), methods=["GET"]),
            *(
                Route(path, for_people(visits, handler, *leads), methods=["POST"])
                for path, handler in forms.items()
            ),
        ]

    @property
    def _people(self) -> People:
        return self._services.people

    async def _list(self, visit: Visit, problem: UserError | None = None) -> Response:
        tenant_id = visit.visitor.tenant_id
        people = await self._people.list_people(tenant_id)
        async with self._services.database.session(tenant_id) as session:
            clients = await client_choices(session)
        return render(
            "people.html",
            status=400 if problem else 200,
            visitor=visit.visitor,
            page="people",
            people=[(public_id("usr", one.user_id), one) for one in people],
            roles=_offered(visit),
            clients=clients,
            given=visit.fields,
            problem=problem,
        )

    async def _show(self, visit: Visit, problem: UserError | None = None) -> Response:
        user_id = _person_of(visit)
        tenant_id = visit.visitor.tenant_id
        person = await self._people.get(tenant_id, user_id)
        async with self._services.database.session(tenant_id) as session:
            clients = await client_choices(session)
        return render(
            "person.html",
            status=400 if problem else 200,
            visitor=visit.visitor,
            page="people",
            id=public_id("usr", user_id),
            person=person,
            may_change=_manager(visit).is_owner or not person.is_owner,
            role_words=ROLES,
            roles=_offered(visit),
            clients=clients,
            client_id=lambda client: public_id("cli", client),
            given=visit.fields,
            done=_DONE.get(visit.request.query_params.get("done", "")),
            problem=problem,
        )

    async def _invite(self, visit: Visit) -> Response:
        try:
            invited = await self._people.invite(
                visit.visitor.tenant_id,
                _manager(visit),
                email=visit.field("email"),
                name=visit.field("name"),
                role=role_of(visit.field("role")),
                clients=client_ids(visit.fields),
            )
        except UserError as error:
            return await self._list(visit, problem=error)
        return self._show_link(visit, invited)

    async def _link(self, visit: Visit) -> Response:
        user_id = _person_of(visit)
        try:
            made = await self._people.make_link(visit.visitor.tenant_id, _manager(visit), user_id)
        except NotFoundError:
            raise
        except UserError as error:
            return await self._show(visit, problem=error)
        return self._show_link(visit, made)

    async def _change(
        self, name: str, change: Callable[[Visit, uuid.UUID], Awaitable[None]], visit: Visit
    ) -> Response:
        user_id = _person_of(visit)
        await self._people.get(visit.visitor.tenant_id, user_id)
        try:
            await change(visit, user_id)
        except UserError as error:
            return await self._show(visit, problem=error)
        if user_id == visit.visitor.user_id:
            return see_other("/account")  # what they may see has changed, perhaps
        return see_other(f"/people/{public_id('usr', user_id)}?done={name}")

    async def _give_role(self, visit: Visit, user_id: uuid.UUID) -> None:
        await self._people.give_role(
            visit.visitor.tenant_id,
            _manager(visit),
            user_id,
            role_of(visit.field("role")),
            client_ids(visit.fields),
        )

    async def _withdraw(self, visit: Visit, user_id: uuid.UUID) -> None:
        tenant_id, role = visit.visitor.tenant_id, role_of(visit.field("role"))
        if client := visit.field("client"):
            client_id = ClientId(parse_id("cli", client))
            await self._people.withdraw_client(tenant_id, _manager(visit), user_id, role, client_id)
        else:
            await self._people.withdraw_role(tenant_id, _manager(visit), user_id, role)

    async def _deactivate(self, visit: Visit, user_id: uuid.UUID) -> None:
        await self._people.deactivate(visit.visitor.tenant_id, _manager(visit), user_id)

    async def _reactivate(self, visit: Visit, user_id: uuid.UUID) -> None:
        await self._people.reactivate(visit.visitor.tenant_id, _manager(visit), user_id)

    async def _remove_authenticator(self, visit: Visit, user_id: uuid.UUID) -> None:
        await self._people.remove_authenticator(visit.visitor.tenant_id, _manager(visit), user_id)

    def _show_link(self, visit: Visit, made: Invited) -> Response:
        return render(
            "link_made.html",
            visitor=visit.visitor,
            page="people",
            id=public_id("usr", made.user_id),
            made=made,
            url=f"{self._services.visits.issuer}{made.path}",
            hours=int(LINK_LIFETIMES[made.kind].total_seconds()) // 3600,
        )


def _manager(visit: Visit) -> Manager:
    return Manager(visit.visitor.actor, visit.visitor.rights.holds_everywhere(Role.OWNER))


def _offered(visit: Visit) -> list[tuple[str, str]]:
    """Roles that the visitor may give."""
    is_owner = _manager(visit).is_owner
    return [
        (role.value, words) for role, words in ROLES.items() if is_owner or role is not Role.OWNER
    ]


def _person_of(visit: Visit) -> uuid.UUID:
    try:
        return parse_id("usr", visit.request.path_params["user"])
    except UserError as error:
        raise NotFoundError("the agency has no such person") from error

"""The way from a request to a page: who comes, what form was sent, and what to say when it fails.

    request -> signed in? role? -> form read -> handler -> page | message

Whoever lacks a role is told so, or for hidden pages finds nothing; another agency's object is not
found.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from api.identity.browsers import browser_of
from api.identity.sessions import SignedIn
from api.pages.forms import FormError, read_form, refuse_form
from api.pages.rendering import render
from api.pages.visits import Visits
from domain.errors import NotFoundError
from tenancy.tables import Role

__all__ = ["Handler", "Visit", "browser_name", "for_anybody", "for_people", "show_message"]

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of somebody who is signed in.

    Attributes:
        fields: Of the form; empty when it is a GET.
    """

    request: Request
    visitor: SignedIn
    fields: Mapping[str, str]

    def field(self, name: str) -> str:
        """What was typed into a field; empty when there is none."""
        return self.fields.get(name, "").strip()


Handler = Callable[[Visit], Awaitable[Response]]


def for_people(visits: Visits, handler: Handler, *roles: Role, is_hidden: bool = False) -> Endpoint:
    """An endpoint for whoever is signed in; if roles are named, with one of them everywhere.

    Args:
        visits: Tell who comes.
        handler: Makes the page.
        roles: Who may see it; none: everybody who is signed in.
        is_hidden: To others it is as if it were not there.
    """

    async def endpoint(request: Request) -> Response:
        visitor = await visits.current(request)
        if visitor is None:
            return visits.to_sign_in(request)
        if roles and not visitor.rights.holds_everywhere(*roles):
            if is_hidden:
                return show_message(
                    "Not found", "There is no such page.", status=404, visitor=visitor
                )
            return show_message(
                "This page is for others",
                "Your roles do not include this.",
                hint="Ask an owner of your agency.",
                status=403,
                visitor=visitor,
            )
        try:
            fields: Mapping[str, str] = {}
            if request.method == "POST":
                fields = await read_form(request, visits.issuer, visitor.form_token)
            return await handler(Visit(request, visitor, fields))
        except FormError as error:
            return refuse_form(error)
        except NotFoundError as error:
            return show_message(
                "Not found", error.message, hint=error.hint, status=404, visitor=visitor
            )

    return endpoint


def for_anybody(
    visits: Visits,
    handler: Callable[[Request, Mapping[str, str]], Awaitable[Response]],
    *,
    form_token: str | None = None,
) -> Endpoint:
    """An endpoint that asks for no session; its forms come from our own pages all the same."""

    async def endpoint(request: Request) -> Response:
        try:
            fields: Mapping[str, str] = {}
            if request.method == "POST":
                fields = await read_form(request, visits.issuer, form_token)
            return await handler(request, fields)
        except FormError as error:
            return refuse_form(error)

    return endpoint


def show_message(
    title: str, message: str, *, hint: str = "", status: int = 200, visitor: SignedIn | None = None
) -> Response:
    """A page that says one thing."""
    return render(
        "message.html", status=status, title=title, message=message, hint=hint, visitor=visitor
    )


def browser_name(request: Request) -> str:
    """What people call the browser that asks."""
    return browser_of(request.headers.get("user-agent", ""))

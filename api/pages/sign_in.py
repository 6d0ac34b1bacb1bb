"""Pages of signing in: password, code, one-time link, and out again.

/sign-in -> /sign-in/code (where there is an authenticator) -> where one came from
/sign-in/provider -> the agency's own provider -> /sign-in/callback -> where one came from
/links/... -> a new password -> signed in
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.identity.provider_sign_in import CALLBACK
from api.identity.sign_in import Attempt, Begun
from api.identity.throttle import TooManyTriesError
from api.pages.doorway import (
    Visit,
    browser_name,
    for_anybody,
    for_people,
    show_message,
)
from api.pages.rendering import render
from api.pages.services import PageServices
from api.pages.visits import HOME, checked_path, see_other
from domain.errors import InvalidInputError, NotFoundError, UserError

__all__ = ["SignInPages"]

_LINK_OVER: Final = "This link opens nothing any more."
_LINK_HINT: Final = "It was used, a newer one took its place, or it is too old. Ask for a new one."


class SignInPages:
    """Anybody may see these."""

    def __init__(self, services: PageServices) -> None:
        self._services = services
        self._visits = services.visits

    def routes(self) -> list[Route]:
        """See the module."""
        visits = self._visits
        return [
            Route("/sign-in", for_anybody(visits, self._sign_in), methods=["GET", "POST"]),
            Route("/sign-in/code", self._code, methods=["GET", "POST"]),
            Route("/sign-in/provider", self._leave_for_provider, methods=["GET"]),
            Route(CALLBACK, self._return_from_provider, methods=["GET"]),
            Route("/sign-out", for_people(visits, self._sign_out), methods=["POST"]),
            Route("/links/{token}", for_anybody(visits, self._use_link), methods=["GET", "POST"]),
        ]

    async def _sign_in(self, request: Request, fields: Mapping[str, str]) -> Response:
        if request.method == "GET":
            return _sign_in_page(request.query_params)
        attempt = Attempt(
            agency=fields.get("agency", ""),
            email=fields.get("email", ""),
            password=fields.get("password", ""),
            address=self._services.address_of(request),
            browser=browser_name(request),
        )
        try:
            begun = await self._services.sign_ins.by_password(attempt)
        except UserError as error:
            return _sign_in_page(fields, problem=error)
        if (visitor := await self._visits.current(request)) is not None:
            await self._services.sign_ins.sign_out(visitor)  # the browser forgets that session
        return self._go_on(begun, checked_path(fields.get("return_to", "")))

    async def _leave_for_provider(self, request: Request) -> Response:
        given = request.query_params
        try:
            throttle = self._services.sign_ins.throttle
            await throttle.spend_departure(self._services.address_of(request))
            departure = await self._services.provider_sign_ins.begin(
                given.get("agency", ""), checked_path(given.get("return_to", ""))
            )
        except UserError as error:
            return _sign_in_page(given, problem=error)
        response = see_other(departure.address)
        self._visits.note_departure(response, departure.state)
        return response

    async def _return_from_provider(self, request: Request) -> Response:
        kept = request.cookies.get(self._visits.departure_name)
        try:
            arrival = await self._services.provider_sign_ins.finish(
                request.query_params, kept, browser=browser_name(request)
            )
        except UserError as error:
            return _sign_in_page({}, problem=error)
        return self._go_on(Begun(arrival.cookie, needs_code=False), arrival.return_to)

    async def _code(self, request: Request) -> Response:
        waiting = await self._visits.waiting(request)
        if waiting is None:
            return see_other("/sign-in")

        async def answer(request: Request, fields: Mapping[str, str]) -> Response:
            if request.method == "GET":
                return _code_page(request.query_params, waiting.form_token)
            try:
                cookie = await self._services.sign_ins.by_code(
                    waiting,
                    fields.get("code", ""),
                    address=self._services.address_of(request),
                    browser=browser_name(request),
                )
            except UserError as error:
                return _code_page(fields, waiting.form_token, problem=error)
            begun = Begun(cookie, needs_code=False)
            return self._go_on(begun, checked_path(fields.get("return_to", "")))

        return await for_anybody(self._visits, answer, form_token=waiting.form_token)(request)

    async def _sign_out(self, visit: Visit) -> Response:
        await self._services.sign_ins.sign_out(visit.visitor)
        response = see_other(f"/sign-in?{urlencode({'agency': visit.visitor.agency_slug})}")
        self._visits.clear_cookie(response)
        return response

    async def _use_link(self, request: Request, fields: Mapping[str, str]) -> Response:
        link = await self._services.links.find(request.path_params["token"])
        if link is None:
            return show_message("A link that is over", _LINK_OVER, hint=_LINK_HINT, status=404)
        if request.method == "GET":
            return render("link.html", link=link, problem=None)
        try:
            begun = await self._services.sign_ins.by_link(
                link,
                fields.get("password", ""),
                fields.get("again", ""),
                browser_name(request),
            )
        except NotFoundError as error:
            return show_message("A link that is over", error.message, hint=error.hint, status=404)
        except InvalidInputError as error:
            return render("link.html", status=400, link=link, problem=error)
        return self._go_on(begun, HOME)

    def _go_on(self, begun: Begun, return_to: str) -> Response:
        path = return_to
        if begun.needs_code:
            path = f"/sign-in/code?{urlencode({'return_to': return_to})}"
        response = see_other(path)
        self._visits.set_cookie(response, begun.cookie)
        return response


def _sign_in_page(given: Mapping[str, str], *, problem: UserError | None = None) -> Response:
    response = render(
        "sign_in.html",
        status=_status(problem),
        agency=given.get("agency", ""),
        email=given.get("email", "") if problem else "",
        return_to=checked_path(given.get("return_to", "")),
        problem=problem,
    )
    return _say_when(response, problem)


def _code_page(
    given: Mapping[str, str], form_token: str, *, problem: UserError | None = None
) -> Response:
    response = render(
        "code.html",
        status=_status(problem),
        form_token=form_token,
        return_to=checked_path(given.get("return_to", "")),
        problem=problem,
    )
    return _say_when(response, problem)


def _status(problem: UserError | None) -> int:
    if problem is None:
        return 200
    return 429 if isinstance(problem, TooManyTriesError) else 400


def _say_when(response: Response, problem: UserError | None) -> Response:
    if isinstance(problem, TooManyTriesError):
        response.headers["retry-after"] = str(problem.wait_seconds)
    return response

"""Routes of a person who connects an account.

    GET  /connect/start/{ticket}      a link that somebody was sent -> the platform
    GET  /connect/{source}/callback   the platform sends the person back -> connected, or a choice
    POST /connect/choose              one of several accounts -> connected

Nobody signs in here: the link, and then the state, are what the person has. A cookie holds the
state to the browser that opened the link. Whatever goes wrong ends in a page that says what to do.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.connect.pages import show, show_choice
from api.pages.forms import FormError, read_form
from domain.errors import NotFoundError, Transient, UserError
from ingestion.connecting import Choosing, Connected, ConnectionDesk

__all__ = ["connect_routes"]

_LOG: Final = structlog.get_logger(__name__)

_COOKIE: Final = "bosco_connect"
_COOKIE_SECONDS: Final = 600
_MOST_PARAMETERS: Final = 30


def connect_routes(desk: ConnectionDesk) -> list[Route]:
    """The routes above."""

    async def start(request: Request) -> Response:
        sent = await desk.open_link(request.path_params["ticket"])
        response = RedirectResponse(
            sent.url, 303, {"cache-control": "no-store", "referrer-policy": "no-referrer"}
        )
        response.set_cookie(
            _COOKIE,
            sent.browser,
            max_age=_COOKIE_SECONDS,
            path="/connect",
            secure=desk.home.startswith("https://"),
            httponly=True,
            samesite="lax",
        )
        return response

    async def callback(request: Request) -> Response:
        parameters = request.query_params.multi_items()
        found = await desk.come_back(
            request.path_params["source"],
            parameters[:_MOST_PARAMETERS],
            request.cookies.get(_COOKIE, ""),
        )
        if isinstance(found, Choosing):
            return show_choice(found)
        return _welcome(request, found)

    async def choose(request: Request) -> Response:
        form = await read_form(request, desk.home, None)
        connected = await desk.choose(form.get("ticket", ""), form.get("account", ""))
        return _welcome(request, connected)

    return [
        Route("/connect/start/{ticket}", _explained(start), methods=["GET"]),
        Route("/connect/{source}/callback", _explained(callback), methods=["GET"]),
        Route("/connect/choose", _explained(choose), methods=["POST"]),
    ]


def _explained(
    answer: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Answer; an expected failure becomes a page."""

    async def endpoint(request: Request) -> Response:
        try:
            return await answer(request)
        except UserError as error:
            _LOG.info("not_connected", code=error.code)
            title = "The account is not connected"
            message, hint = _sentence(error.message), _sentence(error.hint)
            return show(request, _status(error), error.code, title, message, hint)

    return endpoint


def _status(error: UserError) -> int:
    if isinstance(error, FormError):
        return error.status
    if isinstance(error, NotFoundError):
        return 404
    return 503 if isinstance(error, Transient) else 400


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _welcome(request: Request, connected: Connected) -> Response:
    name = connected.label or connected.account_id
    done = "is connected" if connected.is_new else "is connected again"
    return show(
        request,
        200,
        "CONNECTED",
        f"{connected.source.label}: {name} {done}",
        "You can close this page.",
        "",
    )

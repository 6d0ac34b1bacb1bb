"""A small application behind the pieces of the edge, and ways to ask it."""

from collections.abc import Callable
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

__all__ = ["ISSUER", "ask_through", "echo_app"]

ISSUER = "https://bosco.example"


async def _echo(request: Request) -> Response:
    return PlainTextResponse(await request.body(), headers=dict(request.query_params))


def echo_app() -> ASGIApp:
    """Answers the body; each parameter of the query becomes a header."""
    methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    return Router(routes=[Route("/{path:path}", _echo, methods=methods)])


def ask_through(wrap: Callable[[ASGIApp], ASGIApp]) -> httpx.AsyncClient:
    """A client of the application behind a piece of the edge."""
    transport: Any = httpx.ASGITransport(wrap(echo_app()))
    return httpx.AsyncClient(transport=transport, base_url=ISSUER)

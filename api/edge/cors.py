"""Which pages of other origins may read our answers (CORS).

    preflight -> some app lists the origin -> allowed | 403
    request from a page -> some app lists the origin -> the token's own app does -> answer
                        -> 403

Three kinds of routes: those for apps, where the origin decides; public documents, open to all; and
the rest (pages), which no other page ever reads. Cookies are never part of it: no answer says
`Access-Control-Allow-Credentials`. That the origin is listed by the very app whose token or id
comes along is checked by the route, which answers 403 when it is not.

Sources: Fetch standard, section 3.3 (CORS protocol), read 2026-11; OAuth 2.0 for Browser-Based
Applications, section 6.3 (which endpoints need CORS, and that the authorization endpoint must not).
"""

from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.edge.origins import KnownOrigins, foreign_origin
from api.edge.refusals import Refusal, refuse

__all__ = ["FOR_APPS", "OPEN", "ORIGIN_REFUSAL", "Cors"]

FOR_APPS: Final = frozenset({"/graphql", "/oauth/token", "/oauth/revoke"})
OPEN: Final = frozenset(
    {
        "/oauth/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/graphql",
    }
)

ORIGIN_REFUSAL: Final = Refusal(
    403,
    "ORIGIN_NOT_ALLOWED",
    "the application does not list the origin of this page",
    "the agency adds the origin to the application: bosco apps",
)

_FORBIDDEN: Final = 403
_PREFLIGHT_SECONDS: Final = 600
_READABLE: Final = "retry-after, ratelimit, ratelimit-policy, www-authenticate"


class Cors:
    """Answers preflights, and says on answers who may read them."""

    def __init__(self, app: ASGIApp, origins: KnownOrigins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on if its page may make it."""
        path = scope["path"] if scope["type"] == "http" else ""
        if path in FOR_APPS:
            await self._answer_page(scope, receive, send)
        elif path in OPEN and _is_preflight(scope):
            await _allow("*", "GET")(scope, receive, send)
        elif path in OPEN:
            await self._app(scope, receive, _readable_by("*", send))
        else:
            await self._app(scope, receive, send)

    async def _answer_page(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = foreign_origin(Headers(scope=scope))
        if origin is not None and not await self._origins.is_known(origin):
            answer = refuse(ORIGIN_REFUSAL, scope["path"])
            await answer(scope, receive, _readable_by(None, send))
        elif origin is not None and _is_preflight(scope):
            await _allow(origin, "POST")(scope, receive, send)
        else:
            await self._app(scope, receive, _readable_by(origin, send))


def _is_preflight(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return (
        scope["method"] == "OPTIONS"
        and "origin" in headers
        and "access-control-request-method" in headers
    )


def _allow(origin: str, method: str) -> Response:
    headers = {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": method,
        "access-control-allow-headers": "authorization, content-type",
        "access-control-max-age": str(_PREFLIGHT_SECONDS),
        "vary": "Origin",
    }
    return Response(status_code=204, headers=headers)


def _readable_by(origin: str | None, send: Send) -> Send:
    """Say on an answer, unless it is a refusal, that pages of `origin` may read it."""

    async def say(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if origin is not None and message["status"] != _FORBIDDEN:
                headers["access-control-allow-origin"] = origin
                headers["access-control-expose-headers"] = _READABLE
            if origin != "*":
                headers.add_vary_header("Origin")
        await send(message)

    return say

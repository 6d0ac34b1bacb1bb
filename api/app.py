"""The HTTP application.

    /graphql  /features/...  /oauth/...  pages for people  /healthz  /readyz
    (development: / -> /graphql)

    request -> headers -> masked errors -> limits -> CORS -> failed attempts -> same origin -> route

Everything unexpected ends in `_MaskErrors`: a body with a trace id, the rest in the log.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.connect.endpoint import connect_routes
from api.edge.admission import Admission
from api.edge.app_policies import AppPolicies
from api.edge.cors import Cors
from api.edge.failed_attempts import FailedAttempts
from api.edge.origins import KnownOrigins
from api.edge.request_limits import RequestLimiter
from api.edge.rules import EdgeRules
from api.edge.same_origin import SameOrigin
from api.edge.security_headers import SecurityHeaders
from api.features.endpoint import FeatureServices, feature_routes
from api.graphql.endpoint import GraphQLEndpoint
from api.graphql.explorer import explorer_page
from api.graphql.services import GraphQLServices
from api.oauth.endpoint import OAuthServices, oauth_routes
from api.pages.exports import ExportPages
from api.pages.services import PageServices
from api.pages.site import site_routes
from api.privacy.endpoint import PrivacyCallbacks, privacy_routes
from domain.errors import BoscoError, Transient
from domain.ports import IdFactory
from gdpr.access.exports import Exports
from ingestion.connecting import ConnectionDesk
from tenancy.rate_limits import RateLimits

__all__ = ["EdgeServices", "ReadinessCheck", "create_app"]

_LOG: Final = structlog.get_logger(__name__)
_CHECK_SECONDS: Final = 2.0

# Raises when the part that it looks at cannot serve.
ReadinessCheck = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class EdgeServices:
    """What the edge needs, wired in `api/bootstrap.py`.

    Attributes:
        graphql: Of the gateway.
        oauth: Of the authorization server.
        pages: Of the pages for people.
        connecting: Takes people in who connect accounts; None: nobody can here.
        privacy: Takes what platforms pass on of people's rights; None: no platform can here.
        exports: Hands people the copies of their data; None: nobody gets one here.
        features: Hands notebooks their training sets; None: nobody gets one here.
        checks: Parts that must answer before requests are taken, by name.
        ids: For trace ids.
        rules: How requests are treated before they reach a route.
        rate_limits: Counts what apps and addresses do, over all processes.
    """

    graphql: GraphQLServices
    oauth: OAuthServices
    pages: PageServices
    checks: Mapping[str, ReadinessCheck]
    ids: IdFactory
    rules: EdgeRules
    rate_limits: RateLimits
    connecting: ConnectionDesk | None = None
    privacy: PrivacyCallbacks | None = None
    exports: Exports | None = None
    features: FeatureServices | None = None


def create_app(services: EdgeServices) -> FastAPI:
    """Make the application. Connects to nothing; parts connect on first use."""
    endpoint = GraphQLEndpoint(services.graphql)
    admission = _admission(services)

    async def graphql(request: Request) -> Response:
        if request.method == "POST":
            return await endpoint.answer(request, admission)
        if request.method == "GET" and services.graphql.is_development:
            return explorer_page()
        body = {
            "errors": [
                {
                    "message": "GraphQL is asked by POST",
                    "extensions": {"code": "METHOD_NOT_ALLOWED", "hint": "send a POST of JSON"},
                }
            ]
        }
        return _json(body, 405, {"allow": "POST"})

    async def healthz(_: Request) -> Response:
        return _json({"status": "alive"})

    async def readyz(_: Request) -> Response:
        found = await _run_checks(services.checks)
        is_ready = all(state == "ready" for state in found.values())
        return _json(
            {"status": "ready" if is_ready else "not ready", "parts": found},
            200 if is_ready else 503,
        )

    routes: list[BaseRoute] = [
        Route("/graphql", graphql, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        *oauth_routes(services.oauth),
        *site_routes(services.pages),
    ]
    routes += _optional_routes(services, admission)
    app = FastAPI(title="Bosco", openapi_url=None, docs_url=None, redoc_url=None, routes=routes)
    origins = KnownOrigins(services.oauth.applications, services.oauth.clock)
    app.add_middleware(SameOrigin, rules=services.rules)  # the innermost comes first
    app.add_middleware(FailedAttempts, rules=services.rules, limits=services.rate_limits)
    app.add_middleware(Cors, origins=origins)
    app.add_middleware(RequestLimiter, rules=services.rules)
    app.add_middleware(_MaskErrors, ids=services.ids)
    app.add_middleware(SecurityHeaders, rules=services.rules)
    return app


def _optional_routes(services: EdgeServices, admission: Admission) -> list[BaseRoute]:
    routes: list[BaseRoute] = []
    if services.connecting is not None:
        routes += connect_routes(services.connecting)
    if services.privacy is not None:
        routes += privacy_routes(services.privacy)
    if services.exports is not None:
        routes += ExportPages(services.pages.visits, services.exports).routes()
    if services.features is not None:
        routes += feature_routes(services.features, admission)
    if services.graphql.is_development:
        routes.append(Route("/", _show_explorer, methods=["GET"]))
    return routes


def _admission(services: EdgeServices) -> Admission:
    calls_per_minute = services.rules.calls_per_minute
    policies = AppPolicies(
        services.oauth.database, services.oauth.clock, calls_per_minute=calls_per_minute
    )
    return Admission(policies, services.rate_limits)


async def _show_explorer(_: Request) -> Response:
    return RedirectResponse("/graphql", 307)


async def _run_checks(checks: Mapping[str, ReadinessCheck]) -> dict[str, str]:
    states = await asyncio.gather(*(_check(name, check) for name, check in checks.items()))
    return dict(zip(checks, states, strict=True))


async def _check(name: str, check: ReadinessCheck) -> str:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await check()
    except TimeoutError:
        return "does not answer"
    except Exception as error:  # noqa: BLE001  # any failure of a part means: not ready
        _LOG.warning("not_ready", part=name, error=type(error).__name__)
        return "fails"
    return "ready"


class _MaskErrors:
    """Around all that can fail: an exception becomes a JSON body without details."""

    def __init__(self, app: ASGIApp, ids: IdFactory) -> None:
        self._app = app
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watch(message: Any) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            await self._answer(error)(scope, receive, send)

    def _answer(self, error: Exception) -> Response:
        trace_id = str(self._ids())
        _LOG.error("request_failed", trace_id=trace_id, exc_info=error)
        code = error.code if isinstance(error, BoscoError) else BoscoError.code
        extensions = {
            "code": code,
            "hint": "try again; if it stays, tell support the trace id",
            "traceId": trace_id,
        }
        body = {
            "errors": [{"message": "something went wrong on our side", "extensions": extensions}]
        }
        if isinstance(error, Transient):
            return _json(body, 503, {"retry-after": "1"})
        return _json(body, 500)


def _json(
    body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    kept = {"cache-control": "no-store", **(headers or {})}
    return Response(orjson.dumps(body), status, kept, media_type="application/json")

"""Routes of the authorization server.

    POST /oauth/token -> strict form -> `api/oauth/token_requests.py`
        (a page that asks must be of an origin that the application lists)
    POST /oauth/revoke, /oauth/introspect -> the same authentication -> `api/oauth/token_desk.py`
    GET /oauth/jwks.json -> public keys
    GET /.well-known/oauth-authorization-server, /.well-known/oauth-protected-resource[/graphql]

Sources: RFC 6749 section 5, RFC 8414 and RFC 9728 (metadata), RFC 7517 (JWK set).
"""

from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.edge.origins import foreign_origin
from api.identity.caller import Scope
from api.oauth.access_tokens import LIFETIME, AccessTokens
from api.oauth.applications import Application, Applications
from api.oauth.authorization import AuthorizationRequests
from api.oauth.pkce import S256
from api.oauth.signing_keys import JWKS_SECONDS
from api.oauth.strict_form import TokenRequestError, read_token_form
from api.oauth.token_desk import TokenDesk
from api.oauth.token_requests import TokenRequests
from api.oauth.token_server import GRANT_TYPES, METHODS, Outcome
from domain.ports import Clock, IdFactory
from tenancy.session import Database

__all__ = ["OAuthServices", "oauth_routes"]

_NO_STORE: Final = {"cache-control": "no-store", "pragma": "no-cache"}
_MAY_BE_KEPT: Final = {"cache-control": f"public, max-age={JWKS_SECONDS}"}

# Every method comes in, so that a wrong one gets an OAuth error and not a bare 405.
_ALL_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_RESOURCE: Final = "/.well-known/oauth-protected-resource"


@dataclass(frozen=True, slots=True)
class OAuthServices:
    """What the authorization server needs.

    Attributes:
        applications: Finds them.
        tokens: Issues and verifies access tokens.
        issuer: Our address, without a slash at the end.
        clock: Present instant.
        random_bytes: Cryptographic randomness.
    """

    applications: Applications
    database: Database
    tokens: AccessTokens
    issuer: str
    clock: Clock
    ids: IdFactory
    random_bytes: Callable[[int], bytes]

    @property
    def authorization_requests(self) -> AuthorizationRequests:
        """The authorization endpoint without its pages."""
        return AuthorizationRequests(
            applications=self.applications,
            database=self.database,
            issuer=self.issuer,
            resource=self.tokens.resource,
            clock=self.clock,
            ids=self.ids,
            random_text=self.random_text,
        )

    def random_text(self) -> str:
        """A code or token: 256 random bits, safe in an address."""
        return urlsafe_b64encode(self.random_bytes(32)).rstrip(b"=").decode()


def oauth_routes(services: OAuthServices) -> list[Route]:
    """The routes above."""

    async def token(request: Request) -> Response:
        return await _answer_token_request(request, requests)

    async def revoke(request: Request) -> Response:
        return await _answer_at_desk(request, desk, desk.revoke)

    async def introspect(request: Request) -> Response:
        return await _answer_at_desk(request, desk, desk.introspect)

    async def jwks(_: Request) -> Response:
        ring = await services.tokens.key_ring()
        return _json(200, ring.public_document, _MAY_BE_KEPT)

    async def metadata(_: Request) -> Response:
        return _json(200, _metadata(services.issuer), _MAY_BE_KEPT)

    async def resource(_: Request) -> Response:
        return _json(200, _resource_metadata(services.issuer), _MAY_BE_KEPT)

    requests = TokenRequests(
        services.applications,
        services.database,
        services.tokens,
        services.clock,
        services.ids,
        services.random_text,
    )
    desk = TokenDesk(
        services.applications, services.database, services.tokens, services.clock, services.ids
    )
    return [
        Route("/oauth/token", token, methods=_ALL_METHODS),
        Route("/oauth/revoke", revoke, methods=_ALL_METHODS),
        Route("/oauth/introspect", introspect, methods=_ALL_METHODS),
        Route("/oauth/jwks.json", jwks, methods=["GET"]),
        Route("/.well-known/oauth-authorization-server", metadata, methods=["GET"]),
        Route(_RESOURCE, resource, methods=["GET"]),
        Route(f"{_RESOURCE}/graphql", resource, methods=["GET"]),
    ]


async def _answer_token_request(request: Request, requests: TokenRequests) -> Response:
    try:
        form = await read_token_form(request, "grant_type")
        outcome = await requests.answer(form, origin=foreign_origin(request.headers))
    except TokenRequestError as error:
        return _refusal(error)
    return _response(outcome)


async def _answer_at_desk(
    request: Request,
    desk: TokenDesk,
    answer: Callable[[Application, str], Awaitable[dict[str, Any] | None]],
) -> Response:
    try:
        form = await read_token_form(request, "token")
        application = await desk.authenticate(form.credentials)
        application.check_origin(foreign_origin(request.headers))
        body = await answer(application, form.fields["token"])
    except TokenRequestError as error:
        return _refusal(error)
    return (
        Response(status_code=200, headers=_NO_STORE)
        if body is None
        else _json(200, body, _NO_STORE)
    )


def _refusal(error: TokenRequestError) -> Response:
    body = {"error": error.error, "error_description": error.description}
    return _json(error.status, body, _NO_STORE | error.headers)


def _response(outcome: Outcome) -> Response:
    body = dict(outcome.body)
    if outcome.issued is not None:
        body["expires_in"] = int(LIFETIME.total_seconds())
    headers = {name.lower(): value for name, value in outcome.headers}
    return _json(outcome.status, body, headers | _NO_STORE)


def _json(status: int, body: dict[str, Any], headers: dict[str, str]) -> Response:
    kept = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    return Response(orjson.dumps(body), status, kept, media_type="application/json")


def _metadata(issuer: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "jwks_uri": f"{issuer}/oauth/jwks.json",
        "grant_types_supported": list(GRANT_TYPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": [S256],
        "authorization_response_iss_parameter_supported": True,
        "token_endpoint_auth_methods_supported": list(METHODS),
        "revocation_endpoint_auth_methods_supported": list(METHODS),
        "introspection_endpoint_auth_methods_supported": [m for m in METHODS if m != "none"],
        "scopes_supported": [scope.value for scope in Scope],
    }


def _resource_metadata(issuer: str) -> dict[str, Any]:
    return {
        "resource": f"{issuer}/graphql",
        "authorization_servers": [issuer],
        "bearer_methods_supported": ["header"],
        "scopes_supported": [scope.value for scope in Scope],
        "resource_name": "Bosco",
    }

"""Routes of the authorization server.

    POST /oauth/token -> strict form -> door tenant_of_client -> Authlib -> token, last_used_at
    GET /oauth/jwks.json -> public keys
    GET /.well-known/oauth-authorization-server -> metadata

Sources: RFC 6749 section 5, RFC 8414 (metadata), RFC 7517 (JWK set).
"""

from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import update
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.oauth.access_tokens import LIFETIME, AccessTokens
from api.oauth.authorization_server import Outcome, grant_token
from api.oauth.caller import Caller, Scope
from api.oauth.strict_form import TokenRequestError, read_token_form
from domain.ports import Clock
from tenancy.session import Database
from tenancy.tables import OAuthClient
from tenancy.unscoped import Doors

__all__ = ["OAuthServices", "oauth_routes"]

_NO_STORE: Final = {"cache-control": "no-store", "pragma": "no-cache"}


@dataclass(frozen=True, slots=True)
class OAuthServices:
    """What the authorization server needs.

    Attributes:
        doors: Finds the agency of an application.
        database: For `last_used_at`.
        tokens: Issues access tokens.
        issuer: Our address, without a slash at the end.
        clock: Present instant.
    """

    doors: Doors
    database: Database
    tokens: AccessTokens
    issuer: str
    clock: Clock


def oauth_routes(services: OAuthServices) -> list[Route]:
    """The routes above."""

    async def token(request: Request) -> Response:
        return await _answer_token_request(request, services)

    async def jwks(_: Request) -> Response:
        ring = await services.tokens.key_ring()
        return _json(200, ring.public_document, {"cache-control": "public, max-age=300"})

    async def metadata(_: Request) -> Response:
        return _json(200, _metadata(services.issuer), {"cache-control": "public, max-age=300"})

    return [
        # Every method comes in, so that a wrong one gets an OAuth error and not a bare 405.
        Route("/oauth/token", token, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        Route("/oauth/jwks.json", jwks, methods=["GET"]),
        Route("/.well-known/oauth-authorization-server", metadata, methods=["GET"]),
    ]


async def _answer_token_request(request: Request, services: OAuthServices) -> Response:
    try:
        form = await read_token_form(request)
    except TokenRequestError as error:
        body = {"error": error.error, "error_description": error.description}
        return _json(error.status, body, _NO_STORE | error.headers)
    ring = await services.tokens.key_ring()
    identity = await services.doors.tenant_of_client(form.credentials.client_id)
    outcome = grant_token(form, identity, lambda caller: services.tokens.issue(ring, caller))
    if outcome.issued is not None:
        await _mark_used(outcome.issued.caller, services)
    return _response(outcome)


async def _mark_used(caller: Caller, services: OAuthServices) -> None:
    async with services.database.session(caller.tenant_id) as session:
        await session.execute(
            update(OAuthClient)
            .where(OAuthClient.client_id == caller.client_id)
            .values(last_used_at=services.clock())
        )


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
        "token_endpoint": f"{issuer}/oauth/token",
        "jwks_uri": f"{issuer}/oauth/jwks.json",
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": [scope.value for scope in Scope],
    }

"""An OpenID Connect provider, written from the specification: discovery, authorize, token, keys.

    /authorize -> code -> /token: client, redirect address, PKCE -> ID token, signed

It is strict where the specification is, and can be told to lie.

Sources: OpenID Connect Core 1.0 section 3.1; Discovery 1.0 sections 3 and 4; RFC 7636 section 4.6.
"""

import base64
import hashlib
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus, urlencode

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from api.edge.rules import RequestLimits
from api.http import serve_app

__all__ = ["CLIENT_ID", "SECRET", "OidcProvider", "serve_provider"]

CLIENT_ID, SECRET = "bosco at nw", "s3cret:&%"


@dataclass(slots=True)
class OidcProvider:
    """The provider, who is at its keyboard, and what it lies about.

    Attributes:
        person: Claims of whoever signs in.
        lies: Claims of ID tokens that are changed, None: left out.
        key: Signs.
        header: Of ID tokens, beside the algorithm.
        asked: Requests by path.
    """

    issuer: str
    now: Callable[[], int]
    person: dict[str, Any]
    algorithm: str = "RS256"
    auth_methods: list[str] | None = None
    lies: dict[str, Any] = field(default_factory=dict)
    says: dict[str, Any] = field(default_factory=dict)
    key: Any = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    published: Any = None
    signs_with: Any = None
    asked: Counter[str] = field(default_factory=Counter)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> Starlette:
        """Its endpoints."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/keys", self._keys),
            ]
        )

    async def _discovery(self, request: Request) -> Response:
        self.asked[request.url.path] += 1
        found = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.algorithm],
        }
        if self.auth_methods is not None:
            found["token_endpoint_auth_methods_supported"] = self.auth_methods
        return JSONResponse(found | self.says)

    async def _authorize(self, request: Request) -> Response:
        given = dict(request.query_params)
        assert given["response_type"] == "code"
        assert given["client_id"] == CLIENT_ID
        assert "openid" in given["scope"].split()
        assert given["code_challenge_method"] == "S256"
        assert len(given["state"]) > 40
        code = secrets.token_urlsafe(16)
        self._codes[code] = given
        answer = urlencode({"code": code, "state": given["state"]})
        return RedirectResponse(f"{given['redirect_uri']}?{answer}", 302)

    async def _token(self, request: Request) -> Response:
        self.asked[request.url.path] += 1
        form = {name: str(value) for name, value in (await request.form()).items()}
        if not self._is_client(request, form):
            return JSONResponse({"error": "invalid_client"}, 401)
        asked = self._codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or asked["redirect_uri"] != form["redirect_uri"]
            or asked["code_challenge"] != challenge
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": self.now(),
            "exp": self.now() + 300,
            "nonce": asked["nonce"],
            **self.person,
            **self.lies,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        key = self.signs_with or self.key
        header = {"alg": self.algorithm, "kid": key.kid} if key.kid else {"alg": self.algorithm}
        token = jwt.encode(header, claims, key, algorithms=[self.algorithm])
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": token})

    def _is_client(self, request: Request, form: dict[str, str]) -> bool:
        if self.auth_methods == ["client_secret_post"]:
            return (form["client_id"], form["client_secret"]) == (CLIENT_ID, SECRET)
        scheme, _, token = request.headers["authorization"].partition(" ")
        client_id, _, secret = base64.b64decode(token).decode().partition(":")
        return scheme == "Basic" and (unquote_plus(client_id), unquote_plus(secret)) == (
            CLIENT_ID,
            SECRET,
        )

    async def _keys(self, request: Request) -> Response:
        self.asked[request.url.path] += 1
        if self.published is not None:
            return JSONResponse(self.published)
        return JSONResponse(KeySet([self.key]).as_dict(private=False))


@asynccontextmanager
async def serve_provider(
    now: Callable[[], int], person: dict[str, Any]
) -> AsyncIterator[OidcProvider]:
    """A provider on a port of this machine."""
    provider = OidcProvider("", now, person)
    async with serve_app(provider.app(), "127.0.0.1", 0, RequestLimits()) as port:
        provider.issuer = f"http://127.0.0.1:{port}"
        yield provider

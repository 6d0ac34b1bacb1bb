"""The authorization code flow, as an application and a person go through it.

App -> ask (query of /oauth/authorize) -> allow (a person's consent) -> code -> redeem -> refresh
"""

import base64
import hashlib
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from tests.api.graphql.edge import Agency, Edge
from tests.api.oauth.test_token_endpoint import basic

__all__ = ["REDIRECT", "VERIFIER", "App", "challenge", "parameters", "register"]

REDIRECT = "https://board.example/callback"
VERIFIER = "a-verifier-of-43-letters-or-more-0123456789-~._"
SECRET = "s3cret"


def challenge(verifier: str = VERIFIER) -> str:
    """RFC 7636 section 4.2, by hand."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def parameters(location: str) -> dict[str, str]:
    """The query of an address; none is given twice."""
    pairs = parse_qsl(urlsplit(location).query, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs), location
    return dict(pairs)


@dataclass(frozen=True, slots=True)
class App:
    """An application that acts for people."""

    edge: Edge
    client_id: str
    is_public: bool
    redirect_uri: str

    def request(self, **changed: str | None) -> dict[str, str]:
        """Parameters of an authorization request; None leaves one out."""
        usual = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "metrics:read",
            "state": "st&te= %2F",
            "code_challenge": challenge(),
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in (usual | changed).items() if value is not None}

    async def allowed(
        self, user_id: uuid.UUID, scopes: tuple[str, ...] = ("metrics:read",), **changed: str | None
    ) -> str:
        """Where the browser goes after the person's consent."""
        desk = self.edge.oauth.authorization_requests
        asked = await desk.read(urlencode(self.request(**changed)))
        return await desk.allow(asked, user_id, frozenset(scopes))

    async def code(
        self, user_id: uuid.UUID, scopes: tuple[str, ...] = ("metrics:read",), **changed: str | None
    ) -> str:
        """A code for the person's consent."""
        return parameters(await self.allowed(user_id, scopes, **changed))["code"]

    async def redeem(self, code: str, **changed: str | None) -> httpx.Response:
        """Ask for tokens."""
        usual = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": VERIFIER,
        }
        return await self._ask(usual | changed)

    async def refresh(self, token: str, **changed: str | None) -> httpx.Response:
        """Ask for new tokens."""
        return await self._ask({"grant_type": "refresh_token", "refresh_token": token} | changed)

    async def tokens(self, user_id: uuid.UUID, scopes: tuple[str, ...] = ("metrics:read",)) -> Any:
        """Consent and redemption in one."""
        scope = " ".join(scopes)
        reply = await self.redeem(await self.code(user_id, scopes, scope=scope))
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def revoke(self, token: str) -> httpx.Response:
        """Cut a token off."""
        return await self._ask({"token": token}, "/oauth/revoke")

    async def _ask(self, fields: dict[str, Any], path: str = "/oauth/token") -> httpx.Response:
        data = {name: value for name, value in fields.items() if value is not None}
        if self.is_public:
            return await self.edge.http.post(path, data={"client_id": self.client_id, **data})
        headers = basic(self.client_id, SECRET)
        return await self.edge.http.post(path, data=data, headers=headers)


async def register(
    edge: Edge,
    agency: Agency,
    client_id: str,
    *,
    public: bool = False,
    redirects: tuple[str, ...] = (REDIRECT,),
    scopes: tuple[str, ...] = ("metrics:read", "ingestion:read"),
    clients: tuple[str, ...] | None = None,
) -> App:
    """Register an application that acts for people."""
    await edge.register(
        agency,
        client_id=client_id,
        public=public,
        redirect_uris=redirects,
        scopes=scopes,
        clients=clients,
    )
    return App(edge, client_id, public, redirects[0])

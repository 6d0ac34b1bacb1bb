"""How a request proves who it is.

    references (app, credential, setting) -> headers and query parameters
    oauth2_refresh: TokenSource -> access token: given as it is, refreshed once for all who wait in
    this process, or by whoever keeps the connection's credentials

Source: RFC 6749 sections 2.3.1, 5.1 and 6; RFC 7617.
"""

import asyncio
import base64
import datetime as dt
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from domain.ports import Clock
from ingestion.connector.failures import CredentialsRejectedError
from ingestion.connector.spec import AuthSpec, RequestSpec, SourceSpec
from ingestion.connector.template import fill

__all__ = [
    "LEEWAY",
    "AccessTokens",
    "GivenToken",
    "OwnTokens",
    "TokenAnswer",
    "TokenRequest",
    "TokenSource",
    "apply_auth",
    "read_token",
    "refresh_request",
    "token_key",
]

LEEWAY: Final = dt.timedelta(seconds=60)  # a token that ends within a minute is fetched anew
_DEFAULT_LIFE_SECONDS: Final = 3600

TokenRequest = Callable[[RequestSpec], Awaitable[Any]]
Rotated = Callable[[Mapping[str, str]], Awaitable[None]]


@dataclass(frozen=True, slots=True, repr=False)
class TokenAnswer:
    """What a token endpoint gave.

    Attributes:
        access_token: For requests.
        ends_at: UTC instant at which it ends.
        refresh_token: For the next one; empty: none was given.
    """

    access_token: str
    ends_at: dt.datetime
    refresh_token: str = ""


class TokenSource(Protocol):
    """Where the requests of one set of credentials get their access token."""

    async def get(self, ask: TokenRequest) -> str:
        """An access token.

        Args:
            ask: Sends a request to the token endpoint and gives back the decoded body.

        Raises:
            CredentialsRejectedError: There is none to be had.
        """

    def forget(self, rejected: str) -> bool:
        """Note that the platform rejects a token; tells whether another can be had."""


@dataclass(frozen=True, slots=True, repr=False)
class GivenToken:
    """An access token that cannot be refreshed here."""

    access_token: str

    async def get(self, ask: TokenRequest) -> str:
        """See `TokenSource`."""
        del ask
        return self.access_token

    def forget(self, rejected: str) -> bool:
        """See `TokenSource`."""
        del rejected
        return False


class AccessTokens:
    """Access tokens of this process by their credentials, each refreshed by one at a time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.tokens: dict[str, TokenAnswer] = {}
        self.refresh_tokens: dict[str, str] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def __repr__(self) -> str:
        return f"AccessTokens({len(self.tokens)} tokens)"

    def lock(self, key: str) -> asyncio.Lock:
        """Held by whoever refreshes the tokens of a key."""
        return self._locks.setdefault(key, asyncio.Lock())


@dataclass(frozen=True, slots=True, repr=False)
class OwnTokens:
    """Tokens of credentials that this process alone uses.

    Attributes:
        tokens: Shared by all jobs of the process.
        source: For the token endpoint.
        references: `credential.refresh_token`, `app.client_id`, `app.client_secret`.
        token_url: Of the source, or of the server that stands in for it.
        rotated: Told the new refresh token when the provider changed it.
    """

    tokens: AccessTokens
    source: SourceSpec
    references: Mapping[str, str]
    token_url: str
    rotated: Rotated

    async def get(self, ask: TokenRequest) -> str:
        """See `TokenSource`; concurrent callers share one refresh."""
        key = token_key(self.references)
        async with self.tokens.lock(key):
            token = self.tokens.tokens.get(key)
            if token is None or token.ends_at <= self.tokens.clock() + LEEWAY:
                refresh_token = self.tokens.refresh_tokens.get(key, "")
                request = refresh_request(
                    self.source, self.references, self.token_url, refresh_token
                )
                token = read_token(self.source, await ask(request), self.tokens.clock())
                self.tokens.tokens[key] = token
                new = token.refresh_token
                if new and new != self.references["credential.refresh_token"]:
                    self.tokens.refresh_tokens[key] = new
                    await self.rotated({"refresh_token": new})
            return token.access_token

    def forget(self, rejected: str) -> bool:
        """See `TokenSource`; a token that was replaced meanwhile stays."""
        key = token_key(self.references)
        token = self.tokens.tokens.get(key)
        if token is not None and token.access_token == rejected:
            del self.tokens.tokens[key]
        return True


def token_key(references: Mapping[str, str]) -> str:
    """Tells sets of credentials apart without holding them."""
    secrets = sorted(item for item in references.items() if not item[0].startswith("setting."))
    parts = [f"{name}={value}" for name, value in secrets]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def refresh_request(
    source: SourceSpec, references: Mapping[str, str], token_url: str, refresh_token: str = ""
) -> RequestSpec:
    """The request that gets a new access token.

    Args:
        source: For where client id and secret go.
        references: `credential.refresh_token`, `app.client_id`, `app.client_secret`.
        token_url: Of the source, or of the server that stands in for it.
        refresh_token: In place of the credential's own; empty: that one.

    Raises:
        CredentialsRejectedError: A credential is missing.
    """
    client_id = _needed(source, references, "app.client_id")
    client_secret = _needed(source, references, "app.client_secret")
    refresh_token = refresh_token or _needed(source, references, "credential.refresh_token")
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    headers = {"Accept": "application/json"}
    if source.auth.client_auth == "basic":
        headers["Authorization"] = _basic(client_id, client_secret)
    else:
        form |= {"client_id": client_id, "client_secret": client_secret}
    return RequestSpec("POST", token_url, headers=headers, form=form, anonymous=True)


def read_token(source: SourceSpec, answer: Any, now: dt.datetime) -> TokenAnswer:
    """Read the answer of a token endpoint.

    Raises:
        CredentialsRejectedError: It holds no access token.
    """
    value = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(value, str) or not value:
        raise CredentialsRejectedError(f"{source.label} sent no access token")
    life = answer.get("expires_in", _DEFAULT_LIFE_SECONDS)
    seconds = life if isinstance(life, int) else _DEFAULT_LIFE_SECONDS
    refresh_token = answer.get("refresh_token")
    return TokenAnswer(
        access_token=value,
        ends_at=now + dt.timedelta(seconds=seconds),
        refresh_token=refresh_token if isinstance(refresh_token, str) else "",
    )


def _needed(source: SourceSpec, references: Mapping[str, str], name: str) -> str:
    value = references.get(name)
    if not value:
        kind, _, word = name.partition(".")
        where = "the agency's app credentials" if kind == "app" else "the connection's credentials"
        raise CredentialsRejectedError(
            f"{source.label} needs {word}, which {where} do not have", hint="add it, then try again"
        )
    return value


def apply_auth(
    source: SourceSpec, references: Mapping[str, str], access_token: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and query parameters that prove who we are.

    Args:
        source: For its kind of authentication.
        references: For its templates.
        access_token: Of `oauth2_refresh`; else empty.

    Raises:
        CredentialsRejectedError: A credential is missing.
    """
    auth = source.auth
    headers: dict[str, str] = fill(auth.headers, {}, references)
    if auth.kind == "oauth2_refresh" and auth.name:
        headers[auth.name] = access_token
    elif auth.kind == "oauth2_refresh":
        headers["Authorization"] = f"Bearer {access_token}"
    elif auth.kind == "bearer":
        headers["Authorization"] = f"Bearer {_secret(source, references, auth)}"
    elif auth.kind == "basic":
        user = _needed(source, references, "credential.username")
        headers["Authorization"] = _basic(user, references.get("credential.password", ""))
    elif auth.kind == "header":
        headers[auth.name] = _secret(source, references, auth)
    elif auth.kind == "query":
        return headers, {auth.name: _secret(source, references, auth)}
    return headers, {}


def _secret(source: SourceSpec, references: Mapping[str, str], auth: AuthSpec) -> str:
    template = auth.value or "$credential.access_token"
    prefix, _, reference = template.rpartition("$")
    return prefix + _needed(source, references, reference)


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

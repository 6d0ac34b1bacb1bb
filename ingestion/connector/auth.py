"""How a request proves who it is.

    references (app, credential, setting) -> headers and query parameters
    oauth2_refresh: refresh token -> access token, fetched once for all who wait for it, kept until
    it ends

Source: RFC 6749 sections 2.3.1 and 6; RFC 7617.
"""

import asyncio
import base64
import datetime as dt
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.ports import Clock
from ingestion.connector.failures import CredentialsRejectedError
from ingestion.connector.spec import AuthSpec, RequestSpec, SourceSpec
from ingestion.connector.template import fill

__all__ = ["AccessTokens", "TokenRequest", "apply_auth", "token_key"]

_LEEWAY: Final = dt.timedelta(seconds=60)  # a token that ends within a minute is fetched anew
_DEFAULT_LIFE_SECONDS: Final = 3600

TokenRequest = Callable[[RequestSpec], Awaitable[Any]]
Rotated = Callable[[Mapping[str, str]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    ends_at: dt.datetime


class AccessTokens:
    """Access tokens of all connections of this process, refreshed single-flight."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens: dict[str, _Token] = {}
        self._refresh_tokens: dict[str, str] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def __repr__(self) -> str:
        return f"AccessTokens({len(self._tokens)} tokens)"

    async def get(
        self,
        source: SourceSpec,
        references: Mapping[str, str],
        token_url: str,
        send: TokenRequest,
        rotated: Rotated,
    ) -> str:
        """A valid access token; concurrent callers share one refresh.

        Args:
            source: For the token endpoint.
            references: `credential.refresh_token`, `app.client_id`, `app.client_secret`.
            token_url: Of the source, or of the server that stands in for it.
            send: Sends a request and gives back the decoded body.
            rotated: Told the new refresh token when the provider changed it.

        Raises:
            CredentialsRejectedError: The provider does not take the refresh token (from `send`), or
                a credential is missing.
        """
        key = token_key(references)
        async with self._locks.setdefault(key, asyncio.Lock()):
            token = self._tokens.get(key)
            if token is None or token.ends_at <= self._clock() + _LEEWAY:
                refresh_token = self._refresh_tokens.get(key, "")
                request = _token_request(source, references, token_url, refresh_token)
                answer = await send(request)
                token = self._tokens[key] = self._read(source, answer)
                new = str(answer.get("refresh_token", ""))
                if new and new != references["credential.refresh_token"]:
                    self._refresh_tokens[key] = new
                    await rotated({"refresh_token": new})
            return token.value

    def forget(self, references: Mapping[str, str], rejected: str) -> None:
        """Drop a token that the provider rejected, unless it was replaced meanwhile."""
        key = token_key(references)
        token = self._tokens.get(key)
        if token is not None and token.value == rejected:
            del self._tokens[key]

    def _read(self, source: SourceSpec, answer: Any) -> _Token:
        value = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(value, str):
            raise CredentialsRejectedError(f"{source.label} sent no access token")
        life = answer.get("expires_in", _DEFAULT_LIFE_SECONDS)
        seconds = life if isinstance(life, int) else _DEFAULT_LIFE_SECONDS
        return _Token(value, self._clock() + dt.timedelta(seconds=seconds))


def token_key(references: Mapping[str, str]) -> str:
    """Tells sets of credentials apart without holding them."""
    secrets = sorted(item for item in references.items() if not item[0].startswith("setting."))
    parts = [f"{name}={value}" for name, value in secrets]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _token_request(
    source: SourceSpec, references: Mapping[str, str], token_url: str, rotated: str
) -> RequestSpec:
    client_id = _needed(source, references, "app.client_id")
    client_secret = _needed(source, references, "app.client_secret")
    refresh_token = rotated or _needed(source, references, "credential.refresh_token")
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    headers = {"Accept": "application/json"}
    if source.auth.client_auth == "basic":
        headers["Authorization"] = _basic(client_id, client_secret)
    else:
        form |= {"client_id": client_id, "client_secret": client_secret}
    return RequestSpec("POST", token_url, headers=headers, form=form, anonymous=True)


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
    if auth.kind == "oauth2_refresh":
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

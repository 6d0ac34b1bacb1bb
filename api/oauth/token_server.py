"""What the token endpoint answers: Authlib's grants, decided without I/O.

    form + application + the code or refresh token that it brought -> Authlib -> Outcome

Closed defaults of Authlib 1.9: PKCE is required of every application and S256 is all there is, a
refresh token is always replaced, a token without an explicit lifetime does not live ten days, and
an application without a secret is known by a method of its own.

Sources: RFC 6749 sections 2.3.1, 4.1.3, 4.4, 5 and 6; RFC 7636 section 4.6; RFC 8707 section 2.
"""

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from authlib.oauth2.rfc6749 import OAuth2Request
from authlib.oauth2.rfc6749.errors import (
    InvalidClientError,
    InvalidGrantError,
    InvalidScopeError,
    OAuth2Error,
)
from authlib.oauth2.rfc6749.grants import (
    AuthorizationCodeGrant,
    ClientCredentialsGrant,
    RefreshTokenGrant,
)

from api.identity.caller import Caller, Person
from api.identity.rights import intersect
from api.oauth.applications import Application, match_secret
from api.oauth.authlib_adapter import Client, OAuthRequest, Server
from api.oauth.families import Family, StoredCode, StoredRefreshToken
from api.oauth.pkce import S256, RequireS256
from api.oauth.strict_form import Credentials, TokenForm

__all__ = [
    "GRANT_TYPES",
    "METHODS",
    "WRONG_CREDENTIALS",
    "InvalidTargetError",
    "Issued",
    "Outcome",
    "Presented",
    "SignToken",
    "authenticate",
    "decide",
]

GRANT_TYPES: Final = ("authorization_code", "client_credentials", "refresh_token")
METHODS: Final = ("client_secret_basic", "client_secret_post", "none")
WRONG_CREDENTIALS: Final = "the client id or the secret is wrong, or the application is suspended"

SignToken = Callable[[Caller], str]
Presented = StoredCode | StoredRefreshToken | None  # None: no such thing, or the grant needs none


class InvalidTargetError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """The token is asked for another resource than ours (RFC 8707 section 2)."""

    error = "invalid_target"


@dataclass(frozen=True, slots=True)
class Issued:
    """A successful outcome.

    Attributes:
        secret_id: That the application proved itself by; None: it has none.
        refresh_token: To be stored; None: none was given out.
    """

    caller: Caller
    secret_id: uuid.UUID | None
    refresh_token: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to answer.

    Attributes:
        status: HTTP status.
        body: JSON object of RFC 6749 section 5.1 or 5.2.
        headers: Names and values; the caller adds `no-store`.
        issued: Set when a token was issued.
        is_replay: The application brought a code or token of its own that is spent.
    """

    status: int
    body: dict[str, Any]
    headers: tuple[tuple[str, str], ...]
    issued: Issued | None
    is_replay: bool


@dataclass(frozen=True, slots=True)
class Authenticated:
    """An application that has proved itself; `secret_id` None: it has no secret."""

    application: Application
    secret_id: uuid.UUID | None


def authenticate(application: Application | None, credentials: Credentials) -> Authenticated | None:
    """Whether the credentials are the application's, in the way that is its own."""
    if credentials.secret is None:
        if application is None or not application.is_public or application.is_suspended:
            return None
        return Authenticated(application, None)
    secret_id = match_secret(application, credentials.secret)
    if application is None or secret_id is None or application.is_suspended:
        return None
    return Authenticated(application, secret_id)


class _TokenServer(Server):
    def __init__(
        self,
        authenticated: Authenticated | None,
        presented: Presented,
        *,
        method: str,
        sign: SignToken,
        random_text: Callable[[], str],
        now: dt.datetime,
        resource: str,
    ) -> None:
        super().__init__(None if authenticated is None else Client(authenticated.application))
        self._authenticated = authenticated
        self.presented = presented
        self.now = now
        self.resource = resource
        self._sign = sign
        self._random_text = random_text
        self.issued: Issued | None = None
        self.is_replay = False
        self.register_grant(_CodeGrant, [RequireS256()])
        self.register_grant(_RefreshGrant)
        self.register_grant(_CredentialsGrant)
        self.register_token_generator("default", self._generate)
        for name in METHODS:
            self.register_client_auth_method(
                name, lambda _query, _request, name=name: self._by(name == method)
            )

    def handle_response(
        self, status: int, body: dict[str, Any], headers: list[tuple[str, str]]
    ) -> Outcome:
        return Outcome(status, body, tuple(headers), self.issued, self.is_replay)

    def usable(self, kind: type[Presented], client: Client) -> Any:
        """What was presented, if the application may use it now; a replay is noted."""
        presented = self.presented
        if not isinstance(presented, kind) or presented is None:
            return None
        if presented.family.app_id != client.application.id:
            return None
        if presented.is_spent:
            self.is_replay = True
            return None
        is_live = self.now < presented.expires_at and presented.family.is_live(self.now)
        return _Credential(presented) if is_live else None

    def _by(self, is_method: bool) -> Client | None:  # noqa: FBT001  # of a lambda above
        return self._client if is_method else None

    def _generate(
        self,
        *,
        client: Client,
        user: Family | None,
        scope: str | None,
        include_refresh_token: bool,
        **_: object,
    ) -> dict[str, Any]:
        asked = frozenset((scope or "").split())
        caller = _caller(client.application, user, asked)
        refresh_token = self._random_text() if user is not None and include_refresh_token else None
        secret_id = None if self._authenticated is None else self._authenticated.secret_id
        self.issued = Issued(caller, secret_id, refresh_token)
        body = {
            "access_token": self._sign(caller),
            "token_type": "Bearer",
            "scope": " ".join(sorted(caller.scopes)),
        }
        return body if refresh_token is None else body | {"refresh_token": refresh_token}


def _caller(application: Application, family: Family | None, asked: frozenset[str]) -> Caller:
    """Whom a token stands for: what is asked for, within everybody's limits."""
    scopes, clients, person = asked or application.scopes, application.clients, None
    if family is not None:
        if family.rights is None:
            raise InvalidGrantError
        scopes &= application.scopes & family.scopes & family.rights.scopes
        clients = intersect(clients, family.rights.clients_of(scopes))
        person = Person(family.user_id, family.id)
    if family is not None and not scopes:
        raise InvalidScopeError(description="the person may do nothing of it any more")
    return Caller(
        tenant_id=application.tenant_id,
        client_id=application.client_id,
        scopes=scopes,
        clients=clients,
        metrics=application.metrics,
        person=person,
    )


class _Credential:
    """A code or refresh token as Authlib wants it."""

    def __init__(self, stored: StoredCode | StoredRefreshToken) -> None:
        self.stored = stored
        self.code_challenge = stored.code_challenge if isinstance(stored, StoredCode) else ""
        self.code_challenge_method = S256

    def get_redirect_uri(self) -> str:
        return self.stored.redirect_uri if isinstance(self.stored, StoredCode) else ""

    def get_scope(self) -> str:
        return " ".join(sorted(self.stored.family.scopes))

    def check_client(self, client: Client) -> bool:
        return self.stored.family.app_id == client.application.id


class _Authentication:
    """Of every grant: one answer to all that can be wrong with the credentials."""

    server: _TokenServer
    request: OAuth2Request

    def authenticate_token_endpoint_client(self) -> Client:
        try:
            client: Client = super().authenticate_token_endpoint_client()  # type: ignore[misc]
        except InvalidClientError as error:
            raise InvalidClientError(status_code=401, description=WRONG_CREDENTIALS) from error
        resource = self.request.payload.data.get("resource", self.server.resource)
        if resource != self.server.resource:
            raise InvalidTargetError(description=f"tokens are for {self.server.resource} alone")
        return client


class _CodeGrant(_Authentication, AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib is untyped
    TOKEN_ENDPOINT_AUTH_METHODS: Final = list(METHODS)

    def query_authorization_code(self, _code: str, client: Client) -> _Credential | None:
        found: _Credential | None = self.server.usable(StoredCode, client)
        return found

    def authenticate_user(self, code: _Credential) -> Family:
        return code.stored.family

    def delete_authorization_code(self, code: _Credential) -> None:
        """It is spent after Authlib has run, in one statement."""


class _RefreshGrant(_Authentication, RefreshTokenGrant):  # type: ignore[misc]  # Authlib is untyped
    TOKEN_ENDPOINT_AUTH_METHODS: Final = list(METHODS)
    INCLUDE_NEW_REFRESH_TOKEN: Final = True

    def authenticate_refresh_token(self, _token: str) -> _Credential | None:
        found: _Credential | None = self.server.usable(StoredRefreshToken, self.request.client)
        return found

    def authenticate_user(self, token: _Credential) -> Family:
        return token.stored.family

    def revoke_old_credential(self, token: _Credential) -> None:
        """It is spent after Authlib has run, in one statement."""


class _CredentialsGrant(_Authentication, ClientCredentialsGrant):  # type: ignore[misc]  # Authlib is untyped
    TOKEN_ENDPOINT_AUTH_METHODS: Final = [method for method in METHODS if method != "none"]

    def validate_requested_scope(self) -> None:
        asked = set((self.request.payload.scope or "").split())
        if asked - self.request.client.application.scopes:
            raise InvalidScopeError(
                description="the application may not have all of the scopes that it asks for"
            )


def decide(
    form: TokenForm,
    application: Application | None,
    presented: Presented,
    *,
    sign: SignToken,
    random_text: Callable[[], str],
    now: dt.datetime,
    resource: str,
) -> Outcome:
    """Answer a token request. No I/O; nothing is spent or stored.

    Args:
        form: Read strictly.
        application: That the credentials name, or None.
        presented: The code or refresh token of the form, as stored, or None.
        sign: Makes the access token.
        random_text: Makes a refresh token.
        now: Present instant.
        resource: What tokens are good for.
    """
    server = _TokenServer(
        authenticate(application, form.credentials),
        presented,
        method=form.credentials.method,
        sign=sign,
        random_text=random_text,
        now=now,
        resource=resource,
    )
    outcome: Outcome = server.create_token_response(OAuthRequest("POST", form.fields))
    return outcome

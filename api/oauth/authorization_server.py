"""The client-credentials grant: Authlib's classes over a request that was read strictly.

    strict form -> application looked up -> Authlib: authenticate, check scope, issue -> JSON answer

Authlib's callbacks are synchronous. All they need is looked up before it runs, so nothing here does
I/O. Four defaults of Authlib 1.9 are closed: Basic credentials are form-decoded (its own reading
only percent-decodes them, and fails on bytes that are not UTF-8), secrets are compared as hashes in
constant time, an unknown application takes the same path as a wrong secret, and a token without an
explicit lifetime does not live ten days.

Sources: RFC 6749 sections 2.3.1, 4.4 and 5; RFC 6750 section 1.2.
"""

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from authlib.oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import OAuth2Payload, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidScopeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant

from api.oauth.caller import Caller
from api.oauth.strict_form import Credentials, TokenForm
from tenancy.unscoped import OAuthClientIdentity

__all__ = [
    "METHODS",
    "WRONG_CREDENTIALS",
    "Application",
    "IssuedToken",
    "Outcome",
    "SignToken",
    "grant_token",
]

METHODS: Final = ("client_secret_basic", "client_secret_post")
WRONG_CREDENTIALS: Final = "the client id or the secret is wrong, or the application is suspended"

SignToken = Callable[[Caller], str]


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A successful outcome: for whom, and with which scopes."""

    caller: Caller


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to answer.

    Attributes:
        status: HTTP status.
        body: JSON object of RFC 6749 section 5.1 or 5.2.
        headers: Names and values; the caller adds `no-store`.
        issued: Set when a token was issued.
    """

    status: int
    body: dict[str, Any]
    headers: tuple[tuple[str, str], ...]
    issued: IssuedToken | None


class Application:
    """An OAuth client as Authlib wants it, known or not.

    Args:
        identity: None for an id that does not exist: no secret matches it.
        credentials: What the request brought.
    """

    def __init__(self, identity: OAuthClientIdentity | None, credentials: Credentials) -> None:
        self.identity = identity
        self._credentials = credentials

    def check_client_secret(self, secret: str) -> bool:
        """Whether the secret is right and the application may use it."""
        given = hashlib.sha256(secret.encode()).digest()
        stored = bytes(32) if self.identity is None else self.identity.secret_hash
        is_equal = hmac.compare_digest(given, stored)
        return is_equal and self.identity is not None and not self.identity.is_suspended

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        """Whether the request authenticated by this method."""
        return method == self._credentials.method

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether the application may use a grant; there is one."""
        return bool(grant_type == ClientCredentialsGrant.GRANT_TYPE)


class _Payload(OAuth2Payload):  # type: ignore[misc]  # Authlib is untyped
    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    @property
    def data(self) -> dict[str, str]:
        return self._fields

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return defaultdict(list, {name: [value] for name, value in self._fields.items()})


class _Request(OAuth2Request):  # type: ignore[misc]  # Authlib is untyped
    def __init__(self, form: TokenForm) -> None:
        # TLS ends before this process; the settings refuse an issuer without it in production. The
        # address here only passes Authlib's own check of the scheme.
        super().__init__("POST", "https://localhost/oauth/token")
        self.payload = _Payload(dict(form.fields))

    @property
    def form(self) -> dict[str, str]:
        fields: dict[str, str] = self.payload.data
        return fields


class _Grant(ClientCredentialsGrant):  # type: ignore[misc]  # Authlib is untyped
    TOKEN_ENDPOINT_AUTH_METHODS: Final = list(METHODS)

    def authenticate_token_endpoint_client(self) -> Application:
        try:
            application: Application = super().authenticate_token_endpoint_client()
        except InvalidClientError as error:
            raise InvalidClientError(
                status_code=401,
                description=WRONG_CREDENTIALS,
            ) from error
        return application

    def validate_requested_scope(self) -> None:
        asked = set((self.request.payload.scope or "").split())
        missing = sorted(asked - self.request.client.identity.scopes)
        if missing:
            raise InvalidScopeError(
                description="the application may not have all of the scopes that it asks for"
            )


class _Server(AuthorizationServer):  # type: ignore[misc]  # Authlib is untyped
    def __init__(self, application: Application, credentials: Credentials, sign: SignToken) -> None:
        super().__init__()
        self._application = application
        self._credentials = credentials
        self._sign = sign
        self.issued: IssuedToken | None = None
        self.register_grant(_Grant)
        self.register_token_generator("default", self._generate)
        for method in METHODS:
            self.register_client_auth_method(method, self._authenticate)

    def query_client(self, _client_id: str) -> Application:
        return self._application

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """Nothing is stored: the token carries what it grants."""

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(
        self, status: int, body: dict[str, Any], headers: list[tuple[str, str]]
    ) -> Outcome:
        return Outcome(status, body, tuple(headers), self.issued)

    def _authenticate(
        self, query_client: Callable[[str], Application], _request: OAuth2Request
    ) -> Application | None:
        application = query_client(self._credentials.client_id)
        return application if application.check_client_secret(self._credentials.secret) else None

    def _generate(self, *, client: Application, scope: str | None, **_: object) -> dict[str, Any]:
        identity = client.identity
        if identity is None:
            raise InvalidClientError(status_code=401)
        caller = Caller(
            tenant_id=identity.tenant_id,
            client_id=identity.client_id,
            scopes=frozenset((scope or "").split()) or identity.scopes,
            clients=identity.clients,
        )
        self.issued = IssuedToken(caller)
        return {
            "access_token": self._sign(caller),
            "token_type": "Bearer",
            "scope": " ".join(sorted(caller.scopes)),
        }


def grant_token(form: TokenForm, identity: OAuthClientIdentity | None, sign: SignToken) -> Outcome:
    """Answer a token request. No I/O.

    Args:
        form: Read strictly.
        identity: The application that the credentials name, or None.
        sign: Makes the token.
    """
    application = Application(identity, form.credentials)
    server = _Server(application, form.credentials, sign)
    outcome: Outcome = server.create_token_response(_Request(form))
    return outcome

"""Authlib over requests that were read strictly, without I/O.

    pairs, each name once -> OAuthRequest -> Authlib's grants -> Outcome

Authlib's callbacks are synchronous. All they need is looked up before they run, and what they
decide is stored afterwards, so they never touch a database or the event loop. `Client` and `Server`
hold what all grants share; the token endpoint and the authorization endpoint add theirs.

Closed defaults of Authlib 1.9: secrets are compared as hashes in constant time, an unknown
application takes the same path as a wrong secret, an application with a secret cannot pass as one
without, and redirect URIs are compared letter by letter.

Sources: RFC 6749 sections 2.3 and 3; RFC 8252 section 7.3 (loopback redirects).
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from authlib.oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import OAuth2Payload, OAuth2Request

from api.oauth.applications import Application

__all__ = ["Client", "OAuthRequest", "Server"]

# TLS ends before this process; the settings refuse an issuer without it in production. The address
# only passes Authlib's own check of the scheme.
_ADDRESS: Final = "https://localhost/oauth"

_LOOPBACK: Final = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::\d{1,5})?(/.*)?")


class _Payload(OAuth2Payload):  # type: ignore[misc]  # Authlib is untyped
    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = dict(fields)

    @property
    def data(self) -> dict[str, str]:
        return self._fields

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return defaultdict(list, {name: [value] for name, value in self._fields.items()})


class OAuthRequest(OAuth2Request):  # type: ignore[misc]  # Authlib is untyped
    """A request as Authlib wants it.

    Args:
        method: Of HTTP.
        fields: Parameters, each once.
    """

    def __init__(self, method: str, fields: Mapping[str, str]) -> None:
        super().__init__(method, _ADDRESS)
        self.payload = _Payload(fields)

    @property
    def form(self) -> dict[str, str]:
        """The parameters."""
        fields: dict[str, str] = self.payload.data
        return fields

    args = form


class Client:
    """An application as Authlib wants it."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        """Whether the application proves itself in this way."""
        return (method == "none") is self.application.is_public

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether the application may use a grant."""
        return grant_type in self.application.grants

    def check_response_type(self, response_type: str) -> bool:
        """Whether the application may send people here; `code` is all that there is."""
        return response_type == "code" and "authorization_code" in self.application.grants

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Whether it is registered letter by letter; a loopback address may have any port."""
        return any(_is_same(redirect_uri, known) for known in self.application.redirect_uris)

    def get_default_redirect_uri(self) -> str | None:
        """The address of an application that has just one."""
        known = self.application.redirect_uris
        return known[0] if len(known) == 1 else None

    def get_allowed_scope(self, scope: str | None) -> str:
        """What is asked for, or all that the application may have."""
        return scope or " ".join(sorted(self.application.scopes))


class Server(AuthorizationServer):  # type: ignore[misc]  # Authlib is untyped
    """Authlib's server without storage, signals or framework.

    Args:
        client: None for an id that does not exist.
    """

    def __init__(self, client: Client | None) -> None:
        super().__init__()
        self._client = client

    def query_client(self, _client_id: str) -> Client | None:
        """The application that the request names."""
        return self._client

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """Nothing: what has to be stored is stored after Authlib has run."""

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        """It is one already."""
        return request


def _is_same(given: str, known: str) -> bool:
    if given == known:
        return True
    one, other = _LOOPBACK.fullmatch(given), _LOOPBACK.fullmatch(known)
    return one is not None and other is not None and one.groups() == other.groups()

"""The client's side of a consent, as the source file describes it.

    state, verifier -> authorize_url -> person -> callback -> exchange_request -> token -> Grant

Nothing is sent here. Where a platform has a form of its own, its names replace the standard's.

Sources: RFC 6749 section 4.1 and RFC 7636 (S256), by Authlib's primitives; RFC 9700 section 2.1.
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from ingestion.connector.auth import read_token
from ingestion.connector.failures import CredentialsRejectedError
from ingestion.connector.paths import find_first
from ingestion.connector.spec import AuthSpec, ConsentSpec, RequestSpec, SourceSpec
from ingestion.connector.template import fill

__all__ = [
    "Grant",
    "authorize_url",
    "code_in",
    "ends_at",
    "exchange_request",
    "is_signed",
    "missing_scopes",
    "read_grant",
    "token_in",
]

_CALLBACK: Final = "callback."


@dataclass(frozen=True, slots=True)
class Grant:
    """What a consent brought.

    Attributes:
        credentials: To be kept: a refresh token, or an access token that lasts.
        access_token: Good for now.
        access_ends_at: UTC instant at which it ends.
        ends_at: UTC instant at which a person has to be asked again; None: no end is known.
        person: The platform's id of who consented; empty: it was not asked.
    """

    credentials: Mapping[str, str] = field(repr=False)
    access_token: str = field(repr=False)
    access_ends_at: dt.datetime
    ends_at: dt.datetime | None
    person: str = ""


def authorize_url(
    source: SourceSpec,
    url: str,
    app: Mapping[str, str],
    *,
    redirect_uri: str,
    state: str,
    verifier: str,
) -> str:
    """Where the person is sent.

    Args:
        source: With a consent.
        url: Of the platform, filled.
        app: Its `client_id` is told.
        redirect_uri: Where the platform sends the person back to.
        state: Comes back with the person.
        verifier: Of the code challenge, where the platform takes one.

    Raises:
        CredentialsRejectedError: There is no client id.
    """
    consent = _consent_of(source.auth)
    parameters = {
        "response_type": "code",
        "client_id": _app_value(source, app, "client_id"),
        "redirect_uri": redirect_uri,
        "scope": consent.scope_separator.join(source.auth.scopes),
        "state": state,
    }
    if consent.pkce:
        parameters["code_challenge"] = create_s256_code_challenge(verifier)
        parameters["code_challenge_method"] = "S256"
    own = fill(consent.authorize_query, {}, {f"app.{name}": value for name, value in app.items()})
    merged = _renamed(consent, {**parameters, **own})
    return str(add_params_to_uri(url, sorted(merged.items())))


def exchange_request(source: SourceSpec, url: str) -> RequestSpec:
    """The request that exchanges a code; its places are `code`, `redirect_uri` and `verifier`.

    Args:
        source: With a consent.
        url: Of the token endpoint, filled.
    """
    consent = _consent_of(source.auth)
    parameters = {
        "grant_type": "authorization_code",
        "client_id": "$app.client_id",
        "client_secret": "$app.client_secret",
        "code": "{code}",
        "redirect_uri": "{redirect_uri}",
    }
    if consent.pkce:
        parameters["code_verifier"] = "{verifier}"
    fields = _renamed(consent, {**parameters, **consent.exchange_fields})
    headers = {"Accept": "application/json"}
    if consent.exchange_method == "GET":
        return RequestSpec("GET", url, query=fields, headers=headers, anonymous=True)
    if consent.exchange_body == "json":
        return RequestSpec("POST", url, json=fields, headers=headers, anonymous=True)
    return RequestSpec("POST", url, form=fields, headers=headers, anonymous=True)


def code_in(source: SourceSpec, callback: Mapping[str, str]) -> str:
    """The code that the platform sent; empty: none."""
    consent = _consent_of(source.auth)
    return callback.get(consent.names.get("code", "code"), "")


def is_signed(
    source: SourceSpec, callback: Sequence[tuple[str, str]], app: Mapping[str, str]
) -> bool:
    """Whether the callback is what the platform sent: signed with the app's secret, if it signs.

    Args:
        source: With a consent.
        callback: Parameters in any order; a repeated one is never signed.
        app: Its `client_secret` signs.
    """
    name = _consent_of(source.auth).signature
    if not name:
        return True
    given = dict(callback)
    signature = given.pop(name, "")
    if len(given) != len(callback) - 1 or not app.get("client_secret"):
        return False
    text = urlencode(sorted(given.items()))
    wanted = hmac.new(app["client_secret"].encode(), text.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted.encode(), signature.encode())


def token_in(source: SourceSpec, answer: Any) -> Any:
    """The token in the answer of the token endpoint."""
    place = _consent_of(source.auth).exchange_at
    return answer if place == "." else find_first(answer, place)


def missing_scopes(source: SourceSpec, token: Any, callback: Mapping[str, str]) -> list[str]:
    """Scopes that were asked for and not granted; none where the platform does not tell."""
    told = _consent_of(source.auth).granted
    if not told:
        return []
    if told.startswith(_CALLBACK):
        text = callback.get(told.removeprefix(_CALLBACK), "")
    else:
        text = find_first(token, told)
    granted = set(text.replace(",", " ").split()) if isinstance(text, str) else set()
    return [scope for scope in source.auth.scopes if scope not in granted]


def read_grant(source: SourceSpec, token: Any, now: dt.datetime) -> Grant:
    """What of a token is kept.

    Args:
        source: With a consent.
        token: From `token_in`, or the longer-lived one.
        now: UTC instant of the answer.

    Raises:
        CredentialsRejectedError: It holds no access token, or no refresh token where one is needed.
    """
    consent = _consent_of(source.auth)
    found = read_token(source, token, now)
    if source.auth.kind != "oauth2_refresh":
        credentials = {"access_token": found.access_token}
    elif found.refresh_token:
        credentials = {"refresh_token": found.refresh_token}
    else:
        raise CredentialsRejectedError(
            f"{source.label} gave no refresh token",
            hint="withdraw the app's access in the account's settings there, then connect again",
        )
    return Grant(credentials, found.access_token, found.ends_at, ends_at(consent, token, now))


def ends_at(consent: ConsentSpec, token: Any, now: dt.datetime) -> dt.datetime | None:
    """When a person has to be asked again; None: no end is known."""
    seconds = find_first(token, consent.ends) if consent.ends else None
    if isinstance(seconds, int) and seconds > 0:
        return now + dt.timedelta(seconds=seconds)
    return now + dt.timedelta(days=consent.lasts_days) if consent.lasts_days else None


def _renamed(consent: ConsentSpec, parameters: Mapping[str, str]) -> dict[str, str]:
    """The platform's names; what is empty is left out."""
    return {consent.names.get(name, name): value for name, value in parameters.items() if value}


def _app_value(source: SourceSpec, app: Mapping[str, str], name: str) -> str:
    value = app.get(name)
    if not value:
        raise CredentialsRejectedError(
            f"{source.label} needs {name} of our app there, which is not set",
            hint="put it into the file that BOSCO_PROVIDER_APPS_FILE names",
        )
    return value


def _consent_of(auth: AuthSpec) -> ConsentSpec:
    if auth.consent is None:
        raise TypeError(auth.kind)
    return auth.consent

"""OAuth: codes for refresh tokens, and these for access tokens.

    form of the token endpoint -> refresh token -> access token -> grant

Source: developers.google.com/identity/protocols/oauth2/web-server (refreshing), 2026-11.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

from starlette.responses import JSONResponse, Response

from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.ga4.config import Ga4Config, Ga4Grant
from ingestion.simulator.google_identity import GoogleIdentity, oauth_error

__all__ = ["TokenStore"]

_SCOPE: Final = "https://www.googleapis.com/auth/analytics.readonly"


@dataclass(slots=True)
class _Issued:
    grant: Ga4Grant
    expires_at: datetime


class TokenStore:
    """Issues access tokens and knows until when each is good."""

    def __init__(self, config: Ga4Config, clock: SimulatedClock) -> None:
        self._config = config
        self._clock = clock
        self._issued: dict[str, _Issued] = {}
        self._count = 0
        self._grants = list(config.grants)
        self.identity = GoogleIdentity(config.seed, config.apps, _SCOPE, clock)

    def exchange(self, form: Mapping[str, str]) -> Response:
        """Answer the token endpoint for the fields of `form`."""
        if form.get("grant_type") == "authorization_code":
            return self._redeem(form)
        if form.get("grant_type") != "refresh_token":
            return oauth_error(400, "unsupported_grant_type", "Invalid grant_type.")
        client = form.get("client_id"), form.get("client_secret")
        grants = [each for each in self._grants if (each.client_id, each.client_secret) == client]
        if not grants:
            return oauth_error(401, "invalid_client", "Unauthorized")
        found = [each for each in grants if each.refresh_token == form.get("refresh_token")]
        if not found:
            return oauth_error(400, "invalid_grant", "Bad Request")
        if found[0].is_revoked:
            return oauth_error(400, "invalid_grant", "Token has been expired or revoked.")
        return JSONResponse(
            {
                "access_token": self._issue(found[0]),
                "expires_in": self._config.token_lifetime_seconds,
                "scope": _SCOPE,
                "token_type": "Bearer",
            }
        )

    def _redeem(self, form: Mapping[str, str]) -> Response:
        found = self.identity.redeem(form)
        if isinstance(found, Response):
            return found
        app, answer = found
        own = [each for each in self._config.grants if each.client_id == app.client_id]
        reached = {place for each in own for place in each.property_ids}
        has_scope = _SCOPE in str(answer["scope"]).split()
        grant = Ga4Grant(
            app.client_id,
            app.client_secret,
            str(answer.get("refresh_token", "")),
            tuple(sorted(reached)) if has_scope else (),
        )
        if grant.refresh_token:
            self._grants.append(grant)
        access = {
            "access_token": self._issue(grant),
            "expires_in": self._config.token_lifetime_seconds,
        }
        return JSONResponse({**access, **answer})

    def reset(self) -> None:
        """Forget codes and the consents that were given since the start."""
        self._issued.clear()
        self._grants = list(self._config.grants)
        self.identity.reset()

    def find_grant(self, access_token: str) -> Ga4Grant | None:
        """Return the grant of a token that is still good."""
        issued = self._issued.get(access_token)
        if issued is None or issued.expires_at <= self._clock.now():
            return None
        return issued.grant

    def expire_all(self) -> int:
        """Expire every token; returns how many were still good."""
        now = self._clock.now()
        good = sum(issued.expires_at > now for issued in self._issued.values())
        self._issued.clear()
        return good

    def _issue(self, grant: Ga4Grant) -> str:
        self._count += 1
        name = f"{self._config.seed}/{grant.refresh_token}/{self._count}"
        token = "ya29.a0" + blake2b(name.encode(), digest_size=32).hexdigest()
        lifetime = timedelta(seconds=self._config.token_lifetime_seconds)
        self._issued[token] = _Issued(grant, self._clock.now() + lifetime)
        return token

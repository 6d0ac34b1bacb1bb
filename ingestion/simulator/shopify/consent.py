"""Installing an app in a shop: the grant page, codes, and offline tokens that expire.

    GET  /admin/oauth/authorize     -> code, hmac, shop, state, timestamp -> redirect
    POST /admin/oauth/access_token  -> code -> token; with `expiring=1` of an hour, and a refresh
                                       token of 90 days
                                    -> refresh token -> both anew; the old ones end at once

One expiring token is in force for each app and shop: a new consent ends the one before. There is
no grace: an answer to a refresh that is lost is lost for good, as owners of apps report.

Sources: shopify.dev/docs/apps/build/authentication-authorization/access-tokens/
{authorization-code-grant,offline-access-tokens} (2026-11); the refusal of a used refresh token as
quoted at community.shopify.dev/t/35182.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.consents import (
    CodeBook,
    CodeRefusedError,
    OAuthApp,
    find_app,
    redirect,
    secret,
)

__all__ = ["ShopGrants", "sign_callback"]

_CODE_LIFETIME: Final = timedelta(minutes=10)
_ACCESS: Final = timedelta(hours=1)
_REFRESH: Final = timedelta(days=90)


@dataclass(slots=True)
class _Token:
    app: OAuthApp
    shop: str
    scopes: tuple[str, ...]
    access_token: str
    ends_at: datetime | None
    refresh_token: str = ""
    refresh_ends_at: datetime | None = None


class ShopGrants:
    """The apps' tokens of all shops.

    Attributes:
        refreshes: How many refresh tokens were changed.
    """

    def __init__(self, seed: int, apps: tuple[OAuthApp, ...], clock: SimulatedClock) -> None:
        self._seed = seed
        self._apps = apps
        self._clock = clock
        self._codes = CodeBook("shopify", seed, clock, lifetime=_CODE_LIFETIME)
        self._tokens: list[_Token] = []
        self._count = 0
        self.refreshes = 0

    def authorize(self, request: Request, shop: str) -> Response:
        """The grant page: the owner installs at once."""
        given = request.query_params
        app = find_app(self._apps, given.get("client_id", ""))
        redirect_uri = given.get("redirect_uri", "")
        if app is None:
            return HTMLResponse("<!doctype html><p>invalid_request: Could not find app", 400)
        if redirect_uri not in app.redirect_uris:
            text = "invalid_request: The redirect_uri is not whitelisted"
            return HTMLResponse(f"<!doctype html><p>Oauth error {text}", 400)
        told = {
            "host": "YWRtaW4uc2hvcGlmeS5jb20",
            "shop": f"{shop}.myshopify.com",
            "timestamp": str(int(self._clock.now().timestamp())),
        }
        if "state" in given:
            told["state"] = given["state"]
        if given.get("simulate") == "deny":
            told["error"] = "access_denied"
        else:
            asked = [each for each in given.get("scope", "").split(",") if each]
            granted = asked[:1] if given.get("simulate") == "partial" else asked
            told["code"] = self._codes.issue(app, redirect_uri, tuple(granted), subject=shop)
        return redirect(redirect_uri, sign_callback(told, app.client_secret))

    def token(self, values: Mapping[str, Any], shop: str) -> Response:
        """Answer the token endpoint of a shop."""
        client_id = str(values.get("client_id", ""))
        app = find_app(self._apps, client_id, str(values.get("client_secret", "")))
        if app is None:
            return _refused(400, "invalid_client", "Could not find or verify the app.")
        if values.get("grant_type") == "refresh_token":
            return self._refresh(app, shop, str(values.get("refresh_token", "")))
        try:
            consent = self._codes.redeem(str(values.get("code", "")), app, redirect_uri=None)
        except CodeRefusedError:
            consent = None
        if consent is None or consent.subject != shop:
            text = "The authorization code was not found or was already used."
            return _refused(400, "invalid_request", text)
        is_expiring = str(values.get("expiring", "")) == "1"
        return self._answer(app, shop, consent.scopes, is_expiring=is_expiring)

    def has(self, access_token: str, shop: str) -> bool:
        """Whether a token opens a shop now."""
        now = self._clock.now()
        return any(
            each.access_token == access_token
            and each.shop == shop
            and (each.ends_at is None or each.ends_at > now)
            for each in self._tokens
        )

    def expire_all(self) -> int:
        """End the access tokens that expire, and tell how many were good."""
        now = self._clock.now()
        good = [each for each in self._tokens if each.ends_at is not None and each.ends_at > now]
        for each in good:
            each.ends_at = now
        return len(good)

    def uninstall(self, shop: str) -> None:
        """The owner removes all apps."""
        self._tokens = [each for each in self._tokens if each.shop != shop]

    def reset(self) -> None:
        """Forget all consents."""
        self._codes.reset()
        self._tokens.clear()
        self.refreshes = 0

    def _refresh(self, app: OAuthApp, shop: str, refresh_token: str) -> Response:
        now = self._clock.now()
        found = [
            each
            for each in self._tokens
            if each.shop == shop
            and each.app.client_id == app.client_id
            and each.refresh_token == refresh_token
            and each.refresh_ends_at is not None
            and each.refresh_ends_at > now
        ]
        if not refresh_token or not found:
            text = "This request requires an active refresh_token"
            return _refused(401, "invalid_request", text)
        self.refreshes += 1
        return self._answer(app, shop, found[0].scopes, is_expiring=True)

    def _answer(
        self, app: OAuthApp, shop: str, scopes: tuple[str, ...], *, is_expiring: bool
    ) -> Response:
        self._count += 1
        now = self._clock.now()
        token = _Token(
            app, shop, scopes, f"shpat_{secret(self._seed, shop, self._count, 'access')}", None
        )
        answer: dict[str, Any] = {
            "access_token": token.access_token,
            "scope": ",".join(scopes),
        }
        if is_expiring:
            self._end_expiring(app, shop)
            token.ends_at = now + _ACCESS
            token.refresh_token = f"shprt_{secret(self._seed, shop, self._count, 'refresh')}"
            token.refresh_ends_at = now + _REFRESH
            answer |= {
                "expires_in": int(_ACCESS.total_seconds()),
                "refresh_token": token.refresh_token,
                "refresh_token_expires_in": int(_REFRESH.total_seconds()),
            }
        self._tokens.append(token)
        return JSONResponse(answer)

    def _end_expiring(self, app: OAuthApp, shop: str) -> None:
        self._tokens = [
            each
            for each in self._tokens
            if each.ends_at is None or each.shop != shop or each.app.client_id != app.client_id
        ]


def sign_callback(parameters: Mapping[str, str], client_secret: str) -> dict[str, str]:
    """The parameters with their HMAC: the others, sorted by name, as a query string."""
    text = urlencode(sorted(parameters.items()))
    digest = hmac.new(client_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {**parameters, "hmac": digest}


def _refused(status: int, code: str, description: str) -> Response:
    return JSONResponse({"error": code, "error_description": description}, status_code=status)

"""The consent of an advertiser: a form of its own, with app_id, secret and auth_code.

    GET  /portal/auth                            -> auth_code, code -> redirect
    POST /open_api/v1.3/oauth2/access_token/     -> auth_code -> access token without an end

The app's permissions are set in the developer portal; the advertiser cannot choose among them.

Source: business-api.tiktok.com/portal/docs, Authentication, v1.3 (2026-11). An auth_code lives an
hour and can be used once; the number of the refusal of a used one is not in the pages that we saw.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.consents import (
    CodeBook,
    CodeRefusedError,
    OAuthApp,
    find_app,
    redirect,
    secret,
)
from ingestion.simulator.tiktok_ads.config import AppGrant
from ingestion.simulator.tiktok_ads.failures import (
    AUTH_CODE_WRONG,
    TikTokRefusalError,
    wrong_parameter,
)

__all__ = ["AdvertiserConsent"]

_CODE_LIFETIME: Final = timedelta(hours=1)
_READS_REPORTS: Final = 4


class AdvertiserConsent:
    """Asks advertisers, and gives apps their tokens."""

    def __init__(
        self,
        seed: int,
        apps: tuple[OAuthApp, ...],
        grants: tuple[AppGrant, ...],
        clock: SimulatedClock,
    ) -> None:
        self._seed = seed
        self._apps = apps
        self._grants = grants
        self._codes = CodeBook("tiktok", seed, clock, lifetime=_CODE_LIFETIME)
        self._count = 0

    async def authorize(self, request: Request) -> Response:
        """The authorization page: the advertiser consents at once."""
        given = request.query_params
        app = find_app(self._apps, given.get("app_id", ""))
        redirect_uri = given.get("redirect_uri", "")
        if app is None or redirect_uri not in app.redirect_uris:
            return HTMLResponse("<!doctype html><p>Something went wrong: redirect_uri", 400)
        state = {"state": given["state"]} if "state" in given else {}
        if given.get("simulate") == "deny":
            return redirect(redirect_uri, {"error": "access_denied", **state})
        code = self._codes.issue(app, redirect_uri, ())
        return redirect(redirect_uri, {"auth_code": code, "code": code, **state})

    def token(self, values: Mapping[str, Any]) -> tuple[AppGrant, dict[str, Any]]:
        """Exchange an auth_code: the new grant, and the answer's data.

        Raises:
            TikTokRefusalError: The app, its secret or the code is not taken.
        """
        for name in ("app_id", "secret", "auth_code"):
            if not values.get(name):
                raise wrong_parameter(f"{name}: Missing data for required field.")
        app = find_app(self._apps, str(values["app_id"]), str(values["secret"]))
        if app is None:
            raise wrong_parameter("app_id or secret is invalid.")
        try:
            self._codes.redeem(str(values["auth_code"]), app, redirect_uri=None)
        except CodeRefusedError as error:
            raise TikTokRefusalError(
                AUTH_CODE_WRONG, "Auth_code is used or expired, please authorize again."
            ) from error
        self._count += 1
        own = [each for each in self._grants if each.app_id == app.client_id]
        reached = sorted({advertiser for each in own for advertiser in each.advertiser_ids})
        token = secret(self._seed, app.client_id, self._count)
        grant = AppGrant(app.client_id, app.client_secret, token, tuple(reached))
        return grant, {
            "access_token": token,
            "advertiser_ids": reached,
            "scope": [_READS_REPORTS],
        }

    def reset(self) -> None:
        """Forget all codes."""
        self._codes.reset()

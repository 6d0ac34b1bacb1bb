"""Facebook Login: the dialog, codes, and tokens that last longer.

    GET /v{N}/dialog/oauth        -> code, granted_scopes -> redirect
    GET /v{N}/oauth/access_token  -> code -> token of an hour
                                  -> fb_exchange_token -> token of 60 days

Sources: developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow and
.../guides/access-tokens/get-long-lived (2026-11). The subcodes of refused codes are those quoted in
public issue threads.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.consents import CodeBook, CodeRefusedError, OAuthApp, redirect
from ingestion.simulator.meta_ads.config import AppUser
from ingestion.simulator.meta_ads.failures import MetaRefusalError
from ingestion.simulator.meta_ads.tokens import AccessTokens

__all__ = ["FacebookLogin"]

_SCOPE: Final = "ads_read"
_CODE_LIFETIME: Final = timedelta(minutes=10)
_SHORT: Final = timedelta(hours=1)
_LONG: Final = timedelta(days=60)
_OTHER_REDIRECT: Final = (
    "Error validating verification code. Please make sure your redirect_uri is identical to the "
    "one you used in the OAuth dialog request"
)
_REASONS: Final = {
    "used": ("This authorization code has been used.", 36009),
    "expired": ("This authorization code has expired.", 36007),
    "redirect": (_OTHER_REDIRECT, 36008),
}


class FacebookLogin:
    """Asks people, and gives apps their tokens."""

    def __init__(
        self, seed: int, users: tuple[AppUser, ...], tokens: AccessTokens, clock: SimulatedClock
    ) -> None:
        self._users = {each.app.client_id: each for each in users}
        self._tokens = tokens
        self._codes = CodeBook("meta", seed, clock, lifetime=_CODE_LIFETIME)

    async def authorize(self, request: Request) -> Response:
        """The login dialog: the person consents at once."""
        given = request.query_params
        user = self._users.get(given.get("client_id", ""))
        redirect_uri = given.get("redirect_uri", "")
        if user is None:
            return HTMLResponse("<!doctype html><p>Invalid App ID", 400)
        if redirect_uri not in user.app.redirect_uris:
            return HTMLResponse("<!doctype html><p>URL Blocked: it is not white-listed", 400)
        state = {"state": given["state"]} if "state" in given else {}
        if given.get("simulate") == "deny":
            refusal = {
                "error_reason": "user_denied",
                "error": "access_denied",
                "error_description": "Permissions error",
            }
            return redirect(redirect_uri, {**refusal, **state})
        asked = [each for each in given.get("scope", "").split(",") if each]
        granted = asked if given.get("simulate") != "partial" else []
        code = self._codes.issue(user.app, redirect_uri, tuple(granted))
        told = {}
        if given.get("return_scopes") == "true":
            denied = [each for each in asked if each not in granted]
            told = {
                "granted_scopes": ",".join(["public_profile", *granted]),
                "denied_scopes": ",".join(denied),
            }
        return redirect(redirect_uri, {"code": code, **told, **state})

    def token(self, values: Mapping[str, str]) -> dict[str, Any]:
        """Answer the token endpoint.

        Raises:
            MetaRefusalError: The app, its secret, the code or the token is not taken.
        """
        user = self._users.get(values.get("client_id", ""))
        if user is None:
            raise MetaRefusalError(
                101,
                "Error validating application. Cannot get application info due to a system error.",
            )
        if values.get("client_secret") != user.app.client_secret:
            raise MetaRefusalError(1, "Error validating client secret.")
        if values.get("grant_type") == "fb_exchange_token":
            reached = self._tokens.accounts_of(
                {"access_token": values.get("fb_exchange_token", "")}, ""
            )
            return self._answer(reached, _LONG)
        return self._redeem(user, values)

    def reset(self) -> None:
        """Forget all codes."""
        self._codes.reset()

    def _redeem(self, user: AppUser, values: Mapping[str, str]) -> dict[str, Any]:
        app: OAuthApp = user.app
        try:
            consent = self._codes.redeem(
                values.get("code", ""), app, redirect_uri=values.get("redirect_uri", "")
            )
        except CodeRefusedError as error:
            message, subcode = _REASONS.get(error.reason, ("Invalid verification code format.", 0))
            raise MetaRefusalError(100, message, subcode=subcode) from error
        reached = user.account_ids if _SCOPE in consent.scopes else ()
        return self._answer(reached, _SHORT)

    def _answer(self, reached: tuple[str, ...], lifetime: timedelta) -> dict[str, Any]:
        return {
            "access_token": self._tokens.issue(reached, lifetime),
            "token_type": "bearer",
            "expires_in": int(lifetime.total_seconds()),
        }

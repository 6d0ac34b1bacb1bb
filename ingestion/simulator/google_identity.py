"""Google's consent, which Google Ads and Analytics share: an authorization server of one scope.

    GET  /o/oauth2/v2/auth -> code -> redirect
    POST /token            -> code -> refresh token (offline access only) and access token

A refresh token comes with the first consent of a user to an app, and with later ones only when
`prompt=consent` asks again. It does not rotate. Configured consents are known ones.

Source: developers.google.com/identity/protocols/oauth2/web-server (2026-11).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

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

__all__ = ["GoogleIdentity", "oauth_error"]

_CODE_LIFETIME: Final = timedelta(minutes=10)
_REASONS: Final = {
    "redirect": (400, "redirect_uri_mismatch", "Bad Request"),
    "verifier": (400, "invalid_grant", "Invalid code verifier."),
    "client": (401, "unauthorized_client", "Unauthorized"),
}


class GoogleIdentity:
    """The authorization server for apps that ask for one scope.

    Args:
        seed: Of the world.
        apps: That may ask.
        scope: That they may ask for.
        clock: For lifetimes.
        testing_days: An app in testing: its refresh tokens last so long; 0: they have no end.
    """

    def __init__(
        self,
        seed: int,
        apps: tuple[OAuthApp, ...],
        scope: str,
        clock: SimulatedClock,
        *,
        testing_days: int = 0,
    ) -> None:
        self._seed = seed
        self._apps = apps
        self._scope = scope
        self._testing_days = testing_days
        self._codes = CodeBook("google", seed, clock, lifetime=_CODE_LIFETIME)
        self._offline: dict[str, bool] = {}
        self._count = 0

    async def authorize(self, request: Request) -> Response:
        """The consent page: the user consents at once."""
        given = request.query_params
        app = find_app(self._apps, given.get("client_id", ""))
        if app is None:
            return _page(401, "Error 401: invalid_client. The OAuth client was not found.")
        if mistake := self._mistake(app, given):
            return _page(400, f"Error 400: {mistake}")
        redirect_uri = given["redirect_uri"]
        state = {"state": given["state"]} if "state" in given else {}
        if given.get("simulate") == "deny":
            return redirect(redirect_uri, {"error": "access_denied", **state})
        scopes = () if given.get("simulate") == "partial" else (self._scope,)
        code = self._codes.issue(
            app, redirect_uri, scopes, challenge=given.get("code_challenge", "")
        )
        is_asked_again = given.get("prompt") == "consent"
        self._offline[code] = given.get("access_type") == "offline" and is_asked_again
        return redirect(redirect_uri, {**state, "code": code, "scope": " ".join(scopes)})

    def _mistake(self, app: OAuthApp, given: Mapping[str, str]) -> str:
        """What is wrong with the request; such errors are shown and never redirected."""
        if given.get("redirect_uri") not in app.redirect_uris:
            return "redirect_uri_mismatch"
        if given.get("code_challenge") and given.get("code_challenge_method") != "S256":
            return "invalid_request. Only S256 is simulated."
        if given.get("response_type") != "code" or not given.get("scope"):
            return "invalid_request. Missing required parameter"
        return "" if self._scope in given["scope"].split() else "invalid_scope"

    def redeem(self, form: Mapping[str, str]) -> tuple[OAuthApp, dict[str, object]] | Response:
        """Exchange a code.

        Returns:
            Whose it is, and the answer without its access token; or a refusal.
        """
        app = find_app(self._apps, form.get("client_id", ""), form.get("client_secret", ""))
        if app is None:
            return oauth_error(401, "invalid_client", "Unauthorized")
        code = form.get("code", "")
        try:
            consent = self._codes.redeem(
                code,
                app,
                redirect_uri=form.get("redirect_uri", ""),
                verifier=form.get("code_verifier", ""),
            )
        except CodeRefusedError as error:
            default = (400, "invalid_grant", "Malformed auth code.")
            return oauth_error(*_REASONS.get(error.reason, default))
        answer: dict[str, object] = {"scope": " ".join(consent.scopes), "token_type": "Bearer"}
        if self._offline.pop(code):
            self._count += 1
            answer["refresh_token"] = f"1//{secret(self._seed, app.client_id, self._count)}"
            if self._testing_days:
                answer["refresh_token_expires_in"] = self._testing_days * 86_400 - 1
        return app, answer

    def reset(self) -> None:
        """Forget all codes."""
        self._codes.reset()


def oauth_error(status: int, code: str, description: str) -> Response:
    """A refusal of the token endpoint."""
    return JSONResponse({"error": code, "error_description": description}, status_code=status)


def _page(status: int, text: str) -> Response:
    return HTMLResponse(f"<!doctype html><title>Sign in</title><p>{text}</p>", status)

"""The part of a consent that platforms do alike: apps, codes, and what a code brings.

    authorize request -> CodeBook.issue -> code -> redirect to the app
    code, client, redirect, verifier -> CodeBook.redeem -> Consent | CodeRefusedError

A person consents at once; `simulate=deny` in the URL declines, `simulate=partial` grants nothing of
what is asked. Each platform words its own errors.

Sources: RFC 6749 section 4.1 (codes: single use, short-lived, bound to client and redirect URI) and
RFC 7636 section 4.6 (S256).
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Literal
from urllib.parse import urlencode, urlsplit

from starlette.responses import RedirectResponse, Response

from domain.errors import InvalidInputError
from ingestion.simulator.clock import SimulatedClock

__all__ = ["CodeBook", "CodeRefusedError", "Consent", "OAuthApp", "find_app", "redirect", "secret"]

CodeRefusal = Literal["unknown", "used", "expired", "client", "redirect", "verifier"]


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """An app that is registered with a platform.

    Attributes:
        client_id: Public.
        client_secret: Of the app.
        redirect_uris: Where a person may be sent back to; compared letter by letter.
    """

    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...]


@dataclass(slots=True)
class Consent:
    """What a person agreed to.

    Attributes:
        app: That was let in.
        redirect_uri: That the code was sent to.
        scopes: That were granted.
        subject: Whose: a shop; empty: the one person that the platform knows for an app.
        challenge: Of the code; empty: none was given.
        expires_at: Of the code.
        is_used: The code was exchanged.
    """

    app: OAuthApp
    redirect_uri: str
    scopes: tuple[str, ...]
    subject: str
    challenge: str
    expires_at: datetime
    is_used: bool = False


class CodeRefusedError(InvalidInputError):
    """A code that is not exchanged; not an error of ours.

    Attributes:
        reason: Which rule it breaks.
    """

    def __init__(self, reason: CodeRefusal) -> None:
        super().__init__(f"The code is refused: {reason}.")
        self.reason = reason


class CodeBook:
    """The authorization codes of one platform."""

    def __init__(self, name: str, seed: int, clock: SimulatedClock, *, lifetime: timedelta) -> None:
        self._name = f"{name}/{seed}"
        self._clock = clock
        self._lifetime = lifetime
        self._consents: dict[str, Consent] = {}

    def issue(
        self,
        app: OAuthApp,
        redirect_uri: str,
        scopes: tuple[str, ...],
        *,
        subject: str = "",
        challenge: str = "",
    ) -> str:
        """A new code for a consent."""
        code = secret(self._name, "code", len(self._consents))
        expires_at = self._clock.now() + self._lifetime
        self._consents[code] = Consent(app, redirect_uri, scopes, subject, challenge, expires_at)
        return code

    def redeem(
        self, code: str, app: OAuthApp, *, redirect_uri: str | None, verifier: str = ""
    ) -> Consent:
        """The consent of a code, which is used up.

        Args:
            code: From `issue`.
            app: That asks.
            redirect_uri: Named by the request; None: this platform does not ask for it.
            verifier: Of the challenge; empty: none.

        Raises:
            CodeRefusedError: With the rule that is broken.
        """
        consent = self._consents.get(code)
        if consent is None:
            raise CodeRefusedError("unknown")
        if consent.is_used:
            raise CodeRefusedError("used")
        if consent.expires_at <= self._clock.now():
            raise CodeRefusedError("expired")
        if consent.app.client_id != app.client_id:
            raise CodeRefusedError("client")
        if redirect_uri is not None and redirect_uri != consent.redirect_uri:
            raise CodeRefusedError("redirect")
        if consent.challenge != (_challenge_of(verifier) if verifier else ""):
            raise CodeRefusedError("verifier")
        consent.is_used = True
        return consent

    def reset(self) -> None:
        """Forget all codes."""
        self._consents.clear()


def find_app(
    apps: tuple[OAuthApp, ...], client_id: str, client_secret: str | None = None
) -> OAuthApp | None:
    """The app of that id, and of that secret when one is given; None: there is none."""
    for app in apps:
        is_known = client_secret is None or hmac.compare_digest(
            app.client_secret.encode(), client_secret.encode()
        )
        if app.client_id == client_id and is_known:
            return app
    return None


def redirect(redirect_uri: str, parameters: Mapping[str, str]) -> Response:
    """Send the person back to the app."""
    mark = "&" if urlsplit(redirect_uri).query else "?"
    return RedirectResponse(f"{redirect_uri}{mark}{urlencode(parameters)}", 302)


def secret(*names: object) -> str:
    """A text that only who was given it knows, as far as a simulation goes."""
    return blake2b("/".join(map(str, names)).encode(), digest_size=24).hexdigest()


def _challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")

"""Browsers that come to our pages: whose they are, and where they go to sign in.

    request -> cookie -> Sessions.find -> SignedIn | None -> page, or /sign-in?return_to=...

Sources: RFC 6265bis section 4.1.3.2 (`__Host-`); OWASP "Unvalidated Redirects and Forwards".
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.identity.sessions import Sessions, SignedIn, Waiting

__all__ = ["HOME", "Visits", "checked_path", "see_other"]

HOME: Final = "/account"

_LONGEST_PATH: Final = 8_000


@dataclass(frozen=True, slots=True)
class Visits:
    """Tells who is behind a request.

    Attributes:
        issuer: Our address; with https, cookies are for encrypted connections alone.
    """

    sessions: Sessions
    issuer: str

    @property
    def cookie_name(self) -> str:
        """`__Host-` keeps other hosts of the same site, and http, from setting it."""
        return "__Host-bosco" if self._is_secure else "bosco"

    async def current(self, request: Request) -> SignedIn | None:
        """Who is signed in; None: nobody."""
        return await self.sessions.find(request.cookies.get(self.cookie_name))

    async def waiting(self, request: Request) -> Waiting | None:
        """Who still has to give a code; None: nobody."""
        return await self.sessions.find_waiting(request.cookies.get(self.cookie_name))

    def to_sign_in(self, request: Request, *, agency: str = "") -> Response:
        """Send a browser to sign in and come back; what it sent by POST is not kept."""
        path = request.url.path
        if request.url.query:
            path = f"{path}?{request.url.query}"
        given = {"agency": agency} if agency else {}
        given["return_to"] = checked_path(path) if request.method == "GET" else HOME
        return see_other(f"/sign-in?{urlencode(given)}")

    def set_cookie(self, response: Response, value: str) -> None:
        """Sign the browser in; it forgets the cookie when it closes."""
        response.set_cookie(
            self.cookie_name,
            value,
            path="/",
            secure=self._is_secure,
            httponly=True,
            samesite="lax",
        )

    @property
    def departure_name(self) -> str:
        """Of the cookie of a browser that is at its agency's provider."""
        return f"{self.cookie_name}-departure"

    def note_departure(self, response: Response, state: str) -> None:
        """Let this browser, and no other, come back with `state`."""
        response.set_cookie(
            self.departure_name,
            state,
            max_age=600,
            path="/",
            secure=self._is_secure,
            httponly=True,
            samesite="lax",
        )

    def clear_cookie(self, response: Response) -> None:
        """Sign the browser out."""
        response.delete_cookie(
            self.cookie_name, path="/", secure=self._is_secure, httponly=True, samesite="lax"
        )

    @property
    def _is_secure(self) -> bool:
        return self.issuer.startswith("https://")


def checked_path(text: str) -> str:
    """A path of ours to go on to, or `HOME` when `text` could lead elsewhere."""
    is_ours = (
        text.startswith("/")
        and not text.startswith("//")
        and "\\" not in text
        and text.isascii()
        and text.isprintable()
        and len(text) <= _LONGEST_PATH
    )
    return text if is_ours else HOME


def see_other(path: str) -> Response:
    """Go on with GET."""
    return RedirectResponse(path, 303, headers={"cache-control": "no-store"})

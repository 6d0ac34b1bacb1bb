"""Headers that tell browsers to do less with our answers.

    answer -> each header that it does not have itself -> client

The defaults are those of an answer that is data: it loads nothing, is framed by nobody and read by
no other site. A page says in its own Content-Security-Policy what it needs, and keeps it.

Sources: OWASP HTTP Headers cheat sheet and REST Security cheat sheet, read 2026-11; RFC 6797
section 7.2 (no HSTS over plain http); RFC 9700 section 4.2.4 (Referrer-Policy).
"""

from typing import Any, Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from api.edge.rules import EdgeRules

__all__ = ["SECURITY_HEADERS", "STRICT_TRANSPORT", "SecurityHeaders"]

STRICT_TRANSPORT: Final = "max-age=63072000; includeSubDomains"

_FEATURES: Final = (
    "accelerometer",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "microphone",
    "midi",
    "payment",
    "publickey-credentials-get",
    "screen-wake-lock",
    "usb",
    "xr-spatial-tracking",
)

SECURITY_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": ", ".join(f"{feature}=()" for feature in _FEATURES),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",  # for browsers that do not know frame-ancestors
    "cache-control": "no-store",
}


class SecurityHeaders:
    """Adds what an answer lacks."""

    def __init__(self, app: ASGIApp, rules: EdgeRules) -> None:
        self._app = app
        self._headers = dict(SECURITY_HEADERS)
        if rules.is_production and rules.issuer.startswith("https://"):
            self._headers["strict-transport-security"] = STRICT_TRANSPORT

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def complete(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, complete)

"""Pages change something only at the word of our own pages.

    POST to a page -> Sec-Fetch-Site, else Origin, else Referer -> ours -> page | 403

A second lock beside the token in each form: another site can make a browser send a form with our
cookies, but not without saying where it comes from. A request that says nothing at all comes from
no browser of today, and carries no cookies that a browser keeps; it passes, and meets the form's
token.

Not for routes whose callers show a token or a secret of their own: they read no cookie. Every other
route counts as a page, so a new one is guarded until somebody says otherwise.

A page says `Referrer-Policy: same-origin`: under `no-referrer` a browser without Sec-Fetch-Site
(plain http, another machine) sends `Origin: null` with our own forms, and that is refused.

Sources: OWASP Cross-Site Request Forgery Prevention cheat sheet, "Fetch Metadata headers" and
"Verifying Origin", read 2026-11; W3C Fetch Metadata.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.edge.refusals import Refusal, refuse
from api.edge.rules import EdgeRules

__all__ = ["WITHOUT_COOKIES", "SameOrigin", "is_from_elsewhere"]

WITHOUT_COOKIES: Final = frozenset(
    {
        "/graphql",
        "/features/historical",
        "/features/online",
        "/oauth/token",
        "/oauth/revoke",
        "/oauth/introspect",
        "/privacy/shopify",
        "/privacy/meta/deletion",
        "/privacy/meta/deauthorise",
    }
)

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_REFUSAL: Final = Refusal(
    403,
    "CROSS_SITE_REQUEST",
    "the request comes from another site",
    "open the page itself and send its form from there",
)


class SameOrigin:
    """Refuses what another site makes a browser send to a page."""

    def __init__(self, app: ASGIApp, rules: EdgeRules) -> None:
        self._app = app
        self._own = rules.issuer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request that is safe, no page's, or of our own pages."""
        if (
            scope["type"] == "http"
            and scope["method"] not in _SAFE_METHODS
            and scope["path"] not in WITHOUT_COOKIES
            and is_from_elsewhere(Headers(scope=scope), self._own)
        ):
            await refuse(_REFUSAL, scope["path"])(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_from_elsewhere(headers: Headers, own_origin: str) -> bool:
    """Whether a browser says that another origin made it send this request.

    Args:
        headers: Of the request.
        own_origin: Scheme, host and port, without a slash at the end.
    """
    sites = headers.getlist("sec-fetch-site")
    if sites:  # "none": typed, or from a bookmark
        return sites not in (["same-origin"], ["none"])
    origins = headers.getlist("origin")
    if origins:
        return origins != [own_origin]
    referers = headers.getlist("referer")
    return bool(referers) and [_origin(referer) for referer in referers] != [own_origin]


def _origin(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}"

"""Pages: HTML made on the server, that works without a script.

    render("name.html", values) -> templates/name.html -> Response with a strict policy

A page may load our stylesheet and pictures that are in it, and send forms to us; nothing else. The
stylesheet's address carries a hash of its content, so browsers may keep it for ever.

`Referrer-Policy: same-origin`: other sites learn nothing of the address, and our own forms still
say where they come from, which `no-referrer` would keep from us as well.

Sources: W3C Content Security Policy level 3; Fetch standard, "append a request Origin header".
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

__all__ = ["page_routes", "render"]

_FOLDER: Final = Path(__file__).parent
_STYLE: Final = (_FOLDER / "bosco.css").read_bytes()
_STYLE_PATH: Final = "/static/bosco.css"
_STYLE_URL: Final = f"{_STYLE_PATH}?v={hashlib.sha256(_STYLE).hexdigest()[:16]}"

_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(_FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_ENVIRONMENT.globals["style_url"] = _STYLE_URL
_ENVIRONMENT.filters["sentence"] = lambda text: f"{text[:1].upper()}{text[1:].removesuffix('.')}."
_ENVIRONMENT.filters["capital"] = lambda text: f"{text[:1].upper()}{text[1:]}"
_ENVIRONMENT.filters["instant"] = lambda at: at.strftime("%Y-%m-%d %H:%M UTC")


def render(
    name: str, *, status: int = 200, form_targets: Sequence[str] = (), **values: Any
) -> Response:
    """Make a page.

    Args:
        name: Of the template, for example `message.html`.
        status: HTTP status.
        form_targets: Addresses, beside ours, that a form may end up at by a redirect.
        values: For the template; `visitor` (a `SignedIn`) shows who is signed in.
    """
    text = _ENVIRONMENT.get_template(name).render({"visitor": None, **values})
    headers = {
        "content-security-policy": _policy(form_targets),
        "referrer-policy": "same-origin",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    return Response(text, status, headers, media_type="text/html")


def page_routes() -> list[Route]:
    """The stylesheet."""

    async def style(_: Request) -> Response:
        headers = {
            "cache-control": "public, max-age=31536000, immutable",
            "x-content-type-options": "nosniff",
        }
        return Response(_STYLE, headers=headers, media_type="text/css")

    return [Route(_STYLE_PATH, style, methods=["GET"])]


def _policy(form_targets: Sequence[str]) -> str:
    targets = " ".join(["'self'", *map(_source, form_targets)])
    return (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; "
        f"form-action {targets}; frame-ancestors 'none'; base-uri 'none'"
    )


def _source(address: str) -> str:
    """How a policy names the place of an address; its grammar knows no IPv6 and no user."""
    parts = urlsplit(address)
    host = parts.netloc
    if parts.scheme in {"http", "https"} and all(ch.isalnum() or ch in ".-:" for ch in host):
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}:"

"""The explorer page: one self-contained file, so it works without a network.

GET /graphql (development only) -> explorer.html -> POST /oauth/token, POST /graphql

Source: W3C Content Security Policy level 3, section 6 (hashes of inline scripts and styles).
"""

import base64
import hashlib
import re
from pathlib import Path
from typing import Final

from starlette.responses import Response

__all__ = ["explorer_page"]

_PAGE: Final = Path(__file__).with_name("explorer.html")


def explorer_page() -> Response:
    """The page; it may load nothing, and run only the script that is in it."""
    text = _PAGE.read_text()
    policy = (
        f"default-src 'none'; connect-src 'self'; script-src {_hashes('script', text)}; "
        f"style-src {_hashes('style', text)}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    headers = {
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }
    return Response(text, headers=headers, media_type="text/html")


def _hashes(tag: str, text: str) -> str:
    bodies = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    digests = (hashlib.sha256(body.encode()).digest() for body in bodies)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)

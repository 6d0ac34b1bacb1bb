"""What a request is told that does not get as far as its route.

    Refusal + path -> body in the form of the route: OAuth's under /oauth/, else that of GraphQL

Sources: RFC 6749 section 5.2 (`error`, `error_description`); GraphQL, October 2021, section 7.1.2.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson
from starlette.responses import Response

__all__ = ["Refusal", "refuse"]

_OAUTH: Final = "/oauth/"

# OAuth names no error for these: its word for "later" is that of the authorization endpoint.
_LATER: Final = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request goes no further.

    Attributes:
        code: Stable machine-readable name, upper snake case.
        message: One sentence, ASCII, without a full stop.
        hint: What to do about it.
        headers: More headers, names in lower case.
    """

    status: int
    code: str
    message: str
    hint: str
    headers: Mapping[str, str] = field(default_factory=dict)


def refuse(refusal: Refusal, path: str) -> Response:
    """The answer to a request for `path`."""
    if path.startswith(_OAUTH):
        error = "temporarily_unavailable" if refusal.status in _LATER else "invalid_request"
        description = f"{refusal.message}; {refusal.hint}"
        body: object = {"error": error, "error_description": description}
    else:
        extensions = {"code": refusal.code, "hint": refusal.hint}
        body = {"errors": [{"message": refusal.message, "extensions": extensions}]}
    headers = {"cache-control": "no-store", **refusal.headers}
    return Response(orjson.dumps(body), refusal.status, headers, media_type="application/json")

"""The page where a person takes the copy of their data: no account, no script, once.

    GET /privacy/export/TOKEN -> what waits, and a button -> POST -> the archive, as a stream

A look uses nothing up, so that previews of links in mail programs do no harm.
"""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from api.pages.doorway import for_anybody, show_message
from api.pages.rendering import render
from api.pages.visits import Visits
from gdpr.access.exports import Exports

__all__ = ["ExportPages"]

_OVER: Final = "This link was used, has run out, or was never good."
_HINT: Final = "Ask whoever sent it to you for another one."
_HEADERS: Final = {
    "content-disposition": 'attachment; filename="your-data.zip"',
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class ExportPages:
    """Shows and hands out exports.

    Args:
        visits: Know our own address.
        exports: Open them.
    """

    def __init__(self, visits: Visits, exports: Exports) -> None:
        self._visits = visits
        self._exports = exports

    def routes(self) -> list[Route]:
        """By address."""
        page = for_anybody(self._visits, self._answer)
        return [Route("/privacy/export/{token}", page, methods=["GET", "POST"])]

    async def _answer(self, request: Request, _: Mapping[str, str]) -> Response:
        token = request.path_params["token"]
        if request.method == "POST":
            download = await self._exports.take(token)
            if download is None:
                return _over()
            headers = _HEADERS | {"content-length": str(download.size_bytes)}
            return StreamingResponse(download.content, 200, headers, media_type="application/zip")
        waiting = await self._exports.look(token)
        return _over() if waiting is None else render("export.html", export=waiting)


def _over() -> Response:
    return show_message("A link that is over", _OVER, hint=_HINT, status=404)

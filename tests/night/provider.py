"""The platforms of the night: slow, with quotas, one of them away for a while.

    GET /<source>/<account>/report -> quota? -> virtual latency -> rows, complete only once ready
    GET /<source>/me               -> quota? -> an answer at once

Every call is noted with its instant before anything else, by the platform's own clock.
"""

import asyncio
import datetime as dt
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs

import orjson
import uvicorn
from starlette.types import Receive, Scope, Send

from tests.night.places import DATA_DAY, Place
from tests.night.virtual_time import VirtualTime

__all__ = ["Outage", "Platforms", "serve_platforms", "true_rows"]

_PATH: Final = re.compile(r"/(?P<source>[a-z]+)/(?:(?P<account>[a-z0-9-]+)/report|me)")
_HOUR: Final = dt.timedelta(hours=1)
ROWS_PER_PAGE: Final = 2


@dataclass(frozen=True, slots=True)
class Outage:
    """A platform answers 503 within the half-open span."""

    source: str
    start: dt.datetime
    end: dt.datetime


@dataclass(slots=True)
class Platforms:
    """All platforms, as one ASGI application.

    Attributes:
        calls: Instants by platform, in order.
        refused: Calls above a limit.
    """

    places: Mapping[str, Place]
    limits: Mapping[str, int | None]
    outage: Outage
    time: VirtualTime
    calls: dict[str, list[dt.datetime]] = field(default_factory=dict)
    refused: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; a caller that goes away is not waited for."""
        match = _PATH.fullmatch(scope["path"])
        assert match is not None, scope["path"]
        query = parse_qs(scope["query_string"].decode())
        place = self.places[match["account"]] if match["account"] else None
        await receive()
        status, document, seconds = self._answer(place, match["source"], query)
        answering = asyncio.create_task(self._after(seconds, send, status, document))
        leaving = asyncio.ensure_future(receive())
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        for task in (answering, leaving):
            task.cancel()
        await asyncio.gather(answering, leaving, return_exceptions=True)

    def _answer(
        self, place: Place | None, source: str, query: Mapping[str, list[str]]
    ) -> tuple[int, dict[str, Any], float]:
        """Status, document and latency; without a place it is the question who one is."""
        now = self.time.clock()
        calls = self.calls.setdefault(source, [])
        calls.append(now)
        if self.outage.source == source and self.outage.start <= now < self.outage.end:
            return 503, {"code": "down", "message": "we are down"}, 5.0 if place else 0.0
        limit = self.limits[source]
        if limit is not None and sum(call > now - _HOUR for call in calls) > limit:
            self.refused += 1
            return 429, {"code": "quota", "message": "too many calls"}, 1.0 if place else 0.0
        if place is None:
            return 200, {"me": "an app of ours"}, 0.0
        assert place.source == source
        page = int(query.get("page", ["1"])[0])
        days = _days(query["from"][0], query["to"][0])
        rows = [row for day in days for row in page_rows(place, day, page, now)]
        following = {"next": str(page + 1)} if page < place.pages else {}
        return 200, {"rows": rows, **following}, place.page_seconds

    async def _after(
        self, seconds: float, send: Send, status: int, document: Mapping[str, Any]
    ) -> None:
        if seconds:
            await self.time.sleeper("job")(seconds)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": orjson.dumps(document)})


def page_rows(place: Place, day: dt.date, page: int, now: dt.datetime) -> list[dict[str, Any]]:
    """The rows of a page as `now` shows them: before the data are ready, clicks are missing."""
    is_ready = now >= place.ready_at + (day - DATA_DAY)
    return [
        {
            "date": day.isoformat(),
            "campaign": f"{place.account_id}-{page}-{row}",
            "cost": 1_000_000 * (page * 10 + row),
            "clicks": 100 * page + row if is_ready else 0,
        }
        for row in range(ROWS_PER_PAGE)
    ]


def true_rows(place: Place) -> list[tuple[str, int, int]]:
    """What the platform finally says of the day: campaign, spend and clicks."""
    return sorted(
        (row["campaign"], row["cost"] // 1_000_000, row["clicks"])
        for page in range(1, place.pages + 1)
        for row in page_rows(place, DATA_DAY, page, place.deadline_at)
    )


def _days(first: str, last: str) -> list[dt.date]:
    start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    return [start + dt.timedelta(days=number) for number in range((end - start).days + 1)]


class _Server(uvicorn.Server):
    """Leaves the signals of the test process alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serve_platforms(platforms: Platforms) -> AsyncIterator[str]:
    """Serve on a local port; gives the URL."""
    config = uvicorn.Config(
        platforms, port=0, log_level="warning", lifespan="off", timeout_keep_alive=3600
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # it sets no event
        await asyncio.sleep(0.001)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = server.force_exit = True
        await serving

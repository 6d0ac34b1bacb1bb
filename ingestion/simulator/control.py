"""Control routes: faults, counts, clock, tokens and truth of a running simulator.

POST|GET|DELETE /_control/faults      POST|DELETE /_control/clock     POST /_control/reset
GET|DELETE      /_control/requests    POST /_control/tokens/expire    GET  /_control/truth/...
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from domain.errors import InvalidInputError, UserError
from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.contract import Platform
from ingestion.simulator.faults import FaultBook, parse_fault
from ingestion.simulator.gate import RequestLog

__all__ = ["create_control"]


def create_control(
    platforms: Sequence[Platform], *, clock: SimulatedClock, faults: FaultBook, log: RequestLog
) -> Starlette:
    """Build the app that is mounted at `/_control`."""
    control = _Control(platforms, clock, faults, log)
    truths = [Mount(f"/{each.name}", routes=each.truth_routes()) for each in platforms]
    return Starlette(
        routes=[
            Route("/faults", control.faults, methods=["GET", "POST", "DELETE"]),
            Route("/requests", control.requests, methods=["GET", "DELETE"]),
            Route("/clock", control.clock, methods=["GET", "POST", "DELETE"]),
            Route("/tokens/expire", control.expire_tokens, methods=["POST"]),
            Route("/reset", control.reset, methods=["POST"]),
            Mount("/truth", routes=truths),
        ],
        exception_handlers={UserError: _explain},
    )


async def _explain(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=400)


async def _json_of(request: Request) -> object:
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise InvalidInputError(f"The body is not JSON: {error}.") from error


class _Control:
    def __init__(
        self,
        platforms: Sequence[Platform],
        clock: SimulatedClock,
        faults: FaultBook,
        log: RequestLog,
    ) -> None:
        self._platforms = platforms
        self._clock = clock
        self._faults = faults
        self._log = log

    async def faults(self, request: Request) -> Response:
        if request.method == "POST":
            self._faults.add(parse_fault(await _json_of(request)))
        elif request.method == "DELETE":
            self._faults.clear()
        listed = [
            {**asdict(fault), "struck": struck} for fault, struck in self._faults.list_faults()
        ]
        return JSONResponse({"faults": listed})

    async def requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._log.reset()
        counts = [
            {"path": path, "status": status, "count": count}
            for (path, status), count in sorted(self._log.counts.items())
        ]
        return JSONResponse(
            {
                "requests": counts,
                "total": self._log.counts.total(),
                "inFlight": self._log.in_flight,
                "highWater": self._log.high_water,
            }
        )

    async def clock(self, request: Request) -> Response:
        if request.method == "POST":
            self._clock.move_to(_instant_of(await _json_of(request)))
        elif request.method == "DELETE":
            self._clock.reset()
        return JSONResponse({"now": self._clock.now().isoformat()})

    async def expire_tokens(self, _: Request) -> Response:
        return JSONResponse({"expired": sum(each.expire_tokens() for each in self._platforms)})

    async def reset(self, _: Request) -> Response:
        self._faults.clear()
        self._clock.reset()
        self._log.reset()
        for platform in self._platforms:
            platform.reset()
        return JSONResponse({"now": self._clock.now().isoformat()})


def _instant_of(document: object) -> datetime:
    text = document.get("now") if isinstance(document, dict) else None
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise InvalidInputError(
            "`now` is an ISO 8601 instant with an offset.", hint='{"now": "2026-11-02T07:00:00Z"}'
        )
    return instant

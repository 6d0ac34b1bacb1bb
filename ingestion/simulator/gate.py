"""The gate before a platform: counts requests and plays faults.

    socket -> Gate(count, fault?) -> platform app -> Gate(cut, trickle, distort) -> socket

Without a fault an answer streams through untouched.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingestion.simulator.contract import FAULT, PAGE_DIVISOR, Platform
from ingestion.simulator.faults import Fault, FaultBook

__all__ = ["Gate", "RequestLog"]

_REFUSALS: Final = frozenset(
    {"rate_limited", "server_error", "expired_token", "too_large", "refused"}
)
_REWRITES: Final = frozenset({"malformed_json", "unknown_field", "changed_type"})
_PLAYED_BY_PLATFORM: Final = frozenset(
    {
        *("high_usage", "duplicate_page", "moved_rows", "missing_field"),
        *("job_failed", "job_skipped", "job_stuck"),
        *("partial", "sampled", "thresholded", "other_row"),
    }
)


@dataclass(slots=True)
class RequestLog:
    """How often each path was asked, with which status, and how many at once."""

    counts: Counter[tuple[str, int]] = field(default_factory=Counter)
    in_flight: int = 0
    high_water: int = 0

    def enter(self) -> None:
        """Note that a request began."""
        self.in_flight += 1
        self.high_water = max(self.high_water, self.in_flight)

    def leave(self) -> None:
        """Note that a request ended."""
        self.in_flight -= 1

    def reset(self) -> None:
        """Forget the past; requests under way keep counting."""
        self.counts.clear()
        self.high_water = self.in_flight


class Gate:
    """ASGI middleware around one platform."""

    def __init__(self, platform: Platform, *, faults: FaultBook, log: RequestLog) -> None:
        self._platform = platform
        self._app: ASGIApp = platform.app
        self._faults = faults
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._log.enter()
        try:
            await self._serve(scope, receive, send)
        finally:
            self._log.leave()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        body = await Request(scope, receive).body()
        fault = self._faults.take(path, self._platform.operation_of(path, body))
        app, sink = self._app, self._counting(path, send)
        replay = _replaying(body, receive)
        if fault is None:
            await app(scope, replay, sink)
        elif fault.kind in _REFUSALS:
            await self._platform.refuse(fault, path)(scope, replay, sink)
        elif fault.kind == "failed_after":
            await app(scope, replay, _swallow)
            await Response("Internal Server Error", 500)(scope, replay, sink)
        elif fault.kind in _REWRITES:
            await self._rewrite(fault, scope, replay, sink)
        elif fault.kind in _PLAYED_BY_PLATFORM:
            await app({**scope, FAULT: fault}, replay, sink)
        elif fault.kind == "half_page":
            await app({**scope, PAGE_DIVISOR: 2}, replay, sink)
        elif fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            await app(scope, replay, _trickling(fault, sink))
        else:
            await app(scope, replay, _cutting(fault, sink))

    def _counting(self, path: str, send: Send) -> Send:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._log.counts[(path, message["status"])] += 1
            await send(message)

        return counted

    async def _rewrite(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        await self._app(scope, receive, hold)
        start, body = held[0], b"".join(message.get("body", b"") for message in held[1:])
        if start["status"] == 200:  # noqa: PLR2004 - the one status whose body holds records
            body = self._rewritten(fault, body)
        headers = [entry for entry in start["headers"] if entry[0] != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _rewritten(self, fault: Fault, body: bytes) -> bytes:
        if fault.kind == "malformed_json":
            # A strict prefix of an object or array is never valid JSON.
            return body[: len(body) * 2 // 3]
        return orjson.dumps(self._platform.distort(fault, orjson.loads(body)))


async def _swallow(_: Message) -> None:
    """The platform's answer reaches nobody."""


def _replaying(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _cutting(fault: Fault, send: Send) -> Send:
    left = fault.cut_after_bytes

    async def cut(message: Message) -> None:
        """Pass the first bytes on and swallow the end: the server then closes the socket."""
        nonlocal left
        if message["type"] != "http.response.body":
            await send(message)
        elif left > 0:
            piece = message.get("body", b"")[:left]
            left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})

    return cut


def _trickling(fault: Fault, send: Send) -> Send:
    async def trickle(message: Message) -> None:
        body = message.get("body", b"")
        size = fault.piece_bytes
        if message["type"] != "http.response.body" or size <= 0 or len(body) <= size:
            await send(message)
            return
        for begin in range(0, len(body), size):
            piece = body[begin : begin + size]
            is_last = begin + size >= len(body)
            more = message.get("more_body", False) if is_last else True
            await send({"type": "http.response.body", "body": piece, "more_body": more})
            if not is_last:
                await asyncio.sleep(fault.seconds)

    return trickle

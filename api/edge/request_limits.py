"""Requests that are too long, too slow or too many.

    request -> URL, headers -> a free place -> body within its size and its time -> route
            -> 414 | 431 | 503 | 413 | 408

What the server has not read whole yet, a head that never ends and an answer that nobody reads, is
the business of `api/edge/protocol.py`.

Sources: RFC 9110 sections 15.5.9 to 15.5.15 and 15.6.4; RFC 6585 section 5 (431).
"""

import asyncio
import math
from dataclasses import dataclass
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.edge.refusals import Refusal, refuse
from api.edge.rules import EdgeRules, RequestLimits

__all__ = ["RequestLimiter"]

# Who looks after this process must get an answer above all when it is busy.
_ALWAYS_ANSWERED: Final = frozenset({"/healthz"})

# These measure their body themselves, and refuse it in words of their own.
_MEASURED_BY_ROUTE: Final = frozenset(
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

_CLOSE: Final = {"connection": "close"}
_TOO_MANY: Final = Refusal(
    503,
    "OVERLOADED",
    "the server answers as many requests as it can",
    "try again in a second",
    {"retry-after": "1"},
)


class _RefusedBodyError(Exception):
    """The rest of the body is not read."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class RequestLimiter:
    """Holds requests to `EdgeRules.limits`. Used from one event loop."""

    def __init__(self, app: ASGIApp, rules: EdgeRules) -> None:
        self._app = app
        self._limits = rules.limits
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is within the limits."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = _check_head(scope, self._limits)
        if refusal is not None:
            await refuse(refusal, scope["path"])(scope, receive, send)
        elif scope["path"] in _ALWAYS_ANSWERED:
            await self._answer(scope, receive, send)
        elif self._running >= self._limits.requests:
            await refuse(_TOO_MANY, scope["path"])(scope, receive, send)
        else:
            self._running += 1
            try:
                await self._answer(scope, receive, send)
            finally:
                self._running -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_started = False

        async def watch(message: Any) -> None:
            nonlocal has_started
            has_started = has_started or message["type"] == "http.response.start"
            await send(message)

        is_measured = scope["path"] in _MEASURED_BY_ROUTE
        allowed = math.inf if is_measured else self._limits.body_bytes
        body = _Body(receive, allowed, self._limits.body_seconds)
        try:
            await self._app(scope, body.receive, watch)
        except _RefusedBodyError as refused:
            if has_started:
                raise
            await refuse(refused.refusal, scope["path"])(scope, receive, send)


@dataclass(slots=True)
class _Body:
    """The body of one request, as its route receives it."""

    source: Receive
    bytes_left: float
    seconds: float
    ends_at: float | None = None
    is_whole: bool = False

    async def receive(self) -> Message:
        if self.is_whole:  # what comes now is the end of the connection
            return await self.source()
        message = await self._receive_in_time()
        if message["type"] != "http.request":
            return message
        self.bytes_left -= len(message.get("body", b""))
        self.is_whole = not message.get("more_body", False)
        if self.bytes_left < 0:
            raise _RefusedBodyError(
                Refusal(413, "TOO_LARGE", "the body is too large", "send less", _CLOSE)
            )
        return message

    async def _receive_in_time(self) -> Message:
        loop = asyncio.get_running_loop()
        if self.ends_at is None:
            self.ends_at = loop.time() + self.seconds
        try:
            async with asyncio.timeout_at(self.ends_at):
                return await self.source()
        except TimeoutError:
            raise _RefusedBodyError(
                Refusal(408, "TOO_SLOW", "the body did not come in time", "send it again", _CLOSE)
            ) from None


def _check_head(scope: Scope, limits: RequestLimits) -> Refusal | None:
    url_bytes = len(scope.get("raw_path") or scope["path"].encode()) + len(scope["query_string"])
    if url_bytes > limits.url_bytes:
        return Refusal(
            414,
            "ADDRESS_TOO_LONG",
            "the address is too long",
            f"send at most {limits.url_bytes} bytes of path and query",
            _CLOSE,
        )
    lines = scope["headers"]
    if len(lines) > limits.header_count or _size(lines) > limits.header_bytes:
        return Refusal(
            431,
            "HEADERS_TOO_LARGE",
            "the headers are too many or too long",
            f"send at most {limits.header_count} of together {limits.header_bytes} bytes",
            _CLOSE,
        )
    return None


def _size(lines: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) for name, value in lines)

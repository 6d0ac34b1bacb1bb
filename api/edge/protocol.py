"""Connections whose client is slow, silent or deaf.

    connection -> head within its time and size -> uvicorn -> answer read within its time
               -> 408 | 431 | 503, or the end of the connection

Uvicorn on httptools waits for ever for the rest of a head, keeps all of it in memory, and for ever
for a client to read its answer: the slowloris attack needs no more. All that is whole goes on to
`api/edge/request_limits.py`.

Source: uvicorn 0.54, `protocols/http/httptools_impl.py`, whose callbacks are extended here.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.edge.rules import RequestLimits

__all__ = ["guarded_protocol"]

_RETRY_SECONDS: Final = 1


def guarded_protocol(limits: RequestLimits) -> type[asyncio.Protocol]:
    """The protocol for uvicorn's `http` setting."""
    return type("GuardedProtocol", (_GuardedProtocol,), {"limits": limits})


class _GuardedProtocol(HttpToolsProtocol):
    """One connection.

    A head is open from its first byte to the empty line behind it; the clock runs from there, and
    also from the connection's start, and from any byte that comes between two requests.
    """

    limits: ClassVar[RequestLimits]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._head_bytes: int | None = None  # None: no head is open
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, f"retry-after: {_RETRY_SECONDS}\r\n")
        else:
            self._start_head_timer()

    def data_received(self, data: bytes) -> None:
        if self._head_timer is None and self._is_idle():
            self._start_head_timer()
        if self._head_bytes is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes is not None and self._head_bytes > self._most_head_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        self._stop_head_timer()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_write_timer()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_write_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_head_timer()
        self._stop_write_timer()

    @property
    def _most_head_bytes(self) -> int:
        """Of what is not whole yet; what is whole is measured exactly elsewhere."""
        return self.limits.url_bytes + 2 * self.limits.header_bytes

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _start_head_timer(self) -> None:
        self._head_timer = self._later(self.limits.header_seconds, self._end_late_head)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _start_write_timer(self) -> None:
        unread = self.transport.get_write_buffer_size()
        self._write_timer = self._later(
            self.limits.write_seconds, lambda: self._end_unless_read(unread)
        )

    def _end_unless_read(self, unread: int) -> None:
        if self.transport.get_write_buffer_size() < unread:
            self._start_write_timer()
        else:
            self.transport.abort()

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _end_late_head(self) -> None:
        if self._head_bytes is None:
            self.transport.close()  # nothing was asked, so nothing is answered
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _refuse(self, status: HTTPStatus, headers: str = "") -> None:
        if not self._is_idle():  # an answer is on its way: this one cannot go in between
            self.transport.abort()
            return
        line = f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        end = "connection: close\r\ncontent-length: 0\r\n\r\n"
        self.transport.write(f"{line}{headers}{end}".encode())
        self.transport.close()

    def _later(self, seconds: float, act: Callable[[], object]) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, act)

"""Clients that are slow, silent or deaf, over real sockets against the server of the product."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from api.edge.request_limits import RequestLimiter
from api.edge.rules import EdgeRules, RequestLimits
from api.http import serve_app

pytestmark = pytest.mark.anyio

LIMITS = RequestLimits(
    url_bytes=200,
    header_bytes=400,
    body_bytes=1_000,
    header_seconds=0.05,
    body_seconds=0.05,
    write_seconds=0.05,
    connections=2,
)
PATIENT = RequestLimits(header_seconds=600, body_seconds=600, write_seconds=600)
BIG = 64 * 1_048_576


async def _echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


async def _whence(request: Request) -> Response:
    return PlainTextResponse(request.client.host if request.client else "")


@dataclass(slots=True)
class _Big:
    """Sends a long body, and tells when it has left for the client or will never."""

    ended: asyncio.Event

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(BIG), "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        self.ended.set()


@dataclass(slots=True)
class Connection:
    """A raw connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *lines: str) -> None:
        self.writer.write("\r\n".join(lines).encode())
        await self.writer.drain()

    async def rest(self) -> str:
        """All that comes until the server ends the connection."""
        return (await asyncio.wait_for(self.reader.read(), 10)).decode()

    async def answer(self) -> tuple[str, str]:
        """Status line and body of one answer on a connection that stays."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)).decode()
        length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
        body = await asyncio.wait_for(self.reader.readexactly(length), 10)
        return head.partition("\r\n")[0], body.decode()

    async def is_ended(self) -> bool:
        return await self.rest() == ""


@contextlib.asynccontextmanager
async def serving(limits: RequestLimits, ended: asyncio.Event | None = None) -> AsyncIterator[int]:
    """A server with these limits; its port."""
    router = Router(
        routes=[
            Route("/echo", _echo, methods=["GET", "POST"]),
            Route("/whence", _whence),
            Route("/big", _Big(ended or asyncio.Event())),
        ]
    )
    rules = EdgeRules("https://bosco.example", is_production=False, limits=limits)
    async with serve_app(RequestLimiter(router, rules), "127.0.0.1", 0, limits) as port:
        yield port


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.transport.abort()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with serving(LIMITS) as found:
        yield found


@pytest.fixture
async def client(port: int) -> AsyncIterator[Connection]:
    async with connected(port) as connection:
        yield connection


async def test_silent_connection_is_ended(client: Connection) -> None:
    assert await client.is_ended()


async def test_head_that_does_not_end_is_ended(client: Connection) -> None:
    await client.send("GET /echo HTTP/1.1", "host: x", "x-slow: ")
    assert await client.rest() == (
        "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    )


async def test_drops_of_a_head_do_not_gain_time(client: Connection) -> None:
    await client.send("GET /echo HTTP/1.1", "x: ")

    async def drip() -> None:
        while True:
            await client.send("y")
            await asyncio.sleep(0.002)

    dripping = asyncio.create_task(drip())
    with contextlib.suppress(ConnectionResetError):  # ended while a drop was on its way
        assert (await client.rest()).startswith("HTTP/1.1 408 ")
    dripping.cancel()
    with contextlib.suppress(asyncio.CancelledError, ConnectionError):
        await dripping


async def test_head_is_not_kept_in_memory_without_end() -> None:
    async with serving(PATIENT) as port, connected(port) as client:
        await client.send("GET /echo HTTP/1.1", "x: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                await client.send("y" * 16_384)
        with contextlib.suppress(ConnectionError):
            assert (await client.rest()).startswith(
                "HTTP/1.1 431 Request Header Fields Too Large\r\n"
            )


async def test_small_head_that_grows_past_its_limit_is_refused() -> None:
    limits = RequestLimits(url_bytes=200, header_bytes=400, header_seconds=600)
    async with serving(limits) as port, connected(port) as client:
        await client.send("GET /echo HTTP/1.1", "x: ")
        await asyncio.sleep(0.01)  # so that the rest is another packet
        await client.send("y" * 1_001)
        assert (await client.rest()).startswith("HTTP/1.1 431 ")


async def test_whole_head_that_is_too_large_is_refused_in_words(client: Connection) -> None:
    await client.send("GET /echo HTTP/1.1", "x: " + "y" * 400, "", "")
    rest = await client.rest()
    assert rest.startswith("HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert '"code":"HEADERS_TOO_LARGE"' in rest


async def test_body_that_does_not_end_is_ended(client: Connection) -> None:
    await client.send("POST /echo HTTP/1.1", "content-length: 10", "", "12")
    rest = await client.rest()
    assert rest.startswith("HTTP/1.1 408 Request Timeout\r\n")
    assert '"code":"TOO_SLOW"' in rest


async def test_body_that_is_too_large_ends_the_connection(client: Connection) -> None:
    await client.send("POST /echo HTTP/1.1", "content-length: 5000", "", "1" * 1_001)
    rest = await client.rest()
    assert rest.startswith("HTTP/1.1 413 ")


async def test_connection_serves_one_request_after_the_other() -> None:
    async with serving(PATIENT) as port, connected(port) as client:
        for text in ("one", "two"):
            await client.send("POST /echo HTTP/1.1", f"content-length: {len(text)}", "", text)
            assert await client.answer() == ("HTTP/1.1 200 OK", text)


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with serving(PATIENT) as port, connected(port) as client:
        await client.send(
            "POST /echo HTTP/1.1", "content-length: 3", "", "onePOST /echo HTTP/1.1",
            "content-length: 3", "", "two",
        )  # fmt: skip
        assert await client.answer() == ("HTTP/1.1 200 OK", "one")
        assert await client.answer() == ("HTTP/1.1 200 OK", "two")


async def test_second_head_has_its_own_time(client: Connection) -> None:
    await client.send("POST /echo HTTP/1.1", "content-length: 3", "", "one")
    assert await client.answer() == ("HTTP/1.1 200 OK", "one")
    await client.send("GET /echo HTTP/1.1", "x: ")
    assert (await client.rest()).startswith("HTTP/1.1 408 ")


async def test_empty_lines_between_requests_do_not_keep_a_connection(client: Connection) -> None:
    await client.send("POST /echo HTTP/1.1", "content-length: 3", "", "one")
    assert await client.answer() == ("HTTP/1.1 200 OK", "one")
    await client.send("", "", "")
    assert await client.is_ended()


async def test_client_that_does_not_read_is_cut_off() -> None:
    ended = asyncio.Event()
    async with serving(LIMITS, ended) as port:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            deaf.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(deaf, ("127.0.0.1", port))
            await loop.sock_sendall(deaf, b"GET /big HTTP/1.1\r\n\r\n")
            await asyncio.wait_for(ended.wait(), 10)
            received = 0
            with contextlib.suppress(ConnectionResetError):
                while chunk := await asyncio.wait_for(loop.sock_recv(deaf, 1_048_576), 10):
                    received += len(chunk)
    assert received < BIG


async def test_client_that_reads_slowly_gets_all_of_it() -> None:
    limits = RequestLimits(write_seconds=0.25)
    async with serving(limits) as port, connected(port) as client:
        await client.send("GET /big HTTP/1.1", "connection: close", "", "")
        received = 0
        while chunk := await asyncio.wait_for(client.reader.read(1_048_576), 10):
            received += len(chunk)
            await asyncio.sleep(0.001)  # several times the limit in all, never once
        assert received > BIG


async def test_connections_have_a_greatest_number() -> None:
    limits = RequestLimits(connections=2, header_seconds=600)
    async with serving(limits) as port, connected(port) as first, connected(port):
        async with connected(port) as third:
            assert await third.rest() == (
                "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n"
                "content-length: 0\r\n\r\n"
            )
        await first.send("GET /echo HTTP/1.1", "connection: close", "", "")
        assert (await first.rest()).startswith("HTTP/1.1 200 OK")
        async with connected(port) as later:
            await later.send("GET /echo HTTP/1.1", "", "")
            assert await later.answer() == ("HTTP/1.1 200 OK", "")


@pytest.mark.parametrize(
    "request_line", ["CONNECT evil:443 HTTP/1.1", "OPTIONS * HTTP/1.1", "GET \xff HTTP/1.1", "x"]
)
async def test_what_is_no_request_is_told_so(client: Connection, request_line: str) -> None:
    await client.send(request_line, "connection: close", "", "")
    assert (await client.rest()).startswith(("HTTP/1.1 400 ", "HTTP/1.1 404 ", "HTTP/1.1 405 "))


async def test_websocket_is_not_spoken(client: Connection) -> None:
    await client.send(
        "GET /echo HTTP/1.1", "connection: upgrade", "upgrade: websocket",
        "sec-websocket-version: 13", "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==", "", "",
    )  # fmt: skip
    assert (await client.answer())[0] == "HTTP/1.1 200 OK"


async def test_answer_does_not_name_the_server(port: int) -> None:
    async with httpx.AsyncClient() as http:
        reply = await http.get(f"http://127.0.0.1:{port}/echo")
    assert "server" not in reply.headers


async def test_server_itself_believes_no_forwarded_address(port: int) -> None:
    headers = {"x-forwarded-for": "198.51.100.1"}
    async with httpx.AsyncClient(headers=headers) as http:
        reply = await http.get(f"http://127.0.0.1:{port}/whence")
    assert reply.text == "127.0.0.1"

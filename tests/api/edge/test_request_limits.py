"""Requests that are too long, too slow or too many, in process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from api.edge.request_limits import RequestLimiter
from api.edge.rules import EdgeRules, RequestLimits
from tests.api.edge.echo import ISSUER, ask_through, echo_app

pytestmark = pytest.mark.anyio

SMALL = RequestLimits(
    url_bytes=40, header_bytes=400, header_count=12, body_bytes=8, body_seconds=0.02, requests=1
)
RULES = EdgeRules(ISSUER, is_production=False, limits=SMALL)


def limited(app: ASGIApp) -> ASGIApp:
    return RequestLimiter(app, RULES)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with ask_through(limited) as client:
        yield client


def error_of(reply: httpx.Response) -> tuple[int, str, str]:
    (error,) = reply.json()["errors"]
    return reply.status_code, error["extensions"]["code"], error["message"]


async def test_address_has_a_greatest_length(http: httpx.AsyncClient) -> None:
    assert (await http.get("/page", params={"x-a": "b" * 31})).status_code == 200
    reply = await http.get("/page", params={"x-a": "b" * 32})
    assert error_of(reply) == (414, "ADDRESS_TOO_LONG", "the address is too long")
    assert reply.headers["connection"] == "close"


async def test_escapes_count_as_they_were_sent(http: httpx.AsyncClient) -> None:
    assert (await http.get("/" + "%41" * 13)).status_code == 200
    assert (await http.get("/" + "%41" * 14)).status_code == 414


async def test_headers_have_a_greatest_number(http: httpx.AsyncClient) -> None:
    own = len(http.headers) + 1  # and Host
    fitting = {f"x-{number}": "" for number in range(12 - own)}
    assert (await http.get("/", headers=fitting)).status_code == 200
    reply = await http.get("/", headers={**fitting, "x-more": ""})
    assert error_of(reply) == (
        431,
        "HEADERS_TOO_LARGE",
        "the headers are too many or too long",
    )


async def test_headers_have_a_greatest_size(http: httpx.AsyncClient) -> None:
    assert (await http.get("/", headers={"x-a": "b" * 100})).status_code == 200
    assert (await http.get("/", headers={"x-a": "b" * 400})).status_code == 431


async def test_refusal_under_oauth_is_worded_as_oauth_does(http: httpx.AsyncClient) -> None:
    reply = await http.post("/oauth/authorize", content=b"123456789")
    assert (reply.status_code, reply.json()) == (
        413,
        {"error": "invalid_request", "error_description": "the body is too large; send less"},
    )


async def test_body_has_a_greatest_size(http: httpx.AsyncClient) -> None:
    assert (await http.post("/page", content=b"12345678")).text == "12345678"
    reply = await http.post("/page", content=b"123456789")
    assert error_of(reply) == (413, "TOO_LARGE", "the body is too large")
    assert (await http.post("/graphql", content=b"123456789")).status_code == 200


async def ask_with(
    app: ASGIApp, receive: Receive, path: str = "/page"
) -> tuple[list[dict[str, Any]], BaseException | None]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    try:
        await app(_scope(path), receive, send)
    except BaseException as error:  # noqa: BLE001  # is looked at
        return sent, error
    return sent, None


def _scope(path: str) -> Scope:
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "client": ("203.0.113.7", 1),
        "app": None,
    }


def parts(*bodies: bytes, then: Callable[[], Any]) -> Receive:
    """A client that sends parts of a body, and then waits as told."""
    waiting = [{"type": "http.request", "body": body, "more_body": True} for body in bodies]

    async def receive() -> Any:
        if waiting:
            return waiting.pop(0)
        return await then()

    return receive


async def never() -> None:
    await asyncio.Event().wait()


async def test_body_must_come_in_time() -> None:
    sent, error = await ask_with(limited(echo_app()), parts(b"1", b"2", then=never))
    assert error is None
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert b'"code":"TOO_SLOW"' in sent[1]["body"]


async def test_drops_that_never_end_do_not_gain_time() -> None:
    async def drop() -> Any:
        await asyncio.sleep(0.001)
        return {"type": "http.request", "body": b"", "more_body": True}

    sent, error = await ask_with(limited(echo_app()), parts(then=drop))
    assert (error, sent[0]["status"]) == (None, 408)


async def test_whole_body_has_all_the_time_it_needs_to_be_answered() -> None:
    async def slow_app(_: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["body"] == b"1"
        assert (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.start", "status": 204, "headers": []})

    messages = [
        {"type": "http.request", "body": b"1", "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Any:
        if len(messages) == 1:
            await asyncio.sleep(SMALL.body_seconds * 1.5)
        return messages.pop(0)

    sent, error = await ask_with(limited(slow_app), receive)
    assert (error, sent[0]["status"]) == (None, 204)


async def test_answer_that_has_begun_is_cut_off_not_mixed_with_a_refusal() -> None:
    async def hasty_app(_: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await receive()

    sent, error = await ask_with(limited(hasty_app), parts(then=never))
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert str(error) == "the body did not come in time"


async def test_more_requests_than_places_are_told_to_come_back() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def waiting_app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            entered.set()
            await leave.wait()
        await echo_app()(scope, receive, send)

    transport = httpx.ASGITransport(limited(waiting_app))
    async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as http:
        slow = asyncio.create_task(http.get("/slow"))
        await entered.wait()
        reply = await http.get("/page")
        assert error_of(reply) == (
            503,
            "OVERLOADED",
            "the server answers as many requests as it can",
        )
        assert reply.headers["retry-after"] == "1"
        assert (await http.post("/oauth/token")).json()["error"] == "temporarily_unavailable"
        assert (await http.get("/healthz")).status_code == 200
        leave.set()
        assert (await slow).status_code == 200
        assert (await http.get("/page")).status_code == 200


async def test_failed_request_gives_its_place_back() -> None:
    async def failing_app(_: Scope, __: Receive, ___: Send) -> None:
        raise RuntimeError("boom")

    app = limited(failing_app)
    for _ in range(3):
        _, error = await ask_with(app, parts(then=never))
        assert str(error) == "boom"

"""The HTTP server of a running platform: where it listens, and what it says when it cannot."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from api.http import AddressInUseError, serve_http
from tests.e2e.conftest import open_folder, platform
from tests.e2e.platform import Platform

__all__ = ["open_folder", "platform"]

pytestmark = pytest.mark.anyio


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


async def test_serves_until_the_block_ends(platform: Platform) -> None:
    async with serve_http(platform.runtime, port=0) as url, httpx.AsyncClient() as http:
        assert url.startswith("http://127.0.0.1:")
        assert (await http.get(f"{url}/healthz")).json() == {"status": "alive"}
        parts = {"postgresql": "ready", "redis": "ready", "warehouse": "ready"}
        assert (await http.get(f"{url}/readyz")).json() == {"status": "ready", "parts": parts}
    async with httpx.AsyncClient() as http:
        with pytest.raises(httpx.ConnectError):
            await http.get(f"{url}/healthz")


async def test_a_taken_port_is_told(platform: Platform, taken_port: int) -> None:
    with pytest.raises(AddressInUseError) as caught:
        async with serve_http(platform.runtime, port=taken_port):
            pass
    assert caught.value.message == (
        f"cannot serve at 127.0.0.1, port {taken_port}: Address already in use"
    )
    assert caught.value.hint == "set BOSCO_HTTP_PORT (or BOSCO_HTTP_HOST) to one that is free"

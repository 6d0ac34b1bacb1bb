"""The application on a port, as clients of other makers meet it."""

import contextlib
import datetime as dt
import re
import socket
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape

import pytest
import requests

from api.edge.rules import RequestLimits
from api.http import serve_app
from tenancy.redis_server import RedisServer
from tenancy.session import Database
from tenancy.warehouse.port import Warehouse
from tests.api.graphql.edge import Agency, Edge, FakeClock, make_agency, open_edge
from tests.api.oauth.flow import REDIRECT

__all__ = ["BOARD", "PAGE", "SCOPES", "SECRET", "Served", "served"]

PAGE, BOARD, SECRET = "page", "board", "s3cret"
SCOPES = ("metrics:read", "ingestion:read", "tokens:introspect")


@dataclass(frozen=True, slots=True)
class Served:
    """A running server, one agency, one signed-in person, a public and a confidential app.

    Attributes:
        cookie: Of the person's browser.
    """

    edge: Edge
    agency: Agency
    user_id: uuid.UUID
    cookie: str

    @property
    def issuer(self) -> str:
        return self.edge.oauth.issuer

    def consent(self, address: str) -> str:
        """Open an address in the person's browser and press "Allow"; where the browser goes."""
        headers = {"cookie": self.cookie, "origin": self.issuer}
        opened = requests.get(address, headers=headers, allow_redirects=False, timeout=60)
        if opened.status_code == 303:
            return opened.headers["location"]
        found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', opened.text)
        fields = {name: unescape(value) for name, value in found}
        reply = requests.post(
            f"{self.issuer}/oauth/authorize",
            data={**fields, "decision": "allow"},
            headers=headers,
            allow_redirects=False,
            timeout=60,
        )
        assert reply.status_code == 303, reply.text
        return reply.headers["location"]


@pytest.fixture
async def served(
    database: Database, edge_warehouse: Warehouse, redis_server: RedisServer
) -> AsyncIterator[Served]:
    """The server; it goes by the real clock, as its clients do."""
    port = _free_port()
    clock = _WallClock()
    issuer = f"http://127.0.0.1:{port}"
    edge = open_edge(database, edge_warehouse, redis_server, issuer, clock)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(edge.http)
        await stack.enter_async_context(serve_app(edge.app, "127.0.0.1", port, RequestLimits()))
        agency = await make_agency(edge, "northwind", ("acme", "bolt"))
        user_id = await edge.person(agency)
        for client_id, is_public in ((PAGE, True), (BOARD, False)):
            await edge.register(
                agency,
                client_id=client_id,
                secret=SECRET,
                public=is_public,
                redirect_uris=(REDIRECT,),
                scopes=SCOPES,
            )
        cookie = await edge.sign_in(agency, user_id)
        yield Served(edge, agency, user_id, f"bosco={cookie}")


class _WallClock(FakeClock):
    def __call__(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port

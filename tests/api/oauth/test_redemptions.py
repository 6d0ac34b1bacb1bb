"""Sixty-four at once, a thousand times, against three server processes: one succeeds."""

import asyncio
import datetime as dt
import json
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select

from tenancy.tables import RefreshToken, RevocationCause, TokenFamily
from tests.api.graphql.edge import Agency, Edge
from tests.api.oauth.flow import REDIRECT, VERIFIER, App, register

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PROCESSES = 3
AT_ONCE = 64
ROUNDS = 1_000


@contextmanager
def token_servers(database_url: str) -> Iterator[list[int]]:
    """Ports of servers over one database."""
    command = [sys.executable, "-m", "tests.api.oauth.redemption_server", database_url]
    processes = [
        subprocess.Popen(  # noqa: S603  # our own
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(PROCESSES)
    ]
    try:
        yield [int(_line(process)) for process in processes]
    finally:
        for process in processes:
            process.communicate()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


class Connection:
    """One kept-open connection of a client; HTTP by hand, since there are 128,000 requests."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def post(self, request: bytes) -> tuple[int, Any]:
        """Status and body."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("ascii").lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        body = await self._reader.readexactly(length)
        return int(head.split(maxsplit=2)[1]), json.loads(body)


@asynccontextmanager
async def opened(ports: Sequence[int]) -> AsyncIterator[list[Connection]]:
    """As many connections as ask at once, spread over the servers."""
    streams = [
        await asyncio.open_connection("127.0.0.1", ports[number % PROCESSES])
        for number in range(AT_ONCE)
    ]
    yield [Connection(*both) for both in streams]
    for _, writer in streams:
        writer.close()


async def ask_at_once(crowd: Sequence[Connection], fields: dict[str, str]) -> Counter[int]:
    """How often each status was answered."""
    body = urlencode(fields).encode()
    head = (
        "POST /oauth/token HTTP/1.1\r\nhost: bosco\r\ncontent-length: "
        f"{len(body)}\r\ncontent-type: application/x-www-form-urlencoded\r\n\r\n"
    )
    request = head.encode() + body
    replies = await asyncio.gather(*(one.post(request) for one in crowd))
    for status, told in replies:
        assert "refresh_token" in told if status == 200 else told["error"] == "invalid_grant"
    return Counter(status for status, _ in replies)


@pytest.mark.parametrize("kind", ["code", "refresh_token"])
async def test_exactly_one_of_many_succeeds(
    edge: Edge, northwind: Agency, database_url: str, kind: str
) -> None:
    page = await register(edge, northwind, "page", public=True)
    ann = await edge.person(northwind)
    edge.clock.now = _real_now()
    expected = Counter({400: (AT_ONCE - 1) * ROUNDS, 200: ROUNDS})
    found: Counter[int] = Counter()
    async with AsyncExitStack() as stack:
        ports = stack.enter_context(token_servers(database_url))
        crowd = await stack.enter_async_context(opened(ports))
        for _ in range(ROUNDS):
            edge.clock.now = _real_now()
            found += await ask_at_once(crowd, await _fields(page, ann, kind))
    assert found == expected
    cause = {
        "code": RevocationCause.CODE_REPLAYED,
        "refresh_token": RevocationCause.REFRESH_TOKEN_REUSED,
    }[kind]
    async with edge.database.session(northwind.tenant_id) as session:
        families = Counter(await session.scalars(select(TokenFamily.revoked_because)))
        unused = select(func.count()).where(RefreshToken.used_at.is_(None))
        assert await session.scalar(unused) == ROUNDS  # each family's last, which is dead with it
    assert families == {cause: ROUNDS}


async def _fields(page: App, user_id: uuid.UUID, kind: str) -> dict[str, str]:
    """What all of the crowd send."""
    if kind == "refresh_token":
        token = (await page.tokens(user_id))["refresh_token"]
        return {"grant_type": kind, "refresh_token": token, "client_id": page.client_id}
    return {
        "grant_type": "authorization_code",
        "code": await page.code(user_id),
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
        "client_id": page.client_id,
    }


def _real_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)

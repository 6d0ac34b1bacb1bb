"""Sixty-four at once, a thousand times, against three server processes: one succeeds."""

import asyncio
import datetime as dt
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager

import httpx
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
def token_servers(database_url: str) -> Iterator[list[str]]:
    """Base URLs of servers over one database."""
    command = [sys.executable, "-m", "tests.api.oauth.redemption_server", database_url]
    processes = [
        subprocess.Popen(  # noqa: S603  # our own
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(PROCESSES)
    ]
    try:
        yield [f"http://127.0.0.1:{int(_line(process))}" for process in processes]
    finally:
        for process in processes:
            process.communicate()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


class Crowd:
    """Clients that wait for each other before they ask."""

    def __init__(self, clients: Sequence[httpx.AsyncClient]) -> None:
        self._clients = clients

    async def ask(self, fields: dict[str, str]) -> tuple[list[int], str]:
        """Statuses of all who asked at once, and the refresh token of the one who got it."""
        barrier = asyncio.Barrier(AT_ONCE)

        async def one(client: httpx.AsyncClient) -> httpx.Response:
            await barrier.wait()
            return await client.post("/oauth/token", data=fields)

        crowd = [self._clients[number % PROCESSES] for number in range(AT_ONCE)]
        replies = await asyncio.gather(*(one(client) for client in crowd))
        for reply in replies:
            if reply.status_code != 200:
                assert reply.json()["error"] == "invalid_grant"
        (winner,) = [reply for reply in replies if reply.status_code == 200]
        return [reply.status_code for reply in replies], winner.json()["refresh_token"]


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
        urls = stack.enter_context(token_servers(database_url))
        clients = [httpx.AsyncClient(base_url=url, timeout=120) for url in urls]
        for client in clients:
            await stack.enter_async_context(client)
        crowd = Crowd(clients)
        for _ in range(ROUNDS):
            edge.clock.now = _real_now()
            statuses, _token = await crowd.ask(await _fields(page, ann, kind))
            found.update(statuses)
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

"""Fifty agencies on one edge, at the same moments, in any order, with failures: nothing crosses.

    seed -> operations -> lanes that share few connections, cancelled, timed out, cut off meanwhile
    -> every text that comes back -> canaries in it -> those of the asking agency, and no others

A failure names its seed; the same seed gives the same operations in the same lanes.
"""

import asyncio
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from domain.facts import FACTS
from domain.facts.tables import marts_table
from domain.ids import ConnectionId
from tenancy.cache import KeyKind, RedisAnswerCache, TenantRedis
from tenancy.redis_server import RedisServer
from tenancy.session import Database, DatabaseConfig, DatabaseUnavailableError
from tenancy.tables import Client, Incident, Tenant
from tenancy.vault import CredentialError, MasterKeyError, TenantKey
from tenancy.warehouse.open import open_warehouse
from tenancy.warehouse.port import Warehouse
from tests.api.graphql.edge import (
    ISSUER,
    VAULT,
    Agency,
    Edge,
    FakeClock,
    make_agency,
    open_edge,
)
from tests.api.graphql.edge import _ad as ad_of
from tests.api.graphql.edge import _load as load_rows
from tests.api.graphql.edge import _serve as serve_features

pytestmark = pytest.mark.anyio

AGENCIES = 50
LANES = 8
CANARY = re.compile(r"canary(t\d\d)")
SCOPES = ("metrics:read", "metrics:write", "ingestion:read", "ingestion:write")
SECONDS_A_TURN = 0.004  # 100,000 turns are less than a token lives

QUERIES = (
    "{ me { tenant { name slug } } }",
    "{ clients { name slug } }",
    "{ connections { label accountId lastSync { errorMessage } } }",
    "{ syncs { nodes { errorMessage } } }",
    "{ incidents { nodes { message events { reason } } } }",
    "{ alerts { nodes { title details } } }",
    "{ quarantine { nodes { message } } }",
    "{ freshness { client { name } lastError } }",
    '{ features(service: "campaign_pacing_v1") { nodes { entity { client { name } } } } }',
)
METRICS = """{ metrics(period: {month: "2026-03"}) {
  rows { client { name } campaign { name } clicks } totals { clicks } } }"""
OF_CLIENT = """query Q($id: ID!) { metrics(period: {month: "2026-03"}, where: {client: {in: [$id]}})
  { totals { clicks } } }"""


@dataclass(slots=True)
class Member:
    """An agency and what it holds."""

    agency: Agency
    token: str
    cookie: str
    key: TenantKey
    sealed: bytes

    @property
    def client(self) -> str:
        return next(iter(self.agency.clients))


@dataclass(slots=True)
class World:
    """The edge and all agencies."""

    edge: Edge
    redis: RedisServer
    administrator: psycopg.AsyncConnection[Any]
    members: list[Member] = field(default_factory=list)


Operation = Callable[[World, Member, Random], Awaitable[str]]


@pytest.fixture
async def world(database_url: str, redis_server: RedisServer) -> AsyncIterator[World]:
    """Fifty agencies behind three connections for tenants and one for doors."""
    database = Database(DatabaseConfig(database_url, pool_size=2, overflow=1, door_pool_size=1))
    warehouse = open_warehouse("duckdb://")
    await warehouse.ensure_tables([marts_table(fact) for fact in FACTS.values()])
    bare = open_edge(database, warehouse, redis_server, ISSUER, FakeClock())
    edge = bare.with_services(answers=RedisAnswerCache(redis_server))
    url = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    administrator = await psycopg.AsyncConnection.connect(url, autocommit=True)
    made = World(edge, redis_server, administrator)
    for number in range(AGENCIES):
        made.members.append(await _join(edge, warehouse, redis_server, f"t{number:02d}"))
    yield made
    await administrator.close()
    await database.close()
    await warehouse.close()


async def _join(edge: Edge, warehouse: Warehouse, redis: RedisServer, slug: str) -> Member:
    agency = await make_agency(edge, slug, (f"{slug}-shop",))
    client = f"{slug}-shop"
    name = f"{agency.canary} campaign"
    day = edge.clock().date()
    row = ad_of(agency, client, day, "display", "c1", name, "1.00", 1 + int(slug[1:]))
    await load_rows(warehouse, agency, "ads_daily", [row])
    await serve_features(edge, agency, client, {"c1": 1.0})
    user_id = await edge.person(agency)
    async with edge.database.session(agency.tenant_id) as session:
        tenant = await session.get_one(Tenant, agency.tenant_id)
        key = await VAULT.open_tenant_key(tenant.id, tenant.wrapped_data_key)
    sealed = VAULT.seal(
        key,
        {"token": agency.canary},
        tenant_id=agency.tenant_id,
        connection_id=agency.connections[client],
    )
    await TenantRedis(redis, agency.tenant_id).set(
        KeyKind.ANSWER, "random", value=agency.canary.encode(), ttl_seconds=600
    )
    token = await edge.token(agency, *SCOPES)
    return Member(agency, token, await edge.sign_in(agency, user_id), key, sealed)


async def _query(world: World, member: Member, random: Random) -> str:
    return (await world.edge.ask(random.choice(QUERIES), member.token)).text


async def _metrics(world: World, member: Member, _: Random) -> str:
    reply = (await world.edge.ask(METRICS, member.token)).text
    if '"totals":{' in reply:  # not cut off
        assert f'"clicks":{1 + int(member.agency.slug[1:])}' in reply
    return reply


async def _metrics_of_another(world: World, member: Member, random: Random) -> str:
    other = random.choice([one for one in world.members if one is not member])
    variables = {"id": other.agency.client(other.client)}
    reply = (await world.edge.ask(OF_CLIENT, member.token, variables=variables)).text
    assert "clicks" not in reply
    return reply


async def _page(world: World, member: Member, _: Random) -> str:
    headers = {"cookie": f"__Host-bosco={member.cookie}"}
    reply = await world.edge.http.get("/account", headers=headers)
    return f"{reply.headers} {reply.text}"


async def _token(world: World, member: Member, _: Random) -> str:
    """What its token says, read and looked up anew."""
    found = await world.edge.tokens.inspect(member.token)
    assert found is not None
    assert found.caller.tenant_id == member.agency.tenant_id
    return repr(found.claims)


async def _remembered(world: World, member: Member, random: Random) -> str:
    mine = TenantRedis(world.redis, member.agency.tenant_id)
    if random.random() < 0.2:
        value = member.agency.canary.encode()
        await mine.set(KeyKind.ANSWER, "random", value=value, ttl_seconds=600)
    found = await mine.get(KeyKind.ANSWER, "random")
    assert found == member.agency.canary.encode()
    return found.decode()


async def _secret(world: World, member: Member, random: Random) -> str:
    agency, other = member.agency, random.choice(world.members)
    place = {
        "tenant_id": other.agency.tenant_id,
        "connection_id": ConnectionId(other.agency.connections[other.client]),
    }
    try:
        opened = VAULT.open(random.choice([member.key, other.key]), member.sealed, **place)  # type: ignore[arg-type]
    except CredentialError as error:
        return str(error)
    assert other is member, agency.slug
    return opened["token"].reveal()


async def _rows(world: World, member: Member, _: Random) -> str:
    async with world.edge.database.session(member.agency.tenant_id) as session:
        names = list(await session.scalars(select(Client.name)))
        words = list(await session.scalars(select(Incident.message)))
    assert len(names) == 1
    return f"{names} {words}"


class _UndoneError(Exception):
    """Work that its author takes back."""


async def _rolled_back(world: World, member: Member, _: Random) -> str:
    """What was written is read, and is gone."""
    seen = ""
    try:
        async with world.edge.database.session(member.agency.tenant_id) as session:
            await session.execute(text("UPDATE clients SET name = name || ' undone'"))
            seen = repr(list(await session.scalars(select(Client.name))))
            raise _UndoneError  # noqa: TRY301  # what a caller's own failure looks like
    except _UndoneError:
        pass
    assert seen.count("undone") == 1
    return seen


async def _timed_out(world: World, member: Member, _: Random) -> str:
    """A statement that takes too long, in a transaction that has read already."""

    def hurry(session: Session) -> None:
        session.connection().connection.cursor().execute("SET statement_timeout = 5")

    seen = ""
    try:
        async with world.edge.database.session(member.agency.tenant_id) as session:
            seen = repr(list(await session.scalars(select(Client.name))))
            await session.run_sync(hurry)
            await session.execute(text("SELECT pg_sleep(5)"))
    except DBAPIError as error:
        if not seen:  # cut off before it could read
            raise
        return f"{seen} {error}"
    raise AssertionError("the statement was not stopped")


async def _cut_off(world: World, member: Member, random: Random) -> str:
    """PostgreSQL ends some connection of ours; whoever has it gets an error and no answer."""
    await world.administrator.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"
    )
    return await _rows(world, member, random)


async def _cancelled(world: World, member: Member, random: Random) -> str:
    """A caller that goes away at any point of its request."""
    chosen = random.choice([_query, _rows, _metrics, _rolled_back])
    task = asyncio.ensure_future(chosen(world, member, random))
    for _ in range(random.randrange(60)):
        await asyncio.sleep(0)
    task.cancel()
    try:
        return await task
    except asyncio.CancelledError:
        return ""


OPERATIONS: Mapping[Operation, float] = {
    _query: 20,
    _metrics: 5,
    _metrics_of_another: 2,
    _page: 2,
    _token: 5,
    _remembered: 30,
    _secret: 30,
    _rows: 8,
    _rolled_back: 2,
    _timed_out: 0.5,
    _cut_off: 0.3,
    _cancelled: 2,
}
# What shows its own canary whenever it is answered at all.
TELLING = {_remembered, _rows, _rolled_back, _timed_out}
CONNECTION_LOST = (DatabaseUnavailableError, DBAPIError, MasterKeyError)


# A caller that goes away leaves resolvers that nobody has begun to wait for.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize(
    ("turns", "seed"),
    [
        (1_000, 20261130),
        pytest.param(100_000, None, marks=pytest.mark.slow),
    ],
)
async def test_nothing_crosses_between_fifty_agencies(
    world: World, turns: int, seed: int | None
) -> None:
    seed = secrets.randbelow(2**32) if seed is None else seed
    done: Counter[str] = Counter()
    lanes = [_lane(world, seed, lane, turns // LANES, done) for lane in range(LANES)]
    with capture_logs() as logs:
        leaks = [leak for found in await asyncio.gather(*lanes) for leak in found]
    assert leaks == [], f"seed {seed}"
    assert sum(done.values()) == turns
    answered = {name for name, count in done.items() if count}
    assert answered >= {operation.__name__ for operation in OPERATIONS}, f"seed {seed}"
    assert [line for line in logs if CANARY.search(repr(line))] == [], f"seed {seed}"
    assert await _canaries_astray(world.redis, world.members) == []


async def _lane(
    world: World, seed: int, lane: int, turns: int, done: Counter[str]
) -> list[tuple[int, int, str, str]]:
    """Operations one after the other; gives those that told of another agency."""
    random, leaks = Random(f"{seed}/{lane}"), []  # noqa: S311  # no secret comes of it
    operations, weights = list(OPERATIONS), list(OPERATIONS.values())
    for turn in range(turns):
        member = random.choice(world.members)
        (operation,) = random.choices(operations, weights)
        world.edge.clock.advance(seconds=SECONDS_A_TURN)
        try:
            told = await operation(world, member, random)
        except CONNECTION_LOST as error:
            told = f"{error!r} {error}"
            # Who cuts a connection off may be the one who has it.
            name = operation.__name__ if operation is _cut_off else "lost"
            is_lost = True
        else:
            name, is_lost = operation.__name__, False
        done[name] += 1
        found = set(CANARY.findall(told))
        is_silent = not is_lost and operation in TELLING and not found
        if found - {member.agency.slug} or is_silent:
            leaks.append((lane, turn, operation.__name__, f"{member.agency.slug}: {told[:500]}"))
    return leaks


async def _canaries_astray(redis: RedisServer, members: list[Member]) -> list[bytes]:
    """Keys of Redis that hold the canary of an agency under the name of another, or of none."""
    slugs = {f"t:{one.agency.tenant_id}:".encode(): one.agency.slug for one in members}
    astray = []
    async for key in redis.commands.scan_iter("*"):
        kind = await redis.commands.type(key)
        held = await redis.commands.get(key) if kind == b"string" else b""
        found = {name.decode() for name in re.findall(rb"canary(t\d\d)", key + (held or b""))}
        owner = next((slug for head, slug in slugs.items() if key.startswith(head)), None)
        if found - {owner}:
            astray.append(key)
    return astray

"""Signed-in browsers: who is behind a cookie, until when, and never in another agency."""

import datetime as dt
import uuid

import pytest
from sqlalchemy import select, update

from api.identity.rights import Rights
from api.identity.sessions import OpenSession, TenantToken
from domain.ids import TenantId
from tenancy.tables import BrowserSession, Role
from tests.api.identity.world import Agency, World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ada(world: World, northwind: Agency) -> uuid.UUID:
    return await world.add_person(northwind, "ada@northwind.example", Role.ANALYST)


async def test_tells_who_is_behind_a_cookie(
    world: World, northwind: Agency, ada: uuid.UUID
) -> None:
    cookie = await world.sign_in(northwind, ada)
    found = await world.sessions.find(cookie)
    assert found is not None
    assert found.tenant_id == northwind.tenant_id
    assert found.user_id == ada
    assert (found.name, found.email) == ("Ada Lovelace", "ada@northwind.example")
    assert (found.agency, found.agency_slug) == ("Northwind & Co", "northwind")
    assert found.rights == Rights(((Role.ANALYST, None),))
    assert found.actor == f"user:{ada}"


async def test_stores_nothing_that_opens_a_session(
    world: World, northwind: Agency, ada: uuid.UUID
) -> None:
    cookie = await world.sign_in(northwind, ada)
    found = await world.sessions.find(cookie)
    assert found is not None
    async with world.database.session(northwind.tenant_id) as session:
        row = (await session.scalars(select(BrowserSession))).one()
    token = TenantToken.parse(cookie)
    assert token is not None
    assert row.token_hash == token.hash
    secret = cookie.partition(".")[2]
    for shown in (repr(found), repr(token)):
        assert secret not in shown
        assert found.form_token not in shown
    assert found.form_token not in cookie


async def test_a_form_token_belongs_to_one_session(
    world: World, northwind: Agency, ada: uuid.UUID
) -> None:
    first = await world.sessions.find(await world.sign_in(northwind, ada))
    second = await world.sessions.find(await world.sign_in(northwind, ada))
    assert first is not None
    assert second is not None
    assert first.form_token != second.form_token


@pytest.mark.parametrize(
    "change",
    [
        lambda _: None,
        lambda _: "",
        lambda cookie: cookie[:-1],
        lambda cookie: f"{cookie}A",
        lambda cookie: cookie.replace(".", "-"),
        lambda cookie: f"{cookie[:-3]}\u00e4\u00f6\u00fc",
        lambda cookie: f"{cookie[:-3]}%00",
        lambda cookie: "x" + cookie[1:],
        lambda cookie: f"{cookie[:33]}{'A' * 43}",
        lambda cookie: f"{uuid.UUID(int=7).hex}{cookie[32:]}",
    ],
)
async def test_knows_nobody_behind_another_cookie(
    world: World, northwind: Agency, ada: uuid.UUID, change: object
) -> None:
    cookie = await world.sign_in(northwind, ada)
    assert callable(change)
    assert await world.sessions.find(change(cookie)) is None


async def test_a_token_is_nobody_in_another_agency(
    world: World, northwind: Agency, southwind: Agency, ada: uuid.UUID
) -> None:
    cookie = await world.sign_in(northwind, ada)
    moved = f"{southwind.tenant_id.hex}{cookie[32:]}"
    assert await world.sessions.find(moved) is None


async def test_ends_after_twelve_idle_hours(
    world: World, northwind: Agency, ada: uuid.UUID
) -> None:
    cookie = await world.sign_in(northwind, ada)
    world.clock.advance(hours=11, minutes=59)
    assert await world.sessions.find(cookie) is not None
    world.clock.advance(hours=11, minutes=59)
    assert await world.sessions.find(cookie) is not None
    world.clock.advance(hours=12)
    assert await world.sessions.find(cookie) is None


async def test_ends_after_seven_days_of_use(
    world: World, northwind: Agency, ada: uuid.UUID
) -> None:
    cookie = await world.sign_in(northwind, ada)
    for _ in range(13 + 7 * 24 - 14):
        world.clock.advance(hours=1)
        assert await world.sessions.find(cookie) is not None
    world.clock.advance(hours=1)
    assert await world.sessions.find(cookie) is None


async def test_notes_once_a_minute_that_it_was_seen(
    world: World, northwind: Agency, ada: uuid.UUID
) -> None:
    cookie = await world.sign_in(northwind, ada)
    start = world.clock()
    seen = []
    for _ in range(4):
        world.clock.advance(seconds=25)
        await world.sessions.find(cookie)
        async with world.database.session(northwind.tenant_id) as session:
            seen.append(await session.scalar(select(BrowserSession.last_seen_at)))
    later = start + dt.timedelta(seconds=75)
    assert seen == [start, start, later, later]


async def test_a_deactivated_person_is_nobody(
    world: World, northwind: Agency, ada: uuid.UUID
) -> None:
    cookie = await world.sign_in(northwind, ada)
    await world.deactivate(northwind, ada)
    assert await world.sessions.find(cookie) is None


async def test_who_waits_for_a_code_is_nobody_yet(
    world: World, northwind: Agency, ada: uuid.UUID
) -> None:
    cookie = await world.sign_in(northwind, ada, methods=())
    assert await world.sessions.find(cookie) is None
    waiting = await world.sessions.find_waiting(cookie)
    assert waiting is not None
    assert (waiting.user_id, waiting.agency_slug) == (ada, "northwind")
    world.clock.advance(minutes=10)
    assert await world.sessions.find_waiting(cookie) is None


async def test_who_is_signed_in_does_not_wait(
    world: World, northwind: Agency, ada: uuid.UUID
) -> None:
    assert await world.sessions.find_waiting(await world.sign_in(northwind, ada)) is None
    assert await world.sessions.find_waiting(None) is None


async def test_lists_what_is_in_force_and_ends_one_or_all(
    world: World, northwind: Agency, ada: uuid.UUID
) -> None:
    grace = await world.add_person(northwind, "grace@northwind.example", Role.OWNER)
    of_grace = await world.sign_in(northwind, grace)
    old = await world.sign_in(northwind, ada, browser="old")
    world.clock.advance(hours=12)
    await world.sign_in(northwind, ada, methods=(), browser="waiting")
    first = await world.sign_in(northwind, ada, browser="first")
    world.clock.advance(minutes=1)
    second = await world.sign_in(northwind, ada, methods=("pwd", "otp"), browser="second")
    now, before = world.clock(), world.clock() - dt.timedelta(minutes=1)
    async with world.database.session(northwind.tenant_id) as session:
        listed = await world.sessions.list(session, ada)
    assert listed == [
        OpenSession(listed[0].session_id, "second", ("pwd", "otp"), now, now),
        OpenSession(listed[1].session_id, "first", ("pwd",), before, before),
    ]
    async with world.database.session(northwind.tenant_id) as session:
        assert not await world.sessions.end(session, grace, listed[1].session_id)
        assert await world.sessions.end(session, ada, listed[1].session_id)
        assert not await world.sessions.end(session, ada, listed[1].session_id)
    assert await world.sessions.find(first) is None
    assert await world.sessions.find(second) is not None
    third = await world.sign_in(northwind, ada, browser="third")
    async with world.database.session(northwind.tenant_id) as session:
        await world.sessions.end_all(session, ada, kept=listed[0].session_id)
    assert await world.sessions.find(second) is not None
    assert await world.sessions.find(third) is None
    async with world.database.session(northwind.tenant_id) as session:
        assert await world.sessions.end_all(session, ada) == 1
    assert await world.sessions.find(second) is None
    assert await world.sessions.find(old) is None
    world.clock.now -= dt.timedelta(hours=1)
    assert await world.sessions.find(of_grace) is not None


async def test_another_agency_ends_and_lists_nothing(
    world: World, northwind: Agency, southwind: Agency, ada: uuid.UUID
) -> None:
    cookie = await world.sign_in(northwind, ada)
    found = await world.sessions.find(cookie)
    assert found is not None
    async with world.database.session(southwind.tenant_id) as session:
        assert not await world.sessions.end(session, ada, found.session_id)
        assert await world.sessions.end_all(session, ada) == 0
        assert await world.sessions.list(session, ada) == []
    assert await world.sessions.find(cookie) == found


async def test_rights_are_those_of_now(world: World, northwind: Agency, ada: uuid.UUID) -> None:
    cookie = await world.sign_in(northwind, ada)
    async with world.database.session(northwind.tenant_id) as session:
        await session.execute(update(BrowserSession).values(last_seen_at=world.clock()))
    grace = await world.add_person(
        northwind, "grace@northwind.example", Role.CLIENT_VIEWER, clients=("bolt",)
    )
    limited = await world.sessions.find(await world.sign_in(northwind, grace))
    assert limited is not None
    bolt = frozenset({northwind.clients["bolt"]})
    assert limited.rights == Rights(((Role.CLIENT_VIEWER, bolt),))
    assert await world.sessions.find(cookie) is not None


def test_a_token_names_its_agency() -> None:
    tenant_id = TenantId(uuid.UUID(int=5))
    token = TenantToken.new(tenant_id, lambda count: bytes(range(count)))
    text = "00000000000000000000000000000005.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert token.text == text
    assert TenantToken.parse(text) == token

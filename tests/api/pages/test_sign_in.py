"""Signing in: one refusal for all, waits that tell nothing, codes and links that work once."""

import asyncio
import datetime as dt
import re
import uuid

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from api.identity.second_factors import SecondFactors
from api.pages.services import PageServices
from tenancy.session import Database, DatabaseConfig
from tenancy.tables import LinkKind, Password, RecoveryCode, Role
from tests.api.identity.world import Agency, World
from tests.api.pages.browser import NewBrowser
from tests.api.pages.people import PASSWORD, give_authenticator, give_password, link_of

pytestmark = pytest.mark.anyio

EMAIL = "ada@northwind.example"
WRONG = "The agency, the e-mail or the password is wrong."
TOO_MANY = "There were too many tries."


@pytest.fixture
async def ada(world: World, northwind: Agency, pages: PageServices) -> uuid.UUID:
    user_id = await world.add_person(northwind, EMAIL, Role.ANALYST)
    await give_password(world, pages, northwind, user_id, PASSWORD)
    return user_id


async def test_signs_in_and_goes_on_to_where_one_came_from(
    world: World, northwind: Agency, ada: uuid.UUID, new_browser: NewBrowser
) -> None:
    browser = new_browser()
    sent = await browser.open("/account")
    assert sent.headers["location"] == "/sign-in?return_to=%2Faccount"
    await browser.open("/sign-in?agency=northwind&return_to=/account?x=1")
    reply = await browser.send(
        "/sign-in",
        agency="northwind",
        email=f"  {EMAIL.upper()} ",
        password=PASSWORD,
        return_to="/account?x=1",
    )
    assert reply.status_code == 303
    assert reply.headers["location"] == "/account?x=1"
    page = await browser.follow(reply)
    assert page.status_code == 200
    assert "Ada Lovelace, ada@northwind.example" in browser.text
    assert "Firefox on Linux" in browser.text
    assert await world.audited(northwind) == [(f"user:{ada}", "person.signed_in", str(ada))]


@pytest.mark.parametrize(
    "given",
    [
        {"agency": "nowhere"},
        {"agency": ""},
        {"email": "grace@northwind.example"},
        {"password": f"{PASSWORD}!"},
        {"password": ""},
        {"agency": "southwind"},
        {"email": "nopassword@northwind.example"},
        {"email": "gone@northwind.example"},
    ],
)
@pytest.mark.usefixtures("southwind", "ada")
async def test_every_refusal_is_the_same(
    world: World,
    northwind: Agency,
    pages: PageServices,
    new_browser: NewBrowser,
    given: dict[str, str],
) -> None:
    await world.add_person(northwind, "nopassword@northwind.example", Role.ANALYST)
    gone = await world.add_person(northwind, "gone@northwind.example", Role.OWNER)
    await give_password(world, pages, northwind, gone, PASSWORD)
    await world.deactivate(northwind, gone)
    browser = new_browser()
    right = {"agency": "northwind", "email": EMAIL, "password": PASSWORD}
    reply = await browser.send("/sign-in", **right | given)
    assert reply.status_code == 400
    assert browser.alert == WRONG
    assert browser.cookie is None
    assert PASSWORD not in browser.text


@pytest.mark.usefixtures("ada")
async def test_a_password_of_one_agency_is_none_of_another(
    world: World, southwind: Agency, pages: PageServices, new_browser: NewBrowser
) -> None:
    """The same person in two agencies is two people."""
    other = await world.add_person(southwind, EMAIL, Role.OWNER)
    await give_password(world, pages, southwind, other, "other otter violin")
    browser = new_browser()
    assert (await browser.sign_in("southwind", EMAIL, PASSWORD)).status_code == 400
    assert (await browser.sign_in("southwind", EMAIL, "other otter violin")).status_code == 303
    await browser.open("/account")
    assert "Southwind & Co" in browser.text
    assert "Northwind" not in browser.text


async def test_a_refusal_is_audited_without_what_was_typed(
    world: World, northwind: Agency, ada: uuid.UUID, new_browser: NewBrowser
) -> None:
    await new_browser().sign_in("northwind", EMAIL, "wrong wrong wrong")
    await new_browser().sign_in("northwind", "eve@x.example", "wrong wrong wrong")
    assert await world.audited(northwind) == [
        ("visitor", "sign_in.refused", str(ada)),
        ("visitor", "sign_in.refused", "unknown"),
    ]


@pytest.mark.parametrize(
    ("agency", "email"),
    [("northwind", EMAIL), ("northwind", "nobody@x.example"), ("nowhere", "nobody@x.example")],
)
@pytest.mark.usefixtures("ada")
async def test_too_many_tries_wait_whoever_it_is(
    world: World, new_browser: NewBrowser, agency: str, email: str
) -> None:
    browser = new_browser()
    for _ in range(10):
        reply = await browser.sign_in(agency, email, "wrong wrong wrong")
        assert (reply.status_code, browser.alert) == (400, WRONG)
    reply = await browser.sign_in(agency, email, PASSWORD)
    assert (reply.status_code, browser.alert) == (429, TOO_MANY)
    assert reply.headers["retry-after"] == "900"
    assert "Wait 15 minutes, then try again." in browser.text
    world.clock.advance(minutes=15, seconds=1)
    reply = await browser.sign_in(agency, email, PASSWORD)
    assert reply.status_code == (303 if email == EMAIL else 400)


@pytest.mark.usefixtures("ada")
async def test_waits_grow(world: World, new_browser: NewBrowser) -> None:
    browser = new_browser()
    tried = 0
    waits: list[tuple[int, int]] = []
    while len(waits) < 3:
        reply = await browser.sign_in("northwind", EMAIL, "wrong wrong wrong")
        if reply.status_code == 429:
            waits.append((tried, int(reply.headers["retry-after"])))
            world.clock.advance(seconds=waits[-1][1] + 1)
        else:
            tried += 1
    assert waits == [(10, 900), (20, 900), (25, 1798)]


@pytest.mark.usefixtures("ada")
async def test_a_right_password_clears_the_count(new_browser: NewBrowser) -> None:
    browser = new_browser()
    for _ in range(3):
        for _ in range(9):
            await browser.sign_in("northwind", EMAIL, "wrong wrong wrong")
        assert (await browser.sign_in("northwind", EMAIL, PASSWORD)).status_code == 303


@pytest.mark.usefixtures("ada")
async def test_an_address_that_guesses_at_many_accounts_waits(new_browser: NewBrowser) -> None:
    browser = new_browser()
    for number in range(50):
        await browser.sign_in("northwind", f"{number}@x.example", "wrong wrong wrong")
    reply = await browser.sign_in("northwind", EMAIL, PASSWORD)
    assert (reply.status_code, browser.alert) == (429, TOO_MANY)


async def test_a_hash_of_old_parameters_is_made_anew(
    world: World, northwind: Agency, ada: uuid.UUID, new_browser: NewBrowser
) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    async with world.database.session(northwind.tenant_id) as session:
        (await session.get_one(Password, (northwind.tenant_id, ada))).hash = weak
    assert (await new_browser().sign_in("northwind", EMAIL, PASSWORD)).status_code == 303
    async with world.database.session(northwind.tenant_id) as session:
        stored = (await session.get_one(Password, (northwind.tenant_id, ada))).hash
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert (await new_browser().sign_in("northwind", EMAIL, PASSWORD)).status_code == 303


@pytest.mark.usefixtures("ada")
async def test_each_sign_in_is_another_session_and_ends_the_one_of_the_browser(
    world: World, new_browser: NewBrowser
) -> None:
    browser = new_browser()
    await browser.sign_in("northwind", EMAIL, PASSWORD)
    first = browser.cookie
    await browser.sign_in("northwind", EMAIL, PASSWORD)
    assert browser.cookie != first
    assert await world.sessions.find(first) is None
    assert await world.sessions.find(browser.cookie) is not None


@pytest.mark.usefixtures("ada")
async def test_signs_out(world: World, northwind: Agency, new_browser: NewBrowser) -> None:
    browser = new_browser()
    await browser.sign_in("northwind", EMAIL, PASSWORD)
    cookie = browser.cookie
    await browser.open("/account")
    reply = await browser.send("/sign-out")
    assert reply.headers["location"] == "/sign-in?agency=northwind"
    assert browser.cookie is None
    assert await world.sessions.find(cookie) is None
    assert [action for _, action, _ in await world.audited(northwind)] == [
        "person.signed_in",
        "person.signed_out",
    ]


async def test_asks_for_a_code_before_anybody_is_signed_in(
    world: World, northwind: Agency, pages: PageServices, ada: uuid.UUID, new_browser: NewBrowser
) -> None:
    totp, _ = await give_authenticator(world, pages, northwind, ada)
    browser = new_browser()
    reply = await browser.sign_in("northwind", EMAIL, PASSWORD)
    assert reply.headers["location"] == "/sign-in/code?return_to=%2Faccount"
    waiting = browser.cookie
    assert (await browser.open("/account")).status_code == 303
    await browser.open("/sign-in/code?return_to=/account?x=1")
    reply = await browser.send("/sign-in/code", code="000000", return_to="/account?x=1")
    assert (reply.status_code, browser.alert) == (400, "This code is not right.")
    shown = totp.at(world.clock())
    spaced = f"{shown[:3]} {shown[3:]}"
    reply = await browser.send("/sign-in/code", code=spaced, return_to="/account?x=1")
    assert reply.headers["location"] == "/account?x=1"
    assert browser.cookie != waiting
    assert (await browser.open("/account")).status_code == 200
    assert await world.sessions.find_waiting(waiting) is None
    assert [action for _, action, _ in await world.audited(northwind)] == [
        "sign_in.refused",
        "person.signed_in",
    ]


async def test_without_a_password_there_is_no_second_step(new_browser: NewBrowser) -> None:
    browser = new_browser()
    reply = await browser.open("/sign-in/code")
    assert reply.headers["location"] == "/sign-in"
    reply = await browser.send("/sign-in/code", code="123456")
    assert reply.headers["location"] == "/sign-in"


async def test_guesses_at_codes_wait_even_for_who_knows_the_password(
    world: World, northwind: Agency, pages: PageServices, ada: uuid.UUID, new_browser: NewBrowser
) -> None:
    totp, _ = await give_authenticator(world, pages, northwind, ada)
    browser = new_browser()
    for _ in range(10):
        await browser.sign_in("northwind", EMAIL, PASSWORD)
        await browser.open("/sign-in/code")
        await browser.send("/sign-in/code", code="not a code")
    reply = await browser.send("/sign-in/code", code=totp.at(world.clock()))
    assert (reply.status_code, browser.alert) == (429, TOO_MANY)


@pytest.mark.parametrize(
    ("seconds", "is_right"), [(-60, False), (-30, True), (30, True), (60, False)]
)
async def test_a_code_may_be_one_step_early_or_late(
    world: World,
    northwind: Agency,
    pages: PageServices,
    ada: uuid.UUID,
    seconds: int,
    is_right: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    totp, _ = await give_authenticator(world, pages, northwind, ada)
    code = totp.at(world.clock() + dt.timedelta(seconds=seconds))
    async with world.database.session(northwind.tenant_id) as session:
        assert await pages.second_factors.spend(session, ada, code) == is_right


async def test_a_step_is_taken_once_and_none_before_it(
    world: World, northwind: Agency, pages: PageServices, ada: uuid.UUID
) -> None:
    totp, _ = await give_authenticator(world, pages, northwind, ada)
    now, factors = world.clock(), pages.second_factors
    earlier = totp.at(now - dt.timedelta(seconds=30))
    async with world.database.session(northwind.tenant_id) as session:
        assert await factors.spend(session, ada, totp.at(now))
        assert not await factors.spend(session, ada, totp.at(now))
        assert not await factors.spend(session, ada, earlier)
        assert await factors.spend(session, ada, totp.at(now + dt.timedelta(seconds=30)))


async def test_a_recovery_code_is_taken_once_and_by_its_owner_alone(
    world: World, northwind: Agency, pages: PageServices, ada: uuid.UUID, new_browser: NewBrowser
) -> None:
    _, codes = await give_authenticator(world, pages, northwind, ada)
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"[a-z2-7]{4}(-[a-z2-7]{4}){3}", code) for code in codes)
    grace = await world.add_person(northwind, "grace@northwind.example", Role.ANALYST)
    await give_authenticator(world, pages, northwind, grace)
    async with world.database.session(northwind.tenant_id) as session:
        assert not await pages.second_factors.spend(session, grace, codes[0])
    browser = new_browser()
    for attempt, status in enumerate((303, 400)):
        await browser.sign_in("northwind", EMAIL, PASSWORD)
        await browser.open("/sign-in/code")
        reply = await browser.send("/sign-in/code", code=codes[0].upper())
        assert reply.status_code == status, attempt
    async with world.database.session(northwind.tenant_id) as session:
        used = await session.scalars(
            select(RecoveryCode.user_id).where(RecoveryCode.used_at.is_not(None))
        )
        assert used.all() == [ada]


async def test_an_authenticator_is_unknown_in_another_agency(
    world: World, northwind: Agency, southwind: Agency, pages: PageServices, ada: uuid.UUID
) -> None:
    totp, codes = await give_authenticator(world, pages, northwind, ada)
    async with world.database.session(southwind.tenant_id) as session:
        assert not await pages.second_factors.is_on(session, ada)
        assert not await pages.second_factors.spend(session, ada, totp.at(world.clock()))
        assert not await pages.second_factors.spend(session, ada, codes[0])
        assert not await pages.second_factors.remove(session, ada)
    async with world.database.session(northwind.tenant_id) as session:
        assert await pages.second_factors.is_on(session, ada)


@pytest.mark.parametrize("kind", ["time step", "recovery code"])
async def test_of_64_at_once_one_code_opens_once(
    world: World,
    northwind: Agency,
    pages: PageServices,
    ada: uuid.UUID,
    database_url: str,
    kind: str,
) -> None:
    totp, codes = await give_authenticator(world, pages, northwind, ada)
    code = totp.at(world.clock()) if kind == "time step" else codes[0]
    many = Database(DatabaseConfig(database_url, pool_size=16, overflow=0, wait_seconds=60))
    factors: SecondFactors = pages.second_factors

    async def spend() -> bool:
        async with many.session(northwind.tenant_id) as session:
            return await factors.spend(session, ada, code)

    found = await asyncio.gather(*(spend() for _ in range(64)))
    await many.close()
    assert sorted(found) == [False] * 63 + [True]


async def test_an_invitation_lets_a_person_choose_a_password_once(
    world: World, northwind: Agency, pages: PageServices, new_browser: NewBrowser
) -> None:
    grace = await world.add_person(northwind, "grace@northwind.example", Role.OWNER, name="Grace")
    path = await link_of(world, pages, northwind, grace, LinkKind.INVITATION)
    browser, other = new_browser(), new_browser()
    for _ in range(3):  # whatever looks at links spends nothing
        assert (await browser.open(path)).status_code == 200
    assert "Welcome to Northwind & Co" in browser.text
    reply = await browser.send(path, password="short", again="short")
    assert reply.status_code == 400
    assert browser.alert == "This password is not taken: it is shorter than 12 characters."
    reply = await browser.send(path, password=PASSWORD, again=f"{PASSWORD}.")
    assert browser.alert == "The two new passwords differ."
    reply = await browser.send(path, password="grace otter violin", again="grace otter violin")
    assert browser.alert == "This password is not taken: it holds 'grace'."
    reply = await browser.send(path, password=PASSWORD, again=PASSWORD)
    assert reply.headers["location"] == "/account"
    assert (await browser.follow(reply)).status_code == 200
    assert (await other.open(path)).status_code == 404
    reply = await other.send(path, password="another otter violin", again="another otter violin")
    assert reply.status_code == 404
    assert "This link opens nothing any more." in other.text
    assert (await other.sign_in("northwind", "grace@northwind.example", PASSWORD)).is_redirect
    assert [action for _, action, _ in await world.audited(northwind)] == [
        "link.used",
        "person.signed_in",
        "person.signed_in",
    ]


async def test_a_new_password_ends_every_session_and_still_asks_for_a_code(
    world: World, northwind: Agency, pages: PageServices, ada: uuid.UUID, new_browser: NewBrowser
) -> None:
    await give_authenticator(world, pages, northwind, ada)
    before = await world.sign_in(northwind, ada)
    path = await link_of(world, pages, northwind, ada, LinkKind.PASSWORD_RESET)
    browser = new_browser()
    await browser.open(path)
    reply = await browser.send(path, password="brave otter violin", again="brave otter violin")
    assert reply.headers["location"] == "/sign-in/code?return_to=%2Faccount"
    assert (await browser.open("/account")).status_code == 303
    assert await world.sessions.find(before) is None
    assert (await new_browser().sign_in("northwind", EMAIL, PASSWORD)).status_code == 400


@pytest.mark.parametrize(
    ("kind", "hours"), [(LinkKind.INVITATION, 72), (LinkKind.PASSWORD_RESET, 24)]
)
async def test_a_link_is_over_in_time(
    world: World,
    northwind: Agency,
    pages: PageServices,
    ada: uuid.UUID,
    new_browser: NewBrowser,
    kind: LinkKind,
    hours: int,
) -> None:
    path = await link_of(world, pages, northwind, ada, kind)
    browser = new_browser()
    world.clock.advance(hours=hours, seconds=-1)
    assert (await browser.open(path)).status_code == 200
    world.clock.advance(seconds=1)
    assert (await browser.open(path)).status_code == 404
    assert (await browser.send(path, password=PASSWORD, again=PASSWORD)).status_code == 404


async def test_a_newer_link_takes_the_place_of_an_older_one(
    world: World, northwind: Agency, pages: PageServices, ada: uuid.UUID, new_browser: NewBrowser
) -> None:
    old = await link_of(world, pages, northwind, ada, LinkKind.INVITATION)
    new = await link_of(world, pages, northwind, ada, LinkKind.INVITATION)
    browser = new_browser()
    assert (await browser.open(old)).status_code == 404
    assert (await browser.open(new)).status_code == 200


async def test_a_link_opens_nothing_in_another_agency_or_for_who_is_put_out(
    world: World,
    northwind: Agency,
    southwind: Agency,
    pages: PageServices,
    ada: uuid.UUID,
    new_browser: NewBrowser,
) -> None:
    path = await link_of(world, pages, northwind, ada, LinkKind.INVITATION)
    browser = new_browser()
    moved = path.replace(northwind.tenant_id.hex, southwind.tenant_id.hex)
    assert (await browser.open(moved)).status_code == 404
    assert (await browser.open("/links/nonsense")).status_code == 404
    await world.deactivate(northwind, ada)
    assert (await browser.open(path)).status_code == 404


async def test_of_64_at_once_one_uses_a_link(
    world: World, northwind: Agency, pages: PageServices, ada: uuid.UUID, database_url: str
) -> None:
    path = await link_of(world, pages, northwind, ada, LinkKind.INVITATION)
    link = await pages.links.find(path.removeprefix("/links/"))
    assert link is not None
    many = Database(DatabaseConfig(database_url, pool_size=16, overflow=0, wait_seconds=60))

    async def spend() -> bool:
        async with many.session(northwind.tenant_id) as session:
            return await pages.links.spend(session, link)

    found = await asyncio.gather(*(spend() for _ in range(64)))
    await many.close()
    assert sorted(found) == [False] * 63 + [True]

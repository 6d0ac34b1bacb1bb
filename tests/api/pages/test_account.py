"""The account page: password, authenticator, browsers, and what apps may do for one."""

import re
import uuid

import pyotp
import pytest

from api.pages.services import PageServices
from domain.ids import public_id
from tenancy.tables import Role
from tests.api.identity.world import Agency, World
from tests.api.pages.browser import Browser, NewBrowser
from tests.api.pages.people import PASSWORD, give_authenticator, give_password, person_signed_in

pytestmark = pytest.mark.anyio

NEW = "brave otter violin"


@pytest.fixture
async def ada(
    world: World, northwind: Agency, pages: PageServices, new_browser: NewBrowser
) -> tuple[uuid.UUID, Browser]:
    email = "ada@northwind.example"
    user_id, browser = await person_signed_in(world, new_browser, northwind, email, Role.ANALYST)
    await give_password(world, pages, northwind, user_id)
    await browser.open("/account")
    return user_id, browser


async def test_changes_the_password_and_ends_every_other_session(
    world: World, northwind: Agency, ada: tuple[uuid.UUID, Browser], new_browser: NewBrowser
) -> None:
    user_id, browser = ada
    other, before = await world.sign_in(northwind, user_id), browser.cookie
    reply = await browser.send("/account/password", old=PASSWORD, password=NEW, again=NEW)
    assert reply.headers["location"] == "/account?done=password"
    await browser.follow(reply)
    assert "Your password is changed." in browser.text
    assert browser.cookie != before
    for cookie in (other, before):
        assert await world.sessions.find(cookie) is None
    fresh = new_browser()
    assert (await fresh.sign_in("northwind", "ada@northwind.example", PASSWORD)).status_code == 400
    assert (await fresh.sign_in("northwind", "ada@northwind.example", NEW)).status_code == 303


@pytest.mark.parametrize(
    ("old", "password", "again", "told"),
    [
        ("wrong", NEW, NEW, "The present password is wrong."),
        (PASSWORD, NEW, "another", "The two new passwords differ."),
        (PASSWORD, "short", "short", "This password is not taken: it is shorter than 12"),
        (PASSWORD, "ada@northwind..", "ada@northwind..", "it holds 'northwind'."),
    ],
)
async def test_keeps_the_password(
    world: World, ada: tuple[uuid.UUID, Browser], old: str, password: str, again: str, told: str
) -> None:
    _, browser = ada
    reply = await browser.send("/account/password", old=old, password=password, again=again)
    assert reply.status_code == 400
    assert told in browser.alert
    assert await world.sessions.find(browser.cookie) is not None


async def test_guesses_at_the_present_password_wait(ada: tuple[uuid.UUID, Browser]) -> None:
    _, browser = ada
    for _ in range(10):
        await browser.send("/account/password", old="wrong", password=NEW, again=NEW)
    await browser.send("/account/password", old=PASSWORD, password=NEW, again=NEW)
    assert browser.alert == "There were too many tries."


async def test_adds_an_authenticator_and_shows_ten_codes_once(
    world: World, northwind: Agency, ada: tuple[uuid.UUID, Browser], new_browser: NewBrowser
) -> None:
    user_id, browser = ada
    other, before = await world.sign_in(northwind, user_id), browser.cookie
    await browser.follow(await browser.send("/account/authenticator"))
    assert 'src="data:image/svg+xml' in browser.text
    found = re.search(r'<code class="secret">([A-Z2-7]{32})</code>', browser.text)
    assert found is not None
    totp = pyotp.TOTP(found[1])
    await browser.send("/account/authenticator/confirm", code="000000")
    assert browser.alert == "This code is not right."
    code = totp.at(world.clock())
    reply = await browser.send("/account/authenticator/confirm", code=code)
    assert reply.status_code == 200
    codes = re.findall(r"<li>([a-z2-7-]{19})</li>", browser.text)
    assert len(set(codes)) == 10
    assert browser.cookie != before
    for cookie in (other, before):
        assert await world.sessions.find(cookie) is None
    await browser.open("/account")
    assert codes[0] not in browser.text
    assert found[1] not in browser.text
    fresh = new_browser()
    await fresh.sign_in("northwind", "ada@northwind.example", PASSWORD)
    await fresh.open("/sign-in/code")
    assert (await fresh.send("/sign-in/code", code=code)).status_code == 400  # spent already
    assert (await fresh.send("/sign-in/code", code=codes[3])).status_code == 303


async def test_a_second_authenticator_is_refused(
    world: World, northwind: Agency, pages: PageServices, ada: tuple[uuid.UUID, Browser]
) -> None:
    user_id, browser = ada
    await give_authenticator(world, pages, northwind, user_id)
    reply = await browser.send("/account/authenticator")
    assert (reply.status_code, browser.alert) == (400, "You have an authenticator already.")


async def test_removes_the_authenticator_for_who_shows_a_code(
    world: World, northwind: Agency, pages: PageServices, ada: tuple[uuid.UUID, Browser]
) -> None:
    user_id, browser = ada
    totp, _ = await give_authenticator(world, pages, northwind, user_id)
    await browser.send("/account/authenticator/remove", code="000000")
    assert browser.alert == "This code is not right."
    before = browser.cookie
    reply = await browser.send("/account/authenticator/remove", code=totp.at(world.clock()))
    assert reply.headers["location"] == "/account?done=removed"
    assert browser.cookie != before
    async with world.database.session(northwind.tenant_id) as session:
        assert not await pages.second_factors.is_on(session, user_id)


async def test_lists_and_ends_sessions(
    world: World, northwind: Agency, ada: tuple[uuid.UUID, Browser]
) -> None:
    user_id, browser = ada
    others = [await world.sign_in(northwind, user_id, browser=f"Phone {n}") for n in range(2)]
    found = [await world.sessions.find(one) for one in others]
    await browser.open("/account")
    assert "Phone 0" in browser.text
    assert found[0] is not None
    ended = public_id("ses", found[0].session_id)
    reply = await browser.send("/account/sessions/end", session=ended)
    assert reply.headers["location"] == "/account?done=ended"
    assert await world.sessions.find(others[0]) is None
    assert await world.sessions.find(others[1]) is not None
    reply = await browser.send("/account/sessions/end", session=ended)
    assert reply.status_code == 404
    await browser.open("/account")
    await browser.send("/account/sessions/end-others")
    assert await world.sessions.find(others[1]) is None
    assert await world.sessions.find(browser.cookie) is not None


@pytest.mark.parametrize("agency", ["northwind", "southwind"])
async def test_ends_no_session_of_somebody_else(
    world: World,
    northwind: Agency,
    southwind: Agency,
    ada: tuple[uuid.UUID, Browser],
    agency: str,
) -> None:
    other = northwind if agency == "northwind" else southwind
    eve = await world.add_person(other, "eve@x.example", Role.OWNER)
    cookie = await world.sign_in(other, eve)
    found = await world.sessions.find(cookie)
    assert found is not None
    _, browser = ada
    session_id = public_id("ses", found.session_id)
    reply = await browser.send("/account/sessions/end", session=session_id)
    assert reply.status_code == 404
    assert await world.sessions.find(cookie) is not None


@pytest.mark.parametrize(
    "path",
    [
        "/account/password",
        "/account/authenticator",
        "/account/authenticator/confirm",
        "/account/authenticator/remove",
        "/account/apps/withdraw",
        "/account/sessions/end",
        "/account/sessions/end-others",
        "/sign-out",
    ],
)
async def test_forms_want_the_session_and_its_token(
    world: World, ada: tuple[uuid.UUID, Browser], new_browser: NewBrowser, path: str
) -> None:
    _, browser = ada
    browser.text = ""
    assert (await browser.send(path, code="1")).status_code == 403
    reply = await new_browser().send(path, code="1")
    assert reply.headers["location"] == "/sign-in?return_to=%2Faccount"
    assert await world.sessions.find(browser.cookie) is not None

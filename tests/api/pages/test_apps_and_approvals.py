"""The pages of apps and of approvals."""

import re
import uuid

import pytest

from api.pages.services import PageServices
from domain.ids import public_id
from tenancy.approvals import Deed, State
from tenancy.tables import AppKind, Role
from tests.api.identity.world import Agency, World
from tests.api.pages.browser import Browser, NewBrowser
from tests.api.pages.people import person_signed_in

pytestmark = pytest.mark.anyio

DEED = Deed("erasure.execute", "subject", "sub_1", {"tables": ["orders"]})


@pytest.fixture
async def admin(
    world: World, northwind: Agency, new_browser: NewBrowser
) -> tuple[uuid.UUID, Browser]:
    return await person_signed_in(world, new_browser, northwind, "adam@nw.example", Role.ADMIN)


async def register(browser: Browser, **fields: str) -> str:
    await browser.open("/apps/new")
    await browser.send("/apps/new", **{"name": "Board", "kind": "confidential"} | fields)
    found = re.search(r">(app_[0-9a-f]{24})<", browser.text)
    assert found is not None, browser.alert
    return found[1]


async def test_registers_an_app_and_shows_its_secret_once(
    northwind: Agency, pages: PageServices, admin: tuple[uuid.UUID, Browser]
) -> None:
    _, browser = admin
    acme = public_id("cli", northwind.clients["acme"])
    client_id = await register(
        browser,
        **{"scope_metrics:read": "on", f"client_{acme}": "on"},
        redirect_uris="https://app.example/back\r\nhttp://127.0.0.1/cb\r\n",
        origins="https://app.example",
        metrics="spend, revenue",
        calls_per_minute="60",
    )
    secret = re.search(r'<code class="secret">([0-9a-f]{64})<', browser.text)
    assert secret is not None
    (app,) = await pages.apps.list_apps(northwind.tenant_id)
    assert (app.client_id, app.name, app.kind) == (client_id, "Board", AppKind.CONFIDENTIAL)
    assert app.scopes == ["metrics:read"]
    assert app.client_ids == [northwind.clients["acme"]]
    assert app.redirect_uris == ["https://app.example/back", "http://127.0.0.1/cb"]
    assert (app.origins, app.metrics, app.calls_per_minute) == (
        ["https://app.example"],
        ["spend", "revenue"],
        60,
    )
    await browser.open("/apps")
    assert client_id in browser.text
    assert "Acme" in browser.text
    assert secret[1] not in browser.text


async def test_a_public_app_has_no_secret(admin: tuple[uuid.UUID, Browser]) -> None:
    _, browser = admin
    client_id = await register(browser, kind="public", redirect_uris="https://app.example/back")
    assert "it has no secret, and proves itself by PKCE" in browser.text
    await browser.open("/apps")
    await browser.send(f"/apps/{client_id}/rotate")
    assert browser.alert == "Board is public and has no secret."


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": " "}, "The app has no name."),
        ({"kind": "public"}, "An app without a secret acts for people"),
        ({"redirect_uris": "http://evil.example/"}, "cannot be a redirect address"),
        ({"origins": "https://a.example/x"}, "is not the origin of a page"),
        ({"scope_everything": "on"}, "There is no scope 'everything'"),
        ({"calls_per_minute": "many"}, "Calls in a minute is not a number."),
        ({"calls_per_minute": "0"}, "An app needs at least one call per minute"),
        ({f"client_{public_id('cli', uuid.UUID(int=9))}": "on"}, "The agency has no such client."),
    ],
)
async def test_registers_nothing_wrong_and_keeps_what_was_typed(
    northwind: Agency,
    pages: PageServices,
    admin: tuple[uuid.UUID, Browser],
    given: dict[str, str],
    told: str,
) -> None:
    _, browser = admin
    await browser.open("/apps/new")
    fields = {"name": "Board", "kind": "confidential", "scope_metrics:read": "on"}
    reply = await browser.send("/apps/new", **fields | given)
    assert reply.status_code == 400
    assert told in browser.alert
    assert 'name="scope_metrics:read" checked' in browser.text
    assert await pages.apps.list_apps(northwind.tenant_id) == []


async def test_gives_a_new_secret_and_cuts_off(
    northwind: Agency, pages: PageServices, admin: tuple[uuid.UUID, Browser]
) -> None:
    _, browser = admin
    client_id = await register(browser)
    await browser.open("/apps")
    await browser.send(f"/apps/{client_id}/rotate")
    assert "The one before it opens for 7 more days." in browser.text
    await browser.open("/apps")
    await browser.follow(await browser.send(f"/apps/{client_id}/suspend"))
    assert "The app is suspended" in browser.text
    (app,) = await pages.apps.list_apps(northwind.tenant_id)
    assert app.suspended_at is not None
    await browser.follow(await browser.send(f"/apps/{client_id}/resume"))
    (app,) = await pages.apps.list_apps(northwind.tenant_id)
    assert app.suspended_at is None


async def test_another_agencys_app_is_not_found(
    world: World,
    southwind: Agency,
    pages: PageServices,
    admin: tuple[uuid.UUID, Browser],
    new_browser: NewBrowser,
) -> None:
    _, other = await person_signed_in(world, new_browser, southwind, "s@sw.example", Role.OWNER)
    client_id = await register(other, name="Foreign")
    _, browser = admin
    for change in ("rotate", "suspend", "resume"):
        await browser.open("/apps")
        assert "Foreign" not in browser.text
        assert (await browser.send(f"/apps/{client_id}/{change}")).status_code == 404
    (app,) = await pages.apps.list_apps(southwind.tenant_id)
    assert app.suspended_at is None


async def ask(world: World, pages: PageServices, agency: Agency, who: str) -> uuid.UUID:
    async with world.database.session(agency.tenant_id) as session:
        return await pages.approvals.request(session, DEED, requested_by=who)


async def state(
    world: World, pages: PageServices, agency: Agency, approval_id: uuid.UUID
) -> State | None:
    async with world.database.session(agency.tenant_id) as session:
        found = await pages.approvals.find(session, approval_id)
        return None if found is None else found.state


@pytest.mark.parametrize(
    ("decision", "expected"), [("approve", State.APPROVED), ("reject", State.REJECTED)]
)
@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.DATA_PROTECTION_OFFICER])
async def test_a_second_person_decides_once(
    world: World,
    northwind: Agency,
    pages: PageServices,
    new_browser: NewBrowser,
    role: Role,
    decision: str,
    expected: State,
) -> None:
    ann = await world.add_person(northwind, "ann@nw.example", Role.OWNER, name="Ann")
    asked = await ask(world, pages, northwind, f"user:{ann}")
    _, browser = await person_signed_in(world, new_browser, northwind, "d@nw.example", role)
    await browser.open("/approvals")
    assert "asked by Ann" in browser.text
    path = f"/approvals/{public_id('apr', asked)}/{decision}"
    await browser.follow(await browser.send(path))
    assert f"The request is {expected.value}." in browser.text
    assert await state(world, pages, northwind, asked) is expected
    await browser.send(path)
    assert browser.alert == f"This request is {expected.value}."


async def test_nobody_decides_what_they_asked_for(
    world: World, northwind: Agency, pages: PageServices, admin: tuple[uuid.UUID, Browser]
) -> None:
    user_id, browser = admin
    asked = await ask(world, pages, northwind, f"user:{user_id}")
    await browser.open("/approvals")
    assert "You asked for this yourself" in browser.text
    assert "/approve" not in browser.text.replace('href="/approvals"', "")
    await browser.send(f"/approvals/{public_id('apr', asked)}/approve")
    assert browser.alert == "You asked for this yourself."
    assert await state(world, pages, northwind, asked) is State.WAITING


@pytest.mark.parametrize("role", [Role.ANALYST, Role.CLIENT_VIEWER, Role.ML_ENGINEER])
async def test_others_decide_nothing(
    world: World, northwind: Agency, pages: PageServices, new_browser: NewBrowser, role: Role
) -> None:
    asked = await ask(world, pages, northwind, "user:x")
    _, browser = await person_signed_in(world, new_browser, northwind, "d@nw.example", role)
    assert (await browser.open("/approvals")).status_code == 403
    path = f"/approvals/{public_id('apr', asked)}/approve"
    assert (await browser.send(path)).status_code == 403
    assert await state(world, pages, northwind, asked) is State.WAITING


async def test_another_agencys_request_is_not_found(
    world: World, southwind: Agency, pages: PageServices, admin: tuple[uuid.UUID, Browser]
) -> None:
    asked = await ask(world, pages, southwind, "user:x")
    _, browser = admin
    await browser.open("/approvals")
    assert "sub_1" not in browser.text
    for text in (public_id("apr", asked), "nonsense"):
        assert (await browser.send(f"/approvals/{text}/approve")).status_code == 404
    assert await state(world, pages, southwind, asked) is State.WAITING

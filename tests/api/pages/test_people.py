"""The people page: who may change whom, that an owner is left, and what ends with a person."""

import asyncio
import re
import uuid
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from api.identity.people import Manager, NotAllowedError, People
from api.identity.rights import read_rights
from api.pages.services import PageServices
from domain.errors import ConflictError, NotFoundError
from domain.ids import public_id
from tenancy.session import Database, DatabaseConfig
from tenancy.tables import LinkKind, Membership, Role, User
from tests.api.identity.world import Agency, World
from tests.api.pages.browser import Browser, NewBrowser
from tests.api.pages.people import (
    PASSWORD,
    give_authenticator,
    give_password,
    link_of,
    person_signed_in,
)

pytestmark = pytest.mark.anyio

Person = tuple[uuid.UUID, Browser]
OPERATOR = Manager("cli:test", is_owner=True)
ADMIN = Manager("user:admin", is_owner=False)


@pytest.fixture
async def owner(world: World, northwind: Agency, new_browser: NewBrowser) -> Person:
    return await person_signed_in(world, new_browser, northwind, "olga@nw.example", Role.OWNER)


@pytest.fixture
async def admin(world: World, northwind: Agency, new_browser: NewBrowser) -> Person:
    return await person_signed_in(world, new_browser, northwind, "adam@nw.example", Role.ADMIN)


@pytest.fixture
async def ada(world: World, northwind: Agency) -> uuid.UUID:
    return await world.add_person(northwind, "ada@nw.example", Role.ANALYST)


async def roles(world: World, agency: Agency, user_id: uuid.UUID) -> dict[str, set[str] | None]:
    """Slugs of the clients of each role."""
    slugs = {client_id: slug for slug, client_id in agency.clients.items()}
    async with world.database.session(agency.tenant_id) as session:
        rights = await read_rights(session, user_id)
    assert rights is not None
    return {
        role.value: None if clients is None else {slugs[client] for client in clients}
        for role, clients in rights.roles
    }


def box(agency: Agency, client: str) -> str:
    return f"client_{public_id('cli', agency.clients[client])}"


async def test_invites_a_person_who_comes_in_by_the_link(
    world: World, northwind: Agency, owner: Person, new_browser: NewBrowser
) -> None:
    user_id, browser = owner
    await browser.open("/people")
    fields = {"name": " Grace Hopper ", "email": "Grace@NW.example", "role": "client_viewer"}
    reply = await browser.send("/people/invite", **fields, **{box(northwind, "bolt"): "on"})
    assert reply.status_code == 200
    found = re.search(r'<code class="secret">(.*?)</code>', browser.text)
    assert found is not None
    link = urlsplit(found[1])
    assert f"{link.scheme}://{link.netloc}" == "https://bosco.example"
    guest = new_browser()
    await guest.open(link.path)
    assert "Welcome to Northwind & Co" in guest.text
    await guest.send(link.path, password=PASSWORD, again=PASSWORD)
    await guest.open("/account")
    assert "Grace Hopper, grace@nw.example" in guest.text
    grace = uuid.UUID(int=0)
    async with world.database.session(northwind.tenant_id) as session:
        grace = (await session.scalars(select(User.id).where(User.name == "Grace Hopper"))).one()
    assert await roles(world, northwind, grace) == {"client_viewer": {"bolt"}}
    assert [one for one in await world.audited(northwind) if one[2] == str(grace)] == [
        (f"user:{user_id}", "person.invited", str(grace)),
        (f"user:{user_id}", "role.given", str(grace)),
        (f"user:{grace}", "link.used", str(grace)),
        (f"user:{grace}", "person.signed_in", str(grace)),
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"email": "grace"}, "'grace' is not an e-mail address"),
        ({"email": "a@b@c.example"}, "'a@b@c.example' is not an e-mail address"),
        ({"email": f"{'x' * 250}@y.example"}, "is not an e-mail address"),
        ({"name": " "}, "A person needs a name."),
        ({"role": ""}, "Choose a role."),
        ({"role": "king"}, "Choose a role."),
        ({"role": "client_viewer"}, "A client's viewer needs at least one client."),
        ({"email": "OLGA@nw.example"}, "The agency has a person olga@nw.example already."),
        ({f"client_{public_id('cli', uuid.UUID(int=9))}": "on"}, "The agency has no such client."),
        ({"client_x": "on"}, "'x' is not an id of this kind"),
    ],
)
async def test_invites_nobody_wrongly(
    world: World, northwind: Agency, owner: Person, given: dict[str, str], told: str
) -> None:
    _, browser = owner
    await browser.open("/people")
    fields = {"name": "Grace", "email": "grace@nw.example", "role": "analyst"}
    reply = await browser.send("/people/invite", **fields | given)
    assert reply.status_code == 400
    assert told in browser.alert
    async with world.database.session(northwind.tenant_id) as session:
        assert (await session.scalars(select(User.email))).all() == ["olga@nw.example"]


@pytest.mark.parametrize(
    "role", [Role.ANALYST, Role.CLIENT_VIEWER, Role.DATA_PROTECTION_OFFICER, Role.ML_ENGINEER]
)
@pytest.mark.parametrize("path", ["/people", "/people/x", "/apps", "/apps/new"])
async def test_pages_of_owners_and_admins_are_for_them(
    world: World, northwind: Agency, new_browser: NewBrowser, role: Role, path: str
) -> None:
    _, browser = await person_signed_in(world, new_browser, northwind, "x@nw.example", role)
    assert 'href="/people"' not in browser.text
    reply = await browser.open(path)
    assert reply.status_code == 403
    assert "Your roles do not include this." in browser.text
    for form in ("/people/invite", "/people/x/role", "/people/x/link", "/apps/x/rotate"):
        assert (await browser.send(form)).status_code == 403


async def test_an_admin_at_some_clients_does_not_lead(
    world: World, northwind: Agency, new_browser: NewBrowser
) -> None:
    user_id = await world.add_person(northwind, "x@nw.example", Role.ADMIN, clients=("acme",))
    browser = new_browser()
    browser.keep(await world.sign_in(northwind, user_id))
    assert (await browser.open("/people")).status_code == 403


async def test_an_admin_neither_makes_nor_touches_an_owner(
    world: World, northwind: Agency, pages: PageServices, owner: Person, admin: Person
) -> None:
    olga, adam = owner[0], admin[0]
    await give_authenticator(world, pages, northwind, olga)
    browser = admin[1]
    person = public_id("usr", olga)
    await browser.open("/people")
    assert 'value="owner"' not in browser.text
    fields = {"name": "Eve", "email": "eve@nw.example", "role": "owner"}
    await browser.send("/people/invite", **fields)
    assert browser.alert == "Only an owner makes an owner."
    own = public_id("usr", adam)
    await browser.open(f"/people/{own}")
    await browser.send(f"/people/{own}/role", role="owner")
    assert browser.alert == "Only an owner makes an owner."
    page = await browser.open(f"/people/{person}")
    assert "/role" not in page.text
    for change, given in [
        ("role", {"role": "analyst"}),
        ("withdraw", {"role": "owner"}),
        ("deactivate", {}),
        ("reactivate", {}),
        ("authenticator", {}),
        ("link", {}),
    ]:
        await browser.open("/people")
        reply = await browser.send(f"/people/{person}/{change}", **given)
        assert (reply.status_code, browser.alert) == (400, "Only an owner changes an owner.")
    assert await roles(world, northwind, olga) == {"owner": None}
    assert await roles(world, northwind, adam) == {"admin": None}
    async with world.database.session(northwind.tenant_id) as session:
        assert await pages.second_factors.is_on(session, olga)
        assert (await session.scalars(select(User.email))).all() == [
            "olga@nw.example",
            "adam@nw.example",
        ]


async def test_gives_changes_and_takes_away_roles(
    world: World, northwind: Agency, admin: Person, ada: uuid.UUID
) -> None:
    _, browser = admin
    person = public_id("usr", ada)
    await browser.open(f"/people/{person}")
    both = {box(northwind, "acme"): "on", box(northwind, "bolt"): "on"}
    reply = await browser.send(f"/people/{person}/role", role="client_viewer", **both)
    assert reply.headers["location"] == f"/people/{person}?done=role"
    seen = {"analyst": None, "client_viewer": {"acme", "bolt"}}
    assert await roles(world, northwind, ada) == seen
    await browser.open(f"/people/{person}")
    await browser.send(
        f"/people/{person}/role", role="client_viewer", **{box(northwind, "acme"): "on"}
    )
    assert await roles(world, northwind, ada) == {"analyst": None, "client_viewer": {"acme"}}
    await browser.send(f"/people/{person}/withdraw", role="analyst")
    assert await roles(world, northwind, ada) == {"client_viewer": {"acme"}}
    reply = await browser.send(f"/people/{person}/withdraw", role="analyst")
    assert (reply.status_code, browser.alert) == (400, "The person has no such role.")


async def test_the_last_client_takes_its_role_along(
    world: World, northwind: Agency, admin: Person
) -> None:
    """An analyst at one client must not become one at all of them."""
    eve = await world.add_person(
        northwind, "eve@nw.example", Role.ANALYST, clients=("acme", "bolt")
    )
    _, browser = admin
    person = public_id("usr", eve)
    for client, left in [("acme", {"analyst": {"bolt"}}), ("bolt", {})]:
        await browser.open(f"/people/{person}")
        given = {"role": "analyst", "client": public_id("cli", northwind.clients[client])}
        assert (await browser.send(f"/people/{person}/withdraw", **given)).status_code == 303
        assert await roles(world, northwind, eve) == left


@pytest.mark.parametrize("change", ["deactivate", "withdraw", "role"])
async def test_the_last_owner_stays(
    world: World, northwind: Agency, owner: Person, change: str
) -> None:
    olga, browser = owner
    person = public_id("usr", olga)
    await browser.open(f"/people/{person}")
    clients = {box(northwind, "acme"): "on"} if change == "role" else {}
    reply = await browser.send(f"/people/{person}/{change}", role="owner", **clients)
    assert reply.status_code == 400
    assert browser.alert == (
        "An owner sees every client." if clients else "An agency keeps at least one owner."
    )
    assert await roles(world, northwind, olga) == {"owner": None}
    assert await world.sessions.find(browser.cookie) is not None


async def test_of_owners_that_leave_at_once_one_stays(
    world: World, northwind: Agency, pages: PageServices, database_url: str
) -> None:
    owners = [
        await world.add_person(northwind, f"{number}@nw.example", Role.OWNER) for number in range(8)
    ]
    many = Database(DatabaseConfig(database_url, pool_size=8, overflow=0, wait_seconds=60))
    people = People(many, pages.sessions, pages.links, pages.second_factors, world.clock, world.ids)

    async def leave(number: int) -> bool:
        try:
            if number % 2:
                await people.deactivate(northwind.tenant_id, OPERATOR, owners[number])
            else:
                await people.withdraw_role(
                    northwind.tenant_id, OPERATOR, owners[number], Role.OWNER
                )
        except ConflictError:
            return False
        return True

    left = await asyncio.gather(*(leave(number) for number in range(8)))
    await many.close()
    assert sorted(left) == [False] + [True] * 7
    async with world.database.session(northwind.tenant_id) as session:
        query = (
            select(User.id)
            .join(Membership, Membership.user_id == User.id)
            .where(User.deactivated_at.is_(None))
        )
        assert (await session.scalars(query)).all() == [owners[left.index(False)]]


async def test_who_is_put_out_loses_sessions_and_links_and_may_return(
    world: World,
    northwind: Agency,
    pages: PageServices,
    admin: Person,
    ada: uuid.UUID,
    new_browser: NewBrowser,
) -> None:
    await give_password(world, pages, northwind, ada)
    cookie = await world.sign_in(northwind, ada)
    link = await link_of(world, pages, northwind, ada, LinkKind.PASSWORD_RESET)
    _, browser = admin
    person = public_id("usr", ada)
    await browser.open(f"/people/{person}")
    await browser.follow(await browser.send(f"/people/{person}/deactivate"))
    assert "The person is put out." in browser.text
    assert await world.sessions.find(cookie) is None
    async with world.database.session(northwind.tenant_id) as session:
        assert await read_rights(session, ada) is None
    await browser.send(f"/people/{person}/link")
    assert browser.alert == "This person is deactivated."
    await browser.open(f"/people/{person}")
    await browser.follow(await browser.send(f"/people/{person}/reactivate"))
    assert await world.sessions.find(cookie) is None
    guest = new_browser()
    assert (await guest.open(link)).status_code == 404
    assert (await guest.sign_in("northwind", "ada@nw.example", PASSWORD)).status_code == 303
    assert await roles(world, northwind, ada) == {"analyst": None}


async def test_makes_a_link_and_removes_a_lost_authenticator(
    world: World,
    northwind: Agency,
    pages: PageServices,
    admin: Person,
    ada: uuid.UUID,
    new_browser: NewBrowser,
) -> None:
    await give_password(world, pages, northwind, ada)
    await give_authenticator(world, pages, northwind, ada)
    cookie = await world.sign_in(northwind, ada)
    _, browser = admin
    person = public_id("usr", ada)
    await browser.open(f"/people/{person}")
    await browser.send(f"/people/{person}/authenticator")
    assert await world.sessions.find(cookie) is None
    await browser.open(f"/people/{person}")
    await browser.send(f"/people/{person}/link")
    found = re.search(r"https://bosco\.example(/links/\S+?)<", browser.text)
    assert found is not None
    guest = new_browser()
    await guest.open(found[1])
    assert "Choose a new password" in guest.text
    new = "brave otter violin"
    reply = await guest.send(found[1], password=new, again=new)
    assert reply.headers["location"] == "/account"


async def test_another_agencys_person_is_not_found(
    world: World, southwind: Agency, owner: Person
) -> None:
    eve = await world.add_person(southwind, "eve@sw.example", Role.OWNER)
    cookie = await world.sign_in(southwind, eve)
    _, browser = owner
    person = public_id("usr", eve)
    page = await browser.open(f"/people/{person}")
    assert page.status_code == 404
    for change in ("role", "withdraw", "deactivate", "reactivate", "authenticator", "link"):
        await browser.open("/people")
        assert "eve@sw.example" not in browser.text
        reply = await browser.send(f"/people/{person}/{change}", role="owner")
        assert reply.status_code == 404
    assert await world.sessions.find(cookie) is not None
    assert await roles(world, southwind, eve) == {"owner": None}


async def test_no_call_reaches_a_person_of_another_agency(
    world: World, northwind: Agency, southwind: Agency, pages: PageServices
) -> None:
    eve = await world.add_person(southwind, "eve@sw.example", Role.OWNER)
    people, tenant_id = pages.people, northwind.tenant_id
    assert await people.find_by_email(tenant_id, "eve@sw.example") is None
    assert await people.list_people(tenant_id) == []
    for call in (
        people.get(tenant_id, eve),
        people.give_role(tenant_id, OPERATOR, eve, Role.ADMIN),
        people.withdraw_role(tenant_id, OPERATOR, eve, Role.OWNER),
        people.deactivate(tenant_id, OPERATOR, eve),
        people.reactivate(tenant_id, OPERATOR, eve),
        people.make_link(tenant_id, OPERATOR, eve),
        people.remove_authenticator(tenant_id, OPERATOR, eve),
    ):
        with pytest.raises(NotFoundError):
            await call
    zeta = southwind.clients["zeta"]
    with pytest.raises(NotFoundError):
        await people.invite(
            tenant_id, OPERATOR, email="a@b.example", name="A", role=Role.ANALYST, clients=[zeta]
        )
    with pytest.raises(NotAllowedError):
        await people.give_role(southwind.tenant_id, ADMIN, eve, Role.ADMIN)

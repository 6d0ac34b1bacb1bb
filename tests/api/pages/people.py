"""People with passwords, authenticators and links, for the pages' tests."""

import uuid

import pyotp

from api.pages.services import PageServices
from tenancy.tables import LinkKind, Password, Role
from tests.api.identity.world import Agency, World
from tests.api.pages.browser import Browser, NewBrowser

__all__ = [
    "PASSWORD",
    "give_authenticator",
    "give_password",
    "link_of",
    "person_signed_in",
]

PASSWORD = "crisp otter violin"


async def give_password(
    world: World, pages: PageServices, agency: Agency, user_id: uuid.UUID, password: str = PASSWORD
) -> None:
    stored = await pages.sign_ins.passwords.hash(password)
    async with world.database.session(agency.tenant_id) as session:
        session.add(Password(user_id=user_id, hash=stored, changed_at=world.clock()))


async def give_authenticator(
    world: World, pages: PageServices, agency: Agency, user_id: uuid.UUID
) -> tuple[pyotp.TOTP, tuple[str, ...]]:
    """An authenticator that was confirmed a while ago, and the recovery codes."""
    factors = pages.second_factors
    async with world.database.session(agency.tenant_id) as session:
        begun = await factors.begin(session, user_id, "ada@northwind.example")
        totp = pyotp.TOTP(begun.secret)
        codes = await factors.confirm(session, user_id, totp.at(world.clock()))
    world.clock.advance(minutes=2)
    return totp, codes


async def link_of(
    world: World, pages: PageServices, agency: Agency, user_id: uuid.UUID, kind: LinkKind
) -> str:
    async with world.database.session(agency.tenant_id) as session:
        return await pages.links.issue(session, user_id, kind, created_by="test")


async def person_signed_in(
    world: World, new_browser: NewBrowser, agency: Agency, email: str, *roles: Role
) -> tuple[uuid.UUID, Browser]:
    """A new person, and the browser that it is signed in with."""
    user_id = await world.add_person(agency, email, *roles, name=email.partition("@")[0].title())
    browser = new_browser()
    browser.keep(await world.sign_in(agency, user_id))
    await browser.open("/account")
    return user_id, browser

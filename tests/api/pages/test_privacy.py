"""The form for people in the data, and the page that shows how a request stands."""

import re
import uuid

import pytest
from sqlalchemy import select

from api.pages.services import PageServices
from domain.privacy.rights import (
    IdentityLevel,
    IntakeChannel,
    ProcessingRole,
    RequestOutcome,
    RequestState,
    Right,
)
from gdpr.inbound.inbox import open_message
from gdpr.inbound.intakes import intake_of
from gdpr.requests.intake import Intake
from tenancy.tables import Client, PrivacyMessage, PrivacyMessageState, SubjectRequest
from tests.api.identity.world import START, Agency, World
from tests.api.pages.browser import Browser, NewBrowser

pytestmark = pytest.mark.anyio


async def make_form(pages: PageServices, world: World, agency: Agency, slug: str = "acme") -> str:
    async with world.database.session(agency.tenant_id) as session:
        client = await session.get_one(Client, (agency.tenant_id, agency.clients[slug]))
        return await pages.privacy_forms.make(session, client, actor="cli:ops")


async def messages(world: World, agency: Agency) -> list[PrivacyMessage]:
    async with world.database.session(agency.tenant_id) as session:
        return list(await session.scalars(select(PrivacyMessage).order_by(PrivacyMessage.id)))


async def sent_path(browser: Browser, path: str, **fields: str) -> str:
    """Fill the form in; the address of its status."""
    await browser.open(path)
    reply = await browser.send(path, **{"right": "erasure", **fields})
    assert reply.status_code == 200, browser.text
    found = re.search(r'href="(/privacy/status/[a-z2-7]{48})"', browser.text)
    assert found is not None
    return found[1]


async def test_a_form_is_kept_for_its_client(
    pages: PageServices, world: World, northwind: Agency, new_browser: NewBrowser
) -> None:
    path, browser = await make_form(pages, world, northwind), new_browser()
    reply = await browser.open(path)
    assert reply.status_code == 200
    assert "Your data at Acme" in browser.text
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert reply.headers["cache-control"] == "no-store"
    status = await sent_path(browser, path, email=" Ada@Example.com ", phone="", id="77")
    (message,) = await messages(world, northwind)
    assert (message.client_id, message.connection_id, message.state) == (
        northwind.clients["acme"],
        None,
        PrivacyMessageState.WAITING,
    )
    async with world.database.session(northwind.tenant_id) as session:
        content = await open_message(world.vault, session, message)
    intake = intake_of(message, content, ())
    assert isinstance(intake, Intake)
    assert (intake.right, intake.channel, intake.identity, intake.requested_by) == (
        Right.ERASURE,
        IntakeChannel.FORM,
        IdentityLevel.CLAIMED,
        "person",
    )
    assert [one.value for one in intake.identifiers] == ["ada@example.com"]
    assert (await browser.open(status)).status_code == 200
    assert "Your request has arrived." in browser.text
    assert "ada" not in browser.text.lower()


async def test_a_message_goes_along_without_what_steers_terminals(
    pages: PageServices, world: World, northwind: Agency, new_browser: NewBrowser
) -> None:
    path, browser = await make_form(pages, world, northwind), new_browser()
    wrote = " I moved to Ulm.\r\n\x1b[2J\u202eIt is <b>wrong</b>. "
    await sent_path(browser, path, email="ada@example.com", message=wrote)
    (message,) = await messages(world, northwind)
    assert b"Ulm" not in (message.sealed or b"")
    async with world.database.session(northwind.tenant_id) as session:
        content = await open_message(world.vault, session, message)
    intake = intake_of(message, content, ())
    assert intake is not None
    assert intake.message == "I moved to Ulm.\n[2JIt is <b>wrong</b>."
    reply = await browser.send(path, right="access", message="<b>not lost</b>")
    assert reply.status_code == 400
    assert "<b>not lost</b>" in browser.text  # as text: it is written again without its meaning
    assert "<b>not lost</b>" not in reply.text


async def test_every_right_can_be_asked_for(
    pages: PageServices, world: World, northwind: Agency, new_browser: NewBrowser
) -> None:
    path, browser = await make_form(pages, world, northwind), new_browser()
    await browser.open(path)
    assert set(re.findall(r'<option value="(\w+)"', browser.text)) == {
        right.value for right in Right
    }


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"right": "erasure"}, "Nothing says who you are."),
        ({"right": "", "email": "a@b.example"}, "Nothing says what you ask for."),
        ({"right": "everything", "email": "a@b.example"}, "Nothing says what you ask for."),
        ({"right": "access", "email": "ada"}, "That is not an e-mail address."),
        ({"right": "access", "phone": "12"}, "That is not a telephone number."),
        ({"right": "access", "id": "7" * 255}, "That is too long."),
        (
            {"right": "access", "id": "7", "message": "7" * 2001},
            "The message is longer than 2,000 characters.",
        ),
    ],
)
async def test_what_cannot_be_read_is_said_and_kept_nowhere(
    pages: PageServices,
    world: World,
    northwind: Agency,
    new_browser: NewBrowser,
    fields: dict[str, str],
    said: str,
) -> None:
    path, browser = await make_form(pages, world, northwind), new_browser()
    await browser.open(path)
    reply = await browser.send(path, **fields)
    assert (reply.status_code, browser.alert) == (400, said)
    assert await messages(world, northwind) == []


async def test_whoever_it_is_about_the_answer_is_the_same(
    pages: PageServices, world: World, northwind: Agency, new_browser: NewBrowser
) -> None:
    path, browser = await make_form(pages, world, northwind), new_browser()
    answers = set()
    for email in ("known@example.com", "nobody@example.com", "known@example.com"):
        status = await sent_path(browser, path, email=email)
        answers.add(browser.text.replace(status, "STATUS"))
    assert len(answers) == 1


async def test_an_address_may_send_ten_an_hour(
    pages: PageServices, world: World, northwind: Agency, new_browser: NewBrowser
) -> None:
    path, browser = await make_form(pages, world, northwind), new_browser()
    for _ in range(10):
        await sent_path(browser, path, email="ada@example.com")
    reply = await browser.send(path, right="erasure", email="ada@example.com")
    assert (reply.status_code, browser.alert) == (429, "There were too many tries.")
    assert len(await messages(world, northwind)) == 10
    world.clock.advance(hours=1, seconds=1)
    await sent_path(browser, path, email="ada@example.com")


async def test_another_site_cannot_send_it(
    pages: PageServices, world: World, northwind: Agency, new_browser: NewBrowser
) -> None:
    path, browser = await make_form(pages, world, northwind), new_browser()
    reply = await browser.http.post(
        path,
        data={"right": "erasure", "email": "a@b.example"},
        headers={"sec-fetch-site": "cross-site"},
    )
    assert reply.status_code == 403
    assert await messages(world, northwind) == []


async def test_a_revoked_form_is_gone_and_the_next_one_works(
    pages: PageServices, world: World, northwind: Agency, new_browser: NewBrowser
) -> None:
    browser = new_browser()
    old = await make_form(pages, world, northwind)
    async with world.database.session(northwind.tenant_id) as session:
        client = await session.get_one(Client, (northwind.tenant_id, northwind.clients["acme"]))
        assert await pages.privacy_forms.revoke_all(session, client, actor="cli:ops") == 1
        assert await pages.privacy_forms.revoke_all(session, client, actor="cli:ops") == 0
    new = await make_form(pages, world, northwind)
    assert (await browser.open(old)).status_code == 404
    assert (await browser.send(old, right="erasure", email="a@b.example")).status_code == 404
    assert (await browser.open(new)).status_code == 200
    assert await messages(world, northwind) == []
    actions = [action for _, action, __ in await world.audited(northwind)]
    assert actions == ["privacy_form.made", "privacy_form.revoked", "privacy_form.made"]


@pytest.mark.parametrize("path", ["/privacy/request/x", "/privacy/status/x", "/privacy/status/é"])
async def test_what_is_no_address_of_ours_is_not_found(new_browser: NewBrowser, path: str) -> None:
    assert (await new_browser().open(path)).status_code == 404


async def filed(world: World, agency: Agency, **changed: object) -> None:
    """The only message becomes a request that stands as told."""
    (message,) = await messages(world, agency)
    async with world.database.session(agency.tenant_id) as session:
        row = SubjectRequest(
            id=uuid.UUID(int=1),
            client_id=message.client_id,
            right=Right.ERASURE,
            channel=IntakeChannel.FORM,
            role=ProcessingRole.PROCESSOR,
            identity=IdentityLevel.CLAIMED,
            fingerprint=b"1",
            pseudonyms=[],
            scope={},
            policy="test",
            received_at=START,
            due_at=START.replace(month=4),
            requested_by="person",
        )
        for name, value in changed.items():
            setattr(row, name, value)
        session.add(row)
        stored = await session.get_one(PrivacyMessage, (agency.tenant_id, message.id))
        stored.state, stored.request_ids = PrivacyMessageState.FILED, [row.id]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"state": RequestState.IDENTIFYING},
            ["We have to be sure that it is you", "You get an answer by 2026-04-16."],
        ),
        (
            {"state": RequestState.REFUSED, "reason": "tax law keeps invoices for ten years"},
            ["Your request was refused.", "Tax law keeps invoices for ten years."],
        ),
        (
            {
                "state": RequestState.COMPLETED,
                "outcome": RequestOutcome.PARTLY,
                "reason": "invoices stay",
            },
            ["except for a part that has to be kept", "Invoices stay."],
        ),
        (
            {"state": RequestState.COMPLETED, "outcome": RequestOutcome.NOTHING_FOUND},
            ["We looked, and found no data about you."],
        ),
        ({"state": RequestState.MERGED}, ["together with an earlier one of yours"]),
    ],
)
async def test_the_status_says_how_it_stands_and_why(
    pages: PageServices,
    world: World,
    northwind: Agency,
    new_browser: NewBrowser,
    changed: dict[str, object],
    said: list[str],
) -> None:
    path, browser = await make_form(pages, world, northwind), new_browser()
    status = await sent_path(browser, path, email="ada@example.com")
    await filed(world, northwind, **changed)
    assert (await browser.open(status)).status_code == 200
    for text in said:
        assert text in browser.text
    is_open = "You get an answer by" in browser.text
    state = changed["state"]
    assert isinstance(state, RequestState)
    assert is_open is not state.is_final


async def test_every_state_has_words(
    pages: PageServices, world: World, northwind: Agency, new_browser: NewBrowser
) -> None:
    path, browser = await make_form(pages, world, northwind), new_browser()
    status = await sent_path(browser, path, email="ada@example.com")
    await filed(world, northwind, state=RequestState.RECEIVED)
    for state in RequestState:
        async with world.database.session(northwind.tenant_id) as session:
            row = (await session.scalars(select(SubjectRequest))).one()
            row.state = state
        assert (await browser.open(status)).status_code == 200, state

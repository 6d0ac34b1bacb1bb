"""The officers' pages: a request from the first letter to its end, and who may see any of it."""

import datetime as dt
import re
import uuid
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from api.pages.services import PageServices
from api.privacy.forms import OpenForm
from domain.ids import public_id
from domain.privacy.identifiers import email, phone
from domain.privacy.rights import RequestOutcome, RequestState, Right
from gdpr.inbound.filing import Filing
from gdpr.requests.docket import open_docket
from tenancy.privacy.pseudonyms import open_own_key
from tenancy.privacy.subjects import observe
from tenancy.privacy.suppressions import is_suppressed
from tenancy.tables import (
    LegalHold,
    LetterKind,
    PersonExport,
    RequestLetter,
    Role,
    SubjectRequest,
)
from tests.api.identity.world import START, Agency, World
from tests.api.pages.browser import Browser, NewBrowser
from tests.api.pages.people import person_signed_in
from tests.gdpr.desk.requests import request_row

pytestmark = pytest.mark.anyio

NEW = "/desk/privacy/requests/new"
ADA, BEN = "ada@customer.example", "ben@customer.example"
SHARED = "+49 30 901820"
PLACES = tuple(
    f"/desk/privacy{path}" for path in ("", "/requests/new", "/holds", "/statistics", "/record")
)


@pytest.fixture
async def dana(world: World, northwind: Agency, new_browser: NewBrowser) -> Browser:
    """The officer."""
    role = Role.DATA_PROTECTION_OFFICER
    _, browser = await person_signed_in(world, new_browser, northwind, "dana@nw.example", role)
    return browser


@pytest.fixture
async def olga(world: World, northwind: Agency, new_browser: NewBrowser) -> Browser:
    """An owner, who is the second person."""
    _, browser = await person_signed_in(
        world, new_browser, northwind, "olga@nw.example", Role.OWNER
    )
    return browser


@pytest.fixture
async def _people(world: World, northwind: Agency) -> None:
    """Ada and Ben in the data of acme; they share a telephone."""
    async with world.database.session(northwind.tenant_id) as session:
        await observe(
            session,
            world.vault,
            await open_own_key(session, world.vault),
            northwind.clients["acme"],
            [[email(one), phone(SHARED)] for one in (ADA, BEN)],
            ids=world.ids,
            now=world.clock(),
        )


async def take_in(browser: Browser, agency: Agency, **fields: str) -> str:
    """Take a request in; the path of its page, which is open then."""
    await browser.open(NEW)
    given = {"client": public_id("cli", agency.clients["acme"]), "right": "erasure"} | fields
    reply = await browser.send(NEW, **given)
    assert reply.status_code == 303, browser.alert
    await browser.follow(reply)
    return reply.headers["location"].partition("?")[0]


async def row_of(world: World, agency: Agency, path: str) -> SubjectRequest:
    (row,) = [row for row in await _rows(world, agency) if public_id("req", row.id) in path]
    return row


async def _rows(world: World, agency: Agency) -> Sequence[SubjectRequest]:
    async with world.database.session(agency.tenant_id) as session:
        return (await session.scalars(select(SubjectRequest))).all()


async def go(browser: Browser, path: str, deed: str, **fields: str) -> None:
    """Do something on a request's page, and see the page that follows."""
    await browser.open(path)
    await browser.follow(await browser.send(f"{path}/{deed}", **fields))


async def test_without_requests_it_says_what_to_do(dana: Browser) -> None:
    await dana.open("/desk/privacy")
    assert "Nothing waits for you" in dana.text
    assert f'href="{NEW}"' in dana.text
    await dana.open("/desk/privacy/holds")
    assert "None. Put one when a law or a proceeding keeps data" in dana.text
    await dana.open("/desk/privacy/statistics")
    assert "No request was received in this time" in dana.text


@pytest.mark.usefixtures("_people")
async def test_an_erasure_needs_two_people(
    world: World, northwind: Agency, dana: Browser, olga: Browser
) -> None:
    path = await take_in(dana, northwind, email=f" {ADA.upper()} ", received="2026-03-02")
    assert "The request is at the desk." in dana.text
    assert "Identity to be proved" in dana.text
    assert "1 of 1 given identifiers fit" in dana.text
    assert "Received</dt><dd>2026-03-02" in dana.text
    assert "by the end of 2026-04-02, Europe/Berlin (due in 17 days)" in dana.text
    assert "customer.example" not in dana.text
    await go(dana, path, "vouch", proof="document")
    assert "You vouch for the person." in dana.text
    assert "Second person to agree" in dana.text
    await dana.send(f"{path}/approve")
    assert dana.alert == "You had a hand in this request yourself."
    await go(olga, path, "approve")
    assert "You have agreed. It starts within a minute." in olga.text
    assert (await row_of(world, northwind, path)).state is RequestState.READY
    for name in ("Taken in", "Vouched for", "Second person agreed"):
        assert name in olga.text
    assert olga.text.count("Dana, 2026-03-16 09:30 UTC") == 3


@pytest.mark.usefixtures("_people")
async def test_of_several_people_the_officer_chooses_one(northwind: Agency, dana: Browser) -> None:
    path = await take_in(dana, northwind, phone="030 901820")
    assert "Person to be chosen" in dana.text
    assert "2 people fit:" in dana.text
    found = re.findall(r'name="pseudonym" value="(sp_\w+)"', dana.text)
    assert len(found) == 2
    await go(dana, path, "choose", pseudonym=found[1])
    assert "The person is chosen." in dana.text
    assert 'name="pseudonym"' not in dana.text
    await dana.send(f"{path}/choose", pseudonym=found[0])
    assert dana.alert == "This request is identifying: choose the person is not possible now."


async def test_that_nothing_was_found_is_confirmed_by_another_officer(
    world: World, northwind: Agency, dana: Browser, olga: Browser
) -> None:
    path = await take_in(dana, northwind, email="nobody@customer.example")
    assert "Nobody in the data fits." in dana.text
    await go(dana, path, "nobody")
    assert "Nothing found, to be confirmed" in dana.text
    await dana.send(f"{path}/countersign")
    assert dana.alert == "You had this request carried out yourself."
    await go(olga, path, "look-again")
    assert "The person is to be chosen again." in olga.text
    await go(olga, path, "nobody")
    await go(dana, path, "countersign")
    assert "Completed: nothing was found" in dana.text
    assert (await row_of(world, northwind, path)).outcome is RequestOutcome.NOTHING_FOUND
    assert "That it is done" in dana.text


@pytest.mark.usefixtures("_people")
async def test_the_person_is_told_why_it_takes_longer_or_is_refused(
    world: World, northwind: Agency, dana: Browser
) -> None:
    path = await take_in(dana, northwind, email=ADA, right="access")
    await dana.send(f"{path}/extend", extend_reason=" ")
    assert dana.alert == "An extension needs a reason."
    await go(dana, path, "extend", extend_reason="There are many orders.")
    assert "by the end of 2026-06-16" in dana.text
    assert "There are many orders." in dana.text
    await dana.send(f"{path}/refuse", refuse_reason="")
    assert dana.alert == "A refusal needs a reason."
    await go(dana, path, "refuse", refuse_reason="It was answered last week.")
    row = await row_of(world, northwind, path)
    assert (row.state, row.reason) == (RequestState.REFUSED, "It was answered last week.")
    assert dana.text.count("not sent") == 3  # that it arrived, takes longer, is refused
    letter = re.findall(r'name="letter" value="(let_\w+)"', dana.text)
    await go(dana, path, "handed", letter=letter[0])
    assert "handed over 2026-03-16" in dana.text
    assert dana.text.count("not sent") == 2


@pytest.mark.usefixtures("_people")
async def test_asks_who_it_is_and_the_clock_stands_still(northwind: Agency, dana: Browser) -> None:
    path = await take_in(dana, northwind, email=ADA)
    await go(dana, path, "ask")
    assert "It is noted that you asked. No code went out" in dana.text
    assert "clock stands still, 31 days left" in dana.text
    await go(dana, path, "withdraw")
    assert "Withdrawn" in dana.text


@pytest.mark.usefixtures("_people")
async def test_a_note_may_name_people(northwind: Agency, dana: Browser) -> None:
    path = await take_in(dana, northwind, email=ADA)
    await dana.send(f"{path}/note", note=" ")
    assert dana.alert == "The note is empty."
    await go(dana, path, "note", note="Ada called again.\n<b>Twice</b>")
    assert "Ada called again.\r\n<b>Twice</b>" in dana.text.replace("\n", "\r\n").replace(
        "\r\r", "\r"
    )
    reply = await dana.open(path)
    assert "<b>Twice</b>" not in reply.text


@pytest.mark.usefixtures("_people")
async def test_the_link_to_a_copy_is_told_by_letter(
    world: World, northwind: Agency, dana: Browser
) -> None:
    path = await take_in(dana, northwind, email=ADA, right="access")
    await go(dana, path, "vouch", proof="document")
    assert "The copy of their data" not in dana.text
    await dana.send(f"{path}/link")
    assert dana.alert == "There is no export for this request."
    row, now = await row_of(world, northwind, path), world.clock()
    async with world.database.session(northwind.tenant_id) as session:
        session.add(
            PersonExport(
                request_id=row.id,
                parts=1,
                size_bytes=10,
                sealed_key=b"sealed",
                made_at=now,
                expires_at=now + dt.timedelta(days=30),
            )
        )
    await dana.open(path)
    assert "Nobody can open it without a link." in dana.text
    await go(dana, path, "link")
    assert "The letter with the link is below." in dana.text
    assert "A link opens it once, until 2026-03-" in dana.text
    assert "Where the copy of their data is" in dana.text
    (link,) = re.findall(r"https://bosco\.example/privacy/export/[\w=-]+", dana.text)
    letters = re.findall(r'name="letter" value="(let_\w+)"', dana.text)
    await go(dana, path, "handed", letter=letters[-1])
    assert link not in dana.text
    world.clock.advance(days=30)
    await dana.open(path)
    assert "The copy of their data" not in dana.text


@pytest.mark.usefixtures("_people")
async def test_what_a_person_wrote_in_the_form_is_read_by_officers(
    pages: PageServices, world: World, northwind: Agency, dana: Browser
) -> None:
    form = OpenForm(northwind.tenant_id, northwind.clients["acme"], "Acme")
    fields = {"right": "rectification", "email": ADA, "message": "I am <b>Ada</b>."}
    await pages.privacy_forms.take(form, fields, "203.0.113.7")
    parts = (world.database, world.doors, world.vault, pages.privacy.desk)
    assert await Filing(*parts, world.clock, world.ids).file_due() == 1
    (row,) = await _rows(world, northwind)
    reply = await dana.open(f"/desk/privacy/requests/{public_id('req', row.id)}")
    assert "What the person wrote" in dana.text
    assert "I am &lt;b&gt;Ada&lt;/b&gt;." in reply.text
    assert dana.text.count("not sent") == 1  # the letter that the request has arrived
    assert dana.text.count("The person has it") == 2  # its button, and what that is about


@pytest.mark.usefixtures("_people")
async def test_a_hold_keeps_data_and_is_released(
    world: World, northwind: Agency, dana: Browser, olga: Browser
) -> None:
    path = await take_in(dana, northwind, email=ADA)
    await dana.send(f"{path}/hold", basis="", owner="Counsel")
    assert dana.alert == "A hold has a basis and an owner."
    await go(dana, path, "hold", basis="Fiscal Code 147", owner="Counsel")
    assert "Fiscal Code 147: all data; Counsel answers for it." in dana.text
    await go(dana, path, "vouch", proof="in_person")
    await go(olga, path, "approve")
    assert "Kept by a legal hold" in olga.text
    await dana.open("/desk/privacy/holds")
    assert "Acme: one person, all data. Counsel answers for it." in dana.text
    found = re.search(r"(/desk/privacy/holds/hold_\w+/release)", dana.text)
    assert found is not None
    await dana.follow(await dana.send(found[1]))
    assert "The hold is over. 1 request goes on." in dana.text
    assert "released 2026-03-16" in dana.text
    assert (await row_of(world, northwind, path)).state is RequestState.READY
    assert (await dana.send(found[1])).status_code == 404


async def test_a_hold_over_everybody(world: World, northwind: Agency, dana: Browser) -> None:
    path = "/desk/privacy/holds"
    await dana.open(path)
    fields = {
        "client": public_id("cli", northwind.clients["bolt"]),
        "basis": "Case 12",
        "owner": "Counsel",
        "category": "user.behavior.purchase_history",
    }
    for wrong, told in (
        ({"until": "soon"}, "The day cannot be read."),
        ({"until": "2026-03-01"}, "The hold would be over already."),
        ({"client": ""}, "Choose the client whose data is kept."),
        ({"category": "orders"}, "A hold cannot be over 'orders' alone."),
        ({"pseudonym": "sp_nobody"}, "The client has no such person."),
    ):
        reply = await dana.send(path, **fields | wrong)
        assert (reply.status_code, dana.alert) == (400, told)
        assert 'value="Case 12"' in dana.text
    await dana.follow(await dana.send(path, **fields, until="2026-03-31"))
    assert "The hold is in force." in dana.text
    assert "in force until 2026-04-01" in dana.text
    assert "everybody in its data, orders, order lines and refunds." in dana.text
    async with world.database.session(northwind.tenant_id) as session:
        hold = (await session.scalars(select(LegalHold))).one()
    kept = "user.behavior.purchase_history"
    assert (hold.basis, hold.category, hold.subject_id) == ("Case 12", kept, None)
    assert hold.expires_at == dt.datetime(2026, 4, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"client": ""}, "Choose the client whose data it is."),
        ({"right": "everything"}, "Choose what the person asks for."),
        ({"email": ""}, "The request names nobody."),
        ({"email": "ada"}, "That is not an e-mail address."),
        ({"phone": "12"}, "That is not a telephone number."),
        ({"platform_id": "191167"}, "A platform's id needs its account."),
        ({"received": "yesterday"}, "The day cannot be read."),
        ({"received": "2026-03-18"}, "The request was received in the future."),
        (
            {"client": public_id("cli", uuid.UUID(int=9))},
            "The agency has no such client.",
        ),
        (
            {"account": public_id("con", uuid.UUID(int=9)), "order": "1001"},
            "The client has no such connection.",
        ),
    ],
)
async def test_takes_nothing_wrong_in_and_keeps_what_was_typed(
    world: World, northwind: Agency, dana: Browser, given: dict[str, str], told: str
) -> None:
    await dana.open(NEW)
    fields = {
        "client": public_id("cli", northwind.clients["acme"]),
        "right": "access",
        "email": ADA,
    }
    reply = await dana.send(NEW, **fields | given)
    assert (reply.status_code, dana.alert) == (400, told)
    if "email" not in given:
        assert f'value="{ADA}"' in dana.text
    assert await _rows(world, northwind) == []


async def test_the_same_request_again_is_the_one_that_there_is(
    world: World, northwind: Agency, dana: Browser
) -> None:
    first = await take_in(dana, northwind, email=ADA)
    assert await take_in(dana, northwind, email=f"{ADA.title()}") == first
    assert "The same was asked for before: this is that request." in dana.text
    assert len(await _rows(world, northwind)) == 1


async def test_the_queue_shows_the_most_urgent_first_and_is_narrowed(
    world: World, northwind: Agency, dana: Browser
) -> None:
    acme, bolt = northwind.clients["acme"], northwind.clients["bolt"]
    day = dt.timedelta(days=1)
    async with world.database.session(northwind.tenant_id) as session:
        session.add_all(
            [
                request_row(uuid.UUID(int=1), acme, START - day),
                request_row(uuid.UUID(int=2), bolt, START - 40 * day, right=Right.ACCESS),
                request_row(
                    uuid.UUID(int=3),
                    acme,
                    START - 90 * day,
                    state=RequestState.REFUSED,
                    closed_at=START,
                ),
                *(
                    request_row(uuid.UUID(int=number), acme, START - day + number * day / 1000)
                    for number in range(10, 60)
                ),
            ]
        )

    async def shown(query: str) -> list[int]:
        await dana.open(f"/desk/privacy{query}")
        ids = {public_id("req", uuid.UUID(int=number)): number for number in range(1, 60)}
        return [ids[one] for one in re.findall(r"/desk/privacy/requests/(req_\w+)", dana.text)]

    first = await shown("")
    assert first == [2, 1, *range(10, 58)]
    assert '<b>52</b> open, <b class="bad">1 at risk</b>' in dana.text
    assert "overdue by 10 days" in dana.text
    assert await shown("?page=2") == [58, 59]
    assert await shown("?risk=on") == [2]
    assert await shown("?right=access") == [2]
    assert await shown("?state=refused") == [3]
    assert await shown("?state=identifying&client=" + public_id("cli", bolt)) == [2]
    assert await shown("?right=portability") == []
    assert "None of them fits." in dana.text
    reply = await dana.open("/desk/privacy?state=nowhere")
    assert (reply.status_code, dana.alert) == (400, "There is no such state or right.")
    reply = await dana.open("/desk/privacy?page=0")
    assert (reply.status_code, dana.alert) == (400, "There is no such page.")


async def test_figures_are_shown_and_downloaded(
    world: World, northwind: Agency, dana: Browser
) -> None:
    async with world.database.session(northwind.tenant_id) as session:
        session.add(request_row(uuid.UUID(int=1), northwind.clients["acme"], START))
    await dana.open("/desk/privacy/statistics")
    assert "2026-01-01 to 2026-03-16" in dana.text
    assert '<th scope="row">Acme</th>' in dana.text
    reply = await dana.open("/desk/privacy/statistics.csv?from=2026-03-01&to=2026-03-31")
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert reply.headers["content-disposition"] == (
        'attachment; filename="privacy_northwind_2026-03-01_2026-03-31.csv"'
    )
    assert "Acme,2026-03-01,2026-03-31,received,,1\r\n" in reply.text
    for path in ("/desk/privacy/statistics", "/desk/privacy/statistics.csv"):
        reply = await dana.open(f"{path}?from=2026-03-02&to=2026-03-01")
        assert reply.status_code == 400
        assert dana.alert == "The period ends before it begins: 2026-03-02 to 2026-03-01."


async def test_the_record_of_processing_names_clients_and_officer(
    world: World, northwind: Agency, dana: Browser
) -> None:
    await dana.open("/desk/privacy/record")
    assert "Controller: Acme (no account connected)." in dana.text
    assert "Data protection officer: Dana <dana@nw.example>." in dana.text
    assert "30(2)(a)" in dana.text
    await dana.open("/desk/privacy/record?as=controller")
    assert "30(1)(c)" in dana.text
    told = [action for _, action, _ in await world.audited(northwind)]
    assert told.count("gdpr.record_written") == 2


@pytest.mark.usefixtures("_people")
async def test_what_an_erasure_comes_to_is_shown_before_anybody_agrees(
    northwind: Agency, dana: Browser
) -> None:
    path = await take_in(dana, northwind, email=ADA)
    assert "What will happen" in dana.text
    assert "rows are about this person now" in dana.text
    assert "Is kept, and why" in dana.text
    assert "it proves what was asked and done (GDPR 5(2), 17(3)(e))" in dana.text
    await go(dana, path, "withdraw")
    assert "What will happen" not in dana.text


@pytest.mark.parametrize("role", [Role.ANALYST, Role.CLIENT_VIEWER, Role.ML_ENGINEER, None])
async def test_to_others_there_is_no_such_page(
    world: World, northwind: Agency, dana: Browser, new_browser: NewBrowser, role: Role | None
) -> None:
    path = await take_in(dana, northwind, email=ADA)
    roles = [] if role is None else [role]
    _, other = await person_signed_in(world, new_browser, northwind, "x@nw.example", *roles)
    assert "/desk/privacy" not in other.text
    for place in (*PLACES, path, "/desk/privacy/statistics.csv"):
        assert (await other.open(place)).status_code == 404
    for place in (NEW, "/desk/privacy/holds", f"{path}/withdraw"):
        await other.open("/account")
        assert (await other.send(place)).status_code == 404
    assert (await row_of(world, northwind, path)).state is RequestState.MATCHING


async def test_another_agency_s_request_is_not_found(
    world: World, northwind: Agency, southwind: Agency, dana: Browser, new_browser: NewBrowser
) -> None:
    path = await take_in(dana, northwind, email=ADA)
    _, other = await person_signed_in(world, new_browser, southwind, "s@sw.example", Role.OWNER)
    assert (await other.open(path)).status_code == 404
    for deed in ("withdraw", "refuse", "vouch", "hold", "note", "link"):
        await other.open("/account")
        reply = await other.send(f"{path}/{deed}", refuse_reason="x", proof="document")
        assert reply.status_code == 404
    assert (await other.open("/desk/privacy/requests/req_1")).status_code == 404
    assert (await row_of(world, northwind, path)).state is RequestState.MATCHING


async def test_an_officer_rules_on_an_objection(
    world: World, northwind: Agency, pages: PageServices, dana: Browser
) -> None:
    path = await take_in(dana, northwind, email=ADA, right="objection")
    await go(dana, path, "nobody")
    row = await row_of(world, northwind, path)
    async with world.database.session(northwind.tenant_id) as session:
        docket = await open_docket(pages.privacy.services, session, row.id)
        docket.row.state = RequestState.WAITING
    await dana.open(path)
    assert "An officer has to rule." in dana.text
    await dana.send(f"{path}/grant", grant_reason=" ")
    assert dana.alert == "A ruling says what is done."
    await go(dana, path, "grant", grant_reason="No more advertising uses the data.")
    assert "The request is granted." in dana.text
    assert "Completed" in dana.text
    assert "The person is not read for" not in dana.text  # nobody was chosen
    await dana.send(f"{path}/tell-lifting", tell_reason="Over.")
    assert dana.alert.startswith("This request restricts nothing.")


@pytest.mark.usefixtures("_people")
async def test_a_restriction_is_told_and_then_lifted(
    world: World, northwind: Agency, pages: PageServices, dana: Browser
) -> None:
    path = await take_in(dana, northwind, email=ADA, right="restriction")
    row = await row_of(world, northwind, path)
    subject_id = row.subject_id
    assert subject_id is not None
    async with world.database.session(northwind.tenant_id) as session:
        docket = await open_docket(pages.privacy.services, session, row.id)
        docket.row.state = RequestState.WAITING
    await dana.open(path)
    await go(dana, path, "grant", grant_reason="It is restricted.")
    assert "The person is not read for advertising, analytics, personalisation." in dana.text
    await dana.send(f"{path}/lift")
    assert dana.alert.startswith("The person was not told that the restriction ends")
    await go(dana, path, "tell-lifting", tell_reason="Your data was checked.")
    assert "The letter that says that the restriction ends is below." in dana.text
    assert "send the letter or hand it over" in dana.text
    assert "Lift the restriction" not in dana.text
    assert await suppressed_for(world, northwind, subject_id)
    async with world.database.session(northwind.tenant_id) as session:
        letters = select(RequestLetter).where(RequestLetter.kind == LetterKind.LIFTING)
        (letter,) = (await session.scalars(letters)).all()
        letter.handed_at = row.received_at - dt.timedelta(days=8)
    await dana.open(path)
    assert "Lift the restriction" in dana.text
    await go(dana, path, "lift")
    assert "The person is read again." in dana.text
    assert "The person is not read for" not in dana.text
    assert not await suppressed_for(world, northwind, subject_id)


async def suppressed_for(world: World, agency: Agency, subject_id: uuid.UUID) -> bool:
    async with world.database.session(agency.tenant_id) as session:
        return await is_suppressed(session, subject_id)

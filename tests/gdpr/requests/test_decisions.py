"""Officers' verbs: what each does, tells and refuses, and that history and audit say the same."""

import datetime as dt
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from domain.errors import InvalidInputError, NotFoundError
from domain.ids import ClientId
from domain.privacy.identifiers import email, platform_id
from domain.privacy.request_machine import NotPossibleError, SecondPersonError
from domain.privacy.rights import (
    IdentityLevel,
    IntakeChannel,
    RequestOutcome,
    RequestState,
    Right,
)
from gdpr.requests.decisions import DecisionDesk
from gdpr.requests.holds import NewHold
from tenancy.approvals import Approvals, State
from tenancy.tables import ApprovalDecision, LetterKind, RequestLetter
from tests.gdpr.requests.office import ACME, ADA, ANN, BEN, OTHER, SHOP, Office

pytestmark = pytest.mark.anyio

BOB = email("bob@northwind.example")
EVE = email("eve@northwind.example")


def by_officer(office: Office, right: Right = Right.ERASURE) -> object:
    return office.intake(
        right, channel=IntakeChannel.DESK, identity=IdentityLevel.VOUCHED, requested_by=ANN
    )


async def test_an_officer_chooses_among_candidates(office: Office) -> None:
    ada, _ = await office.know(ADA, platform_id("191167", SHOP)), await office.know(BOB)
    received = await office.receive(office.intake(Right.ACCESS, ADA, BOB))
    seen = await office.book.show(office.tenant_id, received.request_id)
    assert [sorted(names) for names in seen.candidates] == [
        sorted(office.names(ADA, platform_id("191167", SHOP))),
        office.names(BOB),
    ]
    (name,) = office.names(ADA)
    state = await office.decisions.choose_subject(
        office.tenant_id, received.request_id, name, actor=ANN
    )
    assert state is RequestState.IDENTIFYING
    assert (await office.row(received.request_id)).subject_id == ada
    with pytest.raises(NotPossibleError, match="choose the person is not possible now"):
        await office.decisions.choose_subject(
            office.tenant_id, received.request_id, name, actor=ANN
        )


async def test_nobody_of_another_client_can_be_chosen(office: Office) -> None:
    await office.know(ADA)
    received = await office.receive(office.intake(client_id=None))
    with pytest.raises(NotFoundError, match="the client has no such person"):
        await office.decisions.choose_subject(
            office.tenant_id, received.request_id, office.names(ADA)[0], actor=ANN
        )
    assert (await office.row(received.request_id)).subject_id is None


async def test_somebody_who_came_in_since_is_found_by_searching_again(office: Office) -> None:
    received = await office.receive(office.intake(Right.WITHDRAWAL))
    assert received.state is RequestState.MATCHING
    await office.know(ADA)
    state = await office.decisions.search(office.tenant_id, received.request_id, actor=ANN)
    assert state is RequestState.READY


async def test_nobody_is_confirmed_by_another_officer_and_told(office: Office) -> None:
    received = await office.receive(office.intake(Right.ACCESS, EVE))
    request = (office.tenant_id, received.request_id)
    assert await office.decisions.declare_nobody(*request, actor=ANN) is RequestState.COUNTERSIGNING
    with pytest.raises(SecondPersonError):
        await office.decisions.countersign(*request, actor=ANN)
    assert await office.decisions.countersign(*request, actor=BEN) is RequestState.COMPLETED
    row = await office.row(received.request_id)
    assert (row.outcome, row.closed_at) == (RequestOutcome.NOTHING_FOUND, office.now)
    assert [one.kind for one in await office.letters_of(received.request_id)] == [
        LetterKind.ACKNOWLEDGEMENT,
        LetterKind.COMPLETION,
    ]
    assert await office.events(received.request_id) == [
        "received",
        "searched",
        "declared_nobody",
        "countersigned",
    ]


async def test_who_doubts_that_there_is_nobody_looks_again(office: Office) -> None:
    received = await office.receive(office.intake(Right.ACCESS, EVE))
    request = (office.tenant_id, received.request_id)
    await office.decisions.declare_nobody(*request, actor=ANN)
    assert await office.decisions.look_again(*request, actor=BEN) is RequestState.MATCHING
    row = await office.row(received.request_id)
    assert (row.outcome, row.run_by) == (None, None)


async def test_erasure_needs_somebody_who_had_no_hand_in_it(office: Office) -> None:
    await office.know(ADA)
    received = await office.receive(by_officer(office))  # type: ignore[arg-type]
    assert received.state is RequestState.APPROVING
    request = (office.tenant_id, received.request_id)
    with pytest.raises(SecondPersonError, match="you had a hand in this request yourself"):
        await office.decisions.approve(*request, actor=ANN)
    assert await office.decisions.approve(*request, actor=BEN) is RequestState.READY
    assert (await office.row(received.request_id)).run_by == BEN
    with pytest.raises(NotPossibleError):
        await office.decisions.approve(*request, actor="user:cid")


async def test_an_agreement_that_ran_out_is_asked_for_again(office: Office) -> None:
    await office.know(ADA)
    received = await office.receive(by_officer(office))  # type: ignore[arg-type]
    office.wait(days=40)
    request = (office.tenant_id, received.request_id)
    assert await office.decisions.approve(*request, actor=BEN) is RequestState.READY
    approvals = Approvals(office.clock, office.ids)
    async with office.database.session(office.tenant_id) as session:
        states = [one.state for one in await approvals.list_recent(session)]
    assert states == [State.USED, State.EXPIRED]


async def test_what_was_refused_on_the_page_of_approvals_is_not_approved_here(
    office: Office,
) -> None:
    await office.know(ADA)
    received = await office.receive(by_officer(office))  # type: ignore[arg-type]
    approvals = Approvals(office.clock, office.ids)
    async with office.database.session(office.tenant_id) as session:
        (asked,) = await approvals.list_recent(session)
        await approvals.decide(session, asked.id, ApprovalDecision.REJECTED, decided_by=BEN)
    from tenancy.approvals import ApprovalOverError  # noqa: PLC0415

    with pytest.raises(ApprovalOverError, match="this request is rejected"):
        await office.decisions.approve(office.tenant_id, received.request_id, actor="user:cid")


async def test_extension_and_refusal_are_told_in_the_person_s_language(office: Office) -> None:
    await office.know(ADA)
    received = await office.receive(office.intake(Right.ACCESS, language="de"))
    request = (office.tenant_id, received.request_id)
    await office.decisions.extend(*request, "Viele Systeme", actor=ANN)
    row = await office.row(received.request_id)
    assert (row.extended_at, row.due_at) == (
        office.now,
        dt.datetime(2026, 6, 2, 22, tzinfo=dt.UTC),
    )
    await office.decisions.refuse(*request, "Offenkundig unbegründet", actor=ANN)
    _, extension, refusal = await office.letters_of(received.request_id)
    assert extension.subject == f"Ihre Anfrage dauert länger ({received.public_id})"
    assert extension.text == (
        "Ihre Anfrage vom 2026-03-02 (Auskunft über Ihre Daten) dauert länger als einen Monat:"
        " Wir beantworten sie bis zum 2026-06-02.\n\nDer Grund: Viele Systeme\n\nAcme\n"
    )
    assert refusal.kind is LetterKind.REFUSAL
    assert "Der Grund: Offenkundig unbegründet\n" in refusal.text
    assert "Art. 77 DSGVO" in refusal.text
    assert "vor Gericht" in refusal.text
    row = await office.row(received.request_id)
    assert (row.state, row.reason) == (RequestState.REFUSED, "Offenkundig unbegründet")


async def test_a_language_that_we_do_not_write_becomes_english(office: Office) -> None:
    received = await office.receive(office.intake(language="fi"))
    (letter,) = await office.letters_of(received.request_id)
    assert letter.text == (
        "On 2026-03-02 we received your request: access to your data.\n\nWe answer it by"
        f" 2026-04-02. Your reference is {received.public_id}.\n\nAcme\n"
    )


async def test_letters_are_sealed_sent_once_to_the_data_s_address_or_handed_over(
    office: Office,
) -> None:
    await office.know(ADA, platform_id("191167", SHOP))
    received = await office.receive(office.intake(Right.ACCESS, platform_id("191167", SHOP), EVE))
    for count in (1, 0):
        assert await office.letters.send_waiting(office.tenant_id, actor="job:x") == count
    ((to, subject, _),) = office.mail.sent
    assert (to, subject) == (
        "ada@northwind.example",
        f"We have received your request ({received.public_id})",
    )
    nobody = await office.receive(office.intake(Right.ACCESS, EVE))
    assert await office.letters.send_waiting(office.tenant_id, actor="job:x") == 0
    (letter,) = await office.letters_of(nobody.request_id)
    with pytest.raises(NotFoundError):
        await office.letters.read(OTHER, letter.id)
    with pytest.raises(NotFoundError):
        await office.letters.hand_over(OTHER, letter.id, actor=ANN)
    await office.letters.hand_over(office.tenant_id, letter.id, actor=ANN)
    assert (await office.letters.read(office.tenant_id, letter.id)).handed_at == office.now
    with pytest.raises(NotFoundError, match="no such letter that waits"):
        await office.letters.hand_over(office.tenant_id, letter.id, actor=ANN)


async def test_of_several_addresses_of_the_data_the_one_that_was_given_is_written_to(
    office: Office,
) -> None:
    given = email("zoe@northwind.example")
    await office.know(ADA, given)
    await office.receive(office.intake(Right.ACCESS, given))
    await office.letters.send_waiting(office.tenant_id, actor="job:x")
    assert [to for to, *_ in office.mail.sent] == ["zoe@northwind.example"]


async def test_platforms_tell_people_themselves(office: Office) -> None:
    await office.know(ADA)
    received = await office.receive(office.redact())
    assert await office.letters_of(received.request_id) == []


async def test_a_note_is_kept_and_goes_to_nobody(office: Office) -> None:
    received = await office.receive(office.redact())
    await office.decisions.note(office.tenant_id, received.request_id, "Ada called", actor=ANN)
    (note,) = await office.letters_of(received.request_id)
    assert (note.kind, note.text) == (LetterKind.NOTE, "Ada called")
    assert await office.letters.send_waiting(office.tenant_id, actor="job:x") == 0
    with pytest.raises(InvalidInputError, match="the note is empty"):
        await office.decisions.note(office.tenant_id, received.request_id, " ", actor=ANN)


async def test_what_a_person_wrote_is_kept_and_goes_to_nobody(office: Office) -> None:
    await office.know(ADA)
    intake = office.intake(Right.RECTIFICATION, message="I moved to Ulm.")
    assert "Ulm" not in repr(intake)
    received = await office.receive(intake)
    again = await office.receive(replace(intake, message="And my name is Ada."))
    assert (again.request_id, again.is_new) == (received.request_id, False)
    await office.receive(replace(intake, message=""))
    message, letter, second = await office.letters_of(received.request_id)
    assert [(one.kind, one.subject, one.text) for one in (message, second)] == [
        (LetterKind.MESSAGE, "", "I moved to Ulm."),
        (LetterKind.MESSAGE, "", "And my name is Ada."),
    ]
    assert letter.kind is LetterKind.ACKNOWLEDGEMENT
    assert await office.letters.send_waiting(office.tenant_id, actor="job:x") == 1
    assert not [text for *_, text in office.mail.sent if "Ulm" in text]
    with pytest.raises(NotFoundError, match="no such letter that waits"):
        await office.letters.hand_over(office.tenant_id, message.id, actor=ANN)
    async with office.services.database.session(office.tenant_id) as session:
        rows = (await session.scalars(select(RequestLetter))).all()
    assert not [row for row in rows if b"Ulm" in row.sealed]


async def test_a_hold_stops_what_is_ready_and_lets_it_go_on(office: Office) -> None:
    await office.know(ADA)
    await office.know(BOB)
    ada, bob = [await office.receive(office.redact(one)) for one in (ADA, BOB)]
    hold = NewHold(ACME, "tax audit 2026", "user:cfo", pseudonym=office.names(ADA)[0])
    hold_id = await office.holds.put(office.tenant_id, hold, actor=ANN)
    assert (await office.row(ada.request_id)).state is RequestState.HELD
    assert (await office.row(bob.request_id)).state is RequestState.READY
    seen = await office.book.show(office.tenant_id, ada.request_id)
    assert (seen.is_held, "release from hold" in seen.possible) == (True, True)
    with pytest.raises(NotFoundError):
        await office.holds.release(OTHER, hold_id, actor=BEN)
    assert await office.holds.release(office.tenant_id, hold_id, actor=BEN) == 1
    assert (await office.row(ada.request_id)).state is RequestState.READY
    assert (await office.events(ada.request_id))[-2:] == ["held", "released"]
    with pytest.raises(NotFoundError, match="no such hold in force"):
        await office.holds.release(office.tenant_id, hold_id, actor=BEN)


async def test_a_hold_over_everybody_waits_for_its_last_and_spares_other_rights(
    office: Office,
) -> None:
    await office.know(ADA)
    hold = NewHold(ACME, "tax audit", "cfo", expires_at=office.now + dt.timedelta(days=1))
    first = await office.holds.put(office.tenant_id, hold, actor=ANN)
    second = await office.holds.put(office.tenant_id, hold, actor=ANN)
    erasure = await office.receive(office.redact())
    objection = await office.receive(office.intake(Right.OBJECTION))
    assert (erasure.state, objection.state) == (RequestState.HELD, RequestState.READY)
    assert await office.holds.release(office.tenant_id, first, actor=BEN) == 0
    assert [one.id for one in await office.holds.list_in_force(office.tenant_id)] == [second]


async def test_bad_holds_are_refused(office: Office) -> None:
    await office.know(ADA)
    plain = ("tax audit", "cfo")
    for hold, error, words in (
        (NewHold(ACME, " ", "cfo"), InvalidInputError, "a basis and an owner"),
        (NewHold(ACME, *plain, expires_at=office.now), InvalidInputError, "over already"),
        (NewHold(ClientId(uuid.UUID(int=9)), *plain), NotFoundError, "no such client"),
        (NewHold(ACME, *plain, pseudonym="sp_x"), NotFoundError, "no such person"),
    ):
        with pytest.raises(error, match=words):
            await office.holds.put(office.tenant_id, hold, actor=ANN)
    with pytest.raises(NotFoundError, match="no such client"):
        await office.holds.put(OTHER, NewHold(ACME, *plain), actor=ANN)


VERBS: dict[str, Callable[[DecisionDesk, object, uuid.UUID], Awaitable[object]]] = {
    "search": lambda desk, tenant, one: desk.search(tenant, one, actor=ANN),  # type: ignore[arg-type]
    "choose": lambda desk, tenant, one: desk.choose_subject(tenant, one, "sp_x", actor=ANN),  # type: ignore[arg-type]
    "nobody": lambda desk, tenant, one: desk.declare_nobody(tenant, one, actor=ANN),  # type: ignore[arg-type]
    "approve": lambda desk, tenant, one: desk.approve(tenant, one, actor=ANN),  # type: ignore[arg-type]
    "countersign": lambda desk, tenant, one: desk.countersign(tenant, one, actor=ANN),  # type: ignore[arg-type]
    "again": lambda desk, tenant, one: desk.look_again(tenant, one, actor=ANN),  # type: ignore[arg-type]
    "extend": lambda desk, tenant, one: desk.extend(tenant, one, "why", actor=ANN),  # type: ignore[arg-type]
    "refuse": lambda desk, tenant, one: desk.refuse(tenant, one, "why", actor=ANN),  # type: ignore[arg-type]
    "withdraw": lambda desk, tenant, one: desk.withdraw(tenant, one, actor=ANN),  # type: ignore[arg-type]
    "note": lambda desk, tenant, one: desk.note(tenant, one, "word", actor=ANN),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("verb", VERBS)
async def test_another_agency_s_request_is_not_found_and_not_touched(
    office: Office, verb: str
) -> None:
    received = await office.receive(office.intake())
    with pytest.raises(NotFoundError, match="the agency has no such request"):
        await VERBS[verb](office.decisions, OTHER, received.request_id)
    assert await office.events(received.request_id) == ["received", "searched"]
    assert await office.book.list_requests(OTHER) == []
    with pytest.raises(NotFoundError):
        await office.book.show(OTHER, received.request_id)


@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"note"}))
async def test_nothing_comes_after_the_end(office: Office, verb: str) -> None:
    received = await office.receive(office.intake())
    await office.decisions.withdraw(office.tenant_id, received.request_id, actor=ANN)
    before = await office.events(received.request_id)
    with pytest.raises(NotPossibleError, match="this request is withdrawn") as refusal:
        await VERBS[verb](office.decisions, office.tenant_id, received.request_id)
    assert refusal.value.hint == "it has ended; file a new request"
    assert await office.events(received.request_id) == before


async def test_the_queue_is_by_deadline_and_counts_for_the_regulator(office: Office) -> None:
    late = await office.receive(office.intake(Right.ACCESS))
    office.now -= dt.timedelta(days=3)
    early = await office.receive(office.intake(Right.PORTABILITY))
    gone = await office.receive(office.intake(Right.OBJECTION))
    await office.decisions.withdraw(office.tenant_id, gone.request_id, actor=ANN)
    lines = await office.book.list_requests(office.tenant_id)
    assert [one.public_id for one in lines] == [early.public_id, late.public_id]
    assert lines[0].client == "acme"
    due = await office.book.list_requests(office.tenant_id, due_before=lines[1].due_at)
    assert [one.id for one in due] == [early.request_id]
    everything = await office.book.list_requests(office.tenant_id, has_ended=True)
    assert len(everything) == 3
    counts = await office.book.count_by_state(
        office.tenant_id, since=office.now, until=office.now + dt.timedelta(days=1)
    )
    assert counts == {
        (Right.PORTABILITY, RequestState.MATCHING): 1,
        (Right.OBJECTION, RequestState.WITHDRAWN): 1,
    }


def redact_shop(office: Office, **more: object) -> object:
    """What Shopify sends 48 hours after a shop has closed the app."""
    scope = {"connection": str(SHOP), "everybody": True}
    return replace(office.redact(scope=scope), **{"identifiers": (), **more})  # type: ignore[arg-type]


async def test_a_whole_shop_is_confirmed_by_one_officer_and_approved_by_another(
    office: Office,
) -> None:
    await office.know(ADA)
    received = await office.receive(redact_shop(office))  # type: ignore[arg-type]
    assert received.state is RequestState.MATCHING
    request = (office.tenant_id, received.request_id)
    with pytest.raises(NotPossibleError, match="this request is about everybody of a connection"):
        await office.decisions.choose_subject(*request, office.names(ADA)[0], actor=ANN)
    state = await office.decisions.choose_subject(*request, "everybody", actor=ANN)
    assert state is RequestState.APPROVING
    with pytest.raises(SecondPersonError, match="you had a hand in this request yourself"):
        await office.decisions.approve(*request, actor=ANN)
    assert await office.decisions.approve(*request, actor=BEN) is RequestState.READY
    row = await office.row(received.request_id)
    assert (row.subject_id, row.run_by) == (None, BEN)
    assert await office.events(received.request_id) == [
        "received",
        "searched",
        "chosen",
        "approved",
    ]


async def test_a_request_of_one_person_is_not_about_everybody(office: Office) -> None:
    received = await office.receive(office.redact(ADA, scope={"connection": str(SHOP)}))
    request = (office.tenant_id, received.request_id)
    with pytest.raises(NotPossibleError, match="this request is about one person"):
        await office.decisions.choose_subject(*request, "everybody", actor=ANN)
    assert (await office.row(received.request_id)).state is RequestState.MATCHING


async def test_nobody_confirms_a_connection_of_somebody_else(office: Office) -> None:
    scope = {"connection": str(uuid.UUID(int=77)), "everybody": True}
    received = await office.receive(redact_shop(office, scope=scope))  # type: ignore[arg-type]
    request = (office.tenant_id, received.request_id)
    with pytest.raises(NotFoundError, match="the client has no such connection"):
        await office.decisions.choose_subject(*request, "everybody", actor=ANN)


async def test_a_hold_over_one_person_keeps_the_whole_shop(office: Office) -> None:
    await office.know(ADA)
    hold = NewHold(ACME, "dispute 7 U 12/26", "Ann", pseudonym=office.names(ADA)[0])
    hold_id = await office.holds.put(office.tenant_id, hold, actor=ANN)
    received = await office.receive(redact_shop(office))  # type: ignore[arg-type]
    request = (office.tenant_id, received.request_id)
    await office.decisions.choose_subject(*request, "everybody", actor=ANN)
    assert await office.decisions.approve(*request, actor=BEN) is RequestState.HELD
    await office.holds.release(office.tenant_id, hold_id, actor=ANN)
    assert (await office.row(received.request_id)).state is RequestState.READY

"""Requests come in once, with the law's dates, and get as far as they are ready for."""

import asyncio
import datetime as dt
import uuid
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from domain.errors import InvalidInputError, NotFoundError
from domain.ids import ClientId, parse_id
from domain.privacy.identifiers import email, order, phone, platform_id
from domain.privacy.rights import (
    IdentityLevel,
    IntakeChannel,
    ProcessingRole,
    RequestState,
    Right,
)
from gdpr.requests.claim import open_claim
from tenancy.tables import RequestEvent, SubjectRequest
from tests.gdpr.requests.office import ACME, ADA, AGENCY, MONDAY, OTHER, SHOP, Office

pytestmark = pytest.mark.anyio

BOB = email("bob@northwind.example")
PHONE = phone("+49 30 901820")


async def test_a_request_is_stored_with_both_clocks_and_without_what_names_anybody(
    office: Office,
) -> None:
    subject = await office.know(ADA, platform_id("191167", SHOP))
    received = await office.receive(office.intake(Right.ERASURE, ADA, order("299938", SHOP)))
    assert (received.state, received.is_new) == (RequestState.IDENTIFYING, True)
    assert parse_id("req", received.public_id) == received.request_id
    row = await office.row(received.request_id)
    assert (row.subject_id, row.client_id, row.role) == (subject, ACME, ProcessingRole.PROCESSOR)
    assert row.due_at == dt.datetime(2026, 4, 2, 22, tzinfo=dt.UTC)
    assert row.assist_by == MONDAY + dt.timedelta(hours=72)
    assert (row.policy, row.identity) == ("gdpr-2018", IdentityLevel.CLAIMED)
    assert row.pseudonyms == sorted(office.names(ADA, order("299938", SHOP)))
    stored = repr({column.name: getattr(row, column.name) for column in row.__table__.columns})
    assert "northwind" not in stored
    assert "299938" not in stored
    async with office.database.session(AGENCY) as session:
        opened = await open_claim(session, office.services.vault, row)
    assert opened == (ADA, order("299938", SHOP))
    assert await office.events(received.request_id) == ["received", "searched"]


async def test_sixty_four_at_once_are_one_request(office: Office) -> None:
    intake = office.intake(Right.ERASURE)
    received = await asyncio.gather(*(office.receive(intake) for _ in range(64)))
    assert len({one.request_id for one in received}) == 1
    assert sum(one.is_new for one in received) == 1
    async with office.database.session(AGENCY) as session:
        assert await session.scalar(select(func.count()).select_from(SubjectRequest)) == 1
        told = await session.execute(
            select(RequestEvent.kind, func.count()).group_by(RequestEvent.kind)
        )
        assert dict(told.all()) == {
            "received": 1,
            "searched": 1,
            "repeated": 63,
        }


@pytest.mark.parametrize(
    "other",
    [
        {"right": Right.PORTABILITY},
        {"client_id": None},
        {"identifiers": (BOB,)},
        {"identifiers": (ADA, BOB)},
        {"scope": {"purposes": ["marketing"]}},
        {"external_ref": "dr-1"},
    ],
)
async def test_what_differs_is_another_request(office: Office, other: dict[str, object]) -> None:
    first = await office.receive(office.intake())
    second = await office.receive(replace(office.intake(), **other))  # type: ignore[arg-type]
    assert second.is_new
    assert second.request_id != first.request_id


async def test_order_and_spelling_make_no_other_request(office: Office) -> None:
    first = await office.receive(office.intake(Right.ACCESS, ADA, BOB))
    again = await office.receive(office.intake(Right.ACCESS, BOB, email("ADA@Northwind.Example")))
    assert (again.request_id, again.is_new) == (first.request_id, False)


async def test_after_the_end_the_platform_s_own_id_is_known_and_a_person_asks_anew(
    office: Office,
) -> None:
    await office.know(ADA)
    signed, plain = office.redact(external_ref="shop-1:299938"), office.intake()
    ended = [await office.receive(one) for one in (signed, plain)]
    assert [one.state for one in ended] == [RequestState.READY, RequestState.IDENTIFYING]
    async with office.database.session(AGENCY) as session:
        for one in ended:
            row = await session.get_one(SubjectRequest, (AGENCY, one.request_id))
            row.state = RequestState.COMPLETED
    again = await office.receive(signed)
    assert (again.request_id, again.state, again.is_new) == (
        ended[0].request_id,
        RequestState.COMPLETED,
        False,
    )
    assert (await office.receive(plain)).is_new


async def test_the_agency_s_own_people_have_it_as_controller(office: Office) -> None:
    received = await office.receive(office.intake(client_id=None))
    row = await office.row(received.request_id)
    assert (row.role, row.assist_by, row.state) == (
        ProcessingRole.CONTROLLER,
        None,
        RequestState.MATCHING,
    )


async def test_nobody_and_several_are_matched_by_an_officer(office: Office) -> None:
    await office.know(ADA)
    await office.know(BOB)
    nobody = await office.receive(office.intake(Right.ACCESS, email("eve@northwind.example")))
    several = await office.receive(office.intake(Right.ACCESS, ADA, BOB))
    assert (nobody.state, several.state) == (RequestState.MATCHING, RequestState.MATCHING)
    assert (await office.row(several.request_id)).subject_id is None


async def test_a_shared_telephone_number_names_one_only_beside_an_address(office: Office) -> None:
    ada = await office.know(ADA, PHONE)
    await office.know(BOB)
    async with office.database.session(AGENCY) as session:
        from tenancy.privacy.subjects import observe  # noqa: PLC0415

        await observe(
            session,
            office.services.vault,
            office.key,
            ACME,
            [(BOB, PHONE)],
            ids=office.ids,
            now=office.now,
        )
    alone = await office.receive(office.intake(Right.ACCESS, PHONE))
    beside = await office.receive(office.intake(Right.ACCESS, PHONE, ADA))
    assert alone.state is RequestState.MATCHING
    assert (await office.row(beside.request_id)).subject_id == ada


async def test_no_channel_is_surer_than_it_can_be(office: Office) -> None:
    await office.know(ADA)
    forged = office.intake(Right.ERASURE, identity=IdentityLevel.VOUCHED)
    received = await office.receive(forged)
    assert received.state is RequestState.IDENTIFYING
    assert (await office.row(received.request_id)).identity is IdentityLevel.CLAIMED


async def test_two_signed_requests_of_one_person_become_one(office: Office) -> None:
    await office.know(ADA, platform_id("191167", SHOP))
    first = await office.receive(office.redact(ADA))
    second = await office.receive(office.redact(platform_id("191167", SHOP)))
    assert (first.state, second.state) == (RequestState.READY, RequestState.MERGED)
    row = await office.row(second.request_id)
    assert (row.merged_into, row.closed_at) == (first.request_id, office.now)


async def test_a_second_request_that_nobody_vouches_for_is_not_merged(office: Office) -> None:
    await office.know(ADA, platform_id("191167", SHOP))
    await office.receive(office.redact(ADA))
    second = await office.receive(office.intake(Right.ERASURE, platform_id("191167", SHOP)))
    assert second.state is RequestState.IDENTIFYING


async def test_twins_at_once_become_one(office: Office) -> None:
    shown = [platform_id(str(number), SHOP) for number in range(12)]
    await office.know(*shown)
    received = await asyncio.gather(*(office.receive(office.redact(one)) for one in shown))
    states = sorted(one.state.value for one in received)
    assert states == ["merged"] * 11 + ["ready"]


async def test_bad_intakes_are_refused(office: Office) -> None:
    with pytest.raises(InvalidInputError, match="names nobody"):
        await office.receive(replace(office.intake(), identifiers=()))
    future = office.now + dt.timedelta(minutes=6)
    with pytest.raises(InvalidInputError, match="received in the future"):
        await office.receive(office.intake(received_at=future))
    with pytest.raises(NotFoundError, match="the agency has no such client"):
        await office.receive(office.intake(client_id=ClientId(uuid.UUID(int=77))))
    with pytest.raises(NotFoundError, match="the agency has no such client"):
        await office.desk.receive(OTHER, office.intake())


async def test_a_paper_letter_counts_from_the_day_it_came(office: Office) -> None:
    came = MONDAY - dt.timedelta(days=20)
    received = await office.receive(
        office.intake(channel=IntakeChannel.DESK, received_at=came, requested_by="user:ann")
    )
    row = await office.row(received.request_id)
    assert row.due_at == dt.datetime(2026, 3, 10, 23, tzinfo=dt.UTC)

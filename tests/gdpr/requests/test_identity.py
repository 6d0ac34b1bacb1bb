"""Codes of identity: where they go, how often they may be tried, and what many at once gain."""

import asyncio
import datetime as dt
import re
import uuid

import pytest
from sqlalchemy import select, update

from domain.errors import NotFoundError
from domain.privacy.identifiers import email, platform_id
from domain.privacy.request_machine import NotPossibleError
from domain.privacy.rights import IdentityLevel, RequestState, Right
from gdpr.requests.identity import MOST_ATTEMPTS, Proof, TooManyCodesError, WrongCodeError
from tenancy.tables import IdentityCode
from tests.gdpr.requests.office import ADA, ANN, OTHER, SHOP, Office

pytestmark = pytest.mark.anyio

GIVEN = email("not-hers@elsewhere.example")
ACCOUNT = platform_id("191167", SHOP)
CODE = re.compile(r"\b\d{8}\b")


async def asked(office: Office) -> tuple[uuid.UUID, str]:
    """A request of Ada's that waits for a code, and the code."""
    await office.know(ADA, ACCOUNT)
    received = await office.receive(office.intake(Right.ACCESS, ACCOUNT, GIVEN))
    assert received.state is RequestState.IDENTIFYING
    told = await office.identity.ask(office.tenant_id, received.request_id, actor=ANN)
    assert told.is_code_sent
    return received.request_id, CODE.findall(office.mail.sent[-1][2])[0]


def wrong(code: str, number: int = 1) -> str:
    return f"{(int(code) + number) % 10**8:08d}"


async def test_a_code_goes_to_the_address_that_the_data_carries(office: Office) -> None:
    request_id, code = await asked(office)
    ((to, subject, text),) = office.mail.sent
    assert (to, subject) == ("ada@northwind.example", "Your code for Acme")
    assert text == (
        "Somebody asked Acme for: access to your data.\n\n"
        f"If that was you, this code shows it: {code}\n\n"
        "It is good for 10 minutes. If it was not you, do nothing.\n"
    )
    state = await office.identity.prove(office.tenant_id, request_id, f" {code[:4]} {code[4:]} ")
    assert state is RequestState.READY
    assert (await office.row(request_id)).identity is IdentityLevel.REACHED
    assert (await office.events(request_id))[2:] == ["identity_asked", "identity_proved"]


async def test_the_clock_stands_from_asking_to_proof(office: Office) -> None:
    await office.know(ADA)
    received = await office.receive(office.intake())
    told = await office.identity.ask(office.tenant_id, received.request_id, actor=ANN)
    assert told.stands_since == office.now
    office.wait(days=8)
    await office.identity.ask(office.tenant_id, received.request_id, actor=ANN)
    code = CODE.findall(office.mail.sent[-1][2])[0]
    await office.identity.prove(office.tenant_id, received.request_id, code)
    row = await office.row(received.request_id)
    assert (row.paused_at, row.paused_seconds) == (None, 8 * 86_400)
    assert row.due_at == dt.datetime(2026, 4, 10, 22, tzinfo=dt.UTC)


async def test_a_code_is_kept_as_a_keyed_hash_only(office: Office) -> None:
    _, code = await asked(office)
    async with office.database.session(office.tenant_id) as session:
        (kept,) = await session.scalars(select(IdentityCode))
    assert code.encode() not in kept.code_hash
    assert len(kept.code_hash) == 32


async def test_five_attempts_and_no_more(office: Office) -> None:
    request_id, code = await asked(office)
    for number in range(1, MOST_ATTEMPTS + 1):
        with pytest.raises(WrongCodeError, match="this code does not fit"):
            await office.identity.prove(office.tenant_id, request_id, wrong(code, number))
    with pytest.raises(WrongCodeError):
        await office.identity.prove(office.tenant_id, request_id, code)
    assert (await office.row(request_id)).state is RequestState.IDENTIFYING


async def test_the_fifth_attempt_may_be_right(office: Office) -> None:
    request_id, code = await asked(office)
    for number in range(1, MOST_ATTEMPTS):
        with pytest.raises(WrongCodeError):
            await office.identity.prove(office.tenant_id, request_id, wrong(code, number))
    assert await office.identity.prove(office.tenant_id, request_id, code) is RequestState.READY


async def test_many_at_once_get_five_attempts_together(office: Office) -> None:
    request_id, code = await asked(office)
    tries = [wrong(code, number) for number in range(1, 33)]
    answers = await asyncio.gather(
        *(office.identity.prove(office.tenant_id, request_id, one) for one in tries),
        return_exceptions=True,
    )
    assert {type(answer) for answer in answers} == {WrongCodeError}
    async with office.database.session(office.tenant_id) as session:
        assert await session.scalar(select(IdentityCode.attempts)) == MOST_ATTEMPTS


async def test_a_code_opens_once_also_when_it_is_given_many_times_at_once(office: Office) -> None:
    request_id, code = await asked(office)
    answers = await asyncio.gather(
        *(office.identity.prove(office.tenant_id, request_id, code) for _ in range(5)),
        return_exceptions=True,
    )
    assert [one for one in answers if one is RequestState.READY] == [RequestState.READY]
    assert sum(isinstance(one, WrongCodeError) for one in answers) == 4


async def test_a_code_lives_ten_minutes_and_gives_way_to_a_newer_one(office: Office) -> None:
    request_id, code = await asked(office)
    office.wait(minutes=10)
    with pytest.raises(WrongCodeError):
        await office.identity.prove(office.tenant_id, request_id, code)
    await office.identity.ask(office.tenant_id, request_id, actor=ANN)
    newer = CODE.findall(office.mail.sent[-1][2])[0]
    with pytest.raises(WrongCodeError):
        await office.identity.prove(office.tenant_id, request_id, code)
    office.wait(minutes=9, seconds=59)
    assert await office.identity.prove(office.tenant_id, request_id, newer) is RequestState.READY


async def test_three_codes_an_hour(office: Office) -> None:
    request_id, _ = await asked(office)
    for _ in range(2):
        await office.identity.ask(office.tenant_id, request_id, actor=ANN)
    with pytest.raises(TooManyCodesError, match="3 codes were sent within the hour"):
        await office.identity.ask(office.tenant_id, request_id, actor=ANN)
    office.wait(hours=1)
    assert (await office.identity.ask(office.tenant_id, request_id, actor=ANN)).is_code_sent


async def test_without_address_or_mail_an_officer_vouches(office: Office) -> None:
    await office.know(ACCOUNT)
    received = await office.receive(office.intake(Right.ACCESS, ACCOUNT, GIVEN))
    told = await office.identity.ask(office.tenant_id, received.request_id, actor=ANN)
    assert (told.is_code_sent, office.mail.sent) == (False, [])
    state = await office.identity.vouch(
        office.tenant_id, received.request_id, Proof.DOCUMENT, actor=ANN
    )
    assert state is RequestState.READY
    assert (await office.row(received.request_id)).identity is IdentityLevel.VOUCHED
    with pytest.raises(NotPossibleError, match="vouch for identity is not possible now"):
        await office.identity.vouch(
            office.tenant_id, received.request_id, Proof.DOCUMENT, actor=ANN
        )


async def test_a_code_that_did_not_leave_opens_nothing(office: Office) -> None:
    await office.know(ADA)
    received = await office.receive(office.intake())
    office.mail.is_up = False
    told = await office.identity.ask(office.tenant_id, received.request_id, actor=ANN)
    assert not told.is_code_sent
    async with office.database.session(office.tenant_id) as session:
        assert await session.scalar(select(IdentityCode.ended_at)) == office.now


async def test_a_code_of_one_request_opens_no_other_and_no_other_agency_s(office: Office) -> None:
    request_id, code = await asked(office)
    other = await office.receive(office.intake(Right.PORTABILITY, ACCOUNT))
    await office.identity.ask(office.tenant_id, other.request_id, actor=ANN)
    with pytest.raises(WrongCodeError):
        await office.identity.prove(office.tenant_id, other.request_id, code)
    with pytest.raises(WrongCodeError):
        await office.identity.prove(OTHER, request_id, code)
    with pytest.raises(NotFoundError):
        await office.identity.ask(OTHER, request_id, actor=ANN)
    # Not even with the hash of another one's code put in its place.
    async with office.database.session(office.tenant_id) as session:
        kept = {
            row.request_id: row.code_hash for row in await session.scalars(select(IdentityCode))
        }
        await session.execute(
            update(IdentityCode)
            .where(IdentityCode.request_id == other.request_id)
            .values(code_hash=kept[request_id])
        )
    with pytest.raises(WrongCodeError):
        await office.identity.prove(office.tenant_id, other.request_id, code)


async def test_a_duplicate_proves_who_asks_before_it_is_merged(office: Office) -> None:
    await office.know(ADA, ACCOUNT)
    first = await office.receive(office.redact(ACCOUNT))
    second = await office.receive(office.intake(Right.ERASURE, ADA))
    assert (first.state, second.state) == (RequestState.READY, RequestState.IDENTIFYING)
    await office.identity.ask(office.tenant_id, second.request_id, actor=ANN)
    code = CODE.findall(office.mail.sent[-1][2])[0]
    state = await office.identity.prove(office.tenant_id, second.request_id, code)
    assert state is RequestState.MERGED
    row = await office.row(second.request_id)
    assert row.merged_into == first.request_id

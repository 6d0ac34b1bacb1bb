"""The letter with the link: to the person alone, once, and gone from our copy when they have it."""

import re
import uuid
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from domain.errors import ConflictError, NotFoundError
from domain.privacy.rights import IdentityLevel, IntakeChannel, Right
from gdpr.access.link_letter import LinkLetters
from gdpr.requests.letters import LETTER_PREFIX, Letter
from tenancy.tables import LetterKind, SubjectRequest
from tests.gdpr.access.test_export import Shop, shop
from tests.gdpr.requests.office import ANN, office

__all__ = ["office", "shop"]

pytestmark = pytest.mark.anyio

HOME = "https://bosco.example"
GONE = "(the address was told, and is kept no more)"


def links(shop: Shop) -> LinkLetters:
    return LinkLetters(shop.office.services, shop.exports, HOME)


async def made(shop: Shop, **changed: Any) -> uuid.UUID:
    """A request whose copy is made."""
    request_id = await shop.request(Right.ACCESS)
    await shop.fulfil(request_id)
    async with shop.office.database.session(shop.office.tenant_id) as session:
        if changed:
            await session.execute(
                update(SubjectRequest).where(SubjectRequest.id == request_id).values(**changed)
            )
    return request_id


async def letters_with_links(shop: Shop, request_id: uuid.UUID) -> list[Letter]:
    found = await shop.office.letters_of(request_id)
    return [one for one in found if one.kind is LetterKind.EXPORT_LINK]


def token_in(text: str) -> str:
    found = re.findall(rf"^{HOME}/privacy/export/([A-Za-z0-9_=-]+)$", text, re.MULTILINE)
    assert len(found) == 1, text
    return str(found[0])


async def test_the_person_gets_a_link_that_opens_their_copy_once(shop: Shop) -> None:
    request_id = await made(shop)
    public = await links(shop).write(shop.office.tenant_id, request_id, actor=ANN)
    (letter,) = await letters_with_links(shop, request_id)
    assert (letter.public_id, public.partition("_")[0]) == (public, LETTER_PREFIX)
    await shop.office.letters.send_waiting(shop.office.tenant_id, actor="job:x")
    (told,) = [mail for mail in shop.office.mail.sent if "The copy of your data" in mail[1]]
    to, _, text = told
    assert to == "ada@northwind.example"
    assert "until 2026-03-09 09:00 UTC" in text
    token = token_in(text)
    (letter,) = await letters_with_links(shop, request_id)
    assert letter.sent_at == shop.office.now
    assert token not in letter.text
    assert GONE in letter.text
    assert await shop.download(token) is not None
    assert await shop.download(token) is None


async def test_who_has_no_mail_is_handed_the_letter(shop: Shop) -> None:
    request_id = await made(shop)
    await links(shop).write(shop.office.tenant_id, request_id, actor=ANN)
    (letter,) = await letters_with_links(shop, request_id)
    token = token_in(letter.text)
    assert await shop.exports.look(token) is not None
    await shop.office.letters.hand_over(shop.office.tenant_id, letter.id, actor=ANN)
    (letter,) = await letters_with_links(shop, request_id)
    assert token not in letter.text
    assert GONE in letter.text
    assert await shop.exports.look(token) is not None


async def test_a_newer_link_takes_the_place_of_a_letter_that_waits(shop: Shop) -> None:
    request_id, tenant_id = await made(shop), shop.office.tenant_id
    await links(shop).write(tenant_id, request_id, actor=ANN)
    (first,) = await letters_with_links(shop, request_id)
    await links(shop).write(tenant_id, request_id, actor=ANN)
    (second,) = await letters_with_links(shop, request_id)
    assert second.id != first.id
    assert await shop.exports.look(token_in(first.text)) is None
    shown = await shop.link(request_id)  # to an officer
    assert await letters_with_links(shop, request_id) == []
    assert await shop.exports.look(token_in(second.text)) is None
    assert await shop.exports.look(shown) is not None


async def test_a_letter_that_the_person_has_stays_on_record(shop: Shop) -> None:
    request_id, tenant_id = await made(shop), shop.office.tenant_id
    await links(shop).write(tenant_id, request_id, actor=ANN)
    await shop.office.letters.send_waiting(tenant_id, actor="job:x")
    await links(shop).write(tenant_id, request_id, actor=ANN)
    assert len(await letters_with_links(shop, request_id)) == 2


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"channel": IntakeChannel.SHOPIFY},
            "whoever sent this request tells the person themselves",
        ),
        (
            {"identity": IdentityLevel.CLAIMED},
            "nothing but their own word says who asks",
        ),
        (
            {"scope": {"special_categories": True}},
            "data of special categories is not told of by letter",
        ),
    ],
)
async def test_not_everybody_is_told_by_letter(
    shop: Shop, changed: dict[str, Any], message: str
) -> None:
    request_id = await made(shop, **changed)
    before = await shop.link(request_id)
    with pytest.raises(ConflictError) as refused:
        await links(shop).write(shop.office.tenant_id, request_id, actor=ANN)
    assert refused.value.message == message
    assert await letters_with_links(shop, request_id) == []
    assert await shop.exports.look(before) is not None  # nothing happened
    assert (await shop.actions())[-1] == "user:ann person_export.link_made"
    assert len([one for one in await shop.actions() if "link_made" in one]) == 1


async def test_without_a_copy_there_is_no_letter(shop: Shop) -> None:
    request_id = await shop.request(Right.ACCESS)
    with pytest.raises(NotFoundError, match="there is no export for this request"):
        await links(shop).write(shop.office.tenant_id, request_id, actor=ANN)
    assert await letters_with_links(shop, request_id) == []


async def test_it_is_written_in_the_persons_language(shop: Shop) -> None:
    office = shop.office
    intake = replace(office.intake(Right.PORTABILITY), language="de")
    received = await office.receive(intake)
    async with office.database.session(office.tenant_id) as session:
        row = await session.get_one(SubjectRequest, (office.tenant_id, received.request_id))
        row.identity, row.subject_id = IdentityLevel.REACHED, shop.ada
    await shop.fulfil(received.request_id)
    await links(shop).write(office.tenant_id, received.request_id, actor=ANN)
    (letter,) = await letters_with_links(shop, received.request_id)
    assert letter.subject.startswith("Die Kopie Ihrer Daten (req_")
    assert "(Übertragung Ihrer Daten)" in letter.text
    token_in(letter.text)

"""What people say is kept in order, follows who they are, and names what they had been told."""

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from domain.errors import ConflictError, InvalidInputError, NotFoundError
from domain.ids import ClientId
from domain.privacy.identifiers import Identifier, email, phone, platform_id
from domain.privacy.purposes import Purpose
from domain.privacy.signals.consent_mode import read_consent_mode
from domain.privacy.signals.gpc import read_gpc
from gdpr.consent.desk import LONGEST_NOTICE, ConsentDesk
from gdpr.consent.words import ConsentWord, RecordedWord
from tenancy.privacy.tombstones import add_tombstones, pseudonymise
from tenancy.tables import AuditEntry, ConsentEvent, ConsentNotice, Subject, Suppression
from tests.tenancy.privacy.agency import ACME, BOLT, NOON, REQUEST, SHOP, People, people

__all__ = ["people"]

pytestmark = pytest.mark.anyio

ADA, ADA_THERE = email("ada@northwind.example"), platform_id("ada", SHOP)
HOUR = dt.timedelta(hours=1)
LATE = NOON + 10 * HOUR
DENIED = read_consent_mode({"analytics_storage": "denied"})
GRANTED = read_consent_mode({"analytics_storage": "granted"})
TOLD = "We count what you do."
SHA = hashlib.sha256(TOLD.encode()).hexdigest()
Interval = tuple[dt.datetime | None, dt.datetime | None]


def _desk(people: People) -> ConsentDesk:
    return ConsentDesk(people.vault, lambda: LATE, people.ids, secrets.token_bytes)


async def _record(people: People, *words: ConsentWord) -> list[RecordedWord]:
    async with people.database.session(people.tenant_id) as session:
        return await _desk(people).record(session, words, actor="user:ann")


def _word(
    *who: Identifier, at: dt.datetime = NOON, denies: bool = True, notice: str = ""
) -> ConsentWord:
    return ConsentWord(ACME, who, DENIED if denies else GRANTED, at, notice)


async def _open(people: People) -> set[Interval]:
    async with people.database.session(people.tenant_id) as session:
        rows = (
            await session.scalars(select(Suppression).where(Suppression.lifted_at.is_(None)))
        ).all()
    assert {row.purpose for row in rows} <= {Purpose.ANALYTICS}
    return {(row.events_from, row.events_to) for row in rows}


async def test_of_two_words_of_one_call_and_instant_the_later_counts(people: People) -> None:
    await _record(people, *(_word(ADA, denies=denies) for denies in (True, False, True)))
    assert await _open(people) == {(NOON, None)}
    await _record(people, *(_word(ADA, denies=denies) for denies in (True, False)))
    assert await _open(people) == set()


async def test_whoever_turns_out_to_be_one_person_is_read_again_when_they_agree(
    people: People,
) -> None:
    await _record(people, _word(ADA), _word(ADA_THERE, at=NOON + HOUR))
    assert await _open(people) == {(NOON, None), (NOON + HOUR, None)}
    await _record(people, _word(ADA, ADA_THERE, at=NOON + 2 * HOUR, denies=False))
    assert await _open(people) == {(NOON, NOON + 2 * HOUR)}
    async with people.database.session(people.tenant_id) as session:
        merged = (await session.scalars(select(Subject.merged_into))).all()
    assert len([one for one in merged if one is None]) == 1


async def test_of_somebody_erased_nothing_is_kept(people: People) -> None:
    async with people.database.session(people.tenant_id) as session:
        gone = pseudonymise(people.names, ACME, [ADA])
        await add_tombstones(session, gone, REQUEST, lambda: NOON)
    nobody, ben, said_nothing = await _record(
        people,
        _word(ADA_THERE, ADA),
        _word(email("ben@northwind.example")),
        ConsentWord(ACME, (ADA_THERE,), read_gpc("1"), NOON),
    )
    assert (nobody.receipt_id, nobody.subject_id) == (None, None)
    assert ben.receipt_id is not None
    assert said_nothing.receipt_id is not None
    async with people.database.session(people.tenant_id) as session:
        kept = set(await session.scalars(select(ConsentEvent.pseudonym)))
    assert kept == {
        people.names.of(ACME, one) for one in (email("ben@northwind.example"), ADA_THERE)
    }


async def test_a_telephone_number_finds_nobody_and_is_kept_all_the_same(people: People) -> None:
    (one,) = await _record(people, _word(phone("+49 30 901820")))
    assert one.receipt_id is not None
    assert one.subject_id is None
    assert await _open(people) == set()


async def _notice(
    people: People, version: str, language: str, text: str, client_id: ClientId = ACME
) -> str:
    async with people.database.session(people.tenant_id) as session:
        return await _desk(people).add_notice(
            session, client_id, version, language, text, actor="user:ann"
        )


async def _trail(people: People) -> Sequence[AuditEntry]:
    async with people.database.session(people.tenant_id) as session:
        query = select(AuditEntry).where(AuditEntry.action == "consent.notice_added")
        return (await session.scalars(query)).all()


async def test_a_notice_is_kept_once_with_its_hash(people: People) -> None:
    for _ in range(2):
        assert await _notice(people, "2026-03", "en", TOLD) == SHA
    async with people.database.session(people.tenant_id) as session:
        (kept,) = await session.scalars(select(ConsentNotice))
    assert (kept.client_id, kept.version, kept.language) == (ACME, "2026-03", "en")
    assert (kept.content, kept.content_hash, kept.recorded_at) == (TOLD, SHA, LATE)
    (entry,) = await _trail(people)
    assert (entry.actor, entry.object_id) == ("user:ann", str(ACME))
    assert entry.details == {"version": "2026-03", "language": "en", "sha256": SHA}


async def test_words_may_name_a_notice_of_their_own_client_alone(people: People) -> None:
    await _notice(people, "1", "en", TOLD, BOLT)
    with pytest.raises(NotFoundError, match="there is no such notice"):
        await _record(people, _word(ADA, notice="1"))
    await _notice(people, "1", "de", "Wir zählen.")
    await _record(people, _word(ADA, notice="1"))
    async with people.database.session(people.tenant_id) as session:
        assert (await session.scalars(select(ConsentEvent.notice_version))).all() == ["1"]


@pytest.mark.parametrize(("language", "text"), [("en", "We sell."), ("de", TOLD)])
async def test_a_version_never_gets_another_text(people: People, language: str, text: str) -> None:
    await _notice(people, "1", "en", TOLD)
    with pytest.raises(ConflictError) as refused:
        await _notice(people, "1", language, text)
    assert refused.value.message == "notice 1 has another text already"
    assert refused.value.hint == "a new text is a new version"
    async with people.database.session(people.tenant_id) as session:
        assert (await session.scalars(select(ConsentNotice.content))).all() == [TOLD]


@pytest.mark.parametrize(
    ("version", "language", "text", "message"),
    [
        ("", "en", TOLD, "a notice's version is 1 to 64 letters, digits, dots, hyphens or under"),
        ("v 1", "en", TOLD, "a notice's version is"),
        ("v" * 65, "en", TOLD, "a notice's version is"),
        ("1", "english", TOLD, "that is no language of BCP 47"),
        ("1", "en_GB", TOLD, "that is no language of BCP 47"),
        ("1", "en", " \n", "a notice is a text of 1 to 100,000 characters"),
        ("1", "en", "x" * (LONGEST_NOTICE + 1), "a notice is a text of 1 to 100,000"),
        ("1", "en", "a\0b", "a notice is a text of 1 to 100,000 characters"),
    ],
)
async def test_refuses_a_notice_that_is_none(
    people: People, version: str, language: str, text: str, message: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        await _notice(people, version, language, text)
    assert refused.value.message.startswith(message)
    assert await _trail(people) == []


async def test_a_client_that_there_is_not_has_no_notice(people: People) -> None:
    with pytest.raises(NotFoundError, match="there is no such client"):
        await _notice(people, "1", "en", TOLD, ClientId(REQUEST))

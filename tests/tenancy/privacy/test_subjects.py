"""The identity graph: one person is one subject, found by what names them, gone when shredded."""

import asyncio
import datetime as dt
import uuid
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text

from domain.ids import ClientId, TenantId
from domain.privacy.identifiers import Identifier, email, phone, platform_id
from tenancy.privacy.subjects import current, match, reveal, shred
from tenancy.session import TenantSession
from tenancy.tables import Subject, SubjectIdentifier
from tenancy.vault import CredentialError, Purpose, TenantKey
from tests.tenancy.privacy.agency import (
    ACME,
    BOLT,
    BOLT_SHOP,
    NOON,
    OTHER_SHOP,
    SHOP,
    People,
    people,
)
from tests.tenancy.privacy.test_people import RECORDS, sets_of

__all__ = ["people"]

pytestmark = pytest.mark.anyio

ADA, ADA_AT_WORK = email("ada@northwind.example"), email("ada@contoso.example")
ADA_ID, ADA_OTHER_ID = platform_id("191167", SHOP), platform_id("88", OTHER_SHOP)
BEN, BEN_ID = email("ben@northwind.example"), platform_id("200001", SHOP)
PHONE = phone("+49 30 901820")
LATER = NOON + dt.timedelta(hours=1)


async def _match(
    people: People, *identifiers: Identifier, client_id: ClientId = ACME
) -> list[uuid.UUID]:
    async with people.database.session(people.tenant_id) as session:
        return await match(session, [people.names.of(client_id, one) for one in identifiers])


async def _reveal(people: People, subject_id: uuid.UUID) -> tuple[Identifier, ...]:
    async with people.database.session(people.tenant_id) as session:
        return await reveal(session, people.vault, subject_id)


async def _current(people: People, subject_id: uuid.UUID) -> uuid.UUID | None:
    async with people.database.session(people.tenant_id) as session:
        return await current(session, subject_id)


async def _shred(people: People, subject_id: uuid.UUID) -> None:
    async with people.database.session(people.tenant_id) as session:
        await shred(session, subject_id, LATER)


async def _partition(session: TenantSession, people: People) -> set[frozenset[Identifier]]:
    living = await session.scalars(select(Subject.id).where(Subject.merged_into.is_(None)))
    return {frozenset(await reveal(session, people.vault, one)) for one in living.all()}


async def test_what_one_record_shows_is_one_person(people: People) -> None:
    await people.observe((ADA_ID, ADA, PHONE), (BEN_ID, BEN))
    [ada] = await _match(people, ADA)
    assert await _match(people, ADA_ID, ADA, PHONE) == [ada]
    assert await _reveal(people, ada) == (ADA, PHONE, ADA_ID)
    [ben] = await _match(people, BEN_ID)
    assert ben != ada
    assert await _match(people, ADA_AT_WORK) == []


async def test_seeing_it_again_changes_no_row(people: People) -> None:
    await people.observe((ADA_ID, ADA, PHONE))
    rows = select(SubjectIdentifier.__table__).order_by(SubjectIdentifier.pseudonym)
    async with people.database.session(people.tenant_id) as session:
        before = (await session.execute(rows)).all()
    await people.observe((ADA_ID, ADA, PHONE), (ADA_ID,), now=LATER)
    async with people.database.session(people.tenant_id) as session:
        assert (await session.execute(rows)).all() == before
        assert await session.scalar(select(func.count()).select_from(Subject)) == 1


async def test_nothing_stands_in_the_clear(people: People) -> None:
    await people.observe((ADA_ID, ADA, PHONE))
    async with people.database.session(people.tenant_id) as session:
        shown = [
            await session.scalar(text(f"SELECT string_agg(t::text, ' ') FROM {table} AS t"))
            for table in ("subjects", "subject_identifiers")
        ]
    for one in (ADA, PHONE, ADA_ID):
        assert one.value not in " ".join(shown)


async def test_two_shops_and_an_address_make_one_person_of_two(people: People) -> None:
    await people.observe((ADA_ID, ADA), (ADA_OTHER_ID, ADA_AT_WORK, PHONE))
    [older], [younger] = await _match(people, ADA), await _match(people, ADA_AT_WORK)
    await people.observe((platform_id("1", SHOP), ADA, ADA_AT_WORK), now=LATER)
    kept, gone = sorted((older, younger))  # both are of noon: the smaller id is older
    assert await _match(people, ADA, ADA_AT_WORK, ADA_ID, ADA_OTHER_ID, PHONE) == [kept]
    assert await _reveal(people, kept) == (
        ADA_AT_WORK,
        ADA,
        PHONE,
        platform_id("1", SHOP),
        ADA_ID,
        ADA_OTHER_ID,
    )
    assert await _current(people, gone) == kept
    assert await _reveal(people, gone) == await _reveal(people, kept)
    async with people.database.session(people.tenant_id) as session:
        keys = select(Subject.sealed_key).where(Subject.id == gone)
        assert (await session.scalars(keys)).one() is None
        seen = await session.execute(select(SubjectIdentifier.kind, SubjectIdentifier.seen_at))
        assert sorted(at for _, at in seen) == [NOON] * 5 + [LATER]


async def test_who_was_merged_twice_is_found_at_once(people: People) -> None:
    third = platform_id("3", SHOP)
    await people.observe((third,), now=LATER)
    await people.observe((BEN_ID,), now=NOON + dt.timedelta(minutes=1))
    await people.observe((ADA_ID,))
    [last], [middle], [first] = [await _match(people, one) for one in (third, BEN_ID, ADA_ID)]
    await people.observe((third, BEN), (BEN_ID, BEN))
    await people.observe((BEN_ID, ADA), (ADA_ID, ADA))
    assert [await _current(people, one) for one in (last, middle, first)] == [first] * 3


async def test_a_shared_telephone_number_is_of_several(people: People) -> None:
    await people.observe((ADA_ID, PHONE), (BEN_ID, PHONE))
    assert len(await _match(people, PHONE)) == 2
    [ada] = await _match(people, ADA_ID)
    await _shred(people, ada)
    assert await _match(people, PHONE) == await _match(people, BEN_ID)


async def test_merging_two_who_share_a_number_keeps_it_once(people: People) -> None:
    await people.observe((ADA_ID, PHONE), (BEN_ID, PHONE))
    await people.observe((ADA_ID, ADA), (BEN_ID, ADA))
    [ada] = await _match(people, PHONE)
    assert await _reveal(people, ada) == (ADA, PHONE, ADA_ID, BEN_ID)


async def test_one_person_at_two_clients_is_two(people: People) -> None:
    await people.observe((ADA_ID, ADA))
    await people.observe((platform_id("5", BOLT_SHOP), ADA), client_id=BOLT)
    [here], [there] = await _match(people, ADA), await _match(people, ADA, client_id=BOLT)
    assert here != there
    await _shred(people, here)
    assert await _match(people, ADA, client_id=BOLT) == [there]
    assert await _reveal(people, there) == (ADA, platform_id("5", BOLT_SHOP))


async def test_records_that_tell_of_nobody_are_passed_over(people: People) -> None:
    await people.observe((PHONE,), ())
    await people.observe()
    assert await _match(people, PHONE) == []


async def test_two_who_see_a_person_first_at_once_make_one(people: People) -> None:
    await asyncio.gather(*(people.observe((ADA_ID, ADA)) for _ in range(3)))
    assert len(await _match(people, ADA, ADA_ID)) == 1
    async with people.database.session(people.tenant_id) as session:
        assert await session.scalar(select(func.count()).select_from(Subject)) == 1


async def test_another_agency_finds_nobody(people: People) -> None:
    await people.observe((ADA_ID, ADA))
    [ada] = await _match(people, ADA)
    async with people.database.session(TenantId(uuid.UUID(int=99))) as session:
        assert await match(session, [people.names.of(ACME, ADA)]) == []
        assert await current(session, ada) is None
        assert await reveal(session, people.vault, ada) == ()
        await shred(session, ada, LATER)
    assert await _reveal(people, ada) == (ADA, ADA_ID)


async def test_each_person_has_a_key_that_opens_nobody_else(people: People) -> None:
    await people.observe((ADA_ID,), (BEN_ID,))
    async with people.database.session(people.tenant_id) as session:
        columns = (Subject.id, Subject.sealed_key, SubjectIdentifier.sealed)
        joined = select(*columns).join(
            SubjectIdentifier, SubjectIdentifier.subject_id == Subject.id
        )
        (first, key, sealed), (second, _, other) = (await session.execute(joined)).all()
    assert key is not None
    own = _own_key(people, first, key)
    assert _open(people, own, first, sealed) in ("191167", "200001")
    for subject_id, value in ((second, other), (first, other), (second, sealed)):
        with pytest.raises(CredentialError):
            _open(people, own, subject_id, value)
    with pytest.raises(CredentialError):
        _own_key(people, second, key)


async def test_after_shredding_nothing_opens(people: People) -> None:
    await people.observe((ADA_ID, ADA, PHONE), (BEN_ID, BEN))
    [ada], [ben] = await _match(people, ADA), await _match(people, BEN)
    async with people.database.session(people.tenant_id) as session:
        mine = SubjectIdentifier.subject_id == ada
        copied = (await session.scalars(select(SubjectIdentifier.sealed).where(mine))).all()
    await _shred(people, ada)
    assert await _match(people, ADA, ADA_ID, PHONE) == []
    assert await _reveal(people, ada) == ()
    async with people.database.session(people.tenant_id) as session:
        stored = {one.id: one for one in await session.scalars(select(Subject))}
        assert (stored[ada].sealed_key, stored[ada].erased_at) == (None, LATER)
        assert stored[ben].erased_at is None
        key = stored[ben].sealed_key
        assert key is not None
    own = _own_key(people, ben, key)
    for sealed in copied:  # a copy that somebody has kept
        for candidate in (people.key, own):
            with pytest.raises(CredentialError):
                _open(people, candidate, ada, sealed)
    assert await _reveal(people, ben) == (BEN, BEN_ID)
    await _shred(people, ada)
    await _shred(people, uuid.UUID(int=12345))


async def test_who_was_merged_is_shredded_as_who_they_are(people: People) -> None:
    await people.observe((ADA_ID,), (ADA_OTHER_ID,))
    [first], [second] = await _match(people, ADA_ID), await _match(people, ADA_OTHER_ID)
    await people.observe((ADA_ID, ADA), (ADA_OTHER_ID, ADA))
    await _shred(people, max(first, second))
    assert await _match(people, ADA, ADA_ID, ADA_OTHER_ID) == []
    async with people.database.session(people.tenant_id) as session:
        stored = (await session.execute(select(Subject.sealed_key, Subject.erased_at))).all()
        assert [tuple(row) for row in stored] == [(None, LATER), (None, LATER)]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(records=RECORDS, size=st.integers(1, 4), chance=st.randoms(use_true_random=False))
async def test_any_order_and_any_batches_give_the_same_people(
    people: People, records: list[list[Identifier]], size: int, chance: object
) -> None:
    chance.shuffle(records)  # type: ignore[attr-defined]
    async with people.database.session(people.tenant_id) as session:
        await session.execute(delete(SubjectIdentifier))
        await session.execute(text("UPDATE subjects SET merged_into = id, sealed_key = NULL"))
        for batch in _batches(records, size):
            await people.observe_in(session, *batch)
        assert await _partition(session, people) == sets_of(records)


def _batches(
    records: Sequence[Sequence[Identifier]], size: int
) -> list[Sequence[Sequence[Identifier]]]:
    return [records[start : start + size] for start in range(0, len(records), size)]


def _own_key(people: People, subject_id: uuid.UUID, sealed_key: bytes) -> TenantKey:
    opened = people.vault.open_for(
        people.key,
        sealed_key,
        tenant_id=people.tenant_id,
        purpose=Purpose.SUBJECT_KEY,
        object_id=subject_id,
    )
    return TenantKey(bytes.fromhex(opened["key"].reveal()))


def _open(people: People, key: TenantKey, subject_id: uuid.UUID, sealed: bytes) -> str:
    opened = people.vault.open_for(
        key,
        sealed,
        tenant_id=people.tenant_id,
        purpose=Purpose.SUBJECT_IDENTIFIER,
        object_id=subject_id,
    )
    return opened["value"].reveal()

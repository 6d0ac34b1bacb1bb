"""Tombstones move the epoch once for each erasure, and wait for whoever holds it."""

import asyncio
import uuid
from collections.abc import Iterable

import pytest
from sqlalchemy import func, select, text

from domain.ids import TenantId
from domain.privacy.identifiers import Identifier, IdentifierKind, email, order, platform_id
from tenancy.privacy.tombstones import (
    Tombstones,
    add_tombstones,
    load_tombstones,
    lock_epoch,
    pseudonymise,
)
from tenancy.tables import Tombstone
from tests.tenancy.privacy.agency import ACME, NOON, REQUEST, SHOP, People, people

__all__ = ["people"]

pytestmark = pytest.mark.anyio

ADA = (platform_id("191167", SHOP), email("ada@northwind.example"))
ORDER = order("299938", SHOP)


async def _erase(people: People, identifiers: Iterable[Identifier]) -> int:
    async with people.database.session(people.tenant_id) as session:
        erased = pseudonymise(people.names, ACME, identifiers)
        return await add_tombstones(session, erased, REQUEST, lambda: NOON)


async def _load(people: People) -> Tombstones:
    async with people.database.session(people.tenant_id) as session:
        return await load_tombstones(session)


async def test_an_agency_that_erased_nobody_has_none(people: People) -> None:
    assert await _load(people) == Tombstones(0, frozenset())


async def test_they_say_whose_and_what_they_are_and_since_when(people: People) -> None:
    assert await _erase(people, ADA) == 1
    assert await _erase(people, [ORDER]) == 2
    names = [people.names.of(ACME, one) for one in (*ADA, ORDER)]
    assert await _load(people) == Tombstones(2, frozenset(names))
    async with people.database.session(people.tenant_id) as session:
        stored = await session.scalars(select(Tombstone).order_by(Tombstone.epoch, Tombstone.kind))
        assert [
            (o.pseudonym, o.client_id, o.kind, o.request_id, o.epoch, o.created_at) for o in stored
        ] == [
            (names[1], ACME, IdentifierKind.EMAIL, REQUEST, 1, NOON),
            (names[0], ACME, IdentifierKind.PLATFORM, REQUEST, 1, NOON),
            (names[2], ACME, IdentifierKind.ORDER, REQUEST, 2, NOON),
        ]


async def test_setting_them_again_changes_nothing(people: People) -> None:
    await _erase(people, ADA)
    assert await _erase(people, ADA) == 1
    assert await _erase(people, []) == 1
    assert await _erase(people, [*ADA, ORDER, ORDER]) == 2
    async with people.database.session(people.tenant_id) as session:
        counted = select(Tombstone.epoch, func.count()).group_by(Tombstone.epoch)
        found = (await session.execute(counted.order_by(Tombstone.epoch))).all()
        assert [tuple(row) for row in found] == [(1, 2), (2, 1)]
        assert await lock_epoch(session) == 2


async def test_two_erasures_at_once_are_two_epochs(people: People) -> None:
    told = await asyncio.gather(_erase(people, ADA), _erase(people, [ORDER]))
    assert sorted(told) == [1, 2]
    assert (await _load(people)).epoch == 2


async def test_who_makes_data_known_keeps_the_epoch_until_it_is_known(people: People) -> None:
    async with people.database.session(people.tenant_id) as session:
        assert await lock_epoch(session) == 0
        async with people.database.session(people.tenant_id) as other:
            assert await lock_epoch(other) == 0  # they do not wait for each other
        erasure = asyncio.create_task(_erase(people, ADA))
        await _until_it_waits(people)
        assert (await load_tombstones(session)).epoch == 0
    assert await erasure == 1


async def test_who_makes_data_known_waits_for_an_erasure(people: People) -> None:
    async def look() -> int:
        async with people.database.session(people.tenant_id) as session:
            return await lock_epoch(session)

    async with people.database.session(people.tenant_id) as session:
        erased = pseudonymise(people.names, ACME, ADA)
        await add_tombstones(session, erased, REQUEST, lambda: NOON)
        looking = asyncio.create_task(look())
        await _until_it_waits(people)
    assert await looking == 1


async def test_those_of_an_agency_are_its_own(people: People) -> None:
    await _erase(people, ADA)
    stranger = TenantId(uuid.UUID(int=99))
    async with people.database.session(stranger) as session:
        assert (await session.scalars(select(Tombstone))).all() == []


async def _until_it_waits(people: People) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with asyncio.timeout(20), people.database.platform_session() as session:
        while await session.scalar(waiting) == 0:  # noqa: ASYNC110  # PostgreSQL tells nobody
            await asyncio.sleep(0)

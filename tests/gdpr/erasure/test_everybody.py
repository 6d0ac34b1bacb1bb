"""A shop that is closed to us: all people of the connection go, and nobody of another one.

Source: Shopify, mandatory compliance webhooks, `shop/redact`.
"""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select, text

from domain.ids import ConnectionId
from domain.privacy.identifiers import email, platform_id
from domain.privacy.rights import IdentityLevel, IntakeChannel, ProcessingRole, RequestState, Right
from gdpr.erasure.needles import KnownWords
from gdpr.erasure.rescan import buried_words
from gdpr.erasure.search import search_everywhere
from gdpr.erasure.work import RunRequest
from gdpr.requests.claim import make_claim
from gdpr.requests.intake import Intake
from tenancy.privacy.pseudonyms import open_own_key
from tenancy.privacy.subjects import observe, reveal
from tenancy.tables import (
    Connection,
    ConnectionState,
    Subject,
    SubjectIdentifier,
    SubjectRequest,
    Tombstone,
)
from tests.gdpr.erasure.test_neighbours import everything
from tests.gdpr.erasure.twin import landed_rows
from tests.gdpr.erasure.world import NOW, STREAMS, VAULT, Agency, Shop, World, world
from tests.tenancy.warehouse.samples import question

__all__ = ["world"]

pytestmark = pytest.mark.anyio

SHOP = Shop(people=6)
ADA, BOB, EVE = (email(f"{name}@northwind.example") for name in ("ada", "bob", "eve"))


async def other_connection(world: World, agency: Agency) -> Agency:
    """Another shop of the same client."""
    connection_id = ConnectionId(world.ids())
    async with world.database.session(agency.tenant_id) as session:
        session.add(
            Connection(
                id=connection_id,
                client_id=agency.client_id,
                source="shopify",
                account_id="acme-outlet",
                label="",
                settings={"currency": "EUR", "time_zone": "Europe/Berlin"},
                credentials=None,
                state=ConnectionState.ACTIVE,
                start_date=dt.date(2026, 10, 1),
                created_at=world.now,
            )
        )
    return replace(agency, connection_id=connection_id)


async def redact_shop(world: World, agency: Agency) -> RunRequest:
    """What became of `shop/redact` when two officers have agreed."""
    intake = Intake(
        client_id=agency.client_id,
        right=Right.ERASURE,
        channel=IntakeChannel.SHOPIFY,
        identifiers=(),
        received_at=world.now,
        requested_by="shopify",
        identity=IdentityLevel.VOUCHED,
        scope={"connection": str(agency.connection_id), "everybody": True},
    )
    request_id = world.ids()
    async with world.database.session(agency.tenant_id) as session:
        claim = await make_claim(session, VAULT, intake, request_id)
        session.add(
            SubjectRequest(
                id=request_id,
                client_id=agency.client_id,
                right=Right.ERASURE,
                channel=IntakeChannel.SHOPIFY,
                role=ProcessingRole.PROCESSOR,
                state=RequestState.RUNNING,
                identity=IdentityLevel.VOUCHED,
                fingerprint=claim.fingerprint,
                sealed_claim=claim.sealed,
                pseudonyms=[],
                subject_id=None,
                scope=dict(intake.scope),
                policy="1",
                received_at=NOW,
                due_at=NOW,
                requested_by="shopify",
            )
        )
    return RunRequest(request_id, agency.client_id, None, agency.connection_id)


async def know(world: World, agency: Agency, *groups: Any) -> None:
    async with world.database.session(agency.tenant_id) as session:
        key = await open_own_key(session, VAULT)
        await observe(session, VAULT, key, agency.client_id, groups, ids=world.ids, now=world.now)


async def rows_of(world: World, agency: Agency) -> dict[str, list[Any]]:
    """Rows of one connection, with all that tells them apart."""
    held = {}
    for erasable in world.stores.erasables:
        sql = (
            f"SELECT * FROM {erasable.table.qualified} AS r"
            f" WHERE r.connection_id = '{agency.connection_id}'"
        )
        found = await world.warehouse.run_for(world.run(agency, ()).tenants, question(sql), {})
        held[erasable.table.qualified] = sorted(found.to_pylist(), key=str)
    return held


async def test_everybody_of_a_connection_goes_and_nobody_else(world: World) -> None:
    """Ada buys at the closed shop alone, Bob at both, Eve at the other one alone."""
    shop, neighbour = await world.agency("one"), await world.agency("two")
    outlet = await other_connection(world, shop)
    for agency in (shop, outlet, neighbour):
        await world.ingest_shop(agency, SHOP)
    await know(
        world,
        shop,
        [platform_id(Shop.customer(0), shop.connection_id), ADA],
        [platform_id(Shop.customer(1), shop.connection_id), BOB],
        [platform_id(Shop.customer(1), outlet.connection_id), BOB],
        [platform_id(Shop.customer(2), outlet.connection_id), EVE],
    )
    await know(world, neighbour, [platform_id(Shop.customer(0), neighbour.connection_id), ADA])
    [first, *_] = next(SHOP.pages("customers")).to_pylist()
    late = [{**first, "customer_id": "7999999999999"}]
    await world.land(shop, STREAMS["customers"], late)  # landed, not loaded
    before = await rows_of(world, outlet)
    others = await everything(world, neighbour)
    request = await redact_shop(world, shop)

    await world.eraser().run(world.run(shop, (request,)))

    ours = await rows_of(world, shop)
    assert ours["raw.shopify__customers"] == ours["facts.customers"] == []
    assert len(ours["raw.shopify__orders"]) == len(SHOP.orders)  # sums stay
    for table, rows in ours.items():
        for row in rows:
            assert row.get("customer_id") is None, table
            assert row.get("order_id", "erased_").startswith("erased_"), table
    assert await rows_of(world, outlet) == before
    assert await everything(world, neighbour) == others
    landed = await landed_rows(world, shop, "customers")
    assert sorted(row["customer_id"] for row in landed) == [  # the outlet's
        Shop.customer(number) for number in range(SHOP.people)
    ]
    assert (
        await search_everywhere(
            world.stores, shop.tenant_id, await buried_words(world.stores, shop.tenant_id)
        )
        == {}
    )
    gone = KnownWords.of([ADA], ["7999999999999"])
    assert await search_everywhere(world.stores, shop.tenant_id, gone) == {}
    async with world.database.session(shop.tenant_id) as session:
        alive = select(Subject.id).where(Subject.erased_at.is_(None), Subject.merged_into.is_(None))
        known = [await reveal(session, VAULT, one) for one in await session.scalars(alive)]
        at_shop = select(func.count()).where(SubjectIdentifier.connection_id == shop.connection_id)
        assert await session.scalar(at_shop) == 0
        buried = set(await session.scalars(select(Tombstone.pseudonym)))
    outlets = [platform_id(Shop.customer(number), outlet.connection_id) for number in range(6)]
    mails = {1: (BOB,), 2: (EVE,)}
    expected = [(*mails.get(number, ()), one) for number, one in enumerate(outlets)]
    assert sorted(known, key=str) == sorted(expected, key=str)
    name = shop.names.of
    assert name(shop.client_id, ADA) in buried
    assert name(shop.client_id, platform_id("7999999999999", shop.connection_id)) in buried
    assert name(shop.client_id, BOB) not in buried
    for number in range(SHOP.people):
        one = platform_id(Shop.customer(number), shop.connection_id)
        assert name(shop.client_id, one) in buried


@pytest.mark.slow
async def test_a_second_run_finds_nothing_more(world: World) -> None:
    shop = await world.agency("one")
    await world.ingest_shop(shop, SHOP)
    await know(world, shop, [platform_id(Shop.customer(0), shop.connection_id), ADA])
    await world.eraser().run(world.run(shop, (await redact_shop(world, shop),)))
    before = await everything(world, shop)
    again = await redact_again(world, shop)

    await world.eraser().run(world.run(shop, (again,)))

    after = await everything(world, shop)
    assert {k: v for k, v in after.items() if k != "data_versions"} == {
        k: v for k, v in before.items() if k != "data_versions"
    }


async def redact_again(world: World, agency: Agency) -> RunRequest:
    """The platform says it again, when the first request has ended."""
    async with world.database.session(agency.tenant_id) as session:
        await session.execute(text("UPDATE subject_requests SET state = 'completed'"))
    return await redact_shop(world, agency)

"""Whoever is erased while data lands is not in it: the two orders of events, and no third."""

import asyncio
import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import select, text

from domain import facts
from domain.privacy.identifiers import Identifier, IdentifierKind, email, order, platform_id
from ingestion.connector.job import RejectedRow
from ingestion.connector.source_file import load_source
from ingestion.connector.spec import StreamSpec
from ingestion.files.feeds import raw_file_stream
from ingestion.landing.parquet import Lineage, write_object
from ingestion.landing.screening import Part, recording
from ingestion.landing.staged import StagedLanding, land_together
from ingestion.landing.target import LandingTarget
from ingestion.landing.writer import give_version, lock_sync, record_parts, store_part
from tenancy.tables import LandingObject, QuarantinedRow
from tests.ingestion.landing.late_shop import LateShop, erase
from tests.ingestion.plane import Plane, page
from tests.ingestion.unify.ledger import ADS, ad, batch

pytestmark = pytest.mark.anyio

SHOPIFY = load_source("shopify")
ORDERS, CUSTOMER_LIST = SHOPIFY.streams["orders"], SHOPIFY.streams["customers"]
DAY = dt.date(2026, 3, 2)
MORNING = dt.datetime(2026, 3, 2, 8, 15, tzinfo=dt.UTC)
ADA = "ada@northwind.example"


def _order(order_id: str, customer_id: str | None) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "customer_id": customer_id,
        "ordered_on": DAY,
        "ordered_at": MORNING,
        "currency": "EUR",
        "total": 10,
    }


def _customer(customer_id: str, address: str | None = None) -> dict[str, Any]:
    instants = {"created_on": DAY, "created_at": MORNING}
    return {"customer_id": customer_id, "email": address, **instants}


@pytest.fixture
async def shop(plane: Plane) -> LateShop:
    return LateShop(plane, await plane.agency("one"))


async def _target(shop: LateShop, stream: StreamSpec) -> LandingTarget:
    agency = shop.agency
    return LandingTarget(
        tenant_id=agency.tenant_id,
        client_id=agency.client_id,
        connection_id=agency.connection_id,
        sync_id=await shop.plane.plan(agency, stream=stream),
        stream=stream,
        api_version="v1",
        currency="EUR",
        time_zone="Europe/Berlin",
    )


async def _store(shop: LateShop, target: LandingTarget, rows: Sequence[dict[str, Any]]) -> Part:
    return await store_part(shop.plane.services, target, 0, [batch(target.stream, rows)])


async def _record(shop: LateShop, part: Part) -> None:
    services = shop.plane.services
    async with recording(services, [part.target], [part]) as session:
        sync = await lock_sync(session, part.target.sync_id)
        await record_parts(session, services, part.target, [part], ())
        await give_version(session, services, sync)


async def _bytes(shop: LateShop, entry: LandingObject) -> bytes:
    return await shop.plane.store.for_tenant(shop.agency.tenant_id).get(entry.uri)


def _person(shop: LateShop, name: str) -> Identifier:
    return platform_id(name, shop.agency.connection_id)


async def _erase(shop: LateShop, *identifiers: Identifier) -> int:
    return await erase(shop.plane, shop.agency, identifiers)


async def test_who_is_erased_before_the_object_is_known_is_taken_out_of_it(shop: LateShop) -> None:
    part = await _store(shop, await _target(shop, ORDERS), [_order("1", "ada"), _order("2", "ben")])
    before = await _bytes(shop, part.entry)
    assert (part.epoch, part.screened) == (0, 0)
    await _erase(shop, _person(shop, "ada"))
    await _record(shop, part)
    [entry] = await shop.plane.objects(shop.agency, part.target.sync_id)
    data = await _bytes(shop, entry)
    assert data != before
    assert (entry.content_hash, entry.bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    names = await shop.names()
    surrogate = names.surrogate(shop.agency.connection_id, "order_id", "1")
    assert [
        (row["order_id"], row["customer_id"], row["ordered_at"])
        for row in await shop.rows(part.target.sync_id)
    ] == [
        (surrogate, None, dt.datetime(2026, 3, 2, tzinfo=dt.UTC)),
        ("2", "ben", MORNING),
    ]
    sync = await shop.plane.sync(shop.agency, part.target.sync_id)
    assert (sync.rows, sync.screened, entry.rows) == (2, 1, 2)
    first = names.of(shop.agency.client_id, order("1", shop.agency.connection_id))
    assert first in (await shop.tombstones()).pseudonyms


async def test_who_is_erased_after_it_is_known_stands_in_an_object_that_erasure_finds(
    shop: LateShop,
) -> None:
    """The transaction that names the object is under way: the erasure waits for its end."""
    services = shop.plane.services
    part = await _store(shop, await _target(shop, ORDERS), [_order("1", "ada")])

    async def erased() -> int:
        await _erase(shop, _person(shop, "ada"))
        return len(await shop.plane.objects(shop.agency, part.target.sync_id))

    async with recording(services, [part.target], [part]) as session:
        await record_parts(session, services, part.target, [part], ())
        erasure = asyncio.create_task(erased())
        await _until_it_waits(shop.plane)
        assert not erasure.done()
    assert await erasure == 1
    assert [row["customer_id"] for row in await shop.rows(part.target.sync_id)] == ["ada"]


async def test_a_customer_who_is_erased_meanwhile_is_in_neither_object_nor_graph(
    shop: LateShop,
) -> None:
    rows = [_customer("ada", ADA), _customer("ben", "ben@northwind.example")]
    part = await _store(shop, await _target(shop, CUSTOMER_LIST), rows)
    await _erase(shop, email(ADA))
    await _record(shop, part)
    assert [row["customer_id"] for row in await shop.rows(part.target.sync_id)] == ["ben"]
    names, client_id = await shop.names(), shop.agency.client_id
    ben = (_person(shop, "ben"), email("ben@northwind.example"))
    assert await shop.known() == {names.of(client_id, one) for one in ben}
    [entry] = await shop.plane.objects(shop.agency, part.target.sync_id)
    assert entry.rows == 1


async def test_an_erasure_of_somebody_else_changes_no_object(shop: LateShop) -> None:
    part = await _store(shop, await _target(shop, ORDERS), [_order("1", "ada")])
    before = await _bytes(shop, part.entry)
    await _erase(shop, _person(shop, "ben"))
    await _record(shop, part)
    assert await _bytes(shop, part.entry) == before
    assert (await shop.plane.sync(shop.agency, part.target.sync_id)).screened == 0


@pytest.mark.parametrize("others", [0, 3])
async def test_objects_without_erased_people_are_byte_for_byte_what_came(
    shop: LateShop, others: int
) -> None:
    for number in range(others):
        await _erase(shop, _person(shop, f"gone {number}"))
    target = await _target(shop, CUSTOMER_LIST)
    rows = [_customer("ada", ADA), _customer("ben")]
    part = await _store(shop, target, rows)
    lineage = Lineage(
        tenant_id=target.tenant_id,
        client_id=target.client_id,
        connection_id=target.connection_id,
        sync_id=target.sync_id,
        object_id=part.entry.id,
        account_currency="EUR",
        account_time_zone="Europe/Berlin",
    )
    expected = write_object(CUSTOMER_LIST.raw_table, lineage, [batch(CUSTOMER_LIST, rows)])
    assert await _bytes(shop, part.entry) == expected.data
    assert part.epoch == others


async def test_streams_about_nobody_are_not_held_up(shop: LateShop) -> None:
    part = await _store(shop, await _target(shop, ADS), [ad(1, "c1", "1")])
    await _erase(shop, _person(shop, "c1"))
    await _record(shop, part)
    assert part.epoch == 0
    assert (await shop.plane.sync(shop.agency, part.target.sync_id)).rows == 1


async def test_all_objects_of_a_file_are_screened_when_it_counts(shop: LateShop) -> None:
    stream = raw_file_stream(facts.CUSTOMERS)
    target = await _target(shop, stream)
    stage = StagedLanding(shop.plane.services, target)
    rows = [
        {
            "natural_key": f'["{name}"]',
            "customer_id": name,
            "email": address,
            "created_at": MORNING,
            "time_zone": "Europe/Berlin",
            "reporting_date": DAY,
        }
        for name, address in (("ada", ADA), ("ben", None))
    ]
    await stage.add(batch(stream, rows), ())
    await stage.store_rest()
    await _erase(shop, email(ADA))
    await land_together(shop.plane.services, [stage])
    assert [row["customer_id"] for row in await shop.rows(target.sync_id)] == ["ben"]
    assert (await shop.plane.sync(shop.agency, target.sync_id)).screened == 1
    ben = (await shop.names()).of(shop.agency.client_id, _person(shop, "ben"))
    assert await shop.known() == {ben}


async def test_a_guest_is_known_by_the_order(shop: LateShop) -> None:
    """A row that brings an address and no customer: the order stands for them."""
    stream = raw_file_stream(facts.ORDERS)
    target = await _target(shop, stream)
    row = {
        "natural_key": '["1"]',
        "order_id": "1",
        "email": ADA,
        "reporting_date": DAY,
        "ordered_at": MORNING,
    }
    other = row | {"natural_key": '["2"]', "order_id": "2", "email": None}
    part = await _store(shop, target, [row, other])
    await _record(shop, part)
    names, client_id = await shop.names(), shop.agency.client_id
    mine = (email(ADA), order("1", shop.agency.connection_id))
    assert await shop.known() == {names.of(client_id, one) for one in mine}


async def test_what_nobody_declared_shows_no_address(shop: LateShop) -> None:
    target = await _target(shop, CUSTOMER_LIST)
    given = batch(CUSTOMER_LIST, [_customer("ada")])
    place = given.schema.get_field_index("unknown_fields")
    unknown = '{"contact":"ada@northwind.example, call me","size":"XL"}'
    given = given.set_column(place, given.schema.field(place), pa.array([unknown]))
    part = await store_part(shop.plane.services, target, 0, [given])
    await _record(shop, part)
    [row] = await shop.rows(target.sync_id)
    assert row["unknown_fields"] == '{"contact":"***, call me","size":"XL"}'


def _rejected(number: int, customer_id: str, address: str) -> RejectedRow:
    return RejectedRow(
        number,
        "created_at",
        "not_a_timestamp",
        f"'{address}' is not an instant",
        json.dumps({"id": customer_id, "note": f"write to {address}"}),
        around=json.dumps({"^.id": address}),
        named=(
            (IdentifierKind.PLATFORM, customer_id),
            (IdentifierKind.EMAIL, address),
            (IdentifierKind.PHONE, "12"),
        ),
    )


async def test_rows_that_do_not_fit_are_kept_without_addresses_and_erased_people(
    shop: LateShop,
) -> None:
    await _erase(shop, email(ADA))
    target = await _target(shop, CUSTOMER_LIST)
    writer = shop.plane.writer(shop.agency, target.sync_id, CUSTOMER_LIST)
    rejects = [_rejected(1, "ada", ADA), _rejected(2, "ben", "ben@northwind.example")]
    await writer.add(page([], CUSTOMER_LIST, rejects=rejects, last=True))
    await writer.finish()
    async with shop.plane.database.session(shop.agency.tenant_id) as session:
        [kept] = (await session.scalars(select(QuarantinedRow))).all()
    assert (kept.row_number, kept.message, kept.raw, kept.around) == (
        2,
        "'***' is not an instant",
        {"id": "ben", "note": "write to ***"},
        {"^.id": "***"},
    )
    names, client_id = await shop.names(), shop.agency.client_id
    ben = (_person(shop, "ben"), email("ben@northwind.example"))
    assert kept.pseudonyms == [names.of(client_id, one) for one in ben]
    sync = await shop.plane.sync(shop.agency, target.sync_id)
    assert (sync.quarantined, sync.screened) == (1, 1)


async def test_an_agency_is_screened_against_its_own_tombstones(plane: Plane) -> None:
    one = LateShop(plane, await plane.agency("one"))
    other = LateShop(plane, await plane.agency("other"))
    await _erase(other, _person(one, "ada"), _person(other, "ada"))
    part = await _store(one, await _target(one, ORDERS), [_order("1", "ada")])
    await _record(one, part)
    assert [row["customer_id"] for row in await one.rows(part.target.sync_id)] == ["ada"]


async def _until_it_waits(plane: Plane) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with asyncio.timeout(20), plane.database.platform_session() as session:
        while await session.scalar(waiting) == 0:  # noqa: ASYNC110  # PostgreSQL tells nobody
            await asyncio.sleep(0)

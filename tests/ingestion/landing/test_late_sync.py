"""A sync that comes after an erasure brings nobody back, and loses no cent."""

from collections import Counter
from collections.abc import AsyncIterator, Container, Iterable
from typing import Any

import pytest
from sqlalchemy import text

from domain.privacy.identifiers import IdentifierKind, email, order, phone, platform_id
from tests.fixtures.simulator import RunningSimulator, _simulator_server, simulator
from tests.ingestion.connector.harness import Harness, harness
from tests.ingestion.landing.late_shop import STREAMS, LateShop, erase
from tests.ingestion.plane import Plane
from tests.ingestion.sources.shop import SOURCE, urls

__all__ = ["_simulator_server", "simulator"]

pytestmark = pytest.mark.anyio

SUMS = (
    "SELECT m.reporting_date, m.channel, m.country, COUNT(*), SUM(m.{}) FROM marts.{} AS m"
    " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
MEASURES = {"orders": "revenue", "order_lines": "line_revenue", "refunds": "refunded"}


@pytest.fixture
async def run(simulator: RunningSimulator) -> AsyncIterator[Harness]:
    async with harness(urls(simulator)) as made:
        yield made


async def _shop(plane: Plane, slug: str) -> LateShop:
    return LateShop(plane, await plane.agency(slug))


def _victim(rows: Iterable[dict[str, Any]], among: Container[str]) -> str:
    """The customer with the most orders on these days."""
    counted = Counter(row["customer_id"] for row in rows if row["customer_id"] in among)
    return str(min(counted, key=lambda name: (-counted[name], name)))


async def test_nothing_of_an_erased_person_lands_and_sums_stay(plane: Plane, run: Harness) -> None:
    twin, late = await _shop(plane, "twin"), await _shop(plane, "late")
    pages = {stream: await twin.pages(run, stream) for stream in STREAMS}
    landed = {stream: await twin.land(stream, pages[stream]) for stream in STREAMS}
    customers = {row["customer_id"] for row in await twin.rows(landed["customers"])}
    victim = _victim(await twin.rows(landed["orders"]), customers)
    orders = {
        row["order_id"] for row in await twin.rows(landed["orders"]) if row["customer_id"] == victim
    }
    parts = [*await twin.rows(landed["order_lines"]), *await twin.rows(landed["refunds"])]
    theirs = {
        row.get("order_line_id") or row["refund_id"] for row in parts if row["order_id"] in orders
    }
    person = {one.kind: one.value for one in await twin.person(victim)}
    clear = {victim, *orders, *theirs, person[IdentifierKind.EMAIL]}
    assert len(theirs) >= len(orders) >= 1
    shop = late.agency.connection_id
    await erase(plane, late.agency, [platform_id(victim, shop)])

    for stream in STREAMS:
        await late.land(stream, pages[stream])

    rows = await late.rows(*late.syncs)
    assert not [row for row in rows if clear & {str(value) for value in row.values()}]
    assert not [name for name in clear if name in str(rows)]
    screened = [(await plane.sync(late.agency, one)).screened for one in late.syncs]
    touched = [
        sum(row["order_id"] in orders for row in await twin.rows(landed[stream]))
        for stream in ("order_lines", "refunds", "orders")
    ]
    assert screened == [*touched, 1]
    names = await late.names()
    erased = {order(one, shop) for one in orders} | {
        platform_id(victim, shop),
        email(person[IdentifierKind.EMAIL]),
    }
    pseudonyms = {names.of(late.agency.client_id, one) for one in erased}
    assert (await late.tombstones()).pseudonyms == pseudonyms
    assert not pseudonyms & await late.known()

    streams = {s.raw_table.qualified: s for s in SOURCE.streams.values()}
    await plane.loader(streams=streams).load_pending()
    for fact, measure in MEASURES.items():
        question = SUMS.format(measure, fact)
        answer = await plane.rows(late.agency, question)
        assert answer == await plane.rows(twin.agency, question)
        assert answer
    count = "SELECT COUNT(*) FROM marts.customers AS m"
    [[all_of_them]], [[others]] = [await plane.rows(one.agency, count) for one in (twin, late)]
    assert others == all_of_them - 1
    for schema in ("raw.shopify__", "facts.", "marts."):
        for stream in STREAMS:
            told = await plane.rows(late.agency, f"SELECT t.* FROM {schema}{stream} AS t")
            assert not [name for name in clear if name in str(told)]


async def test_an_address_never_lands_and_stands_nowhere_in_the_clear(
    plane: Plane, run: Harness
) -> None:
    shop = await _shop(plane, "one")
    sync_id = await shop.land("customers", await shop.pages(run, "customers"))
    rows = await shop.rows(sync_id)
    assert rows
    assert "@" not in str(rows)
    assert "email" not in rows[0]
    assert "phone" not in rows[0]
    known = [await shop.person(row["customer_id"]) for row in rows]
    assert {one.kind for person in known for one in person} == {
        IdentifierKind.EMAIL,
        IdentifierKind.PHONE,
        IdentifierKind.PLATFORM,
    }
    values = {one.value for person in known for one in person if one.connection_id is None}
    async with plane.database.session(shop.agency.tenant_id) as session:
        for table in ("subjects", "subject_identifiers", "syncs", "landing_objects"):
            dump = await session.scalar(text(f"SELECT string_agg(t::text, ' ') FROM {table} AS t"))
            assert not [value for value in values if value in dump]


async def test_a_known_address_shows_a_new_id_of_an_erased_person(
    plane: Plane, run: Harness
) -> None:
    shop = await _shop(plane, "one")
    pages = await shop.pages(run, "customers")
    row = next(row for page in pages for row in page.batch.to_pylist() if row["phone"])
    await erase(plane, shop.agency, [email(row["email"]), phone(row["phone"])])
    sync_id = await shop.land("customers", pages)
    assert row["customer_id"] not in {one["customer_id"] for one in await shop.rows(sync_id)}
    names, client_id = await shop.names(), shop.agency.client_id
    new = names.of(client_id, platform_id(row["customer_id"], shop.agency.connection_id))
    assert new in (await shop.tombstones()).pseudonyms
    assert (await plane.sync(shop.agency, sync_id)).screened == 1
    assert names.of(client_id, email(row["email"])) not in await shop.known()


async def test_landing_again_after_a_crash_changes_nothing(plane: Plane, run: Harness) -> None:
    """The tombstones that a lost attempt has set are those that the next one finds."""
    shop = await _shop(plane, "one")
    pages = await shop.pages(run, "orders")
    rows = [row for page in pages for row in page.batch.to_pylist()]
    victim = _victim(rows, {row["customer_id"] for row in rows})
    await erase(plane, shop.agency, [platform_id(victim, shop.agency.connection_id)])
    first, second = [await shop.land("orders", pages) for _ in range(2)]
    before, after = await shop.rows(first), await shop.rows(second)
    own = ("sync_id", "object_id")
    assert [dict(row, **dict.fromkeys(own)) for row in before] == [
        dict(row, **dict.fromkeys(own)) for row in after
    ]
    assert (await shop.tombstones()).epoch == 2


def test_fields_that_name_people_are_in_no_raw_table() -> None:
    for stream in SOURCE.streams.values():
        columns = {column.name for column in stream.raw_table.columns}
        assert not columns & {one.name for one in stream.fields if one.identifier}

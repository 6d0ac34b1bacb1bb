"""After erasure, a system is equal to one that never saw the people, in every store."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from domain.privacy.identifiers import Identifier, email, platform_id
from gdpr.erasure.needles import KnownWords
from gdpr.erasure.rescan import buried_words
from gdpr.erasure.search import search_everywhere
from tenancy.landing_store import LandingStore
from tenancy.redis_server import RedisServer
from tenancy.redis_sweep import iter_stored
from tenancy.session import Database, DatabaseConfig
from tenancy.warehouse.duckdb import DuckDbWarehouse
from tests.gdpr.erasure.twin import as_erased, ask, features_of, landed, stored
from tests.gdpr.erasure.world import STREAMS, Agency, Shop, World, world

__all__ = ["world"]

pytestmark = pytest.mark.anyio


@pytest.fixture
async def large_world(
    database_url: str, redis_server: RedisServer, tmp_path: Path
) -> AsyncIterator[World]:
    """The same parts; syncs of a million rows each want more memory than small ones."""
    warehouse = DuckDbWarehouse(str(tmp_path / "warehouse.duckdb"), memory_limit_mb=2048)
    database = Database(DatabaseConfig(database_url))
    made = World(database, redis_server, warehouse, LandingStore(f"file://{tmp_path}/land"))
    await warehouse.ensure_tables(made.tables)
    yield made
    await database.close()
    await warehouse.close()


async def test_nothing_tells_that_they_were_ever_there(world: World, tmp_path: Path) -> None:
    shop = Shop(people=40, orders_each=3, has_addresses=True)
    await erase_and_compare(world, tmp_path, shop, frozenset({0, 7, 8, 31}))


@pytest.mark.slow
async def test_500_of_10_000_people_in_ten_million_rows(large_world: World, tmp_path: Path) -> None:
    """Rows of a system: landed, raw, facts and current views, of all streams."""
    shop = Shop(people=10_000, orders_each=25, guest_orders=528_125, has_addresses=True)
    assert shop.rows * 4 == 10_000_000
    await erase_and_compare(large_world, tmp_path, shop, frozenset(range(3, 10_000, 20)))


async def erase_and_compare(world: World, folder: Path, shop: Shop, chosen: frozenset[int]) -> None:
    orders = shop.orders_of(chosen)
    seen, unseen = await world.agency("seen"), await world.agency("unseen")
    await world.ingest_shop(seen, shop)
    await world.ingest_shop(unseen, shop, without=chosen)
    for agency in (seen, unseen):
        await world.features.refresh_client(agency.tenant_id, agency.client_id)
    assert await ask(world, seen) != await ask(world, unseen)  # new customers
    assert await features_of(world, seen) != await features_of(world, unseen)
    requests = await world.request_all(seen, chosen)
    for table in world.tables:
        pq.write_table(await stored(world, unseen, table), folder / table.qualified)
    objects = await objects_of(world, unseen)

    await world.eraser().run(world.run(seen, requests))

    for erasable in world.stores.erasables:
        table = erasable.table
        twin = pq.read_table(folder / table.qualified)
        expected = as_erased(twin, erasable, seen, orders)
        assert (await stored(world, seen, table)).equals(expected), table.qualified
        if table.schema == "raw":
            stream = table.name.removeprefix("shopify__")
            expected = as_erased(await landed(world, unseen, stream), erasable, seen, orders)
            assert (await landed(world, seen, stream)).equals(expected), stream
    keys = [key async for key, _ in iter_stored(world.redis, seen.tenant_id)]
    assert [key for key in keys if ":answer:" in key] == []
    assert await features_of(world, seen) == await features_of(world, unseen)
    assert await ask(world, seen) == await ask(world, unseen)
    for table in world.tables:  # nobody else's rows have changed
        before = pq.read_table(folder / table.qualified)
        assert (await stored(world, unseen, table)).equals(before), table.qualified
    assert await objects_of(world, unseen) == objects
    for words in (
        KnownWords.of(names(shop, seen, chosen), orders),
        await buried_words(world.stores, seen.tenant_id),
    ):
        assert await search_everywhere(world.stores, seen.tenant_id, words) == {}
    assert set(STREAMS) == {"customers", "orders", "order_lines", "refunds"}


def names(shop: Shop, agency: Agency, people: frozenset[int]) -> list[Identifier]:
    """What the people of a shop are called."""
    return [
        one
        for number in sorted(people)
        for one in (
            platform_id(shop.customer(number), agency.connection_id),
            email(shop.address(number)),
        )
    ]


async def objects_of(world: World, agency: Agency) -> dict[str, str]:
    """What an agency has landed, byte by byte."""
    store = world.landing.for_tenant(agency.tenant_id)
    return {key: hashlib.sha256(await store.get(key)).hexdigest() for key in await store.list()}

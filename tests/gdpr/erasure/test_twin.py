"""After erasure, a system is equal to one that never saw the people, in every store."""

import pytest

from tenancy.redis_sweep import iter_stored
from tests.gdpr.erasure.twin import as_erased, ask, features_of, landed_rows, table_rows
from tests.gdpr.erasure.world import STREAMS, Shop, World, world

__all__ = ["world"]

pytestmark = pytest.mark.anyio

SHOP = Shop(people=40, orders_each=3)
CHOSEN = frozenset({0, 7, 8, 31})
ORDERS = frozenset(str(5_000_000_000_000 + n) for n in SHOP.orders if SHOP.owner(n) in CHOSEN)


async def test_nothing_tells_that_they_were_ever_there(world: World) -> None:
    seen, unseen = await world.agency("seen"), await world.agency("unseen")
    await world.ingest(seen, SHOP.all_rows())
    await world.ingest(unseen, SHOP.all_rows(without=CHOSEN))
    for agency in (seen, unseen):
        await world.features.refresh_client(agency.tenant_id, agency.client_id)
    assert await ask(world, seen) != await ask(world, unseen)  # new customers
    assert await features_of(world, seen) != await features_of(world, unseen)
    requests = await world.request_all(seen, CHOSEN)
    untouched = {table.qualified: await table_rows(world, unseen, table) for table in world.tables}

    await world.eraser().run(world.run(seen, requests))

    for erasable in world.stores.erasables:
        table = erasable.table
        stream = table.name.removeprefix("shopify__")
        twin = await table_rows(world, unseen, table)
        expected = map(as_erased(erasable, seen, ORDERS, stream), twin)
        assert await table_rows(world, seen, table) == sorted(expected, key=str), table.qualified
        if table.schema == "raw":
            landed = await landed_rows(world, unseen, stream)
            expected = map(as_erased(erasable, seen, ORDERS, stream), landed)
            assert await landed_rows(world, seen, stream) == sorted(expected, key=str), stream
    keys = [key async for key, _ in iter_stored(world.redis, seen.tenant_id)]
    assert [key for key in keys if ":answer:" in key] == []
    assert await features_of(world, seen) == await features_of(world, unseen)
    assert await ask(world, seen) == await ask(world, unseen)
    for table in world.tables:  # nobody else's rows have changed
        assert await table_rows(world, unseen, table) == untouched[table.qualified]
    assert set(STREAMS) == {"customers", "orders", "order_lines", "refunds"}

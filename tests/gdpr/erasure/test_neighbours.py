"""What erasing in one agency does to another one: nothing."""

from typing import Any

import pytest
from sqlalchemy import text

from domain.privacy.identifiers import platform_id
from gdpr.erasure.needles import KnownWords
from gdpr.erasure.search import search_everywhere
from tenancy.redis_sweep import iter_stored
from tests.gdpr.erasure.twin import ask, landed_rows, table_rows
from tests.gdpr.erasure.world import STREAMS, Agency, Shop, World, world

__all__ = ["world"]

pytestmark = pytest.mark.anyio

SHOP = Shop(people=5)
CHOSEN = frozenset({1})
_TABLES = ("subjects", "subject_identifiers", "tombstones", "landing_objects", "data_versions")


async def everything(world: World, agency: Agency) -> dict[str, Any]:
    held: dict[str, Any] = {t.qualified: await table_rows(world, agency, t) for t in world.tables}
    held |= {f"landed {name}": await landed_rows(world, agency, name) for name in STREAMS}
    held["redis"] = sorted([pair async for pair in iter_stored(world.redis, agency.tenant_id)])
    async with world.database.session(agency.tenant_id) as session:
        for table in _TABLES:
            rows = await session.scalars(text(f"SELECT to_jsonb(t)::text FROM {table} AS t"))
            held[table] = sorted(rows)
    return held


async def test_nobody_else_s_data_changes(world: World) -> None:
    """Both shops have the same customers, by the same ids; and both agencies run at once."""
    first, second = await world.agency("one"), await world.agency("two")
    for agency in (first, second):
        await world.ingest_shop(agency, SHOP)
        await world.features.refresh_client(agency.tenant_id, agency.client_id)
        await ask(world, agency)
    await world.request_all(second, CHOSEN)
    before = await everything(world, second)
    assert len(before["subjects"]) == SHOP.people
    assert any(":answer:" in key for key, _ in before["redis"])

    await world.eraser().run(world.run(first, await world.request_all(first, CHOSEN)))

    assert await everything(world, second) == before
    person = platform_id(Shop.customer(1), second.connection_id)
    words = KnownWords.of([person], [Shop.customer(1)])
    assert await search_everywhere(world.stores, first.tenant_id, words) == {}
    assert await search_everywhere(world.stores, second.tenant_id, words) != {}

"""Tenant B against tenant A's features in Redis: by any id, by any owner, and by stock Feast.

any two agencies, any ids -> written for one -> read, listed, dropped, erased for the other
-> nothing found, and every key of the first as it was, byte for byte
"""

import asyncio
import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from feast.infra.online_stores.helpers import _redis_key
from feast.infra.online_stores.redis import RedisOnlineStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.ids import ClientId, TenantId
from domain.ports import TenantScope
from feature_repo.catalogue import PLATFORM
from feature_repo.entities import ENTITIES, TENANT_KEY
from feature_repo.feature_views import CAMPAIGN_PERFORMANCE, VIEWS
from feature_repo.online import OnlineFeatures
from tenancy.redis_server import RedisServer
from tests.feature_repo.samples import feature_table

NOW = dt.datetime(2026, 3, 30, 12, tzinfo=dt.UTC)
CLIENT = ClientId(uuid.UUID(int=1))

# Patterns, separators, escapes of our own, keys of stock Feast, nothing at all.
WORDS = ["", "*", "?", "[", "]", "[a-z]", "\\", ":", "::", "=", "=3A", "=e", "=h", "t:", "feature"]
WORDS += ["\0", "ä", "日本", "o", "o:1", "_ts:campaign_performance", "bosco"]
words = st.sampled_from(WORDS) | st.text(max_size=8)
ids = st.lists(words, min_size=1, max_size=3).map("".join)
# Agencies whose ids are alike: one bit apart, one the tail of the other, or any.
tenants = st.sampled_from([0, 1, 0x11, 0x111, 1 << 127, (1 << 127) | 1, (1 << 128) - 1])
tenants |= st.integers(0, (1 << 128) - 1)


@pytest.fixture(scope="module")
def world(redis_url: str) -> Iterator[tuple[asyncio.Runner, RedisServer]]:
    """An event loop, and a Redis of this test process."""
    with asyncio.Runner() as runner:
        server = RedisServer(redis_url)
        yield runner, server
        runner.run(server.close())


async def _everything(server: RedisServer) -> dict[bytes, Any]:
    keys = sorted([key async for key in server.commands.scan_iter("*")])
    return {key: await server.commands.dump(key) for key in keys}


async def _fill(online: OnlineFeatures, tenant_id: TenantId, entity_ids: Sequence[str]) -> None:
    for view in VIEWS.values():
        for owner in {view.entity.owner_of(one) for one in entity_ids}:
            owned = [one for one in entity_ids if view.entity.owner_of(one) == owner]
            table = feature_table(view, CLIENT, NOW, {one: {} for one in owned})
            await online.replace(tenant_id, view, owner, table)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    pair=st.lists(tenants, min_size=2, max_size=2, unique=True),
    entity_ids=st.lists(ids, min_size=1, max_size=5, unique=True),
    tried=st.lists(ids, max_size=5),
)
def test_no_id_reaches_another_agency(
    world: tuple[asyncio.Runner, RedisServer],
    pair: list[int],
    entity_ids: list[str],
    tried: list[str],
) -> None:
    runner, server = world
    alice, bob = (TenantId(uuid.UUID(int=number)) for number in pair)
    runner.run(_try_everything(server, alice, bob, entity_ids, tried))


async def _try_everything(
    server: RedisServer, alice: TenantId, bob: TenantId, entity_ids: list[str], tried: list[str]
) -> None:
    await server.commands.flushdb()
    online = OnlineFeatures(server, lambda: NOW)
    await _fill(online, alice, entity_ids)
    before = await _everything(server)
    assert all(key.startswith(f"t:{alice}:feature".encode()) for key in before)
    keys = [key.decode() for key in before]
    crafted = [*entity_ids, *tried, "\ud800", *keys, *(key.partition(":")[2] for key in keys)]
    crafted += [f"{alice}:{one}" for one in entity_ids]
    owners = [*crafted, *(one.partition(":")[0] for one in crafted)]
    for view in VIEWS.values():
        assert await online.read(TenantScope(bob), view, crafted) == [None] * len(crafted)
        assert await online.list_entities(bob, view, owners) == []
        for owner in owners:
            await online.replace(bob, view, owner, feature_table(view, CLIENT, NOW, {}))
    for entity in ENTITIES:
        assert await online.erase_entities(bob, PLATFORM, entity, crafted) == 0
    assert await _everything(server) == before
    for view in VIEWS.values():
        served = await online.read(TenantScope(alice), view, entity_ids)
        assert [row is not None for row in served] == [True] * len(entity_ids)
        listed = await online.list_entities(
            alice, view, sorted({view.entity.owner_of(one) for one in entity_ids})
        )
        assert sorted(listed) == sorted(entity_ids)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    entity_ids=st.lists(ids, min_size=2, max_size=6, unique=True), erased=st.sets(st.integers(0, 5))
)
def test_exactly_the_named_entities_are_erased(
    world: tuple[asyncio.Runner, RedisServer], entity_ids: list[str], erased: set[int]
) -> None:
    runner, server = world
    named = [entity_ids[place] for place in sorted(erased) if place < len(entity_ids)]
    runner.run(_erase(server, entity_ids, named))


async def _erase(server: RedisServer, entity_ids: list[str], named: list[str]) -> None:
    await server.commands.flushdb()
    alice, bob = TenantId(uuid.UUID(int=1)), TenantId(uuid.UUID(int=2))
    online = OnlineFeatures(server, lambda: NOW)
    for tenant_id in (alice, bob):
        await _fill(online, tenant_id, entity_ids)
    before = await _everything(server)
    view = CAMPAIGN_PERFORMANCE
    assert await online.erase_entities(alice, PLATFORM, view.entity, named) == len(named)
    after = await _everything(server)
    served = await online.read(TenantScope(alice), view, entity_ids)
    assert [one for one, row in zip(entity_ids, served, strict=True) if row is None] == [
        one for one in entity_ids if one in named
    ]
    owners = sorted({view.entity.owner_of(one) for one in entity_ids})
    listed = await online.list_entities(alice, view, owners)
    assert sorted(listed) == sorted(set(entity_ids) - set(named))
    touched = (f"t:{alice}:feature:{view.name}:", f"t:{alice}:feature_index:{view.name}:")
    others = [key for key in before if not key.decode().startswith(touched)]
    assert {key: after.get(key) for key in others} == {key: before[key] for key in others}


class _StockStore(RedisOnlineStore):
    """Feast's own store; it speaks TCP only, so the connection alone is ours."""

    def __init__(self, url: str) -> None:
        self.url = url

    def _get_client(self, online_store_config: object) -> Any:
        del online_store_config
        return redis.Redis.from_url(self.url)


# Lengths of names and numbers of keys that put `*`, `?`, `[` and a backslash into Feast's pattern.
JOIN_KEYS = [
    [TENANT_KEY, "campaign_key"],
    ["campaign_key"],
    *(["k" * length] for length in (42, 63, 91, 92)),
    *([f"k{n}" for n in range(count)] for count in (42, 63, 91, 92)),
]


@pytest.mark.anyio
async def test_stock_feast_on_the_same_redis_deletes_nothing_of_ours(
    redis_server: RedisServer, redis_url: str
) -> None:
    """Its patterns end in the name of a project: that of any of our keys' endings."""
    alice = TenantId(uuid.UUID(int=1))
    await _fill(OnlineFeatures(redis_server, lambda: NOW), alice, ["o:c1", "o:bosco", "o:*", "o"])
    ours = await _everything(redis_server)
    stock, commands = _StockStore(redis_url), redis_server.commands
    endings = {key.decode()[-length:] for key in ours for length in (1, 3, 5, 60)}
    taken = []
    for join_keys in JOIN_KEYS:
        values = [Value(string_val="v") for _ in join_keys]
        theirs = _redis_key("not_bosco", EntityKey(join_keys=join_keys, entity_values=values))
        await commands.set(theirs, "1")
        for project in (*sorted(endings), "bosco"):
            config: Any = SimpleNamespace(online_store=None, project=project)
            await asyncio.to_thread(stock.delete_entity_values, config, join_keys)
        left = await _everything(redis_server)
        taken.append(left.pop(theirs, None) is None)
        await commands.delete(theirs)
        assert left == ours
    # It does delete: with plain names, those of another project whose name ends alike.
    assert taken[:2] == [True, True]

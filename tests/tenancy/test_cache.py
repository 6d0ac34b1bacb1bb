"""Values, channels and answers of one tenant; what becomes of them without Redis."""

import asyncio
import uuid

import pytest
from structlog.testing import capture_logs

from domain.ids import ClientId, TenantId
from domain.ports import TenantScope
from tenancy.cache import InvalidKeyError, KeyKind, RedisAnswerCache, TenantRedis
from tenancy.redis_server import RedisServer, RedisUnavailableError

pytestmark = pytest.mark.anyio

ALICE = TenantId(uuid.UUID(int=1))
SHOES, HATS = ClientId(uuid.UUID(int=21)), ClientId(uuid.UUID(int=22))


async def test_value_is_stored_for_its_time_and_forgotten_on_demand(
    redis_server: RedisServer,
) -> None:
    redis = TenantRedis(redis_server, ALICE)
    assert await redis.get(KeyKind.ANSWER, "a") is None
    await redis.set(KeyKind.ANSWER, "a", value=b"\x00\xff", ttl_seconds=60)
    assert await redis.get(KeyKind.ANSWER, "a") == b"\x00\xff"
    key = "t:00000000-0000-0000-0000-000000000001:answer:a"
    assert await redis_server.commands.keys("*") == [key.encode()]
    assert await redis_server.commands.ttl(key) == 60
    await redis.delete(KeyKind.ANSWER, "a")
    assert await redis.get(KeyKind.ANSWER, "a") is None


async def test_listener_hears_what_is_published_after_it_came(redis_server: RedisServer) -> None:
    redis = TenantRedis(redis_server, ALICE)
    await redis.publish(KeyKind.DATA_VERSION, "all", message=b"before")
    async with redis.subscribe(KeyKind.DATA_VERSION, "all") as messages:
        for message in (b"one", b"two"):
            await redis.publish(KeyKind.DATA_VERSION, "all", message=message)
        assert [await anext(messages), await anext(messages)] == [b"one", b"two"]


async def test_silence_does_not_end_a_subscription(redis_url: str) -> None:
    hasty = RedisServer(redis_url, timeout_seconds=0.05)
    redis = TenantRedis(hasty, ALICE)
    async with redis.subscribe(KeyKind.DATA_VERSION, "all") as messages:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(messages), 0.2)
    await hasty.close()


async def test_answer_is_found_under_its_exact_scope_and_key(redis_server: RedisServer) -> None:
    cache = RedisAnswerCache(redis_server, ttl_seconds=90)
    scope = TenantScope(ALICE, frozenset({SHOES, HATS}))
    await cache.put(scope, "plan: 1", b"rows")
    assert await cache.get(TenantScope(ALICE, frozenset({HATS, SHOES})), "plan: 1") == b"rows"
    for other, key in (
        (scope, "plan: 2"),
        (TenantScope(ALICE, frozenset({SHOES})), "plan: 1"),
        (TenantScope(ALICE, frozenset()), "plan: 1"),
        (TenantScope(ALICE), "plan: 1"),
        (TenantScope(TenantId(uuid.UUID(int=2)), scope.clients), "plan: 1"),
    ):
        assert await cache.get(other, key) is None
    (key,) = await redis_server.commands.keys("*")
    assert await redis_server.commands.ttl(key) == 90


async def test_without_redis_answers_are_neither_kept_nor_an_error(
    dead_redis: RedisServer,
) -> None:
    cache = RedisAnswerCache(dead_redis)
    with capture_logs() as lines:
        for _ in range(3):
            await cache.put(TenantScope(ALICE), "k", b"rows")
            assert await cache.get(TenantScope(ALICE), "k") is None
    assert [line["event"] for line in lines] == ["answer_cache_lost"]


async def test_return_of_redis_is_logged_once(redis_server: RedisServer) -> None:
    cache = RedisAnswerCache(redis_server)
    with capture_logs() as lines:
        await redis_server.commands.config_set("maxmemory", "1")
        await cache.put(TenantScope(ALICE), "k", b"rows")
        await redis_server.commands.config_set("maxmemory", "0")
        for _ in range(2):
            await cache.put(TenantScope(ALICE), "k", b"rows")
    assert [line["event"] for line in lines] == ["answer_cache_lost", "answer_cache_back"]


async def test_other_uses_of_a_dead_redis_are_one_clear_error(dead_redis: RedisServer) -> None:
    redis = TenantRedis(dead_redis, ALICE)
    with pytest.raises(RedisUnavailableError) as error:
        await redis.get(KeyKind.ANSWER, "a")
    assert error.value.message == "Redis does not do its work: ConnectionError"
    with pytest.raises(RedisUnavailableError):
        await redis.set(KeyKind.ANSWER, "a", value=b"", ttl_seconds=1)
    with pytest.raises(RedisUnavailableError):
        await redis.delete(KeyKind.ANSWER, "a")
    with pytest.raises(RedisUnavailableError):
        await redis.publish(KeyKind.DATA_VERSION, "all", message=b"")
    with pytest.raises(RedisUnavailableError):
        async with redis.subscribe(KeyKind.DATA_VERSION, "all"):
            pass
    with pytest.raises(RedisUnavailableError):
        await dead_redis.ping()


async def test_living_redis_answers_the_ping(redis_server: RedisServer) -> None:
    await redis_server.ping()


@pytest.mark.parametrize(
    "parts", [(), ("",), ("a", ""), ("a:b",), ("a b",), ("a\n",), ("{a}",), ("*",), ("a" * 201,)]
)
async def test_part_that_could_be_read_as_several_is_refused(
    redis_server: RedisServer, parts: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidKeyError, match="cannot be a key of kind answer"):
        await TenantRedis(redis_server, ALICE).get(KeyKind.ANSWER, *parts)

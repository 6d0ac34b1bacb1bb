"""Everything that Redis holds of agencies, found by looking through all keys.

    SCAN t:* -> keys of some tenants -> their values | gone

For work that has to be sure that nothing is left: it reads every key of the server once, a thousand
at a time, whoever owns it. Nothing that answers a request may use it.

Source: Redis documentation, SCAN: what is there from the start to the end is returned.
"""

import uuid
from collections import Counter
from collections.abc import AsyncIterator, Collection
from typing import Any, Final

from domain.ids import TenantId
from tenancy.cache import KeyKind
from tenancy.redis_server import RedisServer, reachable_redis

__all__ = ["iter_stored", "unlink_answers"]

_AT_ONCE: Final = 1000


async def unlink_answers(server: RedisServer, tenants: Collection[TenantId]) -> Counter[TenantId]:
    """Forget all cached answers of some agencies.

    Returns:
        How many there were.

    Raises:
        RedisUnavailableError: Redis does not answer.
    """
    gone: Counter[TenantId] = Counter()
    pattern = f"t:*:{KeyKind.ANSWER.value}:*"
    async for tenant_id, keys in _keys(server, pattern, frozenset(tenants)):
        with reachable_redis():
            gone[tenant_id] += int(await server.commands.unlink(*keys))
    return gone


async def iter_stored(server: RedisServer, tenant_id: TenantId) -> AsyncIterator[tuple[str, bytes]]:
    """Each key of an agency, and all that is stored under it as one piece.

    Raises:
        RedisUnavailableError: Redis does not answer.
    """
    async for _, keys in _keys(server, f"t:{tenant_id}:*", frozenset({tenant_id})):
        for key in keys:
            with reachable_redis():
                yield key, await _value(server, key)


async def _keys(
    server: RedisServer, pattern: str, tenants: frozenset[TenantId]
) -> AsyncIterator[tuple[TenantId, list[str]]]:
    cursor = 0
    while True:
        with reachable_redis():
            cursor, found = await server.commands.scan(cursor, match=pattern, count=_AT_ONCE)
        by_tenant: dict[TenantId, list[str]] = {}
        for key in (name.decode("utf-8", "replace") for name in found):
            tenant_id = TenantId(uuid.UUID(key.split(":")[1]))
            if tenant_id in tenants:
                by_tenant.setdefault(tenant_id, []).append(key)
        for tenant_id, keys in by_tenant.items():
            yield tenant_id, keys
        if cursor == 0:
            return


async def _value(server: RedisServer, key: str) -> bytes:
    redis: Any = server.commands  # typed as if it were not asynchronous
    parts: list[bytes]
    match await redis.type(key):
        case b"string":
            parts = [await redis.get(key) or b""]
        case b"zset":
            parts = list(await redis.zrange(key, 0, -1))
        case b"list":
            parts = list(await redis.lrange(key, 0, -1))
        case b"set":
            parts = list(await redis.smembers(key))
        case b"hash":
            parts = [one for pair in (await redis.hgetall(key)).items() for one in pair]
        case _:
            parts = []  # it ended meanwhile
    return b"\n".join(parts)

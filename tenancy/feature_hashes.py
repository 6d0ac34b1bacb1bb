"""Features of a tenant's entities in Redis: one hash per entity, many in one round trip.

    TenantFeatures(server, tenant) -> t:<tenant>:feature:<kind of entity>:<id> -> {view: bytes}

The tenant is given once and comes first in every key. Ids of entities hold what providers put into
them, so they are encoded (`encode_id`): no id reaches into another key. Nothing is ever looked for
by pattern: what is erased is named.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Final

from domain.ids import TenantId
from tenancy.cache import KeyKind, TenantRedis
from tenancy.redis_server import RedisServer, reachable_redis

__all__ = ["TenantFeatures", "encode_id"]

_LONGEST: Final = 200
_CHUNK: Final = 500  # keys in one pipeline
_PLAIN: Final = re.compile(rb"[^A-Za-z0-9_.-]")


def encode_id(entity_id: str) -> str:
    """Write any text as a part of a key; different texts give different parts.

    Letters, digits and `_ . -` stand for themselves, every other byte of UTF-8 is `=` and two
    digits `0-9A-F`; what would be longer than 200 characters is `=h` and its SHA-256. The empty
    text is `=e`.
    """
    if not entity_id:
        return "=e"
    data = entity_id.encode("utf-8", "surrogatepass")
    encoded = _PLAIN.sub(lambda found: b"=%02X" % found[0][0], data).decode()
    if len(encoded) > _LONGEST:
        return f"=h{hashlib.sha256(data).hexdigest()}"
    return encoded


class TenantFeatures:
    """Stored features as one tenant sees them."""

    def __init__(self, server: RedisServer, tenant_id: TenantId) -> None:
        self._server = server
        self._redis = TenantRedis(server, tenant_id)
        self.tenant_id = tenant_id

    def key(self, kind: str, entity_id: str) -> str:
        """The key of an entity's hash."""
        return self._redis.key(KeyKind.FEATURE, kind, encode_id(entity_id))

    async def read(
        self, kind: str, entity_ids: Sequence[str], views: Sequence[str]
    ) -> list[list[bytes | None]]:
        """Read views of entities. One round trip.

        Returns:
            For each entity, in the order asked, the bytes of each view; None: not stored.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        pipeline = self._server.commands.pipeline(transaction=False)
        for entity_id in entity_ids:
            pipeline.hmget(self.key(kind, entity_id), list(views))
        with reachable_redis():
            found: list[list[bytes | None]] = await pipeline.execute()
        return found

    async def write(
        self, kind: str, view: str, values: Mapping[str, bytes], ttl_seconds: int
    ) -> None:
        """Store one view of entities, by id; other views of theirs stay.

        Raises:
            RedisUnavailableError: Redis does not answer or is full.
        """
        items = list(values.items())
        for start in range(0, len(items), _CHUNK):
            pipeline = self._server.commands.pipeline(transaction=False)
            for entity_id, value in items[start : start + _CHUNK]:
                key = self.key(kind, entity_id)
                pipeline.hset(key, view, value)  # type: ignore[arg-type]  # bytes are stored as they are
                pipeline.expire(key, ttl_seconds)
            with reachable_redis():
                await pipeline.execute()

    async def erase(self, kind: str, entity_ids: Sequence[str]) -> int:
        """Forget all views of entities.

        Returns:
            How many of them were there.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        erased = 0
        for start in range(0, len(entity_ids), _CHUNK):
            keys = [self.key(kind, entity_id) for entity_id in entity_ids[start : start + _CHUNK]]
            with reachable_redis():
                erased += int(await self._server.commands.unlink(*keys))
        return erased

    async def read_index(self, kind: str, owner: str) -> bytes | None:
        """What `write_index` stored, or None.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        return await self._redis.get(KeyKind.FEATURE_INDEX, kind, encode_id(owner))

    async def write_index(self, kind: str, owner: str, value: bytes, ttl_seconds: int) -> None:
        """Store the list of an owner's entities.

        Raises:
            RedisUnavailableError: Redis does not answer or is full.
        """
        await self._redis.set(
            KeyKind.FEATURE_INDEX, kind, encode_id(owner), value=value, ttl_seconds=ttl_seconds
        )

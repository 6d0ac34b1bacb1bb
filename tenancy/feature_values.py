"""Features of a tenant's entities in Redis: many in one command.

    TenantFeatures(server, tenant) -> t:<tenant>:feature:<view>:<id of an entity> -> bytes
                                   -> t:<tenant>:feature_index:<view>:<owner> -> ids, in order

The tenant is given once and comes first in every key. Ids of entities hold what providers put into
them, so they are encoded (`encode_id`): no id reaches into another key. Nothing is ever looked for
by pattern: what is erased is named. An owner is the account or client that an entity belongs to.
"""

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from domain.ids import TenantId
from tenancy.cache import KeyKind, TenantRedis
from tenancy.redis_server import RedisServer, reachable_redis

__all__ = ["TenantFeatures", "encode_id"]

T = TypeVar("T")

_LONGEST: Final = 200
_CHUNK: Final = 500  # commands in one pipeline, keys or ids in one command that changes them
_PLAIN: Final = re.compile(rb"[^A-Za-z0-9_.-]")


def encode_id(entity_id: str) -> str:
    """Write any text as a part of a key; different texts give different parts.

    Letters, digits and `_ . -` stand for themselves, every other byte of UTF-8 is `=` and two
    digits `0-9A-F`; what would be longer than 200 characters is `=h` and its SHA-256. The empty
    text is `=e`.
    """
    if not entity_id:
        return "=e"
    data = _member(entity_id)
    encoded = _PLAIN.sub(lambda found: b"=%02X" % found[0][0], data).decode()
    if len(encoded) > _LONGEST:
        return f"=h{hashlib.sha256(data).hexdigest()}"
    return encoded


class TenantFeatures:
    """Stored features as one tenant sees them."""

    def __init__(self, server: RedisServer, tenant_id: TenantId) -> None:
        self._server = server
        self._redis = TenantRedis(server, tenant_id)

    def keys(self, view: str, entity_ids: Iterable[str]) -> list[str]:
        """The keys of a view of entities."""
        # Encoded ids are plain parts, so only what stands before them is checked, once for all.
        head = self._redis.key(KeyKind.FEATURE, view)
        return [f"{head}:{encode_id(entity_id)}" for entity_id in entity_ids]

    async def read(self, view: str, entity_ids: Sequence[str]) -> list[bytes | None]:
        """Read a view of entities. One command for all: a pipeline of many costs six times as much.

        Returns:
            In the order asked; None: not stored.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        if not entity_ids:
            return []
        with reachable_redis():
            found: list[bytes | None] = await self._server.commands.mget(
                self.keys(view, entity_ids)
            )
        return found

    async def write(self, view: str, values: Mapping[str, bytes], ttl_seconds: int) -> None:
        """Store a view of entities, by id.

        Raises:
            RedisUnavailableError: Redis does not answer or is full.
        """
        for items in _chunks(zip(self.keys(view, values), values.values(), strict=True)):
            pipeline = self._pipeline()
            for key, value in items:
                pipeline.set(key, value, ex=ttl_seconds)
            with reachable_redis():
                await pipeline.execute()

    async def erase(self, view: str, entity_ids: Iterable[str]) -> int:
        """Forget a view of entities.

        Returns:
            How many of them had it.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        erased = 0
        for keys in _chunks(self.keys(view, entity_ids)):
            with reachable_redis():
                erased += int(await self._server.commands.unlink(*keys))
        return erased

    async def count_ids(self, view: str, owners: Sequence[str]) -> list[int]:
        """How many entities each owner has in a view. One round trip.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        pipeline = self._pipeline()
        for owner in owners:
            pipeline.zcard(self._index(view, owner))
        with reachable_redis():
            found: list[int] = await pipeline.execute()
        return found

    async def list_ids(self, view: str, spans: Sequence[tuple[str, int, int]]) -> list[list[str]]:
        """Ids of owners' entities in a view, in order. One round trip.

        Args:
            view: In which.
            spans: Owner, place of the first and of the last id, from 0 and included.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        pipeline = self._pipeline()
        for owner, first, last in spans:
            pipeline.zrange(self._index(view, owner), first, last)
        with reachable_redis():
            found: list[list[bytes]] = await pipeline.execute()
        return [[data.decode("utf-8", "surrogatepass") for data in ids] for ids in found]

    async def set_ids(
        self, view: str, owner: str, entity_ids: Iterable[str], ttl_seconds: int
    ) -> None:
        """Say which entities an owner has in a view.

        Raises:
            RedisUnavailableError: Redis does not answer or is full.
        """
        index = self._index(view, owner)
        pipeline = self._server.commands.pipeline(transaction=True)
        pipeline.delete(index)
        for ids in _chunks(entity_ids):
            pipeline.zadd(index, dict.fromkeys(map(_member, ids), 0))
        pipeline.expire(index, ttl_seconds)
        with reachable_redis():
            await pipeline.execute()

    async def remove_ids(self, view: str, owner: str, entity_ids: Iterable[str]) -> None:
        """Take entities of an owner out of a view's list.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        for ids in _chunks(entity_ids):
            with reachable_redis():
                await self._server.commands.zrem(self._index(view, owner), *map(_member, ids))

    def _index(self, view: str, owner: str) -> str:
        return self._redis.key(KeyKind.FEATURE_INDEX, view, encode_id(owner))

    def _pipeline(self) -> Any:
        return self._server.commands.pipeline(transaction=False)


def _member(entity_id: str) -> bytes:
    return entity_id.encode("utf-8", "surrogatepass")


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(itertools.islice(rest, _CHUNK)):
        yield chunk

"""Tenants' data in Redis: one handle, one form of key.

    TenantRedis(server, tenant) -> t:<tenant uuid>:<kind>:<part>:... -> Redis

Nothing else may use Redis for tenant data. The tenant comes first in every key and channel and is
not an argument of any call; parts cannot hold a separator, so no part can reach into another key.
Every value has a time to live. `RedisAnswerCache` does without Redis when there is none.
"""

import enum
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Final

import structlog

from domain.errors import InternalError
from domain.ids import TenantId
from domain.ports import TenantScope
from domain.privacy.classification import Privacy
from domain.privacy.holds import (
    ADVERTISING_OBJECT,
    AGGREGATE_FIGURES,
    CACHED_FIGURES,
    LINEAGE,
    STAFF_CALLS,
)
from tenancy.redis_server import RedisServer, RedisUnavailableError, reachable_redis

__all__ = ["KEY_HOLDS", "InvalidKeyError", "KeyKind", "RedisAnswerCache", "TenantRedis"]

_LOG: Final = structlog.get_logger(__name__)
_PART: Final = re.compile(r"[A-Za-z0-9_.=-]{1,200}")


class KeyKind(enum.Enum):
    """What is stored under a key, or said on a channel."""

    ANSWER = "answer"
    DATA_VERSION = "data_version"  # channel: a publication of the tenant's data
    FEATURE = "feature"  # values of one feature view of one entity
    FEATURE_INDEX = "feature_index"  # sorted set: ids of one account's or client's entities
    RATE = "rate"  # list: when an app or an account last called


# What values and members under a key hold of people.
KEY_HOLDS: Final[Mapping[KeyKind, Privacy]] = {
    KeyKind.ANSWER: CACHED_FIGURES,
    KeyKind.DATA_VERSION: LINEAGE,
    KeyKind.FEATURE: AGGREGATE_FIGURES,
    KeyKind.FEATURE_INDEX: ADVERTISING_OBJECT,
    KeyKind.RATE: STAFF_CALLS,
}


class InvalidKeyError(InternalError):
    """A part of a key is empty or could be read as several (our bug)."""

    code = "INVALID_KEY"


class TenantRedis:
    """Redis as one tenant sees it."""

    def __init__(self, server: RedisServer, tenant_id: TenantId) -> None:
        self._server = server
        self._tenant_id = tenant_id

    def key(self, kind: KeyKind, *parts: str) -> str:
        """The full key, `t:<tenant>:<kind>:<part>:...`.

        Raises:
            InvalidKeyError: No part, or one with anything but letters, digits and `_ . = -`.
        """
        if not parts or not all(_PART.fullmatch(part) for part in parts):
            raise InvalidKeyError(
                f"{parts!r} cannot be a key of kind {kind.value}",
                hint="hash what is not made of letters, digits and _ . = -",
            )
        return ":".join(("t", str(self._tenant_id), kind.value, *parts))

    async def get(self, kind: KeyKind, *parts: str) -> bytes | None:
        """The stored value, or None.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        with reachable_redis():
            value: bytes | None = await self._server.commands.get(self.key(kind, *parts))
        return value

    async def set(self, kind: KeyKind, *parts: str, value: bytes, ttl_seconds: int) -> None:
        """Store a value for `ttl_seconds`.

        Raises:
            RedisUnavailableError: Redis does not answer or is full.
        """
        with reachable_redis():
            await self._server.commands.set(self.key(kind, *parts), value, ex=ttl_seconds)

    async def delete(self, kind: KeyKind, *parts: str) -> None:
        """Forget a value; no error when there is none.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        with reachable_redis():
            await self._server.commands.delete(self.key(kind, *parts))

    async def publish(self, kind: KeyKind, *parts: str, message: bytes) -> None:
        """Tell all who listen now; nothing is kept for later.

        Raises:
            RedisUnavailableError: Redis does not answer.
        """
        with reachable_redis():
            await self._server.commands.publish(self.key(kind, *parts), message)

    @asynccontextmanager
    async def subscribe(self, kind: KeyKind, *parts: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Messages published after the block was entered.

        Raises:
            RedisUnavailableError: Redis does not answer, or goes away meanwhile.
        """
        async with self._server.listeners.pubsub() as pubsub:
            with reachable_redis():
                await pubsub.subscribe(self.key(kind, *parts))
                # The server confirms the subscription; only then does it send messages.
                await pubsub.get_message(timeout=None)
            async with aclosing(_messages(pubsub.listen())) as messages:
                yield messages


class RedisAnswerCache:
    """`domain.ports.AnswerCache` on Redis. Without Redis nothing is found and nothing stored."""

    def __init__(self, server: RedisServer, *, ttl_seconds: int = 86_400) -> None:
        self._server = server
        self._ttl_seconds = ttl_seconds
        self._is_reachable = True

    async def get(self, scope: TenantScope, key: str) -> bytes | None:
        """The bytes stored for exactly this tenant, set of clients and key, or None."""
        try:
            value = await self._redis(scope).get(KeyKind.ANSWER, _clients(scope), _digest(key))
        except RedisUnavailableError as error:
            self._note_loss(error)
            return None
        self._note_return()
        return value

    async def put(self, scope: TenantScope, key: str, value: bytes) -> None:
        """Store bytes for the cache's time to live."""
        parts = (_clients(scope), _digest(key))
        try:
            await self._redis(scope).set(
                KeyKind.ANSWER, *parts, value=value, ttl_seconds=self._ttl_seconds
            )
        except RedisUnavailableError as error:
            self._note_loss(error)
            return
        self._note_return()

    def _redis(self, scope: TenantScope) -> TenantRedis:
        return TenantRedis(self._server, scope.tenant_id)

    def _note_loss(self, error: RedisUnavailableError) -> None:
        if self._is_reachable:
            _LOG.warning("answer_cache_lost", reason=str(error))
        self._is_reachable = False

    def _note_return(self) -> None:
        if not self._is_reachable:
            _LOG.info("answer_cache_back")
        self._is_reachable = True


async def _messages(events: AsyncIterator[dict[str, bytes | str]]) -> AsyncGenerator[bytes]:
    with reachable_redis():
        async for event in events:
            data = event["data"]
            if event["type"] == "message" and isinstance(data, bytes):
                yield data


def _clients(scope: TenantScope) -> str:
    if scope.clients is None:
        return "all"
    return _digest(",".join(sorted(str(client) for client in scope.clients)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

"""Tenant B against tenant A's keys and channels, for every kind."""

import asyncio
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import TenantId
from tenancy.cache import InvalidKeyError, KeyKind, TenantRedis
from tenancy.redis_server import RedisServer

ALICE, BOB = TenantId(uuid.UUID(int=1)), TenantId(uuid.UUID(int=2))
UNCONNECTED = RedisServer("unix:///nowhere")

parts = st.lists(st.text(), max_size=3)
each_kind = pytest.mark.parametrize("kind", list(KeyKind))


@each_kind
@pytest.mark.anyio
async def test_values_stay_with_their_tenant(redis_server: RedisServer, kind: KeyKind) -> None:
    alice, bob = TenantRedis(redis_server, ALICE), TenantRedis(redis_server, BOB)
    await alice.set(kind, "same", value=b"canary", ttl_seconds=60)
    assert await bob.get(kind, "same") is None
    await bob.delete(kind, "same")
    await bob.set(kind, "same", value=b"other", ttl_seconds=60)
    assert await alice.get(kind, "same") == b"canary"


@each_kind
@pytest.mark.anyio
async def test_messages_stay_with_their_tenant(redis_server: RedisServer, kind: KeyKind) -> None:
    alice, bob = TenantRedis(redis_server, ALICE), TenantRedis(redis_server, BOB)
    async with bob.subscribe(kind, "same") as heard:
        await alice.publish(kind, "same", message=b"canary")
        await bob.publish(kind, "same", message=b"own")
        assert await asyncio.wait_for(anext(heard), 5) == b"own"


@given(st.uuids(), st.sampled_from(KeyKind), parts)
def test_every_key_starts_with_its_tenant(
    tenant: uuid.UUID, kind: KeyKind, given_parts: list[str]
) -> None:
    try:
        key = TenantRedis(UNCONNECTED, TenantId(tenant)).key(kind, *given_parts)
    except InvalidKeyError:
        return
    assert key.split(":") == ["t", str(tenant), kind.value, *given_parts]


@given(st.sampled_from(KeyKind), st.sampled_from(KeyKind), parts, parts)
def test_different_words_give_different_keys(
    kind: KeyKind, other_kind: KeyKind, words: list[str], other_words: list[str]
) -> None:
    redis = TenantRedis(UNCONNECTED, ALICE)
    try:
        keys = redis.key(kind, *words), redis.key(other_kind, *other_words)
    except InvalidKeyError:
        return
    assert (keys[0] == keys[1]) == ((kind, words) == (other_kind, other_words))

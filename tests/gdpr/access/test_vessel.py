"""Sealed parts: read as written, bounded in size, and worth nothing when touched."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import NotFoundError
from domain.ids import TenantId
from gdpr.access.vessel import SealedPlace, SealedWriter, SpoiltExportError
from tenancy.landing_store import LandingStore

pytestmark = pytest.mark.anyio

ALICE, BOB = TenantId(uuid.UUID(int=1)), TenantId(uuid.UUID(int=2))
ONE, OTHER = uuid.UUID(int=3), uuid.UUID(int=4)
KEY = b"k" * 32


def _place(
    store: LandingStore, tenant_id: TenantId = ALICE, request_id: uuid.UUID = ONE
) -> SealedPlace:
    return SealedPlace(store.for_tenant(tenant_id), tenant_id, request_id)


async def _write(place: SealedPlace, *data: bytes, part_bytes: int = 10) -> int:
    writer = SealedWriter(place, KEY, part_bytes=part_bytes)
    for one in data:
        await writer.write(one)
    await writer.finish()
    assert writer.bytes == sum(map(len, data))
    return writer.parts


async def _read(place: SealedPlace, parts: int, key: bytes = KEY) -> bytes:
    return b"".join([part async for part in place.read(key, parts)])


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 50))
async def test_what_was_written_is_read(data: list[bytes], part_bytes: int) -> None:
    place = _place(LandingStore("memory://"))
    parts = await _write(place, *data, part_bytes=part_bytes)
    assert parts == max(1, -(-sum(map(len, data)) // part_bytes))
    assert await _read(place, parts) == b"".join(data)
    for part in range(1, parts + 1):
        assert len(await place.landing.get(place.key_of(part))) <= part_bytes + 16


async def test_lies_under_its_tenant_and_shows_nothing() -> None:
    place = _place(LandingStore("memory://"))
    assert await _write(place, b"ada@northwind.example") == 3
    assert await place.landing.list() == [
        f"tenant={ALICE}/privacy/exports/{ONE}/part-0000{part}" for part in (1, 2, 3)
    ]
    assert b"ada" not in await place.landing.get(place.key_of(1))
    assert await place.delete() == 3
    assert await place.landing.list() == []
    with pytest.raises(NotFoundError):
        await _read(place, 3)


@pytest.mark.parametrize("spoil", ["swap", "cut", "edit", "request", "tenant", "key"])
async def test_what_was_touched_does_not_open(spoil: str) -> None:
    store = LandingStore("memory://")
    place, parts, key = _place(store), 3, KEY
    await _write(place, b"0123456789abcdefghij!")
    landing = place.landing
    first, second = [await landing.get(place.key_of(part)) for part in (1, 2)]
    match spoil:
        case "swap":
            await landing.put(place.key_of(1), second)
        case "cut":
            parts = 2
        case "edit":
            await landing.put(place.key_of(1), bytes([first[0] ^ 1]) + first[1:])
        case "request":
            place = _place(store, request_id=OTHER)
            await landing.put(place.key_of(1), first)
        case "tenant":
            place = _place(store, BOB)
            await place.landing.put(place.key_of(1), first)
        case _:
            key = b"x" * 32
    with pytest.raises(SpoiltExportError, match=r"^part \d of an export does not open$"):
        await _read(place, parts, key)

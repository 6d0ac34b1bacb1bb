"""Landing objects lie under their tenant, and nobody reaches another's."""

from pathlib import Path

import pytest

from domain.errors import ConflictError, InternalError, NotFoundError
from tenancy.audited_tenants import AuditedTenants
from tenancy.landing_store import ForeignKeyError, LandingStore
from tenancy.warehouse.port import ForeignRowsError, RemoteObject
from tests.tenancy.warehouse.samples import BOTH, ONLY_A, A, B, parquet

KEY_A, KEY_B = (f"tenant={tenant}/source=s/part-0.parquet" for tenant in (A, B))


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> LandingStore:
    return LandingStore(f"file://{tmp_path}/lake" if request.param == "file" else "memory://")


@pytest.mark.anyio
async def test_writes_reads_lists_and_deletes(store: LandingStore) -> None:
    mine = store.for_tenant(A)
    await mine.put(KEY_A, b"one")
    await mine.put(KEY_A, b"two")
    assert await mine.get(KEY_A) == b"two"
    assert [chunk async for chunk in mine.stream(KEY_A)] == [b"two"]
    assert await mine.list() == [KEY_A]
    assert await mine.list(f"tenant={A}/source=s") == [KEY_A]
    assert await mine.list(f"tenant={A}/source=t") == []
    await mine.delete(KEY_A)
    await mine.delete(KEY_A)
    with pytest.raises(NotFoundError):
        await mine.get(KEY_A)


@pytest.mark.anyio
async def test_creates_once(store: LandingStore) -> None:
    mine = store.for_tenant(A)
    await mine.create(KEY_A, b"one")
    with pytest.raises(ConflictError):
        await mine.create(KEY_A, b"two")
    assert await mine.get(KEY_A) == b"one"


@pytest.mark.anyio
@pytest.mark.parametrize("key", [KEY_B, "part", "", f"tenant={A}/../{KEY_B}", f"tenant={A}"])
async def test_reaches_no_other_tenant(store: LandingStore, key: str) -> None:
    await store.for_tenant(B).put(KEY_B, b"theirs")
    mine = store.for_tenant(A)
    for attempt in (mine.get(key), mine.put(key, b"x"), mine.create(key, b"x"), mine.delete(key)):
        with pytest.raises(ForeignKeyError):
            await attempt
    with pytest.raises(ForeignKeyError):
        mine.describe(key)
    with pytest.raises(ForeignKeyError):
        await anext(mine.stream(key))
    if key:  # without a prefix all of one's own is listed
        with pytest.raises(ForeignKeyError):
            await mine.list(key)
    assert await mine.list() == []
    assert await store.for_tenant(B).get(KEY_B) == b"theirs"


@pytest.mark.anyio
async def test_the_loader_reads_the_tenants_that_it_names(store: LandingStore) -> None:
    await store.for_tenant(A).put(KEY_A, b"a")
    await store.for_tenant(B).put(KEY_B, b"b")
    assert await store.open_for(BOTH).list() == [KEY_A, KEY_B]
    with pytest.raises(ForeignKeyError):
        await store.open_for(ONLY_A).get(KEY_B)


@pytest.mark.anyio
async def test_describes_whose_rows_an_object_holds(tmp_path: Path) -> None:
    store = LandingStore(f"file://{tmp_path}")
    mine = store.for_tenant(A)
    await mine.put(KEY_A, parquet([{"tenant_id": str(A), "whole": 1}]))
    described = mine.describe(KEY_A)
    assert described == RemoteObject(f"file://{tmp_path}/{KEY_A}", frozenset({str(A)}))
    mixed = f"tenant={A}/mixed"
    await mine.put(mixed, parquet([{"tenant_id": str(A)}, {"tenant_id": str(B)}]))
    with pytest.raises(ForeignRowsError):
        mine.describe(mixed)


def test_refuses_unknown_places_and_purposes() -> None:
    with pytest.raises(InternalError, match="landing store of kind 'ftp'"):
        LandingStore("ftp://x")
    with pytest.raises(InternalError, match="cannot be a label"):
        AuditedTenants(frozenset({A}), "Two words")
    with pytest.raises(InternalError, match="at least one tenant"):
        AuditedTenants(frozenset(), "load")

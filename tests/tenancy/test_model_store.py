"""Artefacts lie under their hash, apart from every tenant's objects, and are proved when read."""

from pathlib import Path

import pytest

from domain.errors import NotFoundError
from tenancy.landing_store import ForeignKeyError, LandingStore
from tenancy.model_store import ModelStore, TamperedArtefactError
from tests.tenancy.warehouse.samples import A

pytestmark = pytest.mark.anyio

# printf 'abc' | sha256sum (FIPS 180-4, the first example)
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ModelStore:
    return ModelStore(f"file://{tmp_path}/lake" if request.param == "file" else "memory://")


async def test_puts_once_gets_and_deletes(store: ModelStore) -> None:
    assert await store.put(b"abc") == ABC
    assert await store.put(b"abc") == ABC
    assert await store.get(ABC) == b"abc"
    await store.delete(ABC)
    await store.delete(ABC)
    with pytest.raises(NotFoundError):
        await store.get(ABC)


@pytest.mark.parametrize("stored", [b"abd", b"ab", b""])
async def test_never_gives_what_was_changed(tmp_path: Path, stored: bytes) -> None:
    store = ModelStore(f"file://{tmp_path}")
    await store.put(b"abc")
    (tmp_path / "models" / ABC).write_bytes(stored)
    with pytest.raises(TamperedArtefactError):
        await store.get(ABC)


@pytest.mark.parametrize("name", ["", "abc", f"../{ABC}", f"{ABC}/x", ABC.upper()])
async def test_reaches_nothing_but_artefacts(store: ModelStore, name: str) -> None:
    for attempt in (store.get(name), store.delete(name)):
        with pytest.raises(NotFoundError):
            await attempt


async def test_no_tenant_reaches_an_artefact(tmp_path: Path) -> None:
    await ModelStore(f"file://{tmp_path}").put(b"abc")
    landing = LandingStore(f"file://{tmp_path}").for_tenant(A)
    for attempt in (landing.get(f"models/{ABC}"), landing.delete(f"models/{ABC}")):
        with pytest.raises(ForeignKeyError):
            await attempt
    assert await landing.list() == []

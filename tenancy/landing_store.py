"""Landing objects: a folder or a bucket where every key begins with its tenant.

    put -> tenant=<uuid>/... (written whole or not at all) -> get | describe -> warehouse.load

Nothing is read or written but through a handle of one tenant, or of an audited set.

Sources: obstore 0.12 (Apache object_store): `LocalStore` writes to a temporary name and renames.
"""

import io
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from obstore.exceptions import AlreadyExistsError as _ObjectExistsError
from obstore.exceptions import BaseError as _StoreError
from obstore.exceptions import NotFoundError as _ObjectMissingError
from obstore.store import GCSStore, LocalStore, MemoryStore, ObjectStore

from domain.errors import ConflictError, InternalError, NotFoundError, Terminal, Transient
from domain.ids import TenantId
from tenancy.audited_tenants import AuditedTenants
from tenancy.warehouse.port import ForeignRowsError, RemoteObject

__all__ = [
    "ForeignKeyError",
    "LandingError",
    "LandingHandle",
    "LandingStore",
    "TenantLanding",
    "open_objects",
]

_MISSING: Final = (_ObjectMissingError, FileNotFoundError)
_TAIL_BYTES: Final = 64 * 1024  # holds the footer of most objects
_CHUNK_BYTES: Final = 8 * 1024 * 1024


class LandingError(InternalError, Transient):
    """The store did not do as told; trying again can help."""

    code = "LANDING_FAILED"


class ForeignKeyError(InternalError, Terminal):
    """A key does not lie under a tenant of the handle (our bug)."""

    code = "FOREIGN_LANDING_KEY"


class LandingHandle:
    """Reads the objects of some tenants. Made by `LandingStore`."""

    __slots__ = ("_prefixes", "_root", "_store")

    def __init__(self, store: ObjectStore, root: str, tenants: frozenset[TenantId]) -> None:
        self._store = store
        self._root = root
        self._prefixes = tuple(sorted(tenant_prefix(tenant_id) for tenant_id in tenants))

    async def get(self, key: str) -> bytes:
        """The whole object.

        Raises:
            ForeignKeyError: The key is another tenant's.
            NotFoundError: No such object.
            LandingError: The store failed.
        """
        self._check(key)
        try:
            result = await obstore.get_async(self._store, key)
            return bytes(await result.bytes_async())
        except _MISSING as error:
            raise _not_found(key) from error
        except _StoreError as error:
            raise LandingError(f"reading {key}: {error}") from error

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """The object in chunks of at least 8 MiB but for the last; errors as in `get`."""
        self._check(key)
        try:
            result = await obstore.get_async(self._store, key)
            async for chunk in result.stream(min_chunk_size=_CHUNK_BYTES):
                yield bytes(chunk)
        except _MISSING as error:
            raise _not_found(key) from error
        except _StoreError as error:
            raise LandingError(f"reading {key}: {error}") from error

    async def list(self, prefix: str = "") -> list[str]:
        """Keys of the tenants, sorted; with `prefix`, those below it.

        Args:
            prefix: A key, or whole segments of one, below a tenant of the handle; empty: all.

        Raises:
            ForeignKeyError: The prefix is another tenant's.
        """
        if prefix:
            self._check(prefix)
        keys: list[str] = []
        try:
            for start in [prefix] if prefix else self._prefixes:
                async for page in obstore.list(self._store, start.rstrip("/")):
                    keys.extend(str(meta["path"]) for meta in page)
        except _StoreError as error:
            raise LandingError(f"listing {prefix or self._prefixes}: {error}") from error
        return sorted(keys)

    def describe(self, key: str) -> RemoteObject:
        """Name an object for a warehouse that reads it by itself, and prove whose rows it holds.

        Reads the Parquet footer only (blocking; one or two small requests).

        Raises:
            ForeignKeyError: The key is another tenant's.
            ForeignRowsError: The footer does not prove that each row group has one tenant.
        """
        self._check(key)
        try:
            footer = pq.read_metadata(io.BytesIO(self._footer(key)))
        except _MISSING as error:
            raise _not_found(key) from error
        except (_StoreError, pa.ArrowInvalid) as error:
            raise LandingError(f"reading the footer of {key}: {error}") from error
        return RemoteObject(f"{self._root}/{key}", _tenants_in(footer, key))

    def _footer(self, key: str) -> bytes:
        """The end of a Parquet file: metadata, its length in 4 bytes, `PAR1`."""
        size = int(obstore.head(self._store, key)["size"])
        tail = bytes(
            obstore.get_range(self._store, key, start=max(0, size - _TAIL_BYTES), end=size)
        )
        needed = int.from_bytes(tail[-8:-4], "little") + 8
        if len(tail) < needed <= size:
            tail = bytes(obstore.get_range(self._store, key, start=size - needed, end=size))
        return tail

    def _check(self, key: str) -> None:
        if not key.startswith(self._prefixes) or ".." in key.split("/"):
            raise ForeignKeyError(f"landing key {key!r} lies outside the tenants of this handle")


class TenantLanding(LandingHandle):
    """Reads and writes the objects of one tenant."""

    __slots__ = ()

    async def put(self, key: str, data: bytes) -> None:
        """Write an object whole, replacing what was there.

        Raises:
            ForeignKeyError: The key is another tenant's.
            LandingError: The store failed; nothing was written.
        """
        self._check(key)
        try:
            await obstore.put_async(self._store, key, data)
        except _StoreError as error:
            raise LandingError(f"writing {key}: {error}") from error

    async def create(self, key: str, data: bytes) -> None:
        """Write an object that must not exist.

        Raises:
            ConflictError: It exists; it stays as it was.
        """
        self._check(key)
        try:
            await obstore.put_async(self._store, key, data, mode="create")
        except (_ObjectExistsError, FileExistsError) as error:
            raise ConflictError(f"landing object {key} exists already") from error
        except _StoreError as error:
            raise LandingError(f"writing {key}: {error}") from error

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        self._check(key)
        try:
            await obstore.delete_async(self._store, key)
        except _MISSING:
            return
        except _StoreError as error:
            raise LandingError(f"deleting {key}: {error}") from error


class LandingStore:
    """A store of landing objects, by URL."""

    __slots__ = ("_root", "_store")

    def __init__(self, url: str) -> None:
        """Name the place; nothing is contacted yet.

        Args:
            url: `file:///folder` (made when missing), `gs://bucket/prefix` or `memory://`.

        Raises:
            InternalError: Another scheme.
        """
        self._root = url.rstrip("/")
        self._store = open_objects(url)

    def for_tenant(self, tenant_id: TenantId) -> TenantLanding:
        """The handle of one tenant."""
        return TenantLanding(self._store, self._root, frozenset({tenant_id}))

    def open_for(self, tenants: AuditedTenants) -> LandingHandle:
        """The reading handle of the loader."""
        return LandingHandle(self._store, self._root, tenants.tenant_ids)


def open_objects(url: str) -> ObjectStore:
    """The store behind a URL; see `LandingStore`."""
    parts = urlsplit(url)
    match parts.scheme:
        case "file":
            return LocalStore(parts.path, mkdir=True)
        case "gs":
            return GCSStore(parts.netloc, prefix=parts.path.strip("/") or None)
        case "memory":
            return MemoryStore()
        case scheme:
            raise InternalError(
                f"landing store of kind {scheme!r}",
                hint="file:///folder, gs://bucket or memory://",
            )


def tenant_prefix(tenant_id: TenantId) -> str:
    """How every key of a tenant begins."""
    return f"tenant={tenant_id}/"


def _tenants_in(footer: pq.FileMetaData, key: str) -> frozenset[str]:
    """The tenant of each row group: proved when the least and the greatest value are the same."""
    names = footer.schema.names
    column = names.index("tenant_id") if "tenant_id" in names else None
    found: set[str] = set()
    for group in range(footer.num_row_groups):
        statistics = None
        if column is not None:
            statistics = footer.row_group(group).column(column).statistics
        if (
            statistics is None
            or not statistics.has_min_max
            or statistics.min != statistics.max
            or statistics.null_count != 0
        ):
            raise ForeignRowsError(f"landing object {key} does not prove whose rows it holds")
        found.add(str(statistics.min))
    return frozenset(found)


def _not_found(key: str) -> NotFoundError:
    return NotFoundError(f"no landing object {key}")

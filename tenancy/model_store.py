"""Artefacts of models: bytes of the platform under the name of their own hash.

    put(bytes) -> models/<SHA-256> (written whole, once) -> get(hash) -> hashed again -> bytes

They lie beside the landing objects, whose keys begin with a tenant: no handle of a tenant reaches
them, and none of theirs is reached from here. What was changed or cut short is never loaded.

Decision: ADR-0032.
"""

import hashlib
import re
from typing import Final

import obstore
from obstore.exceptions import AlreadyExistsError as _ObjectExistsError
from obstore.exceptions import BaseError as _StoreError
from obstore.exceptions import NotFoundError as _ObjectMissingError

from domain.errors import InternalError, NotFoundError, Terminal
from tenancy.landing_store import LandingError, open_objects

__all__ = ["PREFIX", "ModelStore", "TamperedArtefactError", "hash_of"]

PREFIX: Final = "models/"

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_MISSING: Final = (_ObjectMissingError, FileNotFoundError)


class TamperedArtefactError(InternalError, Terminal):
    """An artefact is not what was put there under its name; nothing of it may be run."""

    code = "TAMPERED_ARTEFACT"


class ModelStore:
    """Reads and writes artefacts.

    Args:
        url: Of the landing store; nothing is contacted yet.

    Raises:
        InternalError: A URL of another kind.
    """

    __slots__ = ("_store",)

    def __init__(self, url: str) -> None:
        self._store = open_objects(url)

    async def put(self, data: bytes) -> str:
        """Keep an artefact; the same bytes again change nothing.

        Returns:
            Its hash, by which it is got.

        Raises:
            LandingError: The store failed; nothing was written.
        """
        digest = hash_of(data)
        try:
            await obstore.put_async(self._store, PREFIX + digest, data, mode="create")
        except (_ObjectExistsError, FileExistsError):
            return digest
        except _StoreError as error:
            raise LandingError(f"writing {PREFIX}{digest}: {error}") from error
        return digest

    async def get(self, digest: str) -> bytes:
        """The artefact of a hash, proved to be it.

        Raises:
            NotFoundError: There is none.
            TamperedArtefactError: The bytes have another hash.
            LandingError: The store failed.
        """
        key = _key(digest)
        try:
            result = await obstore.get_async(self._store, key)
            data = bytes(await result.bytes_async())
        except _MISSING as error:
            raise NotFoundError(f"no artefact {digest}") from error
        except _StoreError as error:
            raise LandingError(f"reading {key}: {error}") from error
        if hash_of(data) != digest:
            raise TamperedArtefactError(f"artefact {digest} was changed since it was put there")
        return data

    async def delete(self, digest: str) -> None:
        """Destroy an artefact; one that is not there is no error.

        Raises:
            LandingError: The store failed.
        """
        key = _key(digest)
        try:
            await obstore.delete_async(self._store, key)
        except _MISSING:
            return
        except _StoreError as error:
            raise LandingError(f"deleting {key}: {error}") from error


def hash_of(data: bytes) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _key(digest: str) -> str:
    if not _HASH.fullmatch(digest):
        raise NotFoundError(f"{digest!r} is the hash of no artefact")
    return PREFIX + digest

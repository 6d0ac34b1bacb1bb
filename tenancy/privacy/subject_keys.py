"""Keys of single people: what seals one person's identifiers, and nobody else's.

    random bytes -> key of a person -> sealed by the tenant's key -> subjects.sealed_key
                                    -> seals identifiers -> subject_identifiers.sealed

Whoever forgets a sealed key has forgotten the identifiers, wherever copies of them lie.
"""

import secrets
import uuid
from typing import Final

from domain.ids import TenantId
from tenancy.vault import Purpose, RandomBytes, TenantKey, Vault

__all__ = ["SubjectKeys"]

_KEY_BYTES: Final = 32


class SubjectKeys:
    """Makes and opens the keys of one tenant's people."""

    __slots__ = ("_key", "_random_bytes", "_tenant_id", "_vault")

    def __init__(
        self,
        vault: Vault,
        key: TenantKey,
        tenant_id: TenantId,
        random_bytes: RandomBytes = secrets.token_bytes,
    ) -> None:
        self._vault = vault
        self._key = key
        self._tenant_id = tenant_id
        self._random_bytes = random_bytes

    def create(self, subject_id: uuid.UUID) -> tuple[TenantKey, bytes]:
        """A new key of a person, and the same for `subjects.sealed_key`."""
        key = self._random_bytes(_KEY_BYTES)
        sealed = self._vault.seal_for(
            self._key,
            {"key": key.hex()},
            tenant_id=self._tenant_id,
            purpose=Purpose.SUBJECT_KEY,
            object_id=subject_id,
        )
        return TenantKey(key), sealed

    def open(self, subject_id: uuid.UUID, sealed_key: bytes) -> TenantKey:
        """Open what `create` sealed.

        Raises:
            CredentialError: Sealed for another person, or changed.
        """
        opened = self._vault.open_for(
            self._key,
            sealed_key,
            tenant_id=self._tenant_id,
            purpose=Purpose.SUBJECT_KEY,
            object_id=subject_id,
        )
        return TenantKey(bytes.fromhex(opened["key"].reveal()))

    def seal(self, key: TenantKey, subject_id: uuid.UUID, value: str) -> bytes:
        """Seal an identifier under the person's key."""
        return self._vault.seal_for(
            key,
            {"value": value},
            tenant_id=self._tenant_id,
            purpose=Purpose.SUBJECT_IDENTIFIER,
            object_id=subject_id,
        )

    def unseal(self, key: TenantKey, subject_id: uuid.UUID, sealed: bytes) -> str:
        """Open what `seal` sealed.

        Raises:
            CredentialError: Sealed under another key or for another person, or changed.
        """
        opened = self._vault.open_for(
            key,
            sealed,
            tenant_id=self._tenant_id,
            purpose=Purpose.SUBJECT_IDENTIFIER,
            object_id=subject_id,
        )
        return opened["value"].reveal()

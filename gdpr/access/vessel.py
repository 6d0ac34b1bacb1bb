"""An export as it lies in the landing store: sealed parts, written and read as a stream.

    bytes -> SealedWriter -> part-00001, part-00002, ... each sealed -> read_sealed -> bytes

Parts are of one size, whatever the export's, so neither side keeps more than one in memory. Each is
sealed with AES-256-GCM under a key of this export alone, bound to export, number and whether it is
the last: parts that are moved, cut off or of another export do not open. Without the key, which
lies sealed in PostgreSQL, they are noise.

Source: NIST SP 800-38D section 8.2.1 (a counter as nonce under a key that is used once).
"""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import InternalError, Terminal
from domain.ids import TenantId
from tenancy.landing_store import TenantLanding

__all__ = ["KEY_BYTES", "PART_BYTES", "SealedPlace", "SealedWriter", "SpoiltExportError"]

KEY_BYTES: Final = 32
PART_BYTES: Final = 4 * 1024 * 1024


class SpoiltExportError(InternalError, Terminal):
    """A part of an export was changed, or is of another one (the operator has to find out why)."""

    code = "EXPORT_SPOILT"


@dataclass(frozen=True, slots=True)
class SealedPlace:
    """Where an export lies.

    Attributes:
        request_id: Of the request that it answers.
    """

    landing: TenantLanding
    tenant_id: TenantId
    request_id: uuid.UUID

    def key_of(self, part: int) -> str:
        """The landing key of a part; they count from 1."""
        return f"{self.prefix}part-{part:05}"

    @property
    def prefix(self) -> str:
        """How the keys of its parts begin."""
        return f"tenant={self.tenant_id}/privacy/exports/{self.request_id}/"

    async def read(self, key: bytes, parts: int) -> AsyncIterator[bytes]:
        """The export, part by part.

        Raises:
            NotFoundError: A part is gone.
            SpoiltExportError: A part does not open.
        """
        cipher = AESGCM(key)
        for part in range(1, parts + 1):
            sealed = await self.landing.get(self.key_of(part))
            try:
                yield cipher.decrypt(
                    _nonce(part), sealed, self.bound_to(part, is_last=part == parts)
                )
            except InvalidTag:
                raise SpoiltExportError(f"part {part} of an export does not open") from None

    async def delete(self) -> int:
        """Remove every part that is there; gives back how many."""
        keys = await self.landing.list(self.prefix)
        for key in keys:
            await self.landing.delete(key)
        return len(keys)

    def bound_to(self, part: int, *, is_last: bool) -> bytes:
        """What a part is sealed together with."""
        place = self.tenant_id.bytes + self.request_id.bytes
        return b"bosco export\0" + place + part.to_bytes(4, "big") + bytes([is_last])


class SealedWriter:
    """Writes an export; what an earlier try left is replaced.

    Args:
        place: Where to.
        key: `KEY_BYTES` random bytes that nothing else is sealed with.
        part_bytes: Size of all parts but the last.
    """

    def __init__(self, place: SealedPlace, key: bytes, *, part_bytes: int = PART_BYTES) -> None:
        self._place = place
        self._cipher = AESGCM(key)
        self._part_bytes = part_bytes
        self._held = bytearray()
        self.parts = 0
        self.bytes = 0

    async def write(self, data: bytes) -> None:
        """Add bytes; whole parts go out, but for the last one."""
        self._held += data
        self.bytes += len(data)
        while len(self._held) > self._part_bytes:
            await self._put(bytes(self._held[: self._part_bytes]), is_last=False)
            del self._held[: self._part_bytes]

    async def finish(self) -> None:
        """Write the last part."""
        await self._put(bytes(self._held), is_last=True)
        self._held.clear()

    async def _put(self, data: bytes, *, is_last: bool) -> None:
        self.parts += 1
        bound = self._place.bound_to(self.parts, is_last=is_last)
        sealed = self._cipher.encrypt(_nonce(self.parts), data, bound)
        await self._place.landing.put(self._place.key_of(self.parts), sealed)


def _nonce(part: int) -> bytes:
    return part.to_bytes(12, "big")

"""An entry of the audit trail, and the hash that binds it to the one before.

    entry -> canonical bytes: fixed widths, then each text after its length -> SHA-256

The trail of an agency is a chain: entries are numbered 1, 2, 3 ... without gaps, and each carries
the hash of its predecessor inside its own. PostgreSQL computes the same hash in `audit_hash`
(migrations/versions/0008_audit_chain.py); docs/audit.md describes the bytes for third parties.

Decision: ADR-0018.
"""

import datetime as dt
import hashlib
import struct
import uuid
from typing import Final, NamedTuple

__all__ = [
    "FIRST_PREVIOUS",
    "HASH_BYTES",
    "ChainedEntry",
    "canonical_bytes",
    "compute_hash",
    "microseconds_of",
]

HASH_BYTES: Final = 32
_ID_BYTES: Final = 16

# Stands in the first entry for the hash of a predecessor.
FIRST_PREVIOUS: Final = bytes(HASH_BYTES)

_VERSION: Final = b"bosco audit 1"
_FIXED: Final = struct.Struct(">16sq16sq")  # tenant, number, id, microseconds
_LENGTH: Final = struct.Struct(">I")
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)


class ChainedEntry(NamedTuple):
    """Who did what to which object, at its place in the chain of its agency.

    A tuple of what is hashed, since a verifier reads a hundred thousand of them a second.

    Attributes:
        tenant: The agency's id; 16 bytes.
        sequence: 1, 2, 3 ... within the agency, without gaps.
        id: 16 bytes.
        at: Microseconds since 1970, UTC; need not rise with `sequence`.
        details: JSON text exactly as PostgreSQL prints it; its bytes are what is hashed.
        previous_hash: SHA-256 of the entry before; `FIRST_PREVIOUS` in the first.
        hash: SHA-256 over everything above.
    """

    tenant: bytes
    sequence: int
    id: bytes
    at: int
    actor: str
    action: str
    object_kind: str
    object_id: str
    details: str
    previous_hash: bytes
    hash: bytes

    @property
    def entry_id(self) -> uuid.UUID:
        """Its id."""
        return uuid.UUID(bytes=self.id)

    @property
    def instant(self) -> dt.datetime:
        """When, in UTC."""
        return _EPOCH + self.at * _MICROSECOND


def microseconds_of(instant: dt.datetime) -> int:
    """An instant as the chain knows it."""
    return (instant - _EPOCH) // _MICROSECOND


def canonical_bytes(entry: ChainedEntry) -> bytes:
    """Everything in an entry but its own hash, so that no two entries give the same bytes.

    Raises:
        ValueError: An id or a hash has another length, `sequence` or `at` more than 64 bits, or a
            text is no Unicode; no entry of ours is like that.
    """
    tenant, sequence, entry_id, at, *texts, previous, _ = entry
    if len(tenant) != _ID_BYTES or len(entry_id) != _ID_BYTES or len(previous) != HASH_BYTES:
        raise ValueError("an id or a hash has another length")
    try:
        parts = [_VERSION, previous, _FIXED.pack(tenant, sequence, entry_id, at)]
    except struct.error as error:
        raise ValueError(f"entry {sequence} is out of range") from error
    for text in texts:
        raw = text.encode()
        parts.append(_LENGTH.pack(len(raw)))
        parts.append(raw)
    return b"".join(parts)


def compute_hash(entry: ChainedEntry) -> bytes:
    """What `entry.hash` has to be; 32 bytes.

    Raises:
        ValueError: See `canonical_bytes`.
    """
    return hashlib.sha256(canonical_bytes(entry)).digest()

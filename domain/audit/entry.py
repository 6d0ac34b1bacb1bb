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

from domain.ids import TenantId

__all__ = ["FIRST_PREVIOUS", "HASH_BYTES", "ChainedEntry", "canonical_bytes", "compute_hash"]

HASH_BYTES: Final = 32

# Stands in the first entry for the hash of a predecessor.
FIRST_PREVIOUS: Final = bytes(HASH_BYTES)

_VERSION: Final = b"bosco audit 1"
_FIXED: Final = struct.Struct(">16sq16sq")  # tenant, number, id, microseconds
_LENGTH: Final = struct.Struct(">I")
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)


class ChainedEntry(NamedTuple):
    """Who did what to which object, at its place in the chain of its agency.

    A tuple, since a verifier makes a hundred thousand of them a second.

    Attributes:
        sequence: 1, 2, 3 ... within the agency, without gaps.
        at: UTC instant, to the microsecond; need not rise with `sequence`.
        details: JSON text exactly as PostgreSQL prints it; its bytes are what is hashed.
        previous_hash: SHA-256 of the entry before; `FIRST_PREVIOUS` in the first.
        hash: SHA-256 over everything above.
    """

    tenant_id: TenantId
    sequence: int
    id: uuid.UUID
    at: dt.datetime
    actor: str
    action: str
    object_kind: str
    object_id: str
    details: str
    previous_hash: bytes
    hash: bytes


def canonical_bytes(entry: ChainedEntry) -> bytes:
    """Everything in an entry but its own hash, so that no two entries give the same bytes.

    Raises:
        ValueError: `previous_hash` is not of 32 bytes, `sequence` or `at` of more than 64 bits, or
            a text is no Unicode; no entry of ours is like that.
    """
    (
        tenant_id,
        sequence,
        entry_id,
        at,
        actor,
        action,
        object_kind,
        object_id,
        details,
        previous,
    ) = entry[:10]
    if len(previous) != HASH_BYTES:
        raise ValueError(f"a hash has {HASH_BYTES} bytes, not {len(previous)}")
    try:
        fixed = _FIXED.pack(
            tenant_id.bytes, sequence, entry_id.bytes, (at - _EPOCH) // _MICROSECOND
        )
    except struct.error as error:
        raise ValueError(f"entry {sequence} is out of range") from error
    parts = [_VERSION, previous, fixed]
    for text in (actor, action, object_kind, object_id, details):
        raw = text.encode()
        parts += (_LENGTH.pack(len(raw)), raw)
    return b"".join(parts)


def compute_hash(entry: ChainedEntry) -> bytes:
    """What `entry.hash` has to be; 32 bytes.

    Raises:
        ValueError: See `canonical_bytes`.
    """
    return hashlib.sha256(canonical_bytes(entry)).digest()

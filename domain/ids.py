"""Identifiers: UUIDv7 inside, prefixed text outside.

    uuid -> "cli_01h455vb4pex5vsknk084sn02q" -> uuid

The outside form is a TypeID: a lower-case prefix that names the kind, an underscore, and the 128
bits in Crockford base 32 (26 characters, sortable by time).

Source: TypeID specification 0.3.0 (github.com/jetify-com/typeid).
"""

import uuid
from typing import Final, NewType

from domain.errors import InvalidInputError

__all__ = [
    "ClientId",
    "ConnectionId",
    "ObjectId",
    "RunId",
    "SyncId",
    "TenantId",
    "parse_id",
    "public_id",
]

TenantId = NewType("TenantId", uuid.UUID)
ClientId = NewType("ClientId", uuid.UUID)
ConnectionId = NewType("ConnectionId", uuid.UUID)
RunId = NewType("RunId", uuid.UUID)
SyncId = NewType("SyncId", uuid.UUID)
ObjectId = NewType("ObjectId", uuid.UUID)

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES: Final = {letter: value for value, letter in enumerate(_ALPHABET)}
_LENGTH: Final = 26


def public_id(prefix: str, value: uuid.UUID) -> str:
    """Write an id for the outside, for example `cli_01h455vb4pex5vsknk084sn02q`."""
    number = value.int
    letters = [_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5)]
    return f"{prefix}_{''.join(letters)}"


def parse_id(prefix: str, text: str) -> uuid.UUID:
    """Read an id written by `public_id`.

    Raises:
        InvalidInputError: Another prefix, a wrong length, a foreign letter or more than 128 bits
            (the caller can mend it).
    """
    head, _, tail = text.rpartition("_")
    if head != prefix or len(tail) != _LENGTH or any(letter not in _VALUES for letter in tail):
        raise _malformed(prefix, text)
    number = 0
    for letter in tail:
        number = number << 5 | _VALUES[letter]
    if number >> 128:
        raise _malformed(prefix, text)
    return uuid.UUID(int=number)


def _malformed(prefix: str, text: str) -> InvalidInputError:
    return InvalidInputError(
        f"{text!r} is not an id of this kind",
        hint=f"ids of this kind look like {prefix}_ and 26 letters or digits",
    )

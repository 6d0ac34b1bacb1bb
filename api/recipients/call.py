"""One request to a recipient, and how its parts are written."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["JSON", "Call", "as_json", "bearer", "sha256_hex"]

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    url: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    method: str = "POST"


def as_json(value: Any) -> bytes:
    """A body."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def bearer(token: str, content_type: str) -> dict[str, str]:
    """Headers of who comes with a token (RFC 6750)."""
    return {"Authorization": f"Bearer {token}", "Content-Type": content_type}


def sha256_hex(text: str) -> str:
    """SHA-256 of the text in UTF-8; 64 small hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()

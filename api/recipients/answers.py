"""What the answers of platforms have in common that are read, and not only counted as taken."""

import json
import re
from typing import Any, Final

from domain.privacy.recipients import Answered, RecipientAnswer

__all__ = ["UNREADABLE", "read_object", "receipt_of"]

UNREADABLE: Final = RecipientAnswer(Answered.UNREACHED, reason="its answer cannot be read")

_RECEIPT: Final = re.compile(r"[A-Za-z0-9_.:/=+-]{1,200}")


def read_object(body: bytes) -> dict[str, Any]:
    """An answer in JSON; empty when it is none, or no object."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def receipt_of(value: object) -> str:
    """A platform's id of what it was told; empty when it is none: nobody's text gets in by it."""
    return value if isinstance(value, str) and _RECEIPT.fullmatch(value) else ""

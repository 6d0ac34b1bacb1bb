"""JSON of a stranger: one object, each name once."""

import json
from typing import Any

from gdpr.inbound.refusal import InboundRefusedError

__all__ = ["read_object"]


def read_object(body: bytes) -> dict[str, Any]:
    """Read an object.

    Raises:
        InboundRefusedError: It is no JSON in UTF-8, no object, or names something twice.
    """
    try:
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_each_once)
    except (ValueError, RecursionError):
        raise InboundRefusedError("the message is not JSON that can be read") from None
    if not isinstance(found, dict):
        raise InboundRefusedError("the message is not a JSON object")
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found

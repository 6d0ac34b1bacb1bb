"""Pages of a connection, and the cursors between them.

    items in order, `first`, `after` -> Page

Source: shopify.dev/docs/api/usage/pagination-graphql (2026-11).
"""

import base64
import binascii
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson

from ingestion.simulator.shopify.errors import FieldRefusalError
from ingestion.simulator.shopify.schema import MAX_PAGE

__all__ = ["Page", "first_of", "page_of_list", "read_cursor", "write_cursor"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a connection; `cursors` belong to `nodes` one to one."""

    nodes: tuple[T, ...]
    cursors: tuple[str, ...]
    has_next: bool
    has_previous: bool
    warnings: tuple[dict[str, Any], ...]


def page_of_list(
    key: str, items: Sequence[T], numbers: Sequence[int], arguments: dict[str, Any], divisor: int
) -> Page[T]:
    """A page of a short list that is at hand.

    Args:
        key: Response key, for errors.
        items: The whole list.
        numbers: Of the items, ascending.
        arguments: Coerced arguments of the connection.
        divisor: Serves pages that much shorter than asked for.

    Raises:
        FieldRefusalError: `first` is missing or out of range, or the cursor is not one.
    """
    first = first_of(key, arguments)
    after = arguments.get("after")
    begin = bisect_right(numbers, read_cursor(key, after)[1]) if after else 0
    end = min(begin + max(first // divisor, 1), len(items))
    return Page(
        nodes=tuple(items[begin:end]),
        cursors=tuple(write_cursor((number, number)) for number in numbers[begin:end]),
        has_next=end < len(items),
        has_previous=begin > 0,
        warnings=(),
    )


def first_of(key: str, arguments: dict[str, Any]) -> int:
    """How many items are asked for.

    Raises:
        FieldRefusalError: Not told, or out of range.
    """
    first = arguments.get("first")
    if first is None:
        raise FieldRefusalError(
            "you must provide one of first or last", key=key, extensions={"code": "BAD_REQUEST"}
        )
    if not 0 < first <= MAX_PAGE:
        raise FieldRefusalError(
            f"first must be between 1 and {MAX_PAGE}", key=key, extensions={"code": "BAD_REQUEST"}
        )
    return int(first)


def write_cursor(position: tuple[Any, int]) -> str:
    """Write the cursor of an item: the value that the list is sorted by, and its number."""
    value, number = position
    return base64.b64encode(orjson.dumps({"last_id": number, "last_value": value})).decode()


def read_cursor(key: str, text: str) -> tuple[Any, int]:
    """Read what `write_cursor` wrote.

    Raises:
        FieldRefusalError: It is not a cursor.
    """
    try:
        document = orjson.loads(base64.b64decode(text, validate=True))
        return document["last_value"], int(document["last_id"])
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise FieldRefusalError(
            f"`{text}` is not a valid cursor.", key=key, extensions={"code": "INVALID_CURSOR"}
        ) from error

"""Pages: how many, and from where.

    first, after -> Page(limit, offset) -> rows -> end cursor

A cursor is opaque to callers; inside it is a position. Pages of a list that changes meanwhile may
repeat or miss an entry, as with any position.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from api.graphql.metric_types import PageInfo
from domain.errors import InvalidInputError

__all__ = ["Page", "read_page"]

_PREFIX: Final = b"position:"
_MAXIMUM_OFFSET: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Page:
    """A slice of a list: at most `limit` entries, after `offset` others."""

    limit: int
    offset: int

    def info(self, size: int, *, has_next: bool) -> PageInfo:
        """Where this page ends, when it holds `size` entries."""
        cursor = _PREFIX + str(self.offset + size).encode()
        end = base64.urlsafe_b64encode(cursor).decode() if size else None
        return PageInfo(has_next_page=has_next, end_cursor=end)


def read_page(first: int, after: str | None, *, maximum: int) -> Page:
    """Check the arguments of a page.

    Raises:
        InvalidInputError: `first` is out of range, or `after` is no cursor of ours (caller).
    """
    if not 1 <= first <= maximum:
        raise InvalidInputError(
            f"first must be between 1 and {maximum:,}, not {first:,}",
            hint="follow pageInfo.endCursor for more",
        )
    return Page(first, 0 if after is None else _offset(after))


def _offset(cursor: str) -> int:
    try:
        text = base64.b64decode(cursor, altchars=b"-_", validate=True)
        prefix, number = text[: len(_PREFIX)], text[len(_PREFIX) :].decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise _no_cursor() from error
    if prefix != _PREFIX or not number.isdecimal() or int(number) > _MAXIMUM_OFFSET:
        raise _no_cursor()
    return int(number)


def _no_cursor() -> InvalidInputError:
    return InvalidInputError(
        "after is not a cursor", hint="use pageInfo.endCursor of the page before, unchanged"
    )

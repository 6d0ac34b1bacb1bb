"""Pages: how many, and from where.

    first, after -> Page(limit, offset) -> rows -> end cursor
    first, after -> NumberedPage(limit, before) -> rows, the highest number first -> end cursor

A cursor is opaque to callers; inside it is a position, or a number. Pages of a list that changes
meanwhile may repeat or miss an entry, as with any position; those of a numbered list do not.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from api.graphql.metric_types import PageInfo
from domain.errors import InvalidInputError

__all__ = ["NumberedPage", "Page", "read_numbered_page", "read_page"]

_PREFIX: Final = b"position:"
_NUMBER_PREFIX: Final = b"number:"
_MAXIMUM_OFFSET: Final = 10_000_000
_MAXIMUM_NUMBER: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Page:
    """A slice of a list: at most `limit` entries, after `offset` others."""

    limit: int
    offset: int

    def info(self, size: int, *, has_next: bool) -> PageInfo:
        """Where this page ends, when it holds `size` entries."""
        end = _cursor(_PREFIX, self.offset + size) if size else None
        return PageInfo(has_next_page=has_next, end_cursor=end)


@dataclass(frozen=True, slots=True)
class NumberedPage:
    """A slice of a list with numbers, the highest first.

    Attributes:
        before: Only entries with lower numbers; None: from the highest on.
    """

    limit: int
    before: int | None

    def info(self, last: int | None, *, has_next: bool) -> PageInfo:
        """Where this page ends: at the entry with the number `last`, if it has any."""
        end = None if last is None else _cursor(_NUMBER_PREFIX, last)
        return PageInfo(has_next_page=has_next, end_cursor=end)


def read_page(first: int, after: str | None, *, maximum: int) -> Page:
    """Check the arguments of a page.

    Raises:
        InvalidInputError: `first` is out of range, or `after` is no cursor of ours (caller).
    """
    _check_size(first, maximum)
    return Page(first, 0 if after is None else _read_cursor(after, _PREFIX, _MAXIMUM_OFFSET))


def read_numbered_page(first: int, after: str | None, *, maximum: int) -> NumberedPage:
    """Check the arguments of a page of a numbered list.

    Raises:
        InvalidInputError: As with `read_page`.
    """
    _check_size(first, maximum)
    if after is None:
        return NumberedPage(first, None)
    return NumberedPage(first, _read_cursor(after, _NUMBER_PREFIX, _MAXIMUM_NUMBER))


def _check_size(first: int, maximum: int) -> None:
    if not 1 <= first <= maximum:
        raise InvalidInputError(
            f"first must be between 1 and {maximum:,}, not {first:,}",
            hint="follow pageInfo.endCursor for more",
        )


def _cursor(prefix: bytes, number: int) -> str:
    return base64.urlsafe_b64encode(prefix + str(number).encode()).decode()


def _read_cursor(cursor: str, expected: bytes, maximum: int) -> int:
    try:
        text = base64.b64decode(cursor, altchars=b"-_", validate=True)
        prefix, number = text[: len(expected)], text[len(expected) :].decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise _no_cursor() from error
    if prefix != expected or not number.isdecimal() or len(number) > len(str(maximum)):
        raise _no_cursor()
    if int(number) > maximum:
        raise _no_cursor()
    return int(number)


def _no_cursor() -> InvalidInputError:
    return InvalidInputError(
        "after is not a cursor", hint="use pageInfo.endCursor of the page before, unchanged"
    )

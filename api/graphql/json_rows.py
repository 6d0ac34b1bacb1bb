"""Rows as JSON text, made column by column.

    Arrow table + shape -> one text column per cell -> one text per row -> bytes of a JSON array

A shape says which keys an object has and which column fills each. Every cell becomes an Arrow array
of JSON text by a vectorised kernel, rows are put together by one join, and the bytes are taken from
the buffer of the result: no Python object is made per cell. Completed cell by cell, the same values
take graphql-core 50 times longer.

An array of JSON text holds NULL where the JSON is `null`.

Sources: RFC 8259 (JSON); measurements in docs/graphql.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from domain.errors import InternalError
from domain.money import SCALE, format_amount

__all__ = [
    "AmountCell",
    "Cell",
    "ChangeCell",
    "ConstantCell",
    "EnumCell",
    "FloatCell",
    "IntegerCell",
    "ObjectCell",
    "RowSource",
    "TextCell",
    "write_object",
    "write_rows",
]

_AMOUNT_TYPE: Final = pa.decimal128(38, SCALE)
_MINIMUM_DECIMALS: Final = 2
_NULL: Final = "null"

# What RFC 8259 section 7 wants escaped in a string.
_NEEDS_ESCAPE: Final = r'["\\\x00-\x1f]'


@dataclass(frozen=True, slots=True)
class RowSource:
    """What rows are made from.

    Attributes:
        table: One chunk per column.
        currency: ISO 4217 code of every amount.
    """

    table: pa.Table
    currency: str

    def column(self, name: str) -> pa.Array:
        """A column as one contiguous array."""
        column = self.table.column(name)
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


class Cell(Protocol):
    """Makes the JSON text of one key for all rows."""

    def text(self, source: RowSource) -> pa.Array | pa.Scalar:
        """JSON text, one for each row; a scalar stands for the same text in all of them."""


@dataclass(frozen=True, slots=True)
class ConstantCell:
    """The same string in every row, or with `value` None the answer's currency."""

    value: str | None

    def text(self, source: RowSource) -> pa.Scalar:  # noqa: D102  # see Cell
        value = source.currency if self.value is None else self.value
        return pa.scalar(orjson.dumps(value).decode())


@dataclass(frozen=True, slots=True)
class IntegerCell:
    """A whole number; a JSON number of up to 19 digits."""

    column: str

    def text(self, source: RowSource) -> pa.Array:  # noqa: D102  # see Cell
        return pc.cast(source.column(self.column), pa.string())


@dataclass(frozen=True, slots=True)
class FloatCell:
    """A number in its shortest form that reads back to the same double; not finite: null."""

    column: str

    def text(self, source: RowSource) -> pa.Array:  # noqa: D102  # see Cell
        return _float_text(source.column(self.column))


@dataclass(frozen=True, slots=True)
class AmountCell:
    """A decimal as a string with two to nine decimals, like `domain.money.format_amount`."""

    column: str

    def text(self, source: RowSource) -> pa.Array:  # noqa: D102  # see Cell
        return _amount_text(pc.cast(source.column(self.column), _AMOUNT_TYPE))


@dataclass(frozen=True, slots=True)
class TextCell:
    """A string, or a date as `2026-03-29`."""

    column: str

    def text(self, source: RowSource) -> pa.Array:  # noqa: D102  # see Cell
        column = source.column(self.column)
        if not pa.types.is_string(column.type):
            return _quoted(pc.cast(column, pa.string()))
        encoded = column.dictionary_encode()
        return _quoted(encoded.dictionary).take(encoded.indices)


@dataclass(frozen=True, slots=True)
class EnumCell:
    """A canonical value under its GraphQL name.

    Raises:
        InternalError: When written: a value has no name (the unification let it through).
    """

    column: str
    names: Mapping[str, str]

    def text(self, source: RowSource) -> pa.Array:  # noqa: D102  # see Cell
        encoded = source.column(self.column).dictionary_encode()
        values = encoded.dictionary.to_pylist()
        unknown = sorted(value for value in values if value not in self.names)
        if unknown:
            raise InternalError(f"{self.column} holds {unknown[0]!r}, which is not canonical")
        names = pa.array([f'"{self.names[value]}"' for value in values], pa.string())
        return names.take(encoded.indices)


@dataclass(frozen=True, slots=True)
class ChangeCell:
    """Relative change `(value - base) / abs(base)`; null where one is null or the base is zero."""

    value: str
    base: str

    def text(self, source: RowSource) -> pa.Array:  # noqa: D102  # see Cell
        value = _doubles(source.column(self.value))
        base = _doubles(source.column(self.base))
        known_base = pc.if_else(pc.equal(base, 0.0), pa.scalar(None, pa.float64()), base)
        return _float_text(pc.divide(pc.subtract(value, known_base), pc.abs(known_base)))


@dataclass(frozen=True, slots=True)
class ObjectCell:
    """An object.

    Attributes:
        members: Its keys in order, each with its cell.
        null_with: The object is null where this column is; None: never.
    """

    members: tuple[tuple[str, Cell], ...]
    null_with: str | None = None

    def is_plain(self, source: RowSource) -> bool:
        """Whether it is null in no row."""
        return self.null_with is None or source.column(self.null_with).null_count == 0

    def text(self, source: RowSource) -> pa.Array | pa.Scalar:  # noqa: D102  # see Cell
        text = _joined(_parts(self.members, source))
        if self.null_with is None:
            return text
        is_known = pc.is_valid(source.column(self.null_with))
        return pc.if_else(is_known, text, pa.scalar(None, pa.string()))


def write_rows(members: tuple[tuple[str, Cell], ...], source: RowSource) -> bytes:
    """Write all rows as a JSON array of objects.

    Args:
        members: Keys in order, each with its cell; at least one.
        source: n rows.

    Returns:
        UTF-8 text of `[{...}, ...]` with n objects. O(n * members), no I/O.
    """
    rows = source.table.num_rows
    if rows == 0:
        return b"[]"
    text = _joined([*_parts(members, source), ","])
    if isinstance(text, pa.Scalar):
        repeated: str = text.as_py() * rows
        return b"[" + repeated[:-1].encode() + b"]"
    # The texts of a string array lie one after the other in its last buffer.
    offsets, data = text.buffers()[1:3]
    first, last = _ends(offsets, text.offset, rows)
    return b"[" + memoryview(data)[first : last - 1].tobytes() + b"]"


def write_object(members: tuple[tuple[str, Cell], ...], source: RowSource) -> bytes:
    """Write the only row as a JSON object.

    Args:
        members: Keys in order, each with its cell.
        source: One row.

    Returns:
        UTF-8 text of `{...}`.
    """
    return write_rows(members, source)[1:-1]


def _ends(offsets: pa.Buffer, start: int, rows: int) -> tuple[int, int]:
    numbers = memoryview(offsets).cast("i")
    return numbers[start], numbers[start + rows]


def _parts(members: tuple[tuple[str, Cell], ...], source: RowSource) -> list[pa.Array | str]:
    """Texts that make the object when they are put one after the other."""
    parts: list[pa.Array | str] = ["{"]
    for number, (key, cell) in enumerate(members):
        parts.append(f"{',' if number else ''}{orjson.dumps(key).decode()}:")
        if isinstance(cell, ObjectCell) and cell.is_plain(source):
            parts += _parts(cell.members, source)  # one join less
            continue
        text = cell.text(source)
        parts.append(text.as_py() if isinstance(text, pa.Scalar) else text)
    return [*parts, "}"]


def _joined(parts: list[pa.Array | str]) -> pa.Array | pa.Scalar:
    merged: list[pa.Array | str] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    if len(merged) == 1 and isinstance(merged[0], str):
        return pa.scalar(merged[0])
    return pc.binary_join_element_wise(
        *(pa.scalar(part) if isinstance(part, str) else part for part in merged),
        "",
        null_handling="replace",
        null_replacement=_NULL,
    )


def _float_text(column: pa.Array) -> pa.Array:
    numbers = _doubles(column)
    finite = pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))
    return pc.cast(finite, pa.string())


def _doubles(column: pa.Array) -> pa.Array:
    """The nearest double of each value; Arrow's own cast of 60.000000000 is 60.00000000000001."""
    if pa.types.is_decimal(column.type):
        column = pc.cast(column, pa.string())
    return pc.cast(column, pa.float64(), safe=False)


def _amount_text(column: pa.Array) -> pa.Array:
    plain = pc.cast(column, pa.string())  # nine decimals each
    head = pc.utf8_slice_codeunits(plain, 0, _MINIMUM_DECIMALS - SCALE)
    tail = pc.ascii_rtrim(pc.utf8_slice_codeunits(plain, _MINIMUM_DECIMALS - SCALE), "0")
    text = pc.binary_join_element_wise('"', head, tail, '"', "")
    scientific = pc.fill_null(pc.match_substring(plain, "E"), fill_value=False)
    if not pc.any(scientific).as_py():
        return text
    # Arrow writes 0 and amounts below a millionth as 0E-9 and 1E-9.
    zero = pc.fill_null(pc.equal(column, pa.scalar(Decimal(0), _AMOUNT_TYPE)), fill_value=False)
    text = pc.if_else(zero, '"0.00"', text)
    tiny = pc.and_not(scientific, zero)
    amounts = column.filter(tiny).to_pylist()
    return pc.replace_with_mask(
        text, tiny, pa.array([f'"{format_amount(amount)}"' for amount in amounts], pa.string())
    )


def _quoted(texts: pa.Array) -> pa.Array:
    quoted = pc.binary_join_element_wise('"', texts, '"', "")
    special = pc.fill_null(pc.match_substring_regex(texts, _NEEDS_ESCAPE), fill_value=False)
    if not pc.any(special).as_py():
        return quoted
    escaped = [orjson.dumps(text).decode() for text in texts.filter(special).to_pylist()]
    return pc.replace_with_mask(quoted, special, pa.array(escaped, pa.string()))

"""Cells and rows, against Python's own JSON."""

import datetime as dt
import json
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.graphql.json_rows import (
    AmountCell,
    Cell,
    ChangeCell,
    ConstantCell,
    EnumCell,
    FloatCell,
    IntegerCell,
    ObjectCell,
    RowSource,
    TextCell,
    write_object,
    write_rows,
)
from domain.errors import InternalError
from domain.money import format_amount

NUMERIC = pa.decimal128(38, 9)
SMALLEST = Decimal("1e-9")
LARGEST = Decimal("99999999999999999999999999999.999999999")


def written(cell: Cell, values: list[Any], kind: pa.DataType) -> list[Any]:
    source = RowSource(pa.table({"x": pa.array(values, kind)}), "EUR")
    return [row["x"] for row in json.loads(write_rows((("x", cell),), source))]


def billionths(number: int) -> Decimal:
    """Exact, whatever the precision of the decimal context."""
    digits = tuple(int(digit) for digit in str(abs(number)))
    return Decimal((int(number < 0), digits, -9))


def amounts() -> st.SearchStrategy[Decimal]:
    return st.one_of(
        st.integers(-(10**38) + 1, 10**38 - 1).map(billionths),
        st.integers(-(10**12), 10**12).map(lambda cents: Decimal(cents) / 100),
        st.sampled_from([Decimal(0), SMALLEST, -SMALLEST, Decimal("-0.000001"), LARGEST]),
    )


@given(st.lists(st.none() | amounts()))
def test_amounts_are_exact_strings(values: list[Decimal | None]) -> None:
    expected = [None if value is None else format_amount(value or Decimal(0)) for value in values]
    assert written(AmountCell("x"), values, NUMERIC) == expected


@given(st.lists(st.none() | st.text()))
def test_texts_are_escaped(values: list[str | None]) -> None:
    assert written(TextCell("x"), values, pa.string()) == values


@given(st.lists(st.none() | st.floats()))
def test_floats_read_back_the_same_and_never_break_json(values: list[float | None]) -> None:
    finite = [value if value is not None and math.isfinite(value) else None for value in values]
    assert written(FloatCell("x"), values, pa.float64()) == finite


@given(st.lists(st.none() | amounts()))
def test_decimals_become_the_nearest_float(values: list[Decimal | None]) -> None:
    nearest = [None if value is None else float(value) for value in values]
    assert written(FloatCell("x"), [*values, Decimal(60)], NUMERIC) == [*nearest, 60.0]


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)))
def test_whole_numbers_keep_all_digits(values: list[int | None]) -> None:
    assert written(IntegerCell("x"), values, pa.int64()) == values


@given(st.lists(st.none() | st.dates()))
def test_dates_are_iso(values: list[dt.date | None]) -> None:
    expected = [None if value is None else value.isoformat() for value in values]
    assert written(TextCell("x"), values, pa.date32()) == expected


def test_canonical_values_get_their_names() -> None:
    cell = EnumCell("x", {"paid_search": "PAID_SEARCH"})
    assert written(cell, ["paid_search", None], pa.string()) == ["PAID_SEARCH", None]


def test_a_value_that_is_not_canonical_is_our_bug() -> None:
    with pytest.raises(InternalError, match="x holds 'fax', which is not canonical"):
        written(EnumCell("x", {"email": "EMAIL"}), ["email", "fax"], pa.string())


def test_change_is_null_without_a_base() -> None:
    table = pa.table(
        {
            "v": pa.array([Decimal(12), Decimal(5), Decimal(5), None, Decimal(-5)], NUMERIC),
            "b": pa.array([Decimal(10), Decimal(0), None, Decimal(1), Decimal(-10)], NUMERIC),
        }
    )
    rows = json.loads(write_rows((("c", ChangeCell("v", "b")),), RowSource(table, "EUR")))
    assert [row["c"] for row in rows] == [0.2, None, None, None, 0.5]


def test_objects_are_null_with_their_column() -> None:
    table = pa.table({"a": pa.array([Decimal("1.5"), None], NUMERIC), "n": ["x", "y"]})
    money = ObjectCell(
        (("amount", AmountCell("a")), ("currency", ConstantCell(None))), null_with="a"
    )
    always = ObjectCell((("n", TextCell("n")), ("kind", ConstantCell("Row"))))
    text = write_rows((("m", money), ("o", always)), RowSource(table, "SEK"))
    assert text == (
        b'[{"m":{"amount":"1.50","currency":"SEK"},"o":{"n":"x","kind":"Row"}},'
        b'{"m":null,"o":{"n":"y","kind":"Row"}}]'
    )


def test_rows_of_constants_and_no_rows() -> None:
    members = (("t", ConstantCell("MetricsRow")),)
    source = RowSource(pa.table({"x": [1, 2]}), "EUR")
    assert write_rows(members, source) == b'[{"t":"MetricsRow"},{"t":"MetricsRow"}]'
    empty = RowSource(pa.table({"x": pa.array([], pa.int64())}), "EUR")
    assert write_rows((("x", IntegerCell("x")),), empty) == b"[]"


def test_a_slice_of_a_table_writes_its_own_rows() -> None:
    table = pa.table({"x": list(range(100))}).slice(97)
    members = (("x", IntegerCell("x")),)
    assert write_rows(members, RowSource(table, "EUR")) == b'[{"x":97},{"x":98},{"x":99}]'


def test_columns_of_several_chunks_are_one() -> None:
    table = pa.concat_tables([pa.table({"x": ["a"]}), pa.table({"x": ["b"]})])
    assert write_rows((("x", TextCell("x")),), RowSource(table, "EUR")) == b'[{"x":"a"},{"x":"b"}]'


def test_one_row_is_an_object() -> None:
    source = RowSource(pa.table({"x": [7]}), "EUR")
    assert write_object((('q"uote', IntegerCell("x")),), source) == b'{"q\\"uote":7}'

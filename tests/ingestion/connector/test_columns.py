"""Typing: whole columns and single values must agree; bad rows are found exactly."""

import datetime as dt
import json
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.connector.columns import ColumnTyper, TypedRows
from ingestion.connector.job import Account, RejectedRow
from ingestion.connector.spec import ColumnMapping, Field, FieldType, SliceRule, StreamSpec
from ingestion.connector.values import ValueRefusedError, convert

BERLIN = Account("1", {}, "EUR", "Europe/Berlin")


def _field(kind: FieldType, **values: Any) -> Field:
    return Field("x", ("x",), kind, **values)


def _type(
    field: Field,
    values: list[Any],
    account: Account = BERLIN,
    mapping: tuple[ColumnMapping, ...] = (),
) -> TypedRows:
    stream = StreamSpec("s", "t", "ads_daily", (field,), ("x",), mapping, SliceRule("date", 1))
    typer = ColumnTyper(stream, account)
    columns = dict.fromkeys(field.paths, values)
    numbers = list(range(1, len(values) + 1))
    return typer.type_rows(columns, numbers, None, lambda i: json.dumps(values[i], default=str))


def _good(field: Field, values: list[Any], account: Account = BERLIN) -> list[Any]:
    typed = _type(field, values, account)
    assert typed.rejected == ()
    column: list[Any] = typed.batch["x"].to_pylist()
    return column


def _reasons(field: Field, values: list[Any]) -> list[tuple[int, str]]:
    return [(row.row_number, row.reason) for row in _type(field, values).rejected]


@pytest.mark.parametrize(
    ("field", "values", "expected"),
    [
        (_field(FieldType.INT), ["4", None, "-7"], [4, None, -7]),
        (_field(FieldType.INT), [4, 5.0], [4, 5]),
        (_field(FieldType.INT), ["334723.0", "1.426697e+06"], [334723, 1426697]),
        (_field(FieldType.INT, round=True), ["9837.5", "9838.5", "0.4"], [9838, 9838, 0]),
        (_field(FieldType.DECIMAL), [0.1, 2], [Decimal("0.1"), Decimal(2)]),
        (_field(FieldType.DECIMAL), ["-2e-18"], [Decimal(0)]),
        (_field(FieldType.DECIMAL), [0.30000000000000004], [Decimal("0.3")]),
        (
            _field(FieldType.MONEY, unit="micros"),
            ["1500000", "1"],
            [Decimal("1.5"), Decimal("0.000001")],
        ),
        (_field(FieldType.MONEY, unit="micros"), ["1500000.5"], [Decimal("1.5000005")]),
        (_field(FieldType.MONEY, unit="minor"), [150], [Decimal("1.5")]),
        (_field(FieldType.DATE), ["2026-02-28"], [dt.date(2026, 2, 28)]),
        (_field(FieldType.DATE, format="%Y%m%d"), ["20260228"], [dt.date(2026, 2, 28)]),
        (
            _field(FieldType.DATE, format="%d.%m.%Y"),
            ["1.2.2026", "1.2.2026"],
            [dt.date(2026, 2, 1)] * 2,
        ),
        (_field(FieldType.LOCAL_DATE), ["2026-03-28T23:30:00Z"], [dt.date(2026, 3, 29)]),
        (_field(FieldType.LOCAL_DATE), ["2026-11-01T23:30:00.123456789Z"], [dt.date(2026, 11, 2)]),
        (
            _field(FieldType.TIMESTAMP),
            ["2026-01-01T00:00:00+02:00"],
            [dt.datetime(2025, 12, 31, 22, tzinfo=dt.UTC)],
        ),
        (
            _field(FieldType.TIMESTAMP, format="epoch_millis"),
            [1_793_612_800_123],
            [dt.datetime(2026, 11, 2, 9, 46, 40, 123000, tzinfo=dt.UTC)],
        ),
        (_field(FieldType.BOOL), [True, None, False], [True, None, False]),
        (_field(FieldType.BOOL), ["true", False], [True, False]),
        (_field(FieldType.STRING), [9007199254740993, None], ["9007199254740993", None]),
        (_field(FieldType.STRING, strip="customers/"), ["customers/1", "x"], ["1", "x"]),
        (_field(FieldType.JSON), [{"a": 1}, None], ['{"a":1}', None]),
        (_field(FieldType.FLOAT), ["0.12", "1"], [0.12, 1.0]),
        (_field(FieldType.INT, null_as=("--", "-")), ["--", "3", "-"], [None, 3, None]),
        (_field(FieldType.INT, sum=True, null_as=("-",)), ["3", None, "-"], [3, 0, 0]),
    ],
)
def test_documented_forms_are_read(field: Field, values: list[Any], expected: list[Any]) -> None:
    assert _good(field, values) == expected


@pytest.mark.parametrize(
    ("field", "bad", "reason"),
    [
        (_field(FieldType.INT), "0x1F", "not_a_number"),
        (_field(FieldType.INT), " 1", "not_a_number"),
        (_field(FieldType.INT), "1_000", "not_a_number"),
        (_field(FieldType.INT), "", "not_a_number"),
        (_field(FieldType.INT), "--", "not_a_number"),
        (_field(FieldType.INT), "1.5", "not_whole"),
        (_field(FieldType.INT), True, "wrong_type"),
        (_field(FieldType.INT), {"v": 1}, "wrong_type"),
        (_field(FieldType.INT), "9223372036854775808", "out_of_range"),
        (_field(FieldType.DECIMAL), "NaN", "not_finite"),
        (_field(FieldType.DECIMAL), "Infinity", "not_finite"),
        (_field(FieldType.DECIMAL), "1,234.50", "not_a_number"),
        (_field(FieldType.DECIMAL), "1e999999999", "out_of_range"),
        (_field(FieldType.DECIMAL), "9" * 40, "out_of_range"),
        (_field(FieldType.DECIMAL), "\N{FULLWIDTH DIGIT ONE}2", "not_a_number"),
        (_field(FieldType.FLOAT), "inf", "not_finite"),
        (_field(FieldType.MONEY, minimum=0), "-0.01", "below_minimum"),
        (_field(FieldType.DATE), "2026-02-30", "not_a_date"),
        (_field(FieldType.DATE), "2026-2-3", "not_a_date"),
        (_field(FieldType.DATE), 20260203, "wrong_type"),
        (_field(FieldType.DATE, format="%d.%m.%Y"), "31.02.2026", "not_a_date"),
        (_field(FieldType.TIMESTAMP), "2026-01-01T00:00:00", "no_time_zone"),
        (_field(FieldType.TIMESTAMP), "yesterday", "not_an_instant"),
        (_field(FieldType.BOOL), 1, "not_a_bool"),
        (_field(FieldType.STRING), 1.5, "wrong_type"),
        (_field(FieldType.STRING), "a\udc80", "bad_encoding"),
        (_field(FieldType.STRING, required=True), None, "missing"),
    ],
)
def test_exactly_the_bad_row_is_rejected(field: Field, bad: Any, reason: str) -> None:
    sample: dict[FieldType, Any] = {
        FieldType.DATE: "01.02.2026" if field.format else "2026-02-01",
        FieldType.TIMESTAMP: "2026-01-01T00:00:00Z",
        FieldType.BOOL: True,
        FieldType.STRING: "text",
    }
    good = sample.get(field.type, "3")
    typed = _type(field, [good, bad, good])
    assert [(row.row_number, row.field, row.reason) for row in typed.rejected] == [(2, "x", reason)]
    assert typed.batch["row_number"].to_pylist() == [1, 3]


def test_messages_and_raw_are_told() -> None:
    typed = _type(_field(FieldType.DECIMAL), ["1,234.50"])
    assert typed.rejected == (
        RejectedRow(
            1,
            "x",
            "not_a_number",
            "'1,234.50' is not a number; declare its separators (decimal, thousands)",
            '"1,234.50"',
        ),
    )


def test_changed_type_is_told_as_drift() -> None:
    typed = _type(_field(FieldType.INT), ["1", {"value": 2}])
    assert [(item.kind, item.field, item.detail) for item in typed.drift] == [
        ("changed_type", "x", "int expected: '{\"value\":2}' is not a number")
    ]


def test_word_outside_an_enum_rejects_only_without_otherwise() -> None:
    field = _field(FieldType.STRING)
    strict = ColumnMapping("device", field="x", enum={"MOBILE": "mobile"})
    typed = _type(field, ["MOBILE", "FRIDGE", None], mapping=(strict,))
    assert [(row.row_number, row.message) for row in typed.rejected] == [
        (2, "'FRIDGE' is none of MOBILE")
    ]
    lenient = ColumnMapping("device", field="x", enum={"MOBILE": "mobile"}, otherwise="other")
    typed = _type(field, ["MOBILE", "FRIDGE", None], mapping=(lenient,))
    assert typed.rejected == ()
    assert [item.kind for item in typed.drift] == ["unknown_value"]


def test_minor_units_follow_the_currency() -> None:
    field = _field(FieldType.MONEY, unit="minor")
    assert _good(field, [150], Account("1", {}, "JPY", "Asia/Tokyo")) == [Decimal(150)]
    assert _good(field, [1500], Account("1", {}, "KWD", "Asia/Kuwait")) == [Decimal("1.5")]


_NUMBER_TEXTS = st.one_of(
    st.decimals(allow_nan=True, allow_infinity=True).map(str),
    st.from_regex(r"[-+]?[0-9]{1,12}(\.[0-9]{1,14})?([eE][-+]?[0-9]{1,2})?", fullmatch=True),
    st.text(max_size=5),
)
_NUMBERS = st.one_of(
    _NUMBER_TEXTS, st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.none())
)


def _one_by_one(field: Field, values: list[Any]) -> tuple[list[Any], list[tuple[int, str]]]:
    good, bad = [], []
    for number, value in enumerate(values, start=1):
        try:
            good.append(None if value is None else convert(field, value, BERLIN))
        except ValueRefusedError as error:
            bad.append((number, error.reason))
    return good, bad


def _agree(field: Field, values: list[Any]) -> None:
    typed = _type(field, values)
    good, bad = _one_by_one(field, values)
    assert [(row.row_number, row.reason) for row in typed.rejected] == bad
    assert typed.batch["x"].to_pylist() == good


@pytest.mark.parametrize("kind", [FieldType.INT, FieldType.DECIMAL])
@pytest.mark.parametrize(
    "value",
    [
        2.6167714042387882e32,
        "261677140423878820000000000000000",
        "-2.6167714042387882e+32",
        "1e55",
        "9" * 29,
    ],
)
def test_number_that_arrow_would_wrap_around_agrees(kind: FieldType, value: float | str) -> None:
    _agree(_field(kind), [value])


@given(
    st.sampled_from([FieldType.INT, FieldType.DECIMAL, FieldType.MONEY]),
    st.sampled_from(["units", "micros", "minor"]),
    st.one_of(
        st.lists(_NUMBERS), st.lists(_NUMBER_TEXTS), st.lists(st.integers()), st.lists(st.floats())
    ),
)
def test_columns_agree_with_single_numbers(kind: FieldType, unit: str, values: list[Any]) -> None:
    _agree(_field(kind, unit=unit if kind is FieldType.MONEY else "units"), values)


@given(
    st.sampled_from([FieldType.DATE, FieldType.TIMESTAMP, FieldType.LOCAL_DATE, FieldType.STRING]),
    st.lists(
        st.one_of(
            st.dates(min_value=dt.date(1700, 1, 1), max_value=dt.date(2200, 1, 1)).map(str),
            st.datetimes(
                min_value=dt.datetime(1700, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds
                max_value=dt.datetime(2200, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds
                timezones=st.just(dt.UTC),
            ).map(lambda moment: moment.isoformat()),
            st.text(max_size=12),
            st.none(),
        )
    ),
)
def test_columns_agree_with_single_texts(kind: FieldType, values: list[Any]) -> None:
    _agree(_field(kind), values)


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_micros_are_exact(micros: int) -> None:
    field = _field(FieldType.MONEY, unit="micros")
    assert _good(field, [str(micros)]) == [Decimal(micros) / 1_000_000]


@given(st.decimals(min_value=-(10**20), max_value=10**20, allow_nan=False, places=12))
def test_more_than_nine_decimals_are_rounded_half_even(number: Decimal) -> None:
    expected = number.quantize(Decimal("1E-9"), ROUND_HALF_EVEN, Context(prec=60))
    assert _good(_field(FieldType.DECIMAL), [f"{number:f}"]) == [expected]


def _of_two(field: Field, first: list[Any], second: list[Any]) -> TypedRows:
    stream = StreamSpec("s", "t", "ads_daily", (field,), ("x",), (), SliceRule("date", 1))
    return ColumnTyper(stream, BERLIN).type_rows(
        {"a": first, "b": second}, range(1, len(first) + 1), None, str
    )


def _joined(first: list[Any], second: list[Any], make: Callable[..., Field]) -> list[Any]:
    typed = _of_two(make("x", ("a", "b"), FieldType.STRING), first, second)
    column: list[Any] = typed.batch["x"].to_pylist()
    return column


def test_first_present_path_counts_or_all_are_joined() -> None:
    first, second = ["Google", None, None, ""], ["CPC", "email", None, "x"]
    assert _joined(first, second, Field) == ["Google", "email", None, ""]

    def joined(name: str, paths: tuple[str, ...], kind: FieldType) -> Field:
        words = ((r"google / .*", "paid"), (r".*mail", "email"))
        return Field(name, paths, kind, join=" / ", words=words)

    assert _joined(first, second, joined) == ["paid", "email", None, "x"]


def test_numbers_of_several_paths_are_added_and_an_absent_one_is_zero() -> None:
    field = Field("x", ("a", "b"), FieldType.MONEY, sum=True, null_as=("-",))
    typed = _of_two(field, ["1.10", None, "-", None, 2], ["2.205", "3", "4", None, "0.5"])
    assert typed.batch["x"].to_pylist() == [
        *(Decimal("3.305"), Decimal(3), Decimal(4), Decimal(0), Decimal("2.5"))
    ]
    typed = _of_two(field, ["1", "n/a", "1"], ["2", "5", {"v": 1}])
    assert [(row.row_number, row.reason, row.message) for row in typed.rejected] == [
        (2, "not_a_number", "'n/a' is not a number"),
        (3, "wrong_type", "'{\"v\":1}' is not a number"),
    ]
    assert typed.batch["x"].to_pylist() == [Decimal(3)]


def test_sums_are_exact() -> None:
    field = Field("x", ("a", "b"), FieldType.DECIMAL, sum=True)
    large = "12345678901234567890123456789"
    typed = _of_two(field, [large], ["-0.000000001"])
    assert typed.batch["x"].to_pylist() == [Decimal("12345678901234567890123456788.999999999")]

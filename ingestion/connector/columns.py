r"""Typing by whole columns, and the exact search for bad rows when a column does not convert.

    lists of values -> Arrow kernels -> typed columns -> RecordBatch
                    \-> (on failure) convert value by value -> typed column + bad rows

A row with a bad value is left out of the batch and handed out as a `RejectedRow`; the other rows
stay.

Measured figures are in bench/results/extraction.json.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from domain.facts.fact import ColumnType
from domain.money import SCALE
from ingestion.connector.identity import RowIdentity
from ingestion.connector.job import Account, Drift, RejectedRow
from ingestion.connector.naming import (
    is_direct,
    naming_fields,
    without_addresses,
    without_paths,
)
from ingestion.connector.spec import ColumnMapping, Field, FieldType, StreamSpec
from ingestion.connector.values import ValueRefusedError, add_up, convert, minor_digits, shown

__all__ = ["ARROW_TYPES", "ColumnTyper", "TypedRows", "batch_schema"]

NUMERIC: Final = pa.decimal128(38, SCALE)
_UNSCALED: Final = pa.decimal128(38, 0)
_WIDE: Final = pa.decimal256(60, 25)
_LARGEST: Final = 1e28
_LONG_NUMBER: Final = r"[eE]|.{28}"  # only such a text can be as large
_UTC: Final = pa.timestamp("us", tz="UTC")
_INTEGER: Final = r"^-?[0-9]+$"
_MICRO_DIGITS: Final = 6

ARROW_TYPES: Final[Mapping[ColumnType, pa.DataType]] = {
    ColumnType.STRING: pa.string(),
    ColumnType.INT64: pa.int64(),
    ColumnType.NUMERIC: NUMERIC,
    ColumnType.FLOAT64: pa.float64(),
    ColumnType.BOOL: pa.bool_(),
    ColumnType.DATE: pa.date32(),
    ColumnType.TIMESTAMP: _UTC,
    ColumnType.JSON: pa.string(),
}

_CONVERSION_ERRORS: Final = (
    pa.ArrowInvalid,
    pa.ArrowTypeError,
    OverflowError,  # a whole number of more than 64 bits
    UnicodeEncodeError,  # bytes of a file that are no text
)

_READ_AS: Final = {None: "an error", "": "no value"}

Problem = tuple[str, str, str]  # field, reason, message
Values = list[Any]


def batch_schema(fields: Sequence[Field]) -> pa.Schema:
    """Schema of the batches of these fields: row number, fields, unknown fields."""
    own = [pa.field(item.name, ARROW_TYPES[item.column.type]) for item in fields]
    return pa.schema(
        [
            pa.field("row_number", pa.int64(), nullable=False),
            *own,
            pa.field("unknown_fields", pa.string()),
        ]
    )


@dataclass(frozen=True, slots=True)
class TypedRows:
    """What became of some records.

    Attributes:
        batch: The good rows, in order.
        rejected: The bad rows, in order.
        drift: Changed types and words outside an enum.
    """

    batch: pa.RecordBatch
    rejected: tuple[RejectedRow, ...]
    drift: tuple[Drift, ...]


class ColumnTyper:
    """Types the columns of one stream for one account. Compiled once per extraction."""

    def __init__(self, stream: StreamSpec, account: Account) -> None:
        self._fields = stream.fields
        self._account = account
        self._schema = batch_schema(stream.fields)
        self._mapped = [item for item in stream.mapping if item.enum and item.field]
        self._words = {item.name: _WordList(item.words) for item in stream.fields if item.words}
        self._identity = RowIdentity(stream)
        self._naming = naming_fields(stream)
        self._withheld = [path for item in stream.fields if is_direct(item) for path in item.paths]

    def type_rows(
        self,
        columns: Mapping[str, Values],
        row_numbers: Sequence[int],
        unknown: Sequence[str | None] | None,
        raw: Callable[[int], str],
    ) -> TypedRows:
        """Type records given as columns of plain values.

        Args:
            columns: Path -> values, all as long as `row_numbers`.
            row_numbers: Of the records.
            unknown: JSON text per record, or None when there is none at all.
            raw: Position of a record -> the whole record as JSON, for rejected rows.
        """
        problems: dict[int, Problem] = {}
        drift: list[Drift] = []
        arrays: dict[str, pa.Array] = {}
        for item in self._fields:
            values = self._plain(item, columns)
            arrays[item.name], found = self._typed(item, values)
            _note(problems, drift, item, found)
        for mapping in self._mapped:
            self._check_words(mapping, arrays, problems, drift)
        return self._assemble(arrays, row_numbers, unknown, raw, problems, drift)

    def _plain(self, item: Field, columns: Mapping[str, Values]) -> Values:
        values = self._combined(item, columns)
        for path, word in item.when_present:
            flags = columns[path]
            values = [
                word if flag is not None else value
                for value, flag in zip(values, flags, strict=True)
            ]
        if item.null_as:
            values = _without_words(values, frozenset(item.null_as))
        if item.less:
            values = list(map(_reduced, values, columns[item.less]))
        if item.words:
            values = self._words[item.name].look_up(values)
        return values

    def _combined(self, item: Field, columns: Mapping[str, Values]) -> Values:
        if item.sum:
            nulls = frozenset(item.null_as)
            numbers = (_without_words(columns[path], nulls) for path in item.paths)
            return [add_up(row) for row in zip(*numbers, strict=True)]
        if len(item.paths) == 1 and not item.join:
            return columns[item.path]
        parts = zip(*(columns[path] for path in item.paths), strict=True)
        if item.join:
            return [
                item.join.join(str(part).lower() for part in row if part not in (None, "")) or None
                for row in parts
            ]
        return [next((part for part in row if part is not None), None) for row in parts]

    def _typed(self, item: Field, values: Values) -> tuple[pa.Array, dict[int, tuple[str, str]]]:
        problems: dict[int, tuple[str, str]] = {}
        if item.identifier:  # no row is refused for what does not land
            values = [value if isinstance(value, str) else None for value in values]
        array = _fast(item, values, self._account)
        if array is None:
            array, problems = self._slow(item, values)
        if item.minimum is not None:
            for index in _indices(pc.less(array, pa.scalar(item.minimum, array.type))):
                number = array[index].as_py()
                text = f"{number.normalize():f}" if isinstance(number, Decimal) else str(number)
                problems[index] = ("below_minimum", f"{text} is less than {item.minimum}")
        if item.required and array.null_count:
            for index in _indices(array.is_null()):
                problems.setdefault(index, ("missing", "has no value"))
        return array, problems

    def _slow(self, item: Field, values: Values) -> tuple[pa.Array, dict[int, tuple[str, str]]]:
        problems: dict[int, tuple[str, str]] = {}
        converted: Values = []
        for index, value in enumerate(values):
            result = None
            if value is not None:
                try:
                    result = convert(item, value, self._account)
                except ValueRefusedError as error:
                    problems[index] = (error.reason, error.message)
            converted.append(result)
        return pa.array(converted, ARROW_TYPES[item.column.type]), problems

    def _check_words(
        self,
        mapping: ColumnMapping,
        arrays: Mapping[str, pa.Array],
        problems: dict[int, Problem],
        drift: list[Drift],
    ) -> None:
        name = str(mapping.field)
        known = pa.array(list(mapping.enum), pa.string())
        array = arrays[name]
        strange = pc.and_(pc.is_valid(array), pc.invert(pc.is_in(array, known)))
        told = set(drift)
        for index in _indices(strange):
            word = shown(array[index].as_py())
            if mapping.otherwise is None:
                message = f"{word} is none of {', '.join(mapping.enum)}"
                problems.setdefault(index, (name, "unknown_value", message))
            detail = f"{word} is read as {_READ_AS.get(mapping.otherwise, mapping.otherwise)}"
            note = Drift("unknown_value", name, detail)
            if note not in told:
                told.add(note)
                drift.append(note)

    def _assemble(
        self,
        arrays: Mapping[str, pa.Array],
        row_numbers: Sequence[int],
        unknown: Sequence[str | None] | None,
        raw: Callable[[int], str],
        problems: Mapping[int, Problem],
        drift: list[Drift],
    ) -> TypedRows:
        count = len(row_numbers)
        numbers = pa.array(row_numbers, pa.int64())
        rest = pa.nulls(count, pa.string()) if unknown is None else pa.array(unknown, pa.string())
        columns = [numbers, *(arrays[item.name] for item in self._fields), rest]
        batch = pa.RecordBatch.from_arrays(columns, schema=self._schema)
        if problems:
            good = [index for index in range(count) if index not in problems]
            batch = batch.take(pa.array(good, pa.int64()))
        rejected = [
            RejectedRow(
                row_numbers[index],
                *problems[index],
                without_paths(raw(index), self._withheld),
                self._identity.known_key(value_of),
                self._identity.day(value_of),
                named=tuple(
                    (kind, str(value))
                    for name, kind in self._naming.items()
                    if (value := value_of(name)) is not None
                ),
            )
            for index in sorted(problems)
            for value_of in (_values_at(arrays, index),)
        ]
        return TypedRows(batch, tuple(rejected), tuple(drift))


def _values_at(arrays: Mapping[str, pa.Array], index: int) -> Callable[[str], Any]:
    return lambda name: arrays[name][index].as_py()


def _reduced(amount: Any, taken_off: Values) -> Any:
    if amount is None or not taken_off:
        return amount
    try:
        left = Decimal(str(amount)) - sum(Decimal(str(part)) for part in taken_off)
    except InvalidOperation:
        return f"{amount} less {', '.join(map(str, taken_off))}"  # no amount: it is refused as such
    return f"{left:f}"


def _without_words(values: Values, nulls: frozenset[str]) -> Values:
    try:
        if not nulls.intersection(values):
            return values
    except TypeError:  # some value is a mapping or a list, which is no word
        pass
    return [None if isinstance(value, str) and value in nulls else value for value in values]


def _note(
    problems: dict[int, Problem],
    drift: list[Drift],
    item: Field,
    found: Mapping[int, tuple[str, str]],
) -> None:
    found = {place: (why, without_addresses(text)) for place, (why, text) in found.items()}
    for index, (reason, message) in found.items():
        problems.setdefault(index, (item.name, reason, message))
    changed = next((text for reason, text in found.values() if reason == "wrong_type"), None)
    if changed:
        drift.append(Drift("changed_type", item.name, f"{item.type.value} expected: {changed}"))


def _indices(mask: pa.Array) -> Iterable[int]:
    return [int(index) for index in pc.indices_nonzero(mask).to_pylist()]


class _WordList:
    """Ordered regular expressions, each text looked up once."""

    def __init__(self, words: Sequence[tuple[str, str]]) -> None:
        self._patterns = [(re.compile(pattern), word) for pattern, word in words]
        self._known: dict[str, str] = {}

    def look_up(self, values: Values) -> Values:
        known = self._known
        for text in {value for value in values if isinstance(value, str)} - known.keys():
            fits = (word for pattern, word in self._patterns if pattern.fullmatch(text))
            known[text] = next(fits, text)
        return [known.get(value, value) if isinstance(value, str) else value for value in values]


def _fast(item: Field, values: Values, account: Account) -> pa.Array | None:
    """The typed column, or None when some value needs a closer look."""
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values), ARROW_TYPES[item.column.type])
    try:
        return _KERNELS[item.type](item, values, kinds, account)
    except _CONVERSION_ERRORS:
        return None


def _string(item: Field, values: Values, kinds: set[type], _: Account) -> pa.Array | None:
    if kinds == {int}:
        return pa.array(values, pa.int64()).cast(pa.string())
    if kinds != {str}:
        return None
    array = pa.array(values, pa.string())
    if item.strip:
        array = pc.replace_substring_regex(array, f"^{re.escape(item.strip)}", "")
    return array


def _whole(values: Values, kinds: set[type]) -> pa.Array | None:
    """int64, when every value is a whole number in plain notation."""
    if kinds == {int}:
        return pa.array(values, pa.int64())
    if kinds != {str}:
        return None
    texts = pa.array(values, pa.string())
    if not pc.all(pc.match_substring_regex(texts, _INTEGER)).as_py():
        return None  # the integer parser would read hexadecimal
    return texts.cast(pa.int64())


def _int(item: Field, values: Values, kinds: set[type], _: Account) -> pa.Array | None:
    whole = _whole(values, kinds)
    if whole is not None:
        return whole
    texts = _number_texts(values, kinds)
    if texts is None:
        return None
    wide = texts.cast(_WIDE)
    rounded = pc.round(wide, 0, round_mode="half_to_even")
    if not item.round and not pc.all(pc.equal(wide, rounded)).as_py():
        return None
    return rounded.cast(pa.int64())


def _number_texts(values: Values, kinds: set[type]) -> pa.Array | None:
    """Numbers as text, so that decimals come from the shortest form of a float.

    None when one is too large: Arrow's cast of a text to a decimal multiplies without a look at
    what fits, so 261677140423878820000000000000000 becomes another number (pyarrow 26.0.1).
    """
    if kinds == {str}:
        texts = pa.array(values, pa.string())
        is_long = pc.match_substring_regex(texts, _LONG_NUMBER)
        return texts if _are_below_largest(texts.filter(is_long).cast(pa.float64())) else None
    if kinds <= {int, float}:
        numbers = pa.array(values, pa.float64())
        return numbers.cast(pa.string()) if _are_below_largest(numbers) else None
    return None


def _are_below_largest(numbers: pa.Array) -> bool:
    """Whether all are finite and leave room for the scale of a NUMERIC."""
    are_below: bool = pc.all(pc.less(pc.abs(numbers), _LARGEST)).as_py()
    return are_below


def _decimal(_item: Field, values: Values, kinds: set[type], _: Account) -> pa.Array | None:
    if kinds == {int}:
        return pa.array(values, pa.int64()).cast(NUMERIC)
    texts = _number_texts(values, kinds)
    if texts is None:
        return None
    try:
        return texts.cast(NUMERIC)
    except pa.ArrowInvalid:  # more than nine decimals somewhere
        return pc.round(texts.cast(_WIDE), SCALE, round_mode="half_to_even").cast(NUMERIC)


def _money(item: Field, values: Values, kinds: set[type], account: Account) -> pa.Array | None:
    if item.unit == "units":
        return _decimal(item, values, kinds, account)
    digits = _MICRO_DIGITS if item.unit == "micros" else minor_digits(account.currency)
    whole = _whole(values, kinds)
    if whole is None:
        return None
    # An amount in small units times 10^(9 - digits) is the unscaled form of a NUMERIC.
    unscaled = pc.multiply_checked(whole, pa.scalar(10 ** (SCALE - digits), pa.int64()))
    return unscaled.cast(_UNSCALED).view(NUMERIC)


def _float(_item: Field, values: Values, kinds: set[type], _: Account) -> pa.Array | None:
    if kinds <= {int, float}:
        array = pa.array(values, pa.float64())
    elif kinds == {str}:
        array = pa.array(values, pa.string()).cast(pa.float64())
    else:
        return None
    return array if pc.all(pc.is_finite(array)).as_py() else None


def _date(item: Field, values: Values, kinds: set[type], account: Account) -> pa.Array | None:
    if kinds != {str}:
        return None
    texts = pa.array(values, pa.string())
    if not item.format:
        return texts.cast(pa.date32())
    distinct = texts.dictionary_encode()
    try:
        days = [convert(item, text, account) for text in distinct.dictionary.to_pylist()]
    except ValueRefusedError:
        return None
    return pa.array(days, pa.date32()).take(distinct.indices)


def _timestamp(item: Field, values: Values, kinds: set[type], _: Account) -> pa.Array | None:
    if item.format.startswith("epoch_"):
        whole = _whole(values, kinds)
        if whole is None:
            return None
        factor = 1_000 if item.format == "epoch_millis" else 1_000_000
        return pc.multiply_checked(whole, pa.scalar(factor, pa.int64())).cast(_UTC)
    return pa.array(values, pa.string()).cast(_UTC) if kinds == {str} else None


def _local_date(item: Field, values: Values, kinds: set[type], account: Account) -> pa.Array | None:
    moments = _timestamp(item, values, kinds, account)
    if moments is None:
        return None
    local = moments.cast(pa.timestamp("us", tz=account.time_zone))
    return pc.local_timestamp(local).cast(pa.date32(), safe=False)


def _bool(_item: Field, values: Values, kinds: set[type], _: Account) -> pa.Array | None:
    return pa.array(values, pa.bool_()) if kinds == {bool} else None


def _json(_item: Field, values: Values, _kinds: set[type], _: Account) -> pa.Array:
    texts = [None if value is None else orjson.dumps(value).decode() for value in values]
    return pa.array(texts, pa.string())


_KERNELS: Final[
    Mapping[FieldType, Callable[[Field, Values, set[type], Account], pa.Array | None]]
] = {
    FieldType.STRING: _string,
    FieldType.INT: _int,
    FieldType.DECIMAL: _decimal,
    FieldType.MONEY: _money,
    FieldType.FLOAT: _float,
    FieldType.DATE: _date,
    FieldType.TIMESTAMP: _timestamp,
    FieldType.LOCAL_DATE: _local_date,
    FieldType.BOOL: _bool,
    FieldType.JSON: _json,
}

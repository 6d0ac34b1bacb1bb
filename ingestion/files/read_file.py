"""Files to fact-shaped batches, with the same typing and the same quarantine as the API path.

    file + MapSpec -> blocks of rows -> per feed: number texts, constants -> ColumnTyper -> FilePage

Memory: one block of rows, and about 60 bytes per line for the check of duplicate keys.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from domain.errors import InvalidInputError
from domain.facts import FACTS
from domain.facts.fact import Role
from ingestion.connector.columns import ColumnTyper, TypedRows, batch_schema
from ingestion.connector.job import Account, RejectedRow
from ingestion.connector.spec import (
    ColumnMapping,
    Field,
    FieldType,
    SliceRule,
    StreamSpec,
)
from ingestion.connector.spec_check import CANONICAL
from ingestion.connector.values import UnreadNumber
from ingestion.connector.yaml_document import did_you_mean
from ingestion.files.csv_rows import BLOCK_ROWS, BadRow, RowBlock, iter_blocks
from ingestion.files.map_file import (
    FILE_SOURCE,
    FeedSpec,
    FileFormat,
    MappedColumn,
    MapSpec,
    UnpivotSet,
    fact_fields,
)

__all__ = ["FilePage", "read_file"]

_NUMERIC: Final = frozenset({FieldType.INT, FieldType.DECIMAL, FieldType.MONEY, FieldType.FLOAT})
_ACCOUNT_COLUMNS: Final = ("currency", "time_zone")


@dataclass(frozen=True, slots=True)
class FilePage:
    """Typed rows of one feed.

    Attributes:
        feed: Position of the feed in the map.
        fact: That it feeds.
        batch: `row_number` (line in the file; several rows may come from one line), the fact's own
            columns with `reporting_date`, `unknown_fields` (string: JSON of unmapped columns, with
            the first row of a line only).
        rejected: Lines that could not be read or typed, by line.
        lines: Lines read so far.
    """

    feed: int
    fact: str
    batch: pa.RecordBatch
    rejected: tuple[RejectedRow, ...]
    lines: int


def read_file(
    path: Path, map_spec: MapSpec, *, account: Account, block_rows: int = BLOCK_ROWS
) -> Iterator[FilePage]:
    """Read a file.

    Args:
        path: Of the file.
        map_spec: How it is read.
        account: Its currency and time zone fill the columns that the map does not name.
        block_rows: Most lines in memory at once.

    Yields:
        For each block of lines, one page per feed; at least one page per feed.

    Raises:
        InvalidInputError: The file is empty, or lacks a column that the map names (before any row
        is
            read).
    """
    feeds: list[_FeedReader] | None = None
    lines = 0
    for block in iter_blocks(path, map_spec.file, block_rows):
        if feeds is None:
            _check_header(block.header, map_spec, path.name)
            feeds = [
                _FeedReader(map_spec, index, account, block.header)
                for index in range(len(map_spec.feeds))
            ]
        lines += len(block.rows) + len(block.bad)
        for feed in feeds:
            yield feed.read(block, lines)


def _check_header(header: Sequence[str], map_spec: MapSpec, name: str) -> None:
    wanted = [column for feed in map_spec.feeds for column in feed.file_columns]
    missing = [column for column in dict.fromkeys(wanted) if column not in header]
    if not missing:
        return
    told = "; ".join(f"{column!r}{did_you_mean(column, header)}" for column in missing)
    one_column = f" (it has one column: is {map_spec.file.delimiter!r} its delimiter?)"
    raise InvalidInputError(
        f"{name} lacks columns that the map names: {told}{one_column if len(header) == 1 else ''}",
        hint="correct the names in the map, or send the file with these columns",
    )


class _FeedReader:
    """Reads one feed out of the blocks of one file."""

    def __init__(
        self, map_spec: MapSpec, index: int, account: Account, header: Sequence[str]
    ) -> None:
        self._index = index
        self._feed: FeedSpec = map_spec.feeds[index]
        self._file = map_spec.file
        fact = FACTS[self._feed.fact]
        self._schema = batch_schema(fact_fields(fact))
        self._measures = {column.name for column in fact.columns if column.role is Role.MEASURE}
        self._account_columns = {
            name: getattr(account, name) for name in _ACCOUNT_COLUMNS if fact.column(name)
        }
        self._sets = [_SetReader(self._feed, item, account) for item in self._feed.sets]
        known = {column for feed in map_spec.feeds for column in feed.file_columns}
        self._unmapped = [name for name in header if name not in known | set(map_spec.ignore)]
        self._positions = {name: position for position, name in enumerate(header)}
        self._seen: set[int] = set()

    def read(self, block: RowBlock, lines: int) -> FilePage:
        """Type the rows of a block."""
        rejected = [_rejected(bad) for bad in block.bad] if self._index == 0 else []
        block, repeated = self._without_repeated(block)
        rejected.extend(repeated)
        cells = self._cells(block)
        batches = []
        for number, reader in enumerate(self._sets):
            typed = reader.read(cells, block, self._account_columns, self._file)
            rejected.extend(typed.rejected)
            unknown = self._unknown(block) if (self._index, number) == (0, 0) else None
            batches.append(self._shaped(typed.batch, unknown, block))
        rejected.sort(key=lambda row: row.row_number)
        batch = pa.concat_batches(batches)
        return FilePage(self._index, self._feed.fact, batch, tuple(rejected), lines)

    def _cells(self, block: RowBlock) -> dict[str, list[Any]]:
        columns = list(zip(*block.rows, strict=True)) or [()] * len(block.header)
        return {name: list(columns[self._positions[name]]) for name in self._feed.file_columns}

    def _without_repeated(self, block: RowBlock) -> tuple[RowBlock, list[RejectedRow]]:
        """Take out rows whose key stood in the file before."""
        positions = [self._positions[name] for name in self._feed.key]
        keys = [hash(tuple(row[position] for position in positions)) for row in block.rows]
        fresh = set(keys)
        if len(fresh) == len(keys) and self._seen.isdisjoint(fresh):
            self._seen |= fresh
            return block, []
        kept = RowBlock(block.header, [], [], block.bad)
        repeated = []
        for key, line, row in zip(keys, block.lines, block.rows, strict=True):
            if key in self._seen:
                repeated.append(self._repeated(line, row, block.header))
            else:
                self._seen.add(key)
                kept.lines.append(line)
                kept.rows.append(row)
        return kept, repeated

    def _repeated(self, line: int, row: list[str], header: Sequence[str]) -> RejectedRow:
        key = ", ".join(f"{name}={row[self._positions[name]]!r}" for name in self._feed.key)
        message = f"the key {key} stands on an earlier line already"
        return RejectedRow(line, self._feed.key[0], "duplicate_key", message, _json(header, row))

    def _unknown(self, block: RowBlock) -> Mapping[int, str]:
        if not self._unmapped:
            return {}
        positions = [(name, self._positions[name]) for name in self._unmapped]
        return {
            line: orjson.dumps({name: row[position] for name, position in positions}).decode()
            for line, row in zip(block.lines, block.rows, strict=True)
        }

    def _shaped(
        self, batch: pa.RecordBatch, unknown: Mapping[int, str] | None, block: RowBlock
    ) -> pa.RecordBatch:
        """The batch with all columns of the fact, without rows that have no measure at all."""
        count = batch.num_rows
        columns = {name: batch.column(name) for name in batch.schema.names}
        if unknown:
            if count == len(block.lines):
                texts: list[Any] = list(unknown.values())
            else:
                texts = [unknown[line] for line in columns["row_number"].to_pylist()]
            columns["unknown_fields"] = pa.array(texts, pa.string())
        arrays = [
            columns[item.name] if item.name in columns else pa.nulls(count, item.type)
            for item in self._schema
        ]
        shaped = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        measured = [columns[name].is_valid() for name in self._measures if name in columns]
        if not measured:
            return shaped
        has_value = measured[0]
        for mask in measured[1:]:
            has_value = pc.or_(has_value, mask)
        return shaped if pc.all(has_value).as_py() is not False else shaped.filter(has_value)


class _SetReader:
    """Types one of the rows that a line becomes."""

    def __init__(self, feed: FeedSpec, item: UnpivotSet, account: Account) -> None:
        self._columns = (*feed.columns, *item.columns)
        self._constants = {**feed.constants, **item.constants}
        read = {column.field.name for column in self._columns}
        self._fields = tuple(
            field
            for field in fact_fields(FACTS[feed.fact])
            if field.name in read | self._constants.keys() | set(_ACCOUNT_COLUMNS)
        )
        self._typer = ColumnTyper(self._stream(feed), account)

    def _stream(self, feed: FeedSpec) -> StreamSpec:
        by_name = {column.field.name: column.field for column in self._columns}
        fields = tuple(
            _at_its_name(by_name[field.name]) if field.name in by_name else field
            for field in self._fields
        )
        words = {column.field.name: tuple(column.enum.values()) for column in self._columns}
        mapping = tuple(
            ColumnMapping(field.name, field=field.name, enum=dict(zip(known, known, strict=True)))
            for field in fields
            if (known := CANONICAL.get(field.name) or words.get(field.name, ()))
        )
        return StreamSpec(FILE_SOURCE, feed.fact, feed.fact, fields, (), mapping, SliceRule("date"))

    def read(
        self,
        cells: Mapping[str, list[Any]],
        block: RowBlock,
        account_columns: Mapping[str, str],
        file: FileFormat,
    ) -> TypedRows:
        """Type the rows of a block for this set."""
        count = len(block.rows)
        values: dict[str, list[Any]] = {
            field.name: [account_columns.get(field.name)] * count for field in self._fields
        }
        for name, constant in self._constants.items():
            values[name] = [constant] * count
        for column in self._columns:
            values[column.field.name] = _prepared(column, cells[column.source], file)

        def raw(index: int) -> str:
            return _json(block.header, block.rows[index])

        return self._typer.type_rows(values, block.lines, None, raw)


def _at_its_name(field: Field) -> Field:
    """The same field, read from the column that is named like it."""
    return dataclasses.replace(field, paths=(field.name,))


def _prepared(column: MappedColumn, cells: list[Any], file: FileFormat) -> list[Any]:
    """Cells with numbers in plain notation and with the map's word for empty ones."""
    if column.field.type in _NUMERIC and (file.thousands or file.decimal != "."):
        cells = _plain_numbers(cells, file)
    if column.missing is not None:
        empty = set(file.null_as)
        cells = [column.missing if cell in empty else cell for cell in cells]
    return cells


def _plain_numbers(cells: list[Any], file: FileFormat) -> list[Any]:
    """`1.234,50` to `1234.50`; a text of another form becomes an `UnreadNumber`."""
    group, point = re.escape(file.thousands), re.escape(file.decimal)
    grouped = rf"\d{{1,3}}(?:{group}\d{{3}})+|" if file.thousands else ""
    form = re.compile(rf"[-+]?(?:{grouped}\d+)(?:{point}\d+)?(?:[eE][-+]?\d+)?")
    empty = set(file.null_as)
    plain = {
        cell: cell.replace(file.thousands, "").replace(file.decimal, ".")
        if form.fullmatch(cell)
        else UnreadNumber(cell)
        for cell in set(cells) - empty
    }
    return [plain.get(cell, cell) for cell in cells]


def _rejected(bad: BadRow) -> RejectedRow:
    return RejectedRow(
        bad.line, "", bad.reason, bad.message, orjson.dumps(list(bad.cells)).decode()
    )


def _json(header: Sequence[str], row: Sequence[str]) -> str:
    return orjson.dumps(dict(zip(header, row, strict=True))).decode()

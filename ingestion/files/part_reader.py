"""Some columns of a block, typed: those that all rows of a feed share, or those of one unpivot set.

cells -> cell_reader -> ColumnTyper -> file's words to ours -> columns by row of the block, bad rows
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from domain.facts import FACTS
from ingestion.connector.columns import ColumnTyper
from ingestion.connector.job import Account, RejectedRow
from ingestion.connector.spec import ColumnMapping, SliceRule, StreamSpec
from ingestion.connector.spec_check import CANONICAL
from ingestion.files.cells import cell_reader
from ingestion.files.csv_rows import RowBlock
from ingestion.files.map_spec import FileFormat, MappedColumn

__all__ = ["REPORTING_DATE", "Arrays", "PartReader"]

REPORTING_DATE: Final = "reporting_date"

# Fact column -> values, one per row of the block; NULL where a row was not asked for or is bad.
Arrays = Mapping[str, pa.Array]


class PartReader:
    """Types columns of one file. Compiled once per file."""

    def __init__(
        self,
        columns: Sequence[MappedColumn],
        file: FileFormat,
        account: Account,
        *,
        fact: str,
        as_is: bool = False,
    ) -> None:
        self._columns = columns
        self._readers = [cell_reader(item, file, account.time_zone) for item in columns]
        self._paths = {item.field.name: item.field.path for item in columns}
        # Cells are given by the fact's name: two columns of a fact may read the same cells.
        fields = tuple(
            dataclasses.replace(
                item.field,
                paths=(item.field.name,),
                format=_format_left(item),
                minimum=None if as_is else item.field.minimum,
            )
            for item in columns
        )
        mapping = tuple(
            ColumnMapping(item.field.name, item.field.name, enum=words, otherwise=item.otherwise)
            for item in columns
            if (words := _words(item))
        )
        # Rows which do not fit still have their day, and tell whom they name.
        told = {REPORTING_DATE, *_naming(fact)} & self._paths.keys()
        mapping += tuple(ColumnMapping(name, name) for name in sorted(told))
        stream = StreamSpec("part", "file", fact, fields, (), mapping, SliceRule("date"))
        self._typer = ColumnTyper(stream, account)

    def read(
        self, block: RowBlock, rows: Sequence[int]
    ) -> tuple[Arrays, Sequence[int], list[RejectedRow]]:
        """Type rows of a block.

        Args:
            block: The rows.
            rows: Which of them, ascending.

        Returns:
            The columns, the good ones of `rows`, and the bad ones.
        """
        if not self._columns:
            return {}, rows, []
        is_whole = len(rows) == len(block.rows)
        values = {}
        for item, reader in zip(self._columns, self._readers, strict=True):
            cells = block.column(item.field.path)
            values[item.field.name] = reader(cells if is_whole else [cells[row] for row in rows])
        typed = self._typer.type_rows(values, rows, None, lambda index: block.raw(rows[index]))
        batch = typed.batch
        kept: Sequence[int] = rows if not typed.rejected else batch.column("row_number").to_pylist()
        arrays = {
            item.field.name: _spread(_translated(item, batch.column(item.field.name)), kept, block)
            for item in self._columns
        }
        return arrays, kept, [self._in_file(row, block) for row in typed.rejected]

    def _in_file(self, row: RejectedRow, block: RowBlock) -> RejectedRow:
        """The same row with its line and the file's own name of the column."""
        return dataclasses.replace(
            row, row_number=block.lines[row.row_number], field=self._paths[row.field]
        )


def _naming(fact: str) -> set[str]:
    return {column.name for column in FACTS[fact].columns if column.names is not None}


def _format_left(item: MappedColumn) -> str:
    """The format that typing still has to know: instants are in ISO form already."""
    return item.field.format if item.field.type.value == "date" else ""


def _words(item: MappedColumn) -> Mapping[str, str]:
    """Words that the column may have; without an enum, a canonical column has canonical words."""
    canonical = CANONICAL.get(item.field.name, ())
    return item.enum or dict(zip(canonical, canonical, strict=True))


def _translated(item: MappedColumn, array: pa.Array) -> pa.Array:
    if item.enum:
        coded = array.dictionary_encode()
        words = [item.enum.get(word, item.otherwise) for word in coded.dictionary.to_pylist()]
        array = pa.array(words, pa.string()).take(coded.indices)
    return array if item.missing is None else pc.fill_null(array, item.missing)


def _spread(array: pa.Array, kept: Sequence[int], block: RowBlock) -> pa.Array:
    """One value per row of the block; NULL for rows that were not kept."""
    count = len(block.rows)
    if len(kept) == count:
        return array
    places: list[int | None] = [None] * count
    for place, row in enumerate(kept):
        places[row] = place
    return array.take(pa.array(places, pa.int64()))

"""Parquet files to rows of text, so that they are read as any other file.

    file -> batches -> cells as text: ISO dates and instants, plain numbers, "" for NULL -> blocks

A row's number stands in place of its line; the first is 2, as below a line of names.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.files.csv_rows import BLOCK_ROWS, RowBlock, UnusableHeaderError

__all__ = ["iter_parquet_blocks"]

_FIRST_ROW: Final = 2


def iter_parquet_blocks(path: Path, *, block_rows: int = BLOCK_ROWS) -> Iterator[RowBlock]:
    """Read a file block by block.

    Yields:
        At least one block, which may be without rows.

    Raises:
        UnusableHeaderError: The file is no Parquet, or a column holds lists or structures.
        OSError: It cannot be read.
    """
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise UnusableHeaderError(f"{path.name} is no Parquet file: {error}") from error
    with file:
        header = tuple(file.schema_arrow.names)
        nested = [field.name for field in file.schema_arrow if pa.types.is_nested(field.type)]
        if nested:
            raise UnusableHeaderError(
                f"{path.name} has columns of lists or structures: {', '.join(nested)}",
                hint="export plain columns",
            )
        line = _FIRST_ROW
        for batch in file.iter_batches(block_rows):
            columns = [_cells(column) for column in batch.columns]
            lines = list(range(line, line + batch.num_rows))
            yield RowBlock(header, lines, [list(row) for row in zip(*columns, strict=True)])
            line += batch.num_rows
        if line == _FIRST_ROW:
            yield RowBlock(header)


def _cells(column: pa.Array) -> list[str]:
    if pa.types.is_timestamp(column.type):
        return ["" if moment is None else moment.isoformat() for moment in column.to_pylist()]
    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        # Never in scientific notation.
        return ["" if number is None else f"{number:f}" for number in _exact(column).to_pylist()]
    cells: list[str] = pc.fill_null(column.cast(pa.string()), "").to_pylist()
    return cells


def _exact(column: pa.Array) -> pa.Array:
    """Doubles as decimals of nine places, half to even: what amounts are kept in."""
    if pa.types.is_decimal(column.type):
        return column
    return pc.round(column, 9, round_mode="half_to_even").cast(pa.decimal128(38, 9), safe=False)

"""CSV files to rows with line numbers, in bounded memory.

    file -> encoding (declared, byte order mark, or tried) -> csv rows -> blocks of good and bad
    rows

A row that cannot be read is handed out as a bad row with its line; reading goes on behind it.

Source: RFC 4180; quoted line breaks and CRLF are read, a quote inside an unquoted cell is kept.
"""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final, Protocol

from domain.errors import InvalidInputError
from ingestion.files.map_file import FileFormat

__all__ = ["BadRow", "RowBlock", "detect_encoding", "iter_blocks"]

BLOCK_ROWS: Final = 20_000
_SAMPLE_BYTES: Final = 1 << 20
_FIRST_LINE: Final = 1

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read.

    Attributes:
        line: Its first line in the file, starting at 1.
        reason: Stable code.
        message: For people.
        cells: What was read of it.
    """

    line: int
    reason: str
    message: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Some rows in file order.

    Attributes:
        header: Column names, unique.
        lines: First line of each row.
        rows: Cells, as many as the header names.
        bad: Rows between them that cannot be read.
    """

    header: tuple[str, ...]
    lines: list[int]
    rows: list[list[str]]
    bad: list[BadRow]


def detect_encoding(path: Path) -> str:
    """The encoding by byte order mark, else UTF-8 if the first megabyte is, else Latin-1."""
    with path.open("rb") as file:
        sample = file.read(_SAMPLE_BYTES)
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(sample, final=len(sample) < _SAMPLE_BYTES)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def iter_blocks(path: Path, file: FileFormat, block_rows: int = BLOCK_ROWS) -> Iterator[RowBlock]:
    """Read a file block by block.

    Args:
        path: Of the file.
        file: What it looks like.
        block_rows: Most rows of a block.

    Yields:
        At least one block, which may be without rows.

    Raises:
        InvalidInputError: The file is empty, or its header is not usable.
    """
    encoding = file.encoding or detect_encoding(path)
    if encoding == "utf-8":
        encoding = "utf-8-sig"  # reads both
    errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
    with path.open(encoding=encoding, errors=errors, newline="") as text:
        rows = _Rows(csv.reader(text, delimiter=file.delimiter, strict=True))
        header = _header(rows, path.name)
        yield from _blocks(rows, header, block_rows, replaced=errors == "replace")


class _Rows:
    """Rows with the number of their first line; a broken one comes as the error's text."""

    def __init__(self, reader: "_Reader") -> None:
        self._reader = reader

    def __iter__(self) -> Iterator[tuple[int, list[str] | str]]:
        reader = self._reader
        while True:
            line = reader.line_num + 1
            try:
                yield line, next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, str(error)


class _Reader(Protocol):
    line_num: int

    def __next__(self) -> list[str]: ...


def _header(rows: _Rows, name: str) -> tuple[str, ...]:
    _, cells = next(iter(rows), (_FIRST_LINE, []))
    if isinstance(cells, str):
        raise InvalidInputError(f"the header of {name} is not CSV: {cells}")
    if not cells:
        raise InvalidInputError(f"{name} is empty", hint="its first line has to name the columns")
    names = tuple(cell.strip() or f"column_{index}" for index, cell in enumerate(cells, start=1))
    twice = sorted({column for column in names if names.count(column) > 1})
    if twice:
        raise InvalidInputError(
            f"the header of {name} names {', '.join(map(repr, twice))} more than once",
            hint="give every column a name of its own",
        )
    if "\0" in "".join(names):
        raise InvalidInputError(f"{name} is not a text file: its header has NUL characters")
    return names


def _blocks(
    rows: _Rows, header: tuple[str, ...], block_rows: int, *, replaced: bool
) -> Iterator[RowBlock]:
    block = RowBlock(header, [], [], [])
    for line, row in rows:
        if isinstance(row, str):
            block.bad.append(BadRow(line, "malformed_row", f"is not CSV: {row}", ()))
        elif len(row) == len(header):
            block.lines.append(line)
            block.rows.append(row)
        elif row:  # a blank line is no row
            block.bad.append(_ragged(line, row, len(header)))
        if len(block.rows) + len(block.bad) >= block_rows:
            yield _without_strange_letters(block, replaced=replaced)
            block = RowBlock(header, [], [], [])
    yield _without_strange_letters(block, replaced=replaced)


def _ragged(line: int, row: list[str], width: int) -> BadRow:
    message = f"has {len(row)} cells, but the header names {width} columns"
    return BadRow(line, "ragged_row", message, tuple(row))


def _without_strange_letters(block: RowBlock, *, replaced: bool) -> RowBlock:
    """Take out rows with NUL characters or bytes that are no text."""
    if _complaint("".join(chain.from_iterable(block.rows)), replaced=replaced) is None:
        return block
    clean = RowBlock(block.header, [], [], block.bad)
    for line, row in zip(block.lines, block.rows, strict=True):
        complaint = _complaint("".join(row), replaced=replaced)
        if complaint is None:
            clean.lines.append(line)
            clean.rows.append(row)
        else:
            cells = tuple(cell.encode("utf-8", "replace").decode() for cell in row)
            clean.bad.append(BadRow(line, *complaint, cells))
    clean.bad.sort(key=lambda bad: bad.line)
    return clean


def _complaint(text: str, *, replaced: bool) -> tuple[str, str] | None:
    if "\0" in text:
        return "nul_character", "has a NUL character"
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return "bad_encoding", "has bytes that are no UTF-8; declare the file's encoding"
    if replaced and "\N{REPLACEMENT CHARACTER}" in text:
        return "bad_encoding", "has bytes that are no text in the file's encoding"
    return None

"""CSV files to rows with line numbers, in bounded memory.

    file -> encoding (declared or found out) -> csv rows -> blocks of good and bad rows

A row that cannot be read is handed out as a bad row with its line; reading goes on behind it.

Source: RFC 4180; quoted line breaks and CRLF are read, a quote inside an unquoted cell is kept.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Final, Protocol

import orjson

from domain.errors import InvalidInputError
from ingestion.files.encoding import detect_encoding, replaces_bad_bytes
from ingestion.files.map_spec import FileFormat

__all__ = ["BLOCK_ROWS", "BadRow", "RowBlock", "UnusableHeaderError", "iter_blocks"]

BLOCK_ROWS: Final = 10_000
_SHOWN_LETTERS: Final = 10_000  # of a bad row; a quote left open can swallow many lines


class UnusableHeaderError(InvalidInputError):
    """The first line does not name the columns; for whoever sends the file."""

    code = "UNUSABLE_HEADER"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read.

    Attributes:
        line: Its first line in the file, starting at 1.
        reason: Stable code.
        message: For people.
        raw: What was read of it, as a JSON object.
    """

    line: int
    reason: str
    message: str
    raw: str


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Some rows in file order.

    Attributes:
        header: Column names, unique.
        lines: First line of each row.
        rows: Cells, as many as the header names.
        bad: Rows between them that cannot be read, by line.
    """

    header: tuple[str, ...]
    lines: list[int] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)

    def column(self, name: str) -> list[str]:
        """The cells of one column, as long as `rows`."""
        return list(map(itemgetter(self.header.index(name)), self.rows))

    def raw(self, index: int) -> str:
        """One row as a JSON object."""
        return orjson.dumps(dict(zip(self.header, self.rows[index], strict=True))).decode()


class _Reader(Protocol):
    line_num: int

    def __next__(self) -> list[str]: ...


def iter_blocks(
    path: Path, file: FileFormat, *, block_rows: int = BLOCK_ROWS
) -> Iterator[RowBlock]:
    """Read a file block by block.

    Args:
        path: Of the file.
        file: What it looks like.
        block_rows: Most rows of a block, bad ones counted.

    Yields:
        At least one block, which may be without rows.

    Raises:
        InvalidInputError: The file is empty or no text, or its header is not usable.
        OSError: It cannot be read.
    """
    encoding = file.encoding or detect_encoding(path)
    if encoding == "utf-8":
        encoding = "utf-8-sig"  # reads both
    replaced = replaces_bad_bytes(encoding)
    errors = "replace" if replaced else "surrogateescape"
    with path.open(encoding=encoding, errors=errors, newline="") as text:
        read: list[str] = []
        reader = csv.reader(_remembered(text, read), delimiter=file.delimiter, strict=True)
        header = _read_header(reader, path.name)
        for block in _blocks(reader, read, header, block_rows):
            yield _without_strange_letters(block, replaced=replaced)


def _remembered(text: Iterator[str], read: list[str]) -> Iterator[str]:
    """The lines of a file; `read` keeps those of the row that is being read."""
    for line in text:
        read.append(line)
        yield line


def _read_header(reader: _Reader, name: str) -> tuple[str, ...]:
    try:
        cells = next(reader)
    except StopIteration:
        cells = []
    except csv.Error as error:
        raise UnusableHeaderError(f"the first line of {name} is not CSV: {error}") from error
    if not any(cell.strip() for cell in cells):
        what = "is empty" if reader.line_num == 0 else "begins with an empty line"
        raise UnusableHeaderError(f"{name} {what}", hint="its first line has to name the columns")
    names = tuple(cell.strip() or f"column_{index}" for index, cell in enumerate(cells, start=1))
    twice = sorted({column for column in names if names.count(column) > 1})
    if twice:
        raise UnusableHeaderError(
            f"the first line of {name} names {', '.join(map(repr, twice))} more than once",
            hint="give every column a name of its own",
        )
    if _complaint("".join(names), replaced=True):
        raise UnusableHeaderError(
            f"the first line of {name} has bytes that are no text",
            hint="declare the file's encoding in the map",
        )
    return names


def _blocks(
    reader: _Reader, read: list[str], header: tuple[str, ...], block_rows: int
) -> Iterator[RowBlock]:
    block = RowBlock(header)
    width = len(header)
    while True:
        read.clear()
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            block.bad.append(_malformed(line, read, error))
        else:
            if len(row) == width:
                block.lines.append(line)
                block.rows.append(row)
            elif row:  # a blank line is no row
                block.bad.append(_ragged(line, row, header))
        if len(block.rows) + len(block.bad) >= block_rows:
            yield block
            block = RowBlock(header)
    yield block


def _malformed(line: int, read: Sequence[str], error: csv.Error) -> BadRow:
    last = line + len(read) - 1
    message = f"is not CSV: {error}"
    if last > line:
        message += f"; a quote that is left open took lines {line} to {last} for one row"
    raw = orjson.dumps({"row": _printable("".join(read))}).decode()
    return BadRow(line, "malformed_row", message, raw)


def _ragged(line: int, row: list[str], header: tuple[str, ...]) -> BadRow:
    message = f"has {len(row)} cells, but the header names {len(header)} columns"
    named: dict[str, object] = {
        name: _printable(cell) for name, cell in zip(header, row, strict=False)
    }
    if len(row) > len(header):
        named["more cells"] = [_printable(cell) for cell in row[len(header) :]]
    return BadRow(line, "ragged_row", message, orjson.dumps(named).decode())


def _without_strange_letters(block: RowBlock, *, replaced: bool) -> RowBlock:
    """Take out rows with NUL characters or bytes that are no text."""
    if _complaint("".join(chain.from_iterable(block.rows)), replaced=replaced) is None:
        return block
    clean = RowBlock(block.header, bad=block.bad)
    for line, row in zip(block.lines, block.rows, strict=True):
        complaint = _complaint("".join(row), replaced=replaced)
        if complaint is None:
            clean.lines.append(line)
            clean.rows.append(row)
        else:
            named = {name: _printable(cell) for name, cell in zip(block.header, row, strict=True)}
            clean.bad.append(BadRow(line, *complaint, orjson.dumps(named).decode()))
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
        return "bad_encoding", "has bytes that are no UTF-8; declare the file's encoding in the map"
    if replaced and "\N{REPLACEMENT CHARACTER}" in text:
        return "bad_encoding", "has bytes that are no text in the file's encoding"
    return None


def _printable(text: str) -> str:
    """Text that JSON can hold: bytes that are no text become question marks."""
    return text[:_SHOWN_LETTERS].encode("utf-8", "replace").decode()

"""Cells of a file, brought to the forms that typing knows.

    "1.234,50" -> "1234.50" | "2026-03-01 09:30" -> "2026-03-01T09:30:00+01:00" | "n/a" -> None

Nothing is guessed: a number that does not have the declared separators is rejected, not repaired.
An instant without a zone is one of the account's zone; of an hour that a clock shows twice, the
first.
"""

import datetime as dt
import re
from collections.abc import Callable
from typing import Any, Final
from zoneinfo import ZoneInfo

from ingestion.connector.spec import FieldType
from ingestion.connector.values import UnreadNumber
from ingestion.files.map_spec import FileFormat, MappedColumn

__all__ = ["Cells", "cell_reader"]

# Values for `ColumnTyper`: text, UnreadNumber or None.
Cells = list[Any]

_NUMERIC: Final = frozenset({FieldType.INT, FieldType.DECIMAL, FieldType.MONEY, FieldType.FLOAT})
_INSTANTS: Final = frozenset({FieldType.TIMESTAMP, FieldType.LOCAL_DATE})
_SPACES: Final = "[ \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}]"


def cell_reader(
    column: MappedColumn, file: FileFormat, time_zone: str
) -> Callable[[list[str]], Cells]:
    """The function that prepares the cells of one column.

    Args:
        column: Of the map.
        file: Separators and words for "no value".
        time_zone: IANA zone of instants without one.
    """
    kind = column.field.type
    if kind in _NUMERIC and (file.thousands or file.decimal != "."):
        return _each(file.null_as, _number_reader(file))
    if kind in _INSTANTS:
        return _each(file.null_as, _instant_reader(column.field.format, ZoneInfo(time_zone)))
    return lambda cells: _with_nulls(cells, file.null_as)


def _with_nulls(cells: list[str], nulls: frozenset[str]) -> Cells:
    if nulls.isdisjoint(cells):
        return cells
    return [None if cell in nulls else cell for cell in cells]


def _each(nulls: frozenset[str], read: Callable[[str], Any]) -> Callable[[list[str]], Cells]:
    """Read every distinct cell of a column once."""

    def read_all(cells: list[str]) -> Cells:
        distinct = {cell: None if cell in nulls else read(cell) for cell in set(cells)}
        return [distinct[cell] for cell in cells]

    return read_all


def _number_reader(file: FileFormat) -> Callable[[str], str | UnreadNumber]:
    group = _SPACES if file.thousands == " " else re.escape(file.thousands)
    grouped = rf"[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|" if file.thousands else ""
    form = re.compile(rf"([-+]?(?:{grouped}[0-9]+))(?:{re.escape(file.decimal)}([0-9]+))?")

    def read(cell: str) -> str | UnreadNumber:
        found = form.fullmatch(cell)
        if found is None:
            return UnreadNumber(cell)
        whole = re.sub(group, "", found[1]) if file.thousands else found[1]
        return f"{whole}.{found[2]}" if found[2] else whole

    return read


def _instant_reader(pattern: str, zone: ZoneInfo) -> Callable[[str], str]:
    def read(cell: str) -> str:
        try:
            if pattern:
                moment = dt.datetime.strptime(cell, pattern)  # noqa: DTZ007  # the zone follows
            else:
                moment = dt.datetime.fromisoformat(cell)
        except ValueError:
            return cell  # typing tells what is wrong with it
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).isoformat()

    return read

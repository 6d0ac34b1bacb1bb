"""Rows of the quarantine, read again by the rules that hold now.

    raw rows as they were kept, values given by hand -> the engine that rejected them
    -> good rows, and those that still do not fit

The rules are the source file or the map as it is today: who mends these mends the rows. A value
given by hand takes the place of the field's own, as if the platform had sent it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import pyarrow as pa

from ingestion.connector.columns import ColumnTyper
from ingestion.connector.job import Account, RejectedRow
from ingestion.connector.records import RecordReader, Records
from ingestion.connector.spec import Field, StreamSpec
from ingestion.files.csv_rows import RowBlock
from ingestion.files.feeds import NATURAL_KEY
from ingestion.files.map_spec import FeedSpec, MapSpec
from ingestion.files.read_file import FeedReader, unknown_cells
from ingestion.files.repeated_keys import KeyCensus
from tenancy.tables import QuarantinedRow

__all__ = ["FileRetyper", "RecordRetyper", "Retyped", "Retyper"]

_CUT = "characters"  # a row of which only the beginning was kept says how long it was


@dataclass(frozen=True, slots=True)
class Retyped:
    """What became of some rows of one sync.

    Attributes:
        batch: The good ones, as the sync's stream landed its others.
        refused: For each row that still does not fit, why: field, reason, message.
    """

    batch: pa.RecordBatch
    refused: Mapping[QuarantinedRow, tuple[str, str, str]]


class Retyper(Protocol):
    """Reads rows of one stream again."""

    def retype(self, rows: Sequence[QuarantinedRow]) -> Retyped:
        """Read rows of one sync."""


class RecordRetyper:
    """Of a platform's stream."""

    def __init__(self, stream: StreamSpec, account: Account) -> None:
        self._stream = stream
        self._reader = RecordReader(stream)
        self._typer = ColumnTyper(stream, account)

    def retype(self, rows: Sequence[QuarantinedRow]) -> Retyped:
        """See `Retyper.retype`."""
        whole = [row for row in rows if _CUT not in row.raw]
        records = [_record(row) for row in whole]
        columns = self._reader.own_columns(records)
        for path in self._reader.outer:
            columns[path] = [(row.around or {}).get(path) for row in whole]
        for place, row in enumerate(whole):
            self._repair(columns, place, row)
        _, unknown = self._reader.unknown(Records(records))
        typed = self._typer.type_rows(
            columns,
            [row.row_number for row in whole],
            unknown,
            lambda place: orjson.dumps(records[place]).decode(),
        )
        by_number = {row.row_number: row for row in whole}
        refused = {by_number[one.row_number]: _told(one) for one in typed.rejected}
        refused |= {row: _TOO_LONG for row in rows if _CUT in row.raw}
        return Retyped(typed.batch, refused)

    def _repair(self, columns: dict[str, list[Any]], place: int, row: QuarantinedRow) -> None:
        for name, text in (row.repair or {}).items():
            field = self._stream.field(name)
            if field is not None:
                _put(columns, place, field, text or None)


class FileRetyper:
    """Of one feed of a map."""

    def __init__(self, file_map: MapSpec, feed: FeedSpec, account: Account) -> None:
        self._map = file_map
        check = KeyCensus().finish()  # keys are compared with those that landed
        self._feed = FeedReader(file_map, feed, account, check, as_is=False)

    def retype(self, rows: Sequence[QuarantinedRow]) -> Retyped:
        """See `Retyper.retype`."""
        lines: dict[int, list[QuarantinedRow]] = defaultdict(list)
        for row in sorted(rows, key=lambda one: one.row_number):
            lines[row.row_number].append(row)
        block = self._block(lines)
        page = self._feed.read(block, unknown_cells(block, self._map), None)
        landed = set(
            zip(
                page.batch.column("row_number").to_pylist(),
                page.batch.column(NATURAL_KEY).to_pylist(),
                strict=True,
            )
        )
        rejected: dict[int, list[RejectedRow]] = defaultdict(list)
        for one in page.rejected:
            rejected[one.row_number].append(one)
        refused = {
            row: reason
            for line, of_line in lines.items()
            for row in of_line
            if (reason := _still_wrong(row, line, landed, rejected[line])) is not None
        }
        return Retyped(page.batch, refused)

    def _block(self, lines: Mapping[int, Sequence[QuarantinedRow]]) -> RowBlock:
        """The lines as they stood in the file. A line that was no row is not among them."""
        cells = {
            line: {**rows[0].raw, **{n: t for row in rows for n, t in (row.repair or {}).items()}}
            for line, rows in lines.items()
            if rows[0].field is not None
        }
        header = tuple(
            dict.fromkeys(
                [*self._map.file_columns, *(name for raw in cells.values() for name in raw)]
            )
        )
        rows = [[str(raw.get(name, "")) for name in header] for raw in cells.values()]
        return RowBlock(header, list(cells), rows)


_TOO_LONG = ("", "too_long", "is so long that only its beginning was kept; sync again")
_NO_ROW = ("", "no_row", "is no row that could be read; mend the file and import it again")


def _still_wrong(
    row: QuarantinedRow,
    line: int,
    landed: set[tuple[int, str]],
    rejected: Sequence[RejectedRow],
) -> tuple[str, str, str] | None:
    """Why a row of a line still does not fit; None: it does now."""
    if row.field is None:
        return _NO_ROW
    if row.natural_key is not None and (line, row.natural_key) in landed:
        return None
    own = [one for one in rejected if one.natural_key in {row.natural_key, None}] or rejected
    return _told(own[0]) if own else None


def _record(row: QuarantinedRow) -> Any:
    """The record as it was sent; one that was no JSON object was kept inside one."""
    return row.raw["row"] if set(row.raw) == {"row"} else row.raw


def _put(columns: dict[str, list[Any]], place: int, field: Field, text: str | None) -> None:
    """Let a field's own path say so, and no other that would count as well."""
    for path in (*field.paths, *(path for path, _ in field.when_present)):
        columns[path] = [*columns[path]]  # several fields may share the list
        columns[path][place] = None
    columns[field.path][place] = text
    if field.less:
        columns[field.less] = [*columns[field.less]]
        columns[field.less][place] = []


def _told(row: RejectedRow) -> tuple[str, str, str]:
    return row.field, row.reason, row.message

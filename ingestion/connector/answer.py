"""One whole answer to typed rows.

body -> documents -> records -> where -> columns -> typed rows -> one RecordBatch
"""

import dataclasses
import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
import pyarrow as pa

from ingestion.connector.columns import ColumnTyper, TypedRows, batch_schema
from ingestion.connector.decode import decode, load_json
from ingestion.connector.failures import holds
from ingestion.connector.job import Account, Drift, RejectedRow
from ingestion.connector.naming import is_direct
from ingestion.connector.records import RecordReader, keep_where, select
from ingestion.connector.spec import StreamSpec

__all__ = ["AnswerReader", "TypedAnswer"]


@dataclass(frozen=True, slots=True)
class TypedAnswer:
    """What an answer held.

    Attributes:
        batch: Good rows.
        rejected: Bad rows.
        drift: What differs from the source file.
        records: Records in the answer, the rejected and left out ones too.
        skipped: Left out by the source file's `where`.
    """

    batch: pa.RecordBatch
    rejected: tuple[RejectedRow, ...]
    drift: tuple[Drift, ...]
    records: int
    skipped: int


@dataclass(slots=True)
class _Parts:
    batches: list[pa.RecordBatch] = dataclasses.field(default_factory=list)
    rejected: list[RejectedRow] = dataclasses.field(default_factory=list)
    drift: dict[tuple[str, str], Drift] = dataclasses.field(default_factory=dict)
    absent: set[str] | None = None
    records: int = 0
    skipped: int = 0


class AnswerReader:
    """Reads the answers of one stream for one account. Compiled once per extraction."""

    def __init__(self, stream: StreamSpec, account: Account) -> None:
        self._stream = stream
        self._schema = batch_schema(stream.fields)
        self._withheld = {path for item in stream.fields if is_direct(item) for path in item.paths}
        self._reader = RecordReader(stream)
        self._typer = ColumnTyper(stream, account)

    def read_body(self, body: bytes, first_row: int, inspect: Callable[[Any], Any]) -> TypedAnswer:
        """Type the records of a body.

        Args:
            body: As received.
            first_row: Number of its first record.
            inspect: Called with each decoded part; raises when it is an error and no data.

        Raises:
            BrokenBodyError: The body is cut or of another format.
            MalformedAnswerError: It has not the declared shape.
        """
        with _collector_paused():
            documents = decode(body, self._stream)
            return self._read((_inspected(item, inspect) for item in documents), first_row)

    def read_document(
        self, body: bytes, first_row: int, inspect: Callable[[Any], Any]
    ) -> tuple[TypedAnswer, Any]:
        """The same for a body that is one JSON value, which is given back as well."""
        with _collector_paused():
            document = load_json(body)
            inspect(document)
            return self._read(iter([document]), first_row), document

    def _read(self, documents: Iterator[Any], first_row: int) -> TypedAnswer:
        parts = _Parts()
        for document in documents:
            self._add(parts, document, first_row)
        for name in sorted(parts.absent or ()):
            parts.drift.setdefault(
                ("missing_field", name), Drift("missing_field", name, "stands in no record")
            )
        batch = self._one_batch(parts.batches)
        drift = tuple(parts.drift.values())
        return TypedAnswer(batch, tuple(parts.rejected), drift, parts.records, parts.skipped)

    def _one_batch(self, batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
        if len(batches) == 1:
            return batches[0]
        if not batches:
            return pa.RecordBatch.from_pylist([], schema=self._schema)
        return pa.concat_batches(batches)

    def _add(self, parts: _Parts, document: Any, first_row: int) -> None:
        everything = select(document, self._stream.records)
        records, positions = keep_where(everything, self._stream.where)
        for notice in self._stream.notices:
            if holds(notice.when, HTTPStatus.OK, document):
                name = notice.when.body[0][0]
                parts.drift.setdefault(("notice", name), Drift("notice", name, notice.detail))
        start = first_row + parts.records
        parts.records += len(everything.rows)
        parts.skipped += len(everything.rows) - len(records.rows)
        if not records.rows:
            return
        columns = self._reader.columns(records)
        unknown_paths, unknown = self._reader.unknown(records)
        numbers = [start + position for position in positions]
        typed = self._typer.type_rows(
            columns, numbers, unknown, lambda index: orjson.dumps(records.rows[index]).decode()
        )
        if typed.rejected and self._reader.outer:
            typed = self._with_surroundings(typed, columns, numbers)
        self._note(parts, typed, columns, unknown_paths)

    def _with_surroundings(
        self, typed: TypedRows, columns: dict[str, list[Any]], numbers: list[int]
    ) -> TypedRows:
        """Rejected rows with what is read of the records around them, to be typed again."""
        places = {number: place for place, number in enumerate(numbers)}
        outer = [path for path in self._reader.outer if path not in self._withheld]
        rejected = tuple(
            dataclasses.replace(row, around=orjson.dumps(around).decode())
            for row in typed.rejected
            for place in (places[row.row_number],)
            for around in ({path: columns[path][place] for path in outer},)
        )
        return dataclasses.replace(typed, rejected=rejected)

    def _note(
        self,
        parts: _Parts,
        typed: TypedRows,
        columns: dict[str, list[Any]],
        unknown_paths: list[str],
    ) -> None:
        parts.batches.append(typed.batch)
        parts.rejected.extend(typed.rejected)
        for path in unknown_paths:
            parts.drift.setdefault(
                ("new_field", path), Drift("new_field", path, "kept in unknown_fields")
            )
        for item in typed.drift:
            parts.drift.setdefault((item.kind, item.field), item)
        absent = {
            item.name
            for item in self._stream.fields
            if item.required and all(_is_absent(columns[path]) for path in item.paths)
        }
        parts.absent = absent if parts.absent is None else parts.absent & absent


def _inspected(document: Any, inspect: Callable[[Any], Any]) -> Any:
    inspect(document)
    return document


def _is_absent(values: list[Any]) -> bool:
    return values[0] is None and not any(value is not None for value in values)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep Python's cycle collector from walking the decoded tree again and again.

    JSON trees have no cycles, and walking them cost more than half of decoding (2.5 times slower on
    pages of 10,000 records). Only while one answer is read; memory is freed by counting.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

"""Writes an export: sections into files of a zip archive, batch by batch.

    sections -> NAME.jsonl + NAME.schema.json (+ NAME.csv) -> README.html -> sealed parts

One batch of rows is in memory at a time, whatever the export's size. Instants are ISO 8601 with
their zone, amounts are decimal texts, so that nothing is rounded on the way.
"""

import csv
import datetime as dt
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gdpr.access.information import Told, write_information
from gdpr.access.sections import Section
from gdpr.access.vessel import SealedWriter
from gdpr.access.zip_stream import ZipStream

__all__ = ["Written", "write_archive"]


@dataclass(frozen=True, slots=True)
class Written:
    """What an archive came to: rows by section, and how it lies."""

    rows: Mapping[str, int]
    parts: int
    bytes: int


async def write_archive(
    writer: SealedWriter, told: Told, sections: Sequence[Section], *, with_csv: bool
) -> Written:
    """Write everything that the sections give.

    Args:
        writer: Takes the bytes; finished here.
        told: For the page that comes along.
        sections: In the order of the files.
        with_csv: Each section as CSV as well.
    """
    stream = ZipStream(told.made_at)
    counts: list[tuple[Section, int]] = []
    for section in sections:
        _write_schema(stream, section)
        counts.append((section, await _write_rows(writer, stream, section)))
        if with_csv:
            await _write_csv(writer, stream, section)
    with stream.file("README.html") as file:
        file.write(write_information(told, counts))
    await writer.write(stream.close())
    await writer.finish()
    return Written({section.name: count for section, count in counts}, writer.parts, writer.bytes)


def _write_schema(stream: ZipStream, section: Section) -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": section.title,
        "type": "object",
        "properties": {
            one.name: {"type": [one.kind, "null"], "description": one.description}
            for one in section.columns
        },
        "required": [one.name for one in section.columns],
        "additionalProperties": False,
    }
    with stream.file(f"{section.name}.schema.json") as file:
        file.write(json.dumps(schema, ensure_ascii=False, indent=2).encode() + b"\n")


async def _write_rows(writer: SealedWriter, stream: ZipStream, section: Section) -> int:
    count = 0
    with stream.file(f"{section.name}.jsonl") as file:
        async for rows in section.rows():
            for row in rows:
                text = json.dumps(_plain(section, row), ensure_ascii=False, default=_text)
                file.write(text.encode() + b"\n")
            count += len(rows)
            await writer.write(stream.drain())
    return count


async def _write_csv(writer: SealedWriter, stream: ZipStream, section: Section) -> None:
    names = [one.name for one in section.columns]
    with stream.file(f"{section.name}.csv") as file:
        file.write(_csv([names]))
        async for rows in section.rows():
            file.write(_csv([_cell(row[name]) for name in names] for row in rows))
            await writer.write(stream.drain())


def _plain(section: Section, row: Mapping[str, Any]) -> dict[str, Any]:
    return {one.name: row[one.name] for one in section.columns}


def _csv(rows: Iterable[Iterable[Any]]) -> bytes:
    """RFC 4180."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()


def _cell(value: Any) -> str:
    """Nothing that a spreadsheet would take for a formula."""
    if value is None:
        return ""
    if isinstance(value, Mapping | list):
        text = json.dumps(value, ensure_ascii=False, default=_text)
    else:
        text = value if isinstance(value, str) else _text(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in "=+-@\t\r" and text else text


def _text(value: Any) -> str:
    match value:
        case dt.datetime():
            return value.astimezone(dt.UTC).isoformat()
        case dt.date():
            return value.isoformat()
        case Decimal():
            return f"{value.normalize():f}"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
    raise TypeError(type(value))

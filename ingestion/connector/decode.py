"""Bodies to documents, piece by piece so that memory follows the piece and not the body.

    body -> decompress (bounded) -> JSON | JSON lines | CSV -> documents for `records.select`

A JSON array is cut into its elements without decoding them; groups of elements of about a megabyte
are decoded one after the other.

Sources: RFC 8259; RFC 4180; RFC 1952 (gzip); APPNOTE.TXT (zip).
"""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import orjson

from domain.errors import InternalError, Transient
from ingestion.connector.paths import EACH, parse_path
from ingestion.connector.spec import BodyFormat, StreamSpec

__all__ = ["BrokenBodyError", "decode", "load_json"]

_GROUP_BYTES: Final = 1 << 20
_MAX_BYTES: Final = 1 << 30  # a body that grows beyond this is an attack or a mistake
_GZIP: Final = 16 + zlib.MAX_WBITS

_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])


class BrokenBodyError(InternalError, Transient):
    """A body is cut, or not of the declared format."""

    code = "BROKEN_BODY"


def decode(body: bytes, stream: StreamSpec) -> Iterator[Any]:
    """Decode a body into documents that `stream.records` applies to.

    Args:
        body: As received, after transport compression.
        stream: For format and compression.

    Yields:
        JSON values; for CSV and JSON lines, lists of mappings.

    Raises:
        BrokenBodyError: The body ends early or is not of the format.
    """
    plain = _decompress(body, stream.compression)
    if stream.body is BodyFormat.CSV:
        yield from _csv_groups(plain)
    elif stream.body is BodyFormat.JSONL:
        yield from _decoded([line for line in plain.split(b"\n") if line.strip()])
    elif parse_path(stream.records).steps[:1] == (EACH,) and plain.lstrip()[:1] == b"[":
        try:
            elements = _ELEMENTS.decode(plain)
        except msgspec.MsgspecError as error:
            raise BrokenBodyError(f"the answer is not whole JSON: {error}") from error
        yield from _decoded([bytes(element) for element in elements])
    else:
        yield load_json(plain)


def load_json(body: bytes) -> Any:
    """Decode one JSON value.

    Raises:
        BrokenBodyError: It ends early or is no JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BrokenBodyError(f"the answer is not whole JSON: {error}") from error


def _decoded(elements: list[bytes]) -> Iterator[Any]:
    group: list[bytes] = []
    size = 0
    for element in elements:
        group.append(element)
        size += len(element)
        if size >= _GROUP_BYTES:
            yield load_json(b"[" + b",".join(group) + b"]")
            group, size = [], 0
    if group or not elements:
        yield load_json(b"[" + b",".join(group) + b"]")


def _csv_groups(body: bytes) -> Iterator[Any]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BrokenBodyError(f"the report is not UTF-8: {error}") from error
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        yield list(rows)
    except csv.Error as error:
        raise BrokenBodyError(f"the report is not CSV: {error}") from error


def _decompress(body: bytes, compression: str) -> bytes:
    try:
        if compression == "gzip":
            return _gunzip(body)
        if compression == "zip":
            return _unzip(body)
    except (zlib.error, zipfile.BadZipFile) as error:
        raise BrokenBodyError(f"the report is not whole {compression}: {error}") from error
    return body


def _gunzip(body: bytes) -> bytes:
    decoder = zlib.decompressobj(_GZIP)
    plain = decoder.decompress(body, _MAX_BYTES)
    if not decoder.eof:
        raise BrokenBodyError("the report ends before its gzip data does, or is too large")
    return plain


def _unzip(body: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        members = archive.infolist()
        if len(members) != 1:
            raise BrokenBodyError(f"the report's zip holds {len(members)} files instead of one")
        if members[0].file_size > _MAX_BYTES:
            raise BrokenBodyError("the report is too large")
        return archive.read(members[0])

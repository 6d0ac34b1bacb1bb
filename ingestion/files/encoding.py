"""What letters a file is written in, and whether it is text at all.

    first megabyte -> byte order mark | places of NULs | share of UTF-8 -> name of a codec

A file that is UTF-8 but for some bytes stays UTF-8: only the rows with those bytes are bad.

Sources: Unicode 15 section 23.8 (byte order mark); WHATWG encodings (windows-1252).
"""

import codecs
from pathlib import Path
from typing import Final

from domain.errors import InvalidInputError

__all__ = ["NotTextError", "detect_encoding", "replaces_bad_bytes"]

_SAMPLE_BYTES: Final = 1 << 20
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHERS: Final = (
    (b"PK\x03\x04", "an Excel workbook or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF document"),
)
_SURROGATES: Final = range(0xDC80, 0xDD00)  # what surrogateescape makes of bytes


class NotTextError(InvalidInputError):
    """The file is no text; for whoever sends it."""

    code = "NOT_A_TEXT_FILE"


def replaces_bad_bytes(encoding: str) -> bool:
    """Whether bytes that are no text come as U+FFFD; in UTF-8 they come as surrogates."""
    return encoding not in {"utf-8", "utf-8-sig"}


def detect_encoding(path: Path) -> str:
    """Find out the encoding.

    Args:
        path: Of the file.

    Returns:
        `utf-8-sig` (which reads UTF-8 without a mark too), `utf-16`, `utf-16-le`, `utf-16-be` or
        `cp1252`, which holds all letters of Latin-1.

    Raises:
        NotTextError: It is no text.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        sample = file.read(_SAMPLE_BYTES)
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name
    kind = next((kind for magic, kind in _OTHERS if sample.startswith(magic)), "")
    if kind:
        raise NotTextError(
            f"{path.name} is not a text file: it looks like {kind}", hint="save it as CSV"
        )
    if b"\0" in sample.partition(b"\n")[0]:
        return _detect_wide(sample, path.name)
    if b"\n" not in sample and b"\r" not in sample and len(sample) == _SAMPLE_BYTES:
        raise NotTextError(f"{path.name} is not a text file: its first line does not end")
    return _detect_narrow(sample)


def _detect_wide(sample: bytes, name: str) -> str:
    """UTF-16 without a mark: of Latin text, every other byte is NUL."""
    head = sample[: len(sample) // 2 * 2][:4096]
    half = len(head) // 2
    first, second = head[::2].count(0), head[1::2].count(0)
    if second > 0.7 * half and first < 0.1 * half:
        return "utf-16-le"
    if first > 0.7 * half and second < 0.1 * half:
        return "utf-16-be"
    raise NotTextError(
        f"{name} is not a text file: its first line has NUL characters", hint="save it as CSV"
    )


def _detect_narrow(sample: bytes) -> str:
    if sample.isascii():
        return "utf-8-sig"
    is_whole = len(sample) < _SAMPLE_BYTES
    decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
    strange = [ord(letter) for letter in decoder.decode(sample, final=is_whole) if letter > "\x7f"]
    bad = sum(code in _SURROGATES for code in strange)
    return "utf-8-sig" if bad <= len(strange) - bad else "cp1252"

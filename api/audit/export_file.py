"""The export of an audit trail: a file that proves itself.

    header (agency, public key) · one line for each entry · last line: the signed checkpoint

JSON Lines in UTF-8. Everything that is hashed stands in the lines, `details` as the very text that
was hashed, so that anybody can verify a file without us: docs/audit.md says how. A file that was
cut lacks its last line.

Decision: ADR-0018.
"""

import datetime as dt
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from typing import Annotated, Any, Final, Self

import msgspec
from joserfc.jwk import ECKey

from api.audit.checkpoints import SignedCheckpoint
from api.audit.statements import UnprovenStatementError, key_id_of, read_public_key, read_statement
from domain.audit.checkpoint import Checkpoint
from domain.audit.entry import ChainedEntry, microseconds_of
from domain.audit.verify import Anchor, ChainVerifier, Fault, Finding, Link
from domain.errors import ConflictError, InvalidInputError
from domain.ids import TenantId

__all__ = ["FORMAT", "ExportReader", "ExportWriter", "Verdict", "verify_export"]

FORMAT: Final = "bosco-audit-1"

_LONGEST_LINE: Final = 4 * 1024 * 1024

Instant = Annotated[dt.datetime, msgspec.Meta(tz=True)]


class _Header(
    msgspec.Struct, frozen=True, tag="header", tag_field="kind", rename="camel",
    forbid_unknown_fields=True,
):  # fmt: skip
    format: str
    tenant: uuid.UUID
    agency: str
    exported_at: Instant
    public_key: dict[str, str]


class _Entry(
    msgspec.Struct, frozen=True, tag="entry", tag_field="kind", rename="camel",
    forbid_unknown_fields=True,
):  # fmt: skip
    sequence: int
    id: uuid.UUID
    at: Instant
    actor: str
    action: str
    object_kind: str
    object_id: str
    details: str
    previous_hash: str
    hash: str


class _End(
    msgspec.Struct, frozen=True, tag="checkpoint", tag_field="kind", rename="camel",
    forbid_unknown_fields=True,
):  # fmt: skip
    statement: str


_LINES: Final = msgspec.json.Decoder(_Header | _Entry | _End)


class ExportWriter:
    """Writes an export; readable for its owner alone, and gone again when it is not finished.

    Args:
        path: Of a file that is not there yet.

    Raises:
        ConflictError: There is such a file.
        InvalidInputError: The file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_finished = False
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise ConflictError(
                f"{path} is there already", hint="an export replaces nothing: choose another name"
            ) from None
        except OSError as error:
            raise InvalidInputError(f"{path} cannot be written: {error.strerror}") from None
        self._file: BufferedWriter = os.fdopen(descriptor, "wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if not self._is_finished:
            self._path.unlink(missing_ok=True)

    def begin(self, agency: str, signed: SignedCheckpoint) -> None:
        """Write what stands before the entries."""
        header = _Header(
            format=FORMAT,
            tenant=signed.checkpoint.tenant_id,
            agency=agency,
            exported_at=signed.checkpoint.at,
            public_key={name: str(value) for name, value in signed.public_key.items()},
        )
        self._write(header)

    def write(self, entries: Iterable[ChainedEntry]) -> None:
        """Write the entries that come next."""
        for one in entries:
            line = _Entry(
                sequence=one.sequence,
                id=one.entry_id,
                at=one.instant,
                actor=one.actor,
                action=one.action,
                object_kind=one.object_kind,
                object_id=one.object_id,
                details=one.details,
                previous_hash=one.previous_hash.hex(),
                hash=one.hash.hex(),
            )
            self._write(line)

    def finish(self, signed: SignedCheckpoint) -> None:
        """Write the proof; from now on the file stays."""
        self._write(_End(signed.statement))
        self._file.flush()
        self._is_finished = True

    def _write(self, line: msgspec.Struct) -> None:
        self._file.write(msgspec.json.encode(line) + b"\n")


class ExportReader:
    """Reads an export line by line; each iteration starts anew.

    Args:
        path: Of the file.

    Raises:
        InvalidInputError: The file cannot be read, or is no export.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        header = next(self._lines(), None)
        if not isinstance(header, _Header) or header.format != FORMAT:
            raise self._malformed(1, "it does not begin with a header")
        self.tenant_id = TenantId(header.tenant)
        self.agency = header.agency
        self.public_key: Mapping[str, Any] = header.public_key
        self.statement: str | None = None

    def __iter__(self) -> Iterator[ChainedEntry]:
        """The entries; when they are through, `statement` is what the last line says."""
        self.statement = None
        for number, line in enumerate(self._lines(), 1):
            if self.statement is not None or isinstance(line, _Header) != (number == 1):
                raise self._malformed(number, "it does not belong there")
            match line:
                case _Entry():
                    yield self._entry(number, line)
                case _End(statement):
                    self.statement = statement

    def anchors(self) -> Iterator[Anchor]:
        """What the file knows of each entry."""
        for entry in self:
            yield Anchor(Link(entry.sequence, entry.hash), f"the export {self.path.name}")

    def _lines(self) -> Iterator[_Header | _Entry | _End]:
        try:
            with self.path.open("rb") as file:
                number = 0
                while line := file.readline(_LONGEST_LINE):
                    number += 1
                    try:
                        yield _LINES.decode(line)
                    except (msgspec.DecodeError, UnicodeDecodeError) as error:
                        raise self._malformed(number, str(error)) from None
        except OSError as error:
            raise InvalidInputError(f"{self.path} cannot be read: {error.strerror}") from None

    def _entry(self, number: int, line: _Entry) -> ChainedEntry:
        try:
            return ChainedEntry(
                tenant=self.tenant_id.bytes,
                sequence=line.sequence,
                id=line.id.bytes,
                at=microseconds_of(line.at),
                actor=line.actor,
                action=line.action,
                object_kind=line.object_kind,
                object_id=line.object_id,
                details=line.details,
                previous_hash=bytes.fromhex(line.previous_hash),
                hash=bytes.fromhex(line.hash),
            )
        except (ValueError, OverflowError):
            raise self._malformed(number, "a value cannot be read") from None

    def _malformed(self, number: int, why: str) -> InvalidInputError:
        return InvalidInputError(
            f"{self.path} is no audit export that bosco made: line {number:,}: {why}",
            hint="take it from where it was put, unchanged",
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a file says, and what is wrong with it.

    Attributes:
        entries: How many are in order.
        finding: None: the file is whole.
        checkpoint: Its last line; None: the line is missing, or proves nothing.
        key_id: Of the key in the file, that signed; whether it is the platform's is for the reader
            to know.
    """

    entries: int
    finding: Finding | None
    checkpoint: Checkpoint | None
    key_id: str


def verify_export(reader: ExportReader) -> Verdict:
    """Check a file by itself: its chain, and that its last line proves the end of it.

    Raises:
        InvalidInputError: It is not readable as an export.
        UnprovenStatementError: Its last line is not signed by the key in its first.
    """
    verifier = ChainVerifier(reader.tenant_id)
    finding = verifier.feed(reader)
    key = read_public_key(reader.public_key)
    entries, key_id = verifier.last.sequence, key.thumbprint()
    if finding is not None:
        return Verdict(finding.sequence - 1, finding, None, key_id)
    if reader.statement is None:
        lacking = "the file was cut: its last line, which proves the rest, is missing"
        return Verdict(entries, Finding(Fault.SHORTER, entries + 1, lacking), None, key_id)
    checkpoint = _proof(reader, reader.statement, key)
    return Verdict(entries, _hold(verifier.last, checkpoint), checkpoint, key_id)


def _proof(reader: ExportReader, statement: str, key: ECKey) -> Checkpoint:
    checkpoint = read_statement(statement, {key_id_of(statement): key})
    if key_id_of(statement) != key.thumbprint() or checkpoint.tenant_id != reader.tenant_id:
        raise UnprovenStatementError("a checkpoint proves nothing: it is of something else")
    return checkpoint


def _hold(end: Link, checkpoint: Checkpoint) -> Finding | None:
    verifier = ChainVerifier(checkpoint.tenant_id, [checkpoint.anchor], start=end)
    finding = verifier.finish()
    if finding is None and checkpoint.link != end:
        return Finding(
            Fault.REPEATED,
            checkpoint.link.sequence + 1,
            f"the file has entries after entry {checkpoint.link.sequence:,}, where it ends",
        )
    return finding

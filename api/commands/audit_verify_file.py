"""The proof of an export by itself: `bosco audit verify --file`; it needs no database.

Exit codes: 0 in order, 3 not in order, 1 it could not be checked.
"""

from collections.abc import AsyncIterator
from pathlib import Path

from api.audit.export_file import ExportReader, verify_export
from api.commands.audit_verify import TAMPERED
from api.control.protocol import DoneEvent, Event, LineEvent

__all__ = ["verify_file"]


async def verify_file(file: str, key: str | None) -> AsyncIterator[Event]:
    """`bosco audit verify --file`. Exit code 3 when the file is not whole, or of another key.

    Args:
        file: The export.
        key: Id of the only key that is trusted; None: whichever the file names.

    Raises:
        InvalidInputError: It is no export.
        UnprovenStatementError: Its last line is not signed by the key in its first.
    """
    reader = ExportReader(Path(file))
    verdict = verify_export(reader)
    if verdict.finding is not None:
        yield LineEvent(f"{file} is NOT in order: {verdict.finding.message}")
    elif key is not None and key != verdict.key_id:
        yield LineEvent(f"{file} is NOT proven: it is signed by key {verdict.key_id}, not {key}")
    else:
        yield LineEvent(f"{file} is in order: {verdict.entries:,} entries of {reader.agency}")
        if verdict.checkpoint is not None:
            yield LineEvent(f"so it was at {verdict.checkpoint.at:%Y-%m-%d %H:%M} UTC")
        if key is None:
            yield LineEvent(f"signed by key {verdict.key_id}: make sure that it is the platform's")
        yield DoneEvent(0)
        return
    yield DoneEvent(TAMPERED)

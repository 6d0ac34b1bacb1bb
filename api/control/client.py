"""The client's side of the hand-over.

Invocation -> owner's socket -> Accepted -> events | NotListeningError (go elsewhere)
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

from api.control.protocol import (
    LONGEST_LINE,
    Accepted,
    DoneEvent,
    Event,
    Invocation,
    ProtocolError,
    decode_answer,
    encode,
)
from domain.errors import InternalError, Transient, UserError

__all__ = ["NotListeningError", "OwnerLostError", "hand_over"]


class NotListeningError(InternalError, Transient):
    """Nobody listens on the socket, or stopped before beginning the command: nothing was done."""

    code = "OWNER_NOT_LISTENING"


class OwnerLostError(UserError):
    """The owner ended while it ran the command; a part of the work may be done."""

    code = "OWNER_LOST"


async def hand_over(socket_path: Path, invocation: Invocation) -> AsyncGenerator[Event, None]:
    """Let the owner run a command; closing the generator cancels it there.

    Args:
        socket_path: Where the owner listens.
        invocation: The command.

    Yields:
        Its events; the last is a `DoneEvent`.

    Raises:
        NotListeningError: The command was not begun.
        OwnerLostError: The owner ended before the command did.
        ProtocolError: The owner sent something else than events.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket_path), limit=LONGEST_LINE)
    except (FileNotFoundError, NotADirectoryError, PermissionError, ConnectionError):
        raise NotListeningError(f"nobody listens at {socket_path}") from None
    owner_pid: int | None = None
    try:
        writer.write(encode(invocation))
        while line := await _read_line(reader):
            answer = decode_answer(line)
            if isinstance(answer, Accepted):
                owner_pid = answer.pid
                continue
            yield answer
            if isinstance(answer, DoneEvent):
                return
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    if owner_pid is None:
        raise NotListeningError(f"the owner at {socket_path} stopped before beginning the command")
    raise OwnerLostError(
        f"the owner of the runtime (process {owner_pid}) ended before the command did",
        hint="run it again; the command may have done a part of its work",
    )


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    """Read one whole line; nothing when the owner is gone, also in the middle of a line."""
    try:
        line = await reader.readline()
    except ConnectionError:
        return b""
    except ValueError:
        raise ProtocolError(f"the owner sent an event of more than {LONGEST_LINE} bytes") from None
    return line if line.endswith(b"\n") else b""

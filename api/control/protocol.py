"""What passes between a client and the owner: one command in, a stream of events out.

    Invocation line -> Accepted line -> event lines ... -> DoneEvent line

Each line is one JSON object; an event's `kind` names its type. Decimals, dates and ids travel as
text. After `Accepted` the command is running; before it, the client may safely go elsewhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from domain.errors import InternalError

__all__ = [
    "LONGEST_LINE",
    "Accepted",
    "Arguments",
    "DoneEvent",
    "ErrorEvent",
    "Event",
    "Invocation",
    "JsonEvent",
    "LineEvent",
    "ProgressEvent",
    "ProtocolError",
    "TableEvent",
    "decode_answer",
    "decode_invocation",
    "encode",
]

# One event has to fit into memory on both sides; an answer of this size belongs in a file.
LONGEST_LINE: Final = 64 * 1024 * 1024


class ProtocolError(InternalError):
    """The other side sent something that is not a line of this protocol."""

    code = "CONTROL_PROTOCOL"


class ProgressEvent(msgspec.Struct, frozen=True, tag_field="kind", tag="progress"):
    """How far a task is; a later event of the same task replaces an earlier one.

    Attributes:
        task: Names the task within its command.
        text: What it is doing.
        completed: Steps done; None: unknown.
        total: Steps in all; None: unknown.
    """

    task: str
    text: str
    completed: float | None = None
    total: float | None = None


class LineEvent(msgspec.Struct, frozen=True, tag_field="kind", tag="line"):
    """A line of plain text, without markup."""

    text: str


class TableEvent(msgspec.Struct, frozen=True, tag_field="kind", tag="table"):
    """Rows to show side by side; each row has as many cells as there are columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


class JsonEvent(msgspec.Struct, frozen=True, tag_field="kind", tag="json"):
    """A result for programs: any JSON value."""

    value: Any


class ErrorEvent(msgspec.Struct, frozen=True, tag_field="kind", tag="error"):
    """The command failed.

    Attributes:
        code: Stable machine-readable name; `INTERNAL` for what only the log explains.
        message: What is wrong and where.
        hint: What to do about it; may be empty.
    """

    code: str
    message: str
    hint: str = ""


class DoneEvent(msgspec.Struct, frozen=True, tag_field="kind", tag="done"):
    """The last event of every stream."""

    exit_code: int


class Accepted(msgspec.Struct, frozen=True, tag_field="kind", tag="accepted"):
    """The owner has begun the command."""

    pid: int


Event = ProgressEvent | LineEvent | TableEvent | JsonEvent | ErrorEvent | DoneEvent


class Invocation(msgspec.Struct, frozen=True):
    """A command to run.

    Attributes:
        name: As registered.
        arguments: A JSON object.
        cwd: The caller's working folder, absolute; relative paths in the arguments start there.
        settings: Digests of the caller's settings by variable, see `digests_of`; set when it is
            handed over.
    """

    name: str
    arguments: dict[str, Any]
    cwd: str
    settings: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Arguments(Mapping[str, Any]):
    """A command's arguments as it sees them: a mapping, and the folder its caller stands in."""

    values_by_name: Mapping[str, Any]
    cwd: Path

    def __getitem__(self, name: str) -> Any:
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def resolve_path(self, text: str) -> Path:
        """Read a path as the caller meant it: relative to their folder, not to the owner's."""
        return self.cwd / text


_answers: Final = msgspec.json.Decoder(Event | Accepted)
_invocations: Final = msgspec.json.Decoder(Invocation)


def encode(message: Event | Accepted | Invocation) -> bytes:
    """Write a message as one line."""
    return msgspec.json.encode(message) + b"\n"


def decode_answer(line: bytes) -> Event | Accepted:
    """Read a line from the owner.

    Raises:
        ProtocolError: It is not an event.
    """
    try:
        answer: Event | Accepted = _answers.decode(line)
    except msgspec.DecodeError as error:
        raise ProtocolError(f"the owner sent no event: {error}") from None
    return answer


def decode_invocation(line: bytes) -> Invocation:
    """Read a line from a client.

    Raises:
        ProtocolError: It is not an invocation.
    """
    try:
        return _invocations.decode(line)
    except msgspec.DecodeError as error:
        raise ProtocolError(f"the client sent no invocation: {error}") from None

"""Running a command: whatever happens inside, its stream of events ends in exactly one `done`.

Invocation -> CommandRegistry -> command(runtime, arguments) -> events -> settle -> ... done
"""

import contextlib
import difflib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Final, Generic, TypeVar

from api.control.protocol import Arguments, DoneEvent, ErrorEvent, Event, Invocation
from domain.errors import NotFoundError, UserError

__all__ = ["Command", "CommandRegistry", "UnknownCommandError", "settle"]

# Exit codes of sysexits.h, which shells and schedulers know.
EXIT_USER_ERROR: Final = 1
EXIT_INTERNAL: Final = 70

RuntimeT = TypeVar("RuntimeT")
Command = Callable[[RuntimeT, Arguments], AsyncIterator[Event]]

_log = logging.getLogger(__name__)


class UnknownCommandError(NotFoundError):
    """No command of this name; the owner may run an older version than the client."""

    code = "UNKNOWN_COMMAND"


class CommandRegistry(Generic[RuntimeT]):
    """The commands that a runtime can run.

    Args:
        commands: By name. A command is an async generator function `(runtime, arguments)`.
    """

    def __init__(self, commands: Mapping[str, Command[RuntimeT]]) -> None:
        self._commands = dict(commands)

    @property
    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._commands))

    def start(self, runtime: RuntimeT, invocation: Invocation) -> AsyncGenerator[Event, None]:
        """Begin a command; it runs while its events are read.

        Raises:
            UnknownCommandError: No command has this name.
        """
        command = self._commands.get(invocation.name)
        if command is None:
            similar = difflib.get_close_matches(invocation.name, self._commands, n=1)
            raise UnknownCommandError(
                f"there is no command {invocation.name!r}",
                hint=f"did you mean {similar[0]!r}?"
                if similar
                else f"there are {', '.join(self.names)}",
            )
        arguments = Arguments(invocation.arguments, Path(invocation.cwd))
        return _closing(command(runtime, arguments))


async def settle(
    begin: Callable[[], AsyncGenerator[Event, None]], new_trace_id: Callable[[], str]
) -> AsyncGenerator[Event, None]:
    """Turn failures into events and end with one `done`.

    Args:
        begin: Begins the stream; its failures count as well.
        new_trace_id: Names a failure that only the log explains.

    Yields:
        The stream's events; after a failure an `ErrorEvent`; once the stream has closed all that it
        opened, a `DoneEvent`: the stream's own, or one with 0 (success), 1 (the caller can mend it)
        or 70 (they cannot).
    """
    done = DoneEvent(0)
    try:
        async with contextlib.aclosing(begin()) as events:
            async for event in events:
                if isinstance(event, DoneEvent):
                    done = event
                else:
                    yield event
    except UserError as error:
        yield ErrorEvent(error.code, error.message, error.hint)
        done = DoneEvent(EXIT_USER_ERROR)
    except Exception:  # noqa: BLE001  # the edge: a bug reaches the caller as an event
        trace_id = new_trace_id()
        _log.exception("a command failed; trace id %s", trace_id)
        yield ErrorEvent("INTERNAL", f"an internal error stopped the command; trace id {trace_id}")
        done = DoneEvent(EXIT_INTERNAL)
    yield done


async def _closing(events: AsyncIterator[Event]) -> AsyncGenerator[Event, None]:
    """Close a generator as soon as nobody reads it, not when it is collected."""
    try:
        async for event in events:
            yield event
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()

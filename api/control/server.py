"""The owner's side of the hand-over: a socket that runs commands given to it.

    client -> Invocation -> Accepted -> command on the owner's runtime -> events -> client

Only the owner's user can connect. A client that goes away cancels its command.
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from api.control.execute import EXIT_INTERNAL, CommandRegistry, settle
from api.control.protocol import (
    LONGEST_LINE,
    Accepted,
    DoneEvent,
    ErrorEvent,
    Event,
    Invocation,
    ProtocolError,
    decode_invocation,
    encode,
)
from api.control.same_settings import check_same_settings, digests_of
from api.embedded.layout import make_private, socket_folder
from api.settings import Settings

__all__ = ["ControlServer", "control_socket"]

EXIT_TRY_AGAIN: Final = 75  # EX_TEMPFAIL of sysexits.h

RuntimeT = TypeVar("RuntimeT")

_log = logging.getLogger(__name__)


def control_socket(state_dir: Path) -> Path:
    """Tell where the owner of a state folder listens."""
    return socket_folder(state_dir) / "control.sock"


class ControlServer(Generic[RuntimeT]):
    """Listens while its context is open. The caller holds the ownership of the state folder.

    A normal exit stops listening and waits for the commands of others to end; an exit by an
    exception (Ctrl-C) ends them, and tells their clients so.

    Args:
        settings: The owner's; name the state folder.
        registry: What can be run.
        runtime: What it runs on.
        new_trace_id: Names failures that only the log explains.
    """

    def __init__(
        self,
        settings: Settings,
        registry: CommandRegistry[RuntimeT],
        runtime: RuntimeT,
        new_trace_id: Callable[[], str],
    ) -> None:
        self._state_dir = settings.state_dir
        self._settings = digests_of(settings)
        self._registry = registry
        self._runtime = runtime
        self._new_trace_id = new_trace_id
        self._clients: set[asyncio.Task[None]] = set()
        self._commands: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_unix_server(
            self._serve, sock=self._bind(), limit=LONGEST_LINE
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._listener is not None:
            self._listener.close()
        control_socket(self._state_dir).unlink(missing_ok=True)
        if kind is not None:
            self.end_commands()
        try:
            await self._wait_for_clients()
        except asyncio.CancelledError:
            self.end_commands()
            await self._wait_for_clients()
            raise

    def end_commands(self) -> None:
        """Cancel the commands of all clients; each is told that the owner stops."""
        for command in self._commands:
            command.cancel()

    def _bind(self) -> socket.socket:
        path = control_socket(self._state_dir)
        make_private(path.parent)
        path.unlink(missing_ok=True)  # a killed owner's: its lock is ours now
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(path))
            path.chmod(0o600)  # nobody can connect before it listens, so there is no gap
        except BaseException:
            listener.close()
            raise
        return listener

    async def _wait_for_clients(self) -> None:
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = asyncio.current_task()
        if client is not None:
            self._clients.add(client)
            client.add_done_callback(self._clients.discard)
        with contextlib.suppress(ConnectionError):  # it went away: there is nobody to tell
            try:
                line = await reader.readline()
                if line:
                    await self._run_for(decode_invocation(line), reader, writer)
            except (ProtocolError, ValueError) as error:  # ValueError: longer than LONGEST_LINE
                writer.write(encode(ErrorEvent("CONTROL_PROTOCOL", str(error))))
                writer.write(encode(DoneEvent(EXIT_TRY_AGAIN)))
            finally:
                writer.close()
                await writer.wait_closed()

    async def _run_for(
        self, invocation: Invocation, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Run a command until it ends, its client goes away, or the owner stops."""
        command = asyncio.ensure_future(self._run(invocation, writer))
        self._commands.add(command)
        hang_up = asyncio.ensure_future(reader.read())
        await asyncio.wait({command, hang_up}, return_when=asyncio.FIRST_COMPLETED)
        self._commands.discard(command)
        has_client = not hang_up.done()
        command.cancel()
        hang_up.cancel()
        await asyncio.gather(command, hang_up, return_exceptions=True)
        if has_client:
            _write_end(writer, command)
            await writer.drain()

    async def _run(self, invocation: Invocation, writer: asyncio.StreamWriter) -> None:
        writer.write(encode(Accepted(os.getpid())))
        await writer.drain()
        events = settle(lambda: self._begin(invocation), self._new_trace_id)
        async with contextlib.aclosing(events):
            async for event in events:
                writer.write(encode(event))
                await writer.drain()

    def _begin(self, invocation: Invocation) -> AsyncGenerator[Event, None]:
        check_same_settings(self._settings, invocation.settings)
        return self._registry.start(self._runtime, invocation)


def _write_end(writer: asyncio.StreamWriter, command: asyncio.Task[None]) -> None:
    """Say why a command ended without a `done` of its own."""
    if command.cancelled():
        message = f"the owner of the runtime (process {os.getpid()}) was stopped"
        hint = "run it again; the command may have done a part of its work"
        writer.write(encode(ErrorEvent("OWNER_STOPPED", message, hint)))
        writer.write(encode(DoneEvent(EXIT_TRY_AGAIN)))
    elif error := command.exception():
        _log.error("a command's event could not be sent", exc_info=error)
        writer.write(encode(ErrorEvent("INTERNAL", f"an event could not be sent: {error}")))
        writer.write(encode(DoneEvent(EXIT_INTERNAL)))

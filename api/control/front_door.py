"""How a process gets a command run, or the runtime for itself.

    command -> an owner listens: hand over | nobody owns: own, run | else: wait, try again

Only one process can open the DuckDB file, and only one set of embedded servers runs for a state
folder. Where neither is in use (servers and warehouse in the cloud) there is nothing to own: each
process opens a runtime of its own.
"""

import asyncio
import contextlib
import datetime as dt
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec

from api.control.client import NotListeningError, hand_over
from api.control.execute import CommandRegistry, settle
from api.control.ownership import Owner, Ownership, find_owner, try_own
from api.control.protocol import Event, Invocation, ProgressEvent
from api.control.same_settings import digests_of
from api.control.server import ControlServer, control_socket
from api.settings import Settings
from domain.errors import ConflictError

__all__ = ["CommandHost", "RuntimeOwnedError", "own_runtime", "run_command"]

POLL_SECONDS: Final = 0.1

RuntimeT = TypeVar("RuntimeT")


class RuntimeOwnedError(ConflictError):
    """Another process owns the runtime of this state folder."""

    code = "RUNTIME_OWNED"


@dataclass(frozen=True, slots=True)
class CommandHost(Generic[RuntimeT]):
    """What it takes to run commands in this process.

    Attributes:
        load_registry: Gives the commands. Called when they run in this process: importing them
            costs seconds that a hand-over need not wait for.
        open_runtime: Opens what they run on, and closes it at the end.
        command_line: As the user typed it; shown to those who have to wait.
        clock: The present UTC instant.
        new_trace_id: Names failures that only the log explains.
    """

    load_registry: Callable[[], CommandRegistry[RuntimeT]]
    open_runtime: Callable[[Settings], AbstractAsyncContextManager[RuntimeT]]
    command_line: str
    clock: Callable[[], dt.datetime]
    new_trace_id: Callable[[], str]


@contextlib.asynccontextmanager
async def own_runtime(settings: Settings, host: CommandHost[RuntimeT]) -> AsyncIterator[RuntimeT]:
    """Own the runtime, and run the commands of other processes on it meanwhile (`bosco serve`).

    A normal exit first waits for the commands of others; an exit by an exception ends them.

    Raises:
        RuntimeOwnedError: Another process owns it.
    """
    if not settings.has_single_owner:
        async with host.open_runtime(settings) as runtime:
            yield runtime
        return
    ownership = _try_own(settings, host)
    if ownership is None:
        owner = find_owner(settings.state_dir)
        raise RuntimeOwnedError(
            f"{settings.state_dir} is in use by {owner or 'another process'}",
            hint="stop that process first, or set BOSCO_STATE_DIR to another folder",
        )
    async with _open_owned(settings, host, ownership) as runtime:
        yield runtime


async def run_command(
    settings: Settings, host: CommandHost[RuntimeT], invocation: Invocation
) -> AsyncGenerator[Event, None]:
    """Run a command wherever the runtime is.

    Closing the generator, or cancelling the task that reads it, cancels the command.

    Args:
        settings: Name the state folder; an owner that has others refuses the command.
        host: Used when this process becomes the owner.
        invocation: The command.

    Yields:
        Its events. All failures are events too; the last is a `DoneEvent`.
    """
    settled = settle(lambda: _find_place(settings, host, invocation), host.new_trace_id)
    async with contextlib.aclosing(settled):
        async for event in settled:
            yield event


async def _find_place(
    settings: Settings, host: CommandHost[RuntimeT], invocation: Invocation
) -> AsyncGenerator[Event, None]:
    if not settings.has_single_owner:
        async with (
            host.open_runtime(settings) as runtime,
            contextlib.aclosing(host.load_registry().start(runtime, invocation)) as events,
        ):
            async for event in events:
                yield event
        return
    addressed = msgspec.structs.replace(invocation, settings=digests_of(settings))
    told = ""
    while True:
        with contextlib.suppress(NotListeningError):
            handed = hand_over(control_socket(settings.state_dir), addressed)
            async with contextlib.aclosing(handed) as events:
                async for event in events:
                    yield event
            return
        ownership = _try_own(settings, host)
        if ownership is not None:
            async with (
                _open_owned(settings, host, ownership) as runtime,
                contextlib.aclosing(host.load_registry().start(runtime, invocation)) as events,
            ):
                async for event in events:
                    yield event
            return
        # It is starting or stopping: for that moment it is busy and does not listen.
        text = f"waiting for {find_owner(settings.state_dir) or 'another process'}"
        if text != told:
            told = text
            yield ProgressEvent("owner", text)
        await asyncio.sleep(POLL_SECONDS)


def _try_own(settings: Settings, host: CommandHost[RuntimeT]) -> Ownership | None:
    return try_own(settings.state_dir, Owner(os.getpid(), host.command_line, host.clock()))


@contextlib.asynccontextmanager
async def _open_owned(
    settings: Settings, host: CommandHost[RuntimeT], ownership: Ownership
) -> AsyncIterator[RuntimeT]:
    with ownership:
        async with (
            host.open_runtime(settings) as runtime,
            ControlServer(settings, host.load_registry(), runtime, host.new_trace_id),
        ):
            yield runtime

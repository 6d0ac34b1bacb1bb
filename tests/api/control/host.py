"""A small runtime with commands, to hand over and to own."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from api.control.execute import CommandRegistry
from api.control.front_door import CommandHost
from api.control.protocol import (
    Arguments,
    DoneEvent,
    Event,
    JsonEvent,
    LineEvent,
    ProgressEvent,
    TableEvent,
)
from api.settings import Settings
from domain.errors import InvalidInputError

NOW = dt.datetime(2026, 11, 24, 8, 0, tzinfo=dt.UTC)


@dataclass
class Runtime:
    name: str
    is_open: bool = True


@dataclass
class World:
    """What happened, seen from outside: the runtimes that were opened, and signals of commands."""

    name: str
    runtimes: list[Runtime] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def open_runtime(self, _settings: Settings) -> AsyncIterator[Runtime]:
        runtime = Runtime(self.name)
        self.runtimes.append(runtime)
        try:
            yield runtime
        finally:
            runtime.is_open = False

    def host(self) -> CommandHost[Runtime]:
        commands = {
            "show": show,
            "fail": fail,
            "break": break_down,
            "exit": exit_with,
            "unsendable": unsendable,
            "wait": self.wait,
        }
        return CommandHost(
            load_registry=lambda: CommandRegistry(commands),
            open_runtime=self.open_runtime,
            command_line=f"bosco {self.name}",
            clock=lambda: NOW,
            new_trace_id=lambda: "trace-1",
        )

    async def wait(self, runtime: Runtime, _arguments: Arguments) -> AsyncIterator[Event]:
        yield LineEvent("begun")
        self.begun.set()
        try:
            await self.may_end.wait()
            yield LineEvent(f"open: {runtime.is_open}")
        finally:
            self.ended.set()


async def show(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    yield ProgressEvent("sync", "orders", completed=1, total=30)
    yield LineEvent(f"ran on {runtime.name}")
    yield TableEvent("spend", ("day", "amount"), ((dt.date(2026, 11, 23), Decimal("1.50")),))
    yield JsonEvent({"arguments": dict(arguments)})
    yield LineEvent(str(arguments.resolve_path("report.csv")))


async def fail(_runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    yield LineEvent("looking")
    raise InvalidInputError(f"client {arguments['client']!r} is unknown", hint="bosco clients")


async def break_down(_runtime: Runtime, _arguments: Arguments) -> AsyncIterator[Event]:
    yield LineEvent("dividing")
    raise ZeroDivisionError("a secret detail")


async def exit_with(_runtime: Runtime, _arguments: Arguments) -> AsyncIterator[Event]:
    yield DoneEvent(3)


async def unsendable(_runtime: Runtime, _arguments: Arguments) -> AsyncIterator[Event]:
    yield JsonEvent(object())

"""What this process brings along to run commands: the composition root, a clock, a name.

Everything heavy is imported when it is needed: a command that is handed over needs none of it.
"""

import datetime as dt
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from api.control.execute import CommandRegistry
from api.control.front_door import CommandHost
from api.settings import Settings

if TYPE_CHECKING:
    from api.runtime import Runtime

__all__ = ["command_host"]


def command_host() -> "CommandHost[Runtime]":
    """The host of this command line."""
    return CommandHost(
        load_registry=_load_registry,
        open_runtime=_open_runtime,
        command_line=" ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        clock=lambda: dt.datetime.now(dt.UTC),
        new_trace_id=lambda: secrets.token_hex(8),
    )


def _load_registry() -> "CommandRegistry[Runtime]":
    from api.commands.registry import COMMANDS  # noqa: PLC0415  # see above

    return COMMANDS


@asynccontextmanager
async def _open_runtime(settings: Settings) -> "AsyncIterator[Runtime]":
    from api.bootstrap import open_runtime  # noqa: PLC0415  # see above

    async with open_runtime(settings) as runtime:
        yield runtime

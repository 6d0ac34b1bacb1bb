"""What this process brings along to run commands: the composition root, a clock, a name."""

import datetime as dt
import secrets
import sys
from pathlib import Path

from api.bootstrap import open_runtime
from api.commands.registry import COMMANDS
from api.control.front_door import CommandHost
from api.runtime import Runtime

__all__ = ["command_host"]


def command_host() -> CommandHost[Runtime]:
    """The host of this command line."""
    return CommandHost(
        registry=COMMANDS,
        open_runtime=open_runtime,
        command_line=" ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        clock=lambda: dt.datetime.now(dt.UTC),
        new_trace_id=lambda: secrets.token_hex(8),
    )

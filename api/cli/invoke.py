"""From the command line to a command: load settings, hand over or run, show, exit.

typer function -> invoke(name, arguments) -> run_command -> render -> exit code
"""

import asyncio
import getpass
import json
import sys
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console

from api.cli.host import command_host
from api.cli.render import render
from api.control.front_door import run_command
from api.control.protocol import Invocation
from api.settings import load_settings
from domain.errors import InvalidInputError, UserError

__all__ = ["invoke", "read_credentials"]

_PIPE_WIDTH: Final = 200


def invoke(command: str, /, **arguments: Any) -> None:
    """Run a command and end the process with its exit code."""
    console, errors = _console(), Console(stderr=True)
    arguments["actor"] = f"cli:{getpass.getuser()}"
    try:
        invocation = Invocation(command, arguments, str(Path.cwd()))
        events = run_command(load_settings(), command_host(), invocation)
        code = asyncio.run(render(events, console, errors))
    except UserError as error:
        errors.print(f"[bold red]error[/] {error.message}", markup=True, highlight=False)
        if error.hint:
            errors.print(f"  → {error.hint}", highlight=False)
        code = 1
    except KeyboardInterrupt:
        errors.print("stopped")
        code = 130
    raise typer.Exit(code)


def _console() -> Console:
    """Standard output; on a pipe as wide as it takes, so that no table is cut."""
    return Console() if sys.stdout.isatty() else Console(width=_PIPE_WIDTH)


def read_credentials(file: str) -> dict[str, Any]:
    """Read credentials as a JSON object from a file, or from standard input when it is `-`.

    They are never taken from the command line, where other users and the shell's history see them.

    Raises:
        InvalidInputError: No such file, or no JSON object in it.
    """
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(f"{file} cannot be read: {error.strerror}") from None
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInputError(f"{file} is not JSON: {error.msg} in line {error.lineno}") from None
    if not isinstance(value, dict):
        raise InvalidInputError(
            f"{file} holds no JSON object", hint='write {"refresh_token": "..."}'
        )
    return value

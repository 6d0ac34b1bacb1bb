"""From the command line to a command: load settings, hand over or run, show, exit.

typer function -> invoke(name, arguments) -> run_command -> show -> render -> exit code
"""

import asyncio
import getpass
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import typer

from api.cli.host import command_host
from api.cli.render import open_console, render, show_error
from api.control.front_door import run_command
from api.control.protocol import Event, Invocation
from api.settings import load_settings
from domain.errors import InvalidInputError, UserError

__all__ = ["invoke", "read_credentials", "read_json_lines", "read_text", "show"]


def invoke(command: str, /, **arguments: Any) -> None:
    """Run a command and end the process with its exit code."""
    arguments["actor"] = f"cli:{getpass.getuser()}"
    invocation = Invocation(command, arguments, str(Path.cwd()))
    show(lambda: run_command(load_settings(), command_host(), invocation))


def show(begin: Callable[[], AsyncIterator[Event]]) -> None:
    """Show the events that `begin` makes, and end the process with their exit code."""
    console, errors = open_console(sys.stdout), open_console(sys.stderr)
    try:
        code = asyncio.run(render(begin(), console, errors))
    except UserError as error:
        show_error(errors, error.message, error.hint, error.code)
        code = 1
    except KeyboardInterrupt:
        errors.print("stopped")
        code = 130
    raise typer.Exit(code)


def read_credentials(file: str, *, example: str = '{"refresh_token": "..."}') -> dict[str, str]:
    """Read credentials as a JSON object from a file, or from standard input when it is `-`.

    They are never taken from the command line, where other users and the shell's history see them.

    Raises:
        InvalidInputError: No such file, or no JSON object of texts in it.
    """
    text = read_text(file)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInputError(f"{file} is not JSON: {error.msg} in line {error.lineno}") from None
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise InvalidInputError(f"{file} holds no JSON object of texts", hint=f"write {example}")
    return value


def read_json_lines(file: str, *, example: str) -> list[dict[str, Any]]:
    """Read a JSON object from each line of a file, or of standard input when it is `-`.

    What is about people is never taken from the command line, as credentials are not.

    Raises:
        InvalidInputError: No such file, or a line that is no JSON object; it is not repeated.
    """
    found = []
    for number, line in enumerate(read_text(file).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise InvalidInputError(f"line {number} of {file} is not JSON: {error.msg}") from None
        if not isinstance(value, dict):
            raise InvalidInputError(
                f"line {number} of {file} is no JSON object", hint=f"write {example}"
            )
        found.append(value)
    return found


def read_text(file: str) -> str:
    """Read a text from a file, or from standard input when it is `-`.

    Raises:
        InvalidInputError: No such file, or no UTF-8 in it.
    """
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidInputError(f"{file} is no UTF-8 text") from None

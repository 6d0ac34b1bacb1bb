"""Events on a terminal: progress bars, tables, lines, errors that teach.

    stream of events -> rich console -> exit code

On a pipe there are no bars and no colours: lines and tables only, so that output can be read by
programs. What is shown is data, some of it from strangers: it is never read as markup, and control
characters, which could command the terminal, are taken out.
"""

import json
from collections.abc import AsyncIterator
from typing import Final, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from api.control.protocol import (
    DoneEvent,
    ErrorEvent,
    Event,
    JsonEvent,
    LineEvent,
    ProgressEvent,
    TableEvent,
)

__all__ = ["open_console", "render", "show_error"]

_NUMBERS: Final = (int, float)
# Wider than any table, so that none is cut for whoever reads the pipe.
_PIPE_WIDTH: Final = 100_000
_CONTROLS: Final = dict.fromkeys(
    number for number in (*range(0x20), *range(0x7F, 0xA0)) if chr(number) not in "\n\t"
)


def open_console(stream: TextIO) -> Console:
    """The console on standard output or standard error."""
    return Console(file=stream, width=None if stream.isatty() else _PIPE_WIDTH)


async def render(events: AsyncIterator[Event], console: Console, errors: Console) -> int:
    """Show a command's events.

    Args:
        events: Ends with a `DoneEvent`.
        console: Standard output.
        errors: Standard error.

    Returns:
        The exit code.
    """
    exit_code = 0
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}
        async for event in events:
            match event:
                case ProgressEvent():
                    _advance(progress, tasks, event)
                case LineEvent(text):
                    console.print(_plain(text), soft_wrap=True)
                case TableEvent():
                    _show_table(event, console)
                case JsonEvent(value):
                    text = json.dumps(value, indent=2, ensure_ascii=False)
                    console.print(_plain(text), soft_wrap=True)
                case ErrorEvent(code, message, hint):
                    show_error(errors, message, hint, code)
                case DoneEvent(code_of_exit):
                    exit_code = code_of_exit
    return exit_code


def show_error(errors: Console, message: str, hint: str, code: str) -> None:
    """Say what is wrong, and on a second line what to do about it."""
    line = Text.assemble(("error", "bold red"), " ", _plain(message), "  ", (code, "dim"))
    errors.print(line, soft_wrap=True)
    if hint:
        errors.print(Text.assemble("  ", ("→", "cyan"), " ", _plain(hint)), soft_wrap=True)


def _advance(progress: Progress, tasks: dict[str, TaskID], event: ProgressEvent) -> None:
    if event.task not in tasks:
        description = event.task.translate(_CONTROLS)
        tasks[event.task] = progress.add_task(description, total=event.total, note="")
    progress.update(
        tasks[event.task],
        completed=event.completed,
        total=event.total,
        note=event.text.translate(_CONTROLS),
    )


def _show_table(event: TableEvent, console: Console) -> None:
    console.print(_plain(event.title), style="italic", soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for place, name in enumerate(event.columns):
        cells = [row[place] for row in event.rows]
        is_number = bool(cells) and all(isinstance(cell, _NUMBERS) for cell in cells)
        table.add_column(_plain(name), justify="right" if is_number else "left")
    for row in event.rows:
        table.add_row(*(_plain(_cell(cell)) for cell in row))
    console.print(table)


def _cell(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)


def _plain(text: str) -> Text:
    return Text(text.translate(_CONTROLS))

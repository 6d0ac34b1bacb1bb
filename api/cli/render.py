"""Events on a terminal: progress bars, tables, lines, errors that teach.

    stream of events -> rich console -> exit code

On a pipe there are no bars and no colours: lines and tables only, so that output can be read by
programs.
"""

import json
from collections.abc import AsyncIterator
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from api.control.protocol import (
    DoneEvent,
    ErrorEvent,
    Event,
    JsonEvent,
    LineEvent,
    ProgressEvent,
    TableEvent,
)

__all__ = ["render"]

_NUMBERS: Final = (int, float)


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
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}
        async for event in events:
            match event:
                case ProgressEvent():
                    _advance(progress, tasks, event)
                case LineEvent(text):
                    progress.console.print(escape(text), soft_wrap=True, highlight=False)
                case TableEvent():
                    progress.console.print(_table(event, is_terminal=console.is_terminal))
                case JsonEvent(value):
                    text = json.dumps(value, indent=2, ensure_ascii=False)
                    progress.console.print(escape(text), soft_wrap=True, highlight=False)
                case ErrorEvent(code, message, hint):
                    errors.print(f"[bold red]error[/] {escape(message)}  [dim]{code}[/]")
                    if hint:
                        errors.print(f"  [cyan]→[/] {escape(hint)}")
                case DoneEvent(code_of_exit):
                    exit_code = code_of_exit
    return exit_code


def _advance(progress: Progress, tasks: dict[str, TaskID], event: ProgressEvent) -> None:
    if event.task not in tasks:
        tasks[event.task] = progress.add_task(escape(event.task), total=event.total, note="")
    progress.update(
        tasks[event.task], completed=event.completed, total=event.total, note=escape(event.text)
    )


def _table(event: TableEvent, *, is_terminal: bool) -> Table:
    table = Table(title=escape(event.title), title_justify="left", box=None, pad_edge=False)
    for place, name in enumerate(event.columns):
        cells = [row[place] for row in event.rows]
        is_number = bool(cells) and all(isinstance(cell, _NUMBERS) for cell in cells)
        table.add_column(
            escape(name), justify="right" if is_number else "left", no_wrap=not is_terminal
        )
    for row in event.rows:
        table.add_row(*(_cell(cell) for cell in row))
    return table


def _cell(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else escape(str(value))

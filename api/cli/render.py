"""Events on a terminal: progress bars, tables, lines, errors that teach.

    stream of events -> rich console -> exit code

On a pipe there are no bars and no colours: lines and tables only, so that output can be read by
programs. What is shown is data, some of it from strangers: it is never read as markup, and control
characters, which could command the terminal, are taken out. Nothing in a table is ever cut, since
ids and short names are there to be copied; bars go when what they tell of has ended.
"""

import json
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Final, TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
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

# Numbers as texts: 149,940.93, -, +2.1 %. Ids of digits have no thousands separators.
_NUMBER: Final = re.compile(r"[+-]?\d{1,3}(?:,\d{3})*(?:\.\d+)?(?: %)?|-|")
# A column of at most this width keeps it, whatever the terminal's; a wider one folds.
_KEPT_WIDTH: Final = 34
_FOLDED_WIDTH: Final = 20
_GAP: Final = 2
# What the terminal echoes for Ctrl-C fits beside the bars, so that it does not begin a new line.
_ECHO: Final = len("^C") + 1
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
    disable = not console.is_terminal
    with _Bars(*columns, console=console, disable=disable, transient=True) as progress:
        tasks: dict[str, TaskID] = {}
        async for event in events:
            match event:
                case ProgressEvent():
                    _advance(progress, tasks, event)
                case LineEvent(text):
                    console.print(_plain(text), soft_wrap=True)
                case TableEvent():  # it tells how the tasks before it have ended
                    for task in tasks.values():
                        progress.remove_task(task)
                    tasks.clear()
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


class _Bars(Progress):
    """Progress bars that leave room at the right edge."""

    def get_renderables(self) -> Iterable[RenderableType]:
        return map(_Inset, super().get_renderables())


@dataclass(frozen=True, slots=True)
class _Inset:
    content: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from console.render(
            self.content, options.update_width(max(1, options.max_width - _ECHO))
        )


def _show_table(event: TableEvent, console: Console) -> None:
    console.print(_plain(event.title), style="italic", soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    least = -_GAP
    for place, name in enumerate(event.columns):
        cells = [row[place] for row in event.rows]
        width = max(_width(text) for text in (name, *map(_cell, cells)))
        is_kept = width <= _KEPT_WIDTH
        table.add_column(
            _plain(name),
            justify="right" if _are_numbers(cells) else "left",
            no_wrap=is_kept,
            overflow="fold",
            min_width=width if is_kept else _FOLDED_WIDTH,
        )
        least += _GAP + (width if is_kept else _FOLDED_WIDTH)
    for row in event.rows:
        table.add_row(*(_plain(_cell(cell)) for cell in row))
    if least > console.width:
        table.width = least
    console.print(table, crop=False)


def _are_numbers(cells: list[object]) -> bool:
    texts = [_cell(cell) for cell in cells]
    return any(any(map(str.isdigit, text)) for text in texts) and all(
        type(cell) in {int, float} or _NUMBER.fullmatch(text)
        for cell, text in zip(cells, texts, strict=True)
    )


def _width(text: str) -> int:
    return max(map(cell_len, text.translate(_CONTROLS).expandtabs().split("\n")))


def _cell(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)


def _plain(text: str) -> Text:
    return Text(text.translate(_CONTROLS))

"""Events on a terminal and on a pipe: data is shown as it is, and never commands the terminal."""

import io
import json
import re
from collections.abc import AsyncIterator

import pytest
from rich.console import Console

from api.cli.render import open_console, render, show_error
from api.control.protocol import (
    DoneEvent,
    ErrorEvent,
    Event,
    JsonEvent,
    LineEvent,
    ProgressEvent,
    TableEvent,
)

pytestmark = pytest.mark.anyio

SPEND = TableEvent("spend [EUR]", ("campaign", "clicks"), (("Sale :fire: [bold]", 1234), (None, 7)))


async def _stream(*events: Event) -> AsyncIterator[Event]:
    for event in events:
        yield event


async def _pipe(*events: Event) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = await render(_stream(*events), open_console(out), open_console(err))
    return code, out.getvalue(), err.getvalue()


async def _terminal(*events: Event, width: int = 60) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, color_system=None)
    await render(_stream(*events), console, console)
    return out.getvalue()


def _words_of(shown: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)


def _screen(shown: str) -> list[str]:
    """What is left to see: understands moving up, returning and erasing a line."""
    lines, row = [""], 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", shown):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\x1b[1A":
            row -= 1
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part[0] not in "\x1b\r":
            lines[row] += part
    return [line for line in lines if line]


async def test_a_pipe_gets_lines_and_tables_only() -> None:
    progress = ProgressEvent("acme  orders", "12 rows", 1, 3)
    code, out, err = await _pipe(progress, LineEvent("a line"), SPEND, DoneEvent(0))
    assert (code, err) == (0, "")
    assert [line.rstrip() for line in out.splitlines()] == [
        "a line",
        "spend [EUR]",
        "campaign            clicks",
        "Sale :fire: [bold]   1,234",
        "                         7",
    ]


async def test_a_pipe_cuts_nothing() -> None:
    long = "x" * 5_000
    _, out, _ = await _pipe(TableEvent("wide", ("a", "b"), ((long, long),)), LineEvent(long))
    assert out.count(long) == 3


async def test_json_is_json_whatever_it_says() -> None:
    value = {"name": "[red]:100: Ünï\x1b[2J", "amount": "1.50", "rows": [None, True, 1234567]}
    _, out, _ = await _pipe(JsonEvent(value), DoneEvent(0))
    assert json.loads(out) == value
    assert "Ünï" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("text", [":smile: [b]x[/b] [/]", "a\x1b]0;owned\x07b\x9b31m", "\x7f\x00"])
async def test_texts_neither_style_nor_command(text: str) -> None:
    plain = "".join(c for c in text if c >= " " and not "\x7f" <= c < "\xa0")
    events = (
        LineEvent(text),
        TableEvent(text, (text,), ((text,),)),
        ErrorEvent("CODE", text, text),
        ProgressEvent(text, text, 1, 2),
    )
    _, out, err = await _pipe(*events)
    assert [line.rstrip() for line in out.splitlines()] == [plain] * 4
    assert [line.strip() for line in err.splitlines()] == [
        f"error {plain}  CODE",
        f"→ {plain}".strip(),
    ]
    shown = await _terminal(*events)
    assert "\x1b]0;owned" not in shown
    assert "\x9b" not in shown


async def test_a_terminal_shows_progress() -> None:
    shown = await _terminal(
        ProgressEvent("acme  orders", "12 rows", 1, 4),
        ProgressEvent("acme  orders", "waiting 38 s: [told]", 2, 4),
        DoneEvent(0),
        width=100,
    )
    last = next(line for line in reversed(_words_of(shown).splitlines()) if line)
    assert "acme  orders" in last
    assert "waiting 38 s: [told]" in last
    assert "12 rows" not in last


async def test_bars_go_when_the_command_ends() -> None:
    shown = await _terminal(
        ProgressEvent("acme  orders", "12 rows", 1, 1),
        ProgressEvent("acme  campaigns", "3 rows", 1, 2),
        LineEvent("a line"),
        DoneEvent(0),
    )
    assert _screen(shown) == ["a line"]


async def test_bars_of_one_table_do_not_stay_beside_the_next() -> None:
    shown = await _terminal(
        ProgressEvent("acme  orders", "12 rows", 1, 1),
        SPEND,
        ProgressEvent("bolt  orders", "7 rows", 1, 2),
        DoneEvent(0),
        width=100,
    )
    after = _words_of(shown).partition("Sale :fire:")[2]
    assert "bolt  orders" in after
    assert "acme  orders" not in after.partition("bolt  orders")[2]
    assert [line.split()[0] for line in _screen(shown)] == ["spend", "campaign", "Sale", "7"]


async def test_what_ctrl_c_echoes_does_not_move_the_bars() -> None:
    shown = await _terminal(ProgressEvent("x" * 100, "y" * 100, 1, 2), DoneEvent(0), width=60)
    bars = [line for line in re.split(r"[\r\n]", _words_of(shown)) if line]
    assert max(map(len, bars)) == 57


QUARANTINE = TableEvent(
    "quarantine",
    ("id", "account", "spend", "change", "reason"),
    (
        ("qua_01j9zv3k8dfk2v5w8m6x7y9abc", "1111111111", "149,940.93", "+2.1 %", "so " * 20),
        ("qua_01j9zv3k8dfk2v5w8m6x7y9abd", "2222222222", "6.4239", "-", "short"),
    ),
)


async def test_a_narrow_terminal_folds_long_cells_only() -> None:
    lines = _screen(await _terminal(QUARANTINE, width=94))
    assert [line.rstrip() for line in lines] == [
        "quarantine",
        f"{'id':30}  account          spend  change  reason",
        f"{QUARANTINE.rows[0][0]}  1111111111  149,940.93  +2.1 %  so so so so so so so so so so",
        f"{'':64}so so so so so so so so so so",
        f"{QUARANTINE.rows[1][0]}  2222222222      6.4239       -  short",
    ]


async def test_a_table_wider_than_the_terminal_is_not_cut() -> None:
    shown = await _terminal(QUARANTINE, width=40)
    assert "…" not in shown
    for row in QUARANTINE.rows:
        assert all(cell in shown for cell in row[:4])
    assert len(re.findall(r"\bso\b", shown)) == 20
    assert max(map(len, _screen(shown))) == 64 + 20


async def test_a_long_word_folds_without_loss() -> None:
    word = "".join(map(str, range(100)))
    lines = _screen(await _terminal(TableEvent("t", ("what",), ((word,),)), width=50))
    assert "".join(line.strip() for line in lines[2:]) == word


async def test_errors_go_to_their_own_stream_and_decide_the_code() -> None:
    code, out, err = await _pipe(
        LineEvent("begun"),
        ErrorEvent("NOT_FOUND", "there is no agency 'x'", "did you mean y?"),
        DoneEvent(1),
    )
    assert (code, out) == (1, "begun\n")
    assert err == "error there is no agency 'x'  NOT_FOUND\n  → did you mean y?\n"


def test_an_error_without_a_hint_is_one_line() -> None:
    err = io.StringIO()
    show_error(open_console(err), "it broke", "", "INTERNAL")
    assert err.getvalue() == "error it broke  INTERNAL\n"


async def test_no_table_is_too_empty() -> None:
    _, out, _ = await _pipe(TableEvent("nothing", ("a", "b"), ()))
    assert [line.rstrip() for line in out.splitlines()] == ["nothing", "a  b"]

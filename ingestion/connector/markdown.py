"""The few forms of Markdown that documentation is written in."""

from collections.abc import Iterable, Sequence

__all__ = ["bullets", "code", "codes", "table"]


def bullets(lines: Iterable[str]) -> str:
    """A list; empty without lines."""
    return "".join(f"- {line}\n" for line in lines)


def code(text: str) -> str:
    """A name or path as it stands in a file; longer ticks where it has ticks of its own."""
    ticks = "``" if "`" in text else "`"
    return f"{ticks}{text}{ticks}"


def codes(texts: Iterable[str]) -> str:
    """Several of them, with commas between."""
    return ", ".join(map(code, texts))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

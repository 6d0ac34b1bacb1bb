"""A small language of places in an answer.

    campaign.id                    the key `id` of the key `campaign`
    dimensionValues[0].value       the first element of a list
    actions[action_type=link].value   the first element whose `action_type` is `link`
    error.details[].errors[]       through every element of a list
    errorCode.*                    through every value of a mapping
    ^.id                           from the record that encloses this one (`^^`: two levels up)

A part that is missing, or of another shape, gives nothing: never an error.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from domain.errors import InvalidInputError

__all__ = [
    "EACH",
    "EVERY",
    "Match",
    "Path",
    "Step",
    "find_all",
    "find_first",
    "parse_path",
    "walk_all",
    "walk_first",
]

EACH: Final = object()  # [] : every element of a list
EVERY: Final = object()  # *  : every value of a mapping

_TOKEN: Final = re.compile(
    r"\[(?P<index>\d{1,6})\]|\[(?P<key>[^\]=\[]+)=(?P<value>[^\]]*)\]|(?P<each>\[\])|(?P<name>[^.\[\]^]+)"
)


@dataclass(frozen=True, slots=True)
class Match:
    """The first element of a list whose `key` is `value`."""

    key: str
    value: str


Step = str | int | Match | object


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path.

    Attributes:
        up: How many enclosing records it starts above.
        steps: A key, an index, a `Match`, `EACH` or `EVERY`, in order; none: the value itself.
    """

    up: int
    steps: tuple[Step, ...]


@lru_cache(maxsize=4096)
def parse_path(text: str) -> Path:
    """Read a path; `.` is the value itself.

    Raises:
        InvalidInputError: Not of this language.
    """
    rest = text.lstrip("^")
    up = len(text) - len(rest)
    rest = rest.removeprefix(".")
    steps: list[Step] = []
    while rest:
        token = _TOKEN.match(rest)
        if token is None:
            raise InvalidInputError(
                f"{text!r} is not a path: {rest!r} is not understood",
                hint="write keys with dots between, list[0], list[key=value], list[] or *",
            )
        steps.append(_step(token))
        rest = rest[token.end() :].removeprefix(".")
    return Path(up, tuple(steps))


def _step(token: re.Match[str]) -> Step:
    if token["index"] is not None:
        return int(token["index"])
    if token["key"] is not None:
        return Match(token["key"], token["value"])
    if token["each"] is not None:
        return EACH
    return EVERY if token["name"] == "*" else token["name"]


def find_all(value: Any, path: str) -> list[Any]:
    """Every value at `path` that is there and not null, in order."""
    return walk_all(value, parse_path(path).steps)


def find_first(value: Any, path: str) -> Any:
    """The first value at `path` that is not null, or None; None also for an empty path text."""
    return walk_first(value, parse_path(path).steps) if path else None


def walk_all(value: Any, steps: tuple[Step, ...]) -> list[Any]:
    """Every value at the end of `steps` that is there and not null, in order."""
    return [found for found in _walk(value, steps) if found is not None]


def walk_first(value: Any, steps: tuple[Step, ...]) -> Any:
    """The first value at the end of `steps` that is not null, or None."""
    return next((found for found in _walk(value, steps) if found is not None), None)


def _walk(value: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    for child in _children(value, steps[0]):
        yield from _walk(child, steps[1:])


def _children(value: Any, step: Step) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values()) if step is EVERY else [value[step]] if step in value else []
    if not isinstance(value, list):
        return []
    if step is EACH or step is EVERY:
        return value
    if isinstance(step, int):
        return [value[step]] if step < len(value) else []
    if isinstance(step, Match):
        return [
            item
            for item in value
            if isinstance(item, dict) and str(item.get(step.key)) == step.value
        ][:1]
    return []

"""From a decoded answer to columns of plain values, without touching rows one by one.

    answer -> select -> records and the records around them -> where -> RecordReader -> one list per
    path

What the source file does not name is found per page by set arithmetic on the keys; only a page that
has such keys pays for collecting them row by row.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import orjson

from domain.errors import InternalError, Transient
from ingestion.connector.paths import EACH, Path, Step, find_first, parse_path, walk_all, walk_first
from ingestion.connector.spec import StreamSpec

__all__ = ["MalformedAnswerError", "RecordReader", "Records", "keep_where", "select", "word_of"]


class MalformedAnswerError(InternalError, Transient):
    """An answer has not the shape that the source file declares."""

    code = "MALFORMED_ANSWER"


@dataclass(frozen=True, slots=True)
class Records:
    """Records of one answer.

    Attributes:
        rows: The records.
        parents: For each level of enclosing records, nearest first, a list parallel to `rows`.
    """

    rows: list[Any]
    parents: tuple[list[Any], ...] = ()

    def level(self, up: int) -> list[Any]:
        """The records themselves (0) or those around them (1: nearest)."""
        return self.rows if up == 0 else self.parents[up - 1]


def select(answer: Any, path: str) -> Records:
    """Pick the records out of an answer.

    Args:
        answer: Decoded JSON.
        path: For example `data.orders.nodes[]`; a key with `?` may be missing.

    Raises:
        MalformedAnswerError: A part of the path is missing or of another shape.
    """
    rows: list[Any] = [answer]
    parents: tuple[list[Any], ...] = ()
    for group, is_list in _groups(parse_path(path).steps):
        found = [_descend(row, group, path) for row in rows]
        if not is_list:
            return Records([value for value in found if value is not None], parents)
        lists = [_as_list(value, path) for value in found]
        parents = tuple(
            [item for item, inner in zip(level, lists, strict=True) for _ in inner]
            for level in (rows, *parents)
        )
        rows = [item for inner in lists for item in inner]
    return Records(rows, parents)


def _groups(steps: Sequence[Step]) -> Iterable[tuple[list[str], bool]]:
    group: list[str] = []
    for step in steps:
        if step is EACH:
            yield group, True
            group = []
        else:
            group.append(str(step))
    if group:
        yield group, False


def _descend(value: Any, keys: list[str], path: str) -> Any:
    for key in keys:
        name = key.removesuffix("?")
        if not isinstance(value, dict) or (name not in value and not key.endswith("?")):
            raise MalformedAnswerError(f"the answer has no {name!r} on the way {path!r}")
        value = value.get(name)
        if value is None and key.endswith("?"):
            return None
    return value


def _as_list(value: Any, path: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise MalformedAnswerError(f"{path!r} leads to something that is not a list")
    return value


def word_of(value: Any) -> str:
    """A scalar as JSON writes it, without quotes: `false`, `8`, `THROTTLED`."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def keep_where(records: Records, where: Sequence[tuple[str, str]]) -> tuple[Records, list[int]]:
    """Leave out records that do not have the wanted words.

    Returns:
        The records kept, and their positions among all.
    """
    if not where:
        return records, list(range(len(records.rows)))
    conditions = [(parse_path(path), _bare(path), word) for path, word in where]
    kept = [
        index
        for index in range(len(records.rows))
        if all(
            word_of(find_first(records.level(path.up)[index], bare)) == word
            for path, bare, word in conditions
        )
    ]
    if len(kept) == len(records.rows):
        return records, kept
    pick = [[level[index] for index in kept] for level in (records.rows, *records.parents)]
    return Records(pick[0], tuple(pick[1:])), kept


def _bare(path: str) -> str:
    return path.lstrip("^").removeprefix(".") or "."


@dataclass(slots=True)
class _Node:
    """A key of records, or a place in a list: the paths that end here, and those below.

    Attributes:
        children: By key, or by index.
        ends: Path -> the steps that are left to walk from here.
        lists: The same of paths of which all values count, not one.
        swallows: Everything below is known.
    """

    children: dict[str | int, "_Node"] = dataclasses.field(default_factory=dict)
    ends: dict[str, tuple[Step, ...]] = dataclasses.field(default_factory=dict)
    lists: dict[str, tuple[Step, ...]] = dataclasses.field(default_factory=dict)
    swallows: bool = False


class RecordReader:
    """Reads the columns of one stream out of records. Compiled once per stream."""

    def __init__(self, stream: StreamSpec) -> None:
        self._trees: dict[int, _Node] = {}
        for item in stream.fields:
            for text in (*item.paths, *(path for path, _ in item.when_present)):
                node, rest = self._add(parse_path(text))
                node.ends[text] = rest
            if item.less:
                node, rest = self._add(parse_path(item.less))
                node.lists[item.less] = rest
        for text in (*stream.ignore, *(path for path, _ in stream.where)):
            self._add(parse_path(text))

    @property
    def outer(self) -> list[str]:
        """The paths that are read from enclosing records."""
        return [text for up, tree in self._trees.items() if up for text in _texts(tree)]

    def _add(self, path: Path) -> tuple[_Node, tuple[Step, ...]]:
        """Make a path known; tells where it ends, and what is left to walk from there."""
        node = self._trees.setdefault(path.up, _Node())
        taken = 0
        for step in path.steps:
            if not isinstance(step, str | int):
                break
            node.swallows |= isinstance(step, int)
            node = node.children.setdefault(step, _Node())
            taken += 1
        node.swallows = True
        return node, path.steps[taken:]

    def columns(self, records: Records) -> dict[str, list[Any]]:
        """One list of values per path, parallel to the records; None where a part is missing.

        Of a path that is taken off an amount (`less`), each value is the list of all there are.
        """
        found: dict[str, list[Any]] = {}
        for up, tree in self._trees.items():
            _read(tree, records.level(up), found)
        return found

    def own_columns(self, records: Sequence[Any]) -> dict[str, list[Any]]:
        """The same of records without those around them: the paths of `outer` are not there."""
        found: dict[str, list[Any]] = {}
        if 0 in self._trees:
            _read(self._trees[0], list(records), found)
        return found

    def unknown(self, records: Records) -> tuple[list[str], list[str | None] | None]:
        """What the source file does not name.

        Returns:
            The paths of unknown keys, and per record the unknown part as JSON text (None: nothing),
            or None instead of a list when no record has any.
        """
        tree = self._trees.get(0, _Node())
        if tree.swallows:
            return [], None
        paths = sorted(_unknown_paths(tree, records.rows, ""))
        if not paths:
            return [], None
        return paths, [_unknown_json(tree, row) for row in records.rows]


def _texts(node: _Node) -> Iterator[str]:
    yield from (*node.ends, *node.lists)
    for child in node.children.values():
        yield from _texts(child)


def _read(node: _Node, objects: list[Any], found: dict[str, list[Any]]) -> None:
    for text, rest in node.ends.items():
        found[text] = [walk_first(value, rest) for value in objects] if rest else objects
    for text, rest in node.lists.items():
        found[text] = [walk_all(value, rest) for value in objects]
    for name, child in node.children.items():
        _read(child, _values(objects, name), found)


def _values(objects: list[Any], name: str | int) -> list[Any]:
    return _elements(objects, name) if isinstance(name, int) else _members(objects, name)


def _members(objects: list[Any], key: str) -> list[Any]:
    try:
        return list(map(itemgetter(key), objects))
    except (KeyError, TypeError, IndexError):
        return [item.get(key) if isinstance(item, dict) else None for item in objects]


def _elements(objects: list[Any], index: int) -> list[Any]:
    if set(map(type, objects)) == {list} and min(map(len, objects)) > index:
        return list(map(itemgetter(index), objects))
    return [
        item[index] if isinstance(item, list) and index < len(item) else None for item in objects
    ]


def _unknown_paths(node: _Node, objects: list[Any], prefix: str) -> Iterable[str]:
    mappings = [item for item in objects if isinstance(item, dict)]
    keys: set[str] = set().union(*mappings)
    for key in keys - node.children.keys():
        yield prefix + key
    for name, child in node.children.items():
        if not child.swallows and name in keys:
            yield from _unknown_paths(child, _members(mappings, name), f"{prefix}{name}.")


def _unknown_json(node: _Node, row: Any) -> str | None:
    part = _unknown_part(node, row)
    return orjson.dumps(part).decode() if part else None


def _unknown_part(node: _Node, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    part = {}
    for key, inner in value.items():
        child = node.children.get(key)
        if child is None:
            part[key] = inner
        elif not child.swallows:
            below = _unknown_part(child, inner)
            if below:
                part[key] = below
    return part

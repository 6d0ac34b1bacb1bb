"""YAML files whose mistakes are told with line, field and what was expected.

    text -> nodes with marks -> plain data + marks -> JSON Schema -> one error that lists every
    mistake

The YAML 1.2 core schema is read (`NO` is a word, not false; dates stay text), without anchors,
aliases and tags, and at most 50 levels deep: such files also come from users.

Sources: YAML 1.2.2 section 10.3; JSON Schema 2020-12.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jsonschema_rs
import yaml

from domain.errors import InvalidInputError

__all__ = [
    "InvalidDocumentError",
    "Mistake",
    "Schema",
    "YamlDocument",
    "check_schema",
    "did_you_mean",
    "parse_yaml",
]

_MAX_DEPTH: Final = 50
_MAX_LISTED: Final = 20

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing that is wrong.

    Attributes:
        line: Starts at 1.
        field: Dotted place in the document; empty: the document itself.
        message: What is wrong, and what was expected.
    """

    line: int
    field: str
    message: str


class InvalidDocumentError(InvalidInputError):
    """A YAML file is not what it should be; `mistakes` holds all that was found."""

    def __init__(self, name: str, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        lines = [
            f"{name}:{item.line}: {item.field + ': ' if item.field else ''}{item.message}"
            for item in self.mistakes[:_MAX_LISTED]
        ]
        hidden = len(self.mistakes) - _MAX_LISTED
        if hidden > 0:
            lines.append(f"and {hidden} more")
        super().__init__("\n".join(lines))


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """Plain data and where each part of it stands.

    Attributes:
        name: Of the file, for messages.
        data: dict, list, str, int, float, bool or None.
        lines: Location -> line; a mapping's entry has the line of its key.
    """

    name: str
    data: Any
    lines: Mapping[Location, int]

    def mistake(self, location: Sequence[str | int], message: str) -> Mistake:
        """A mistake at `location`, or at the nearest part around it that exists."""
        place = tuple(location)
        while place and place not in self.lines:
            place = place[:-1]
        return Mistake(self.lines.get(place, 1), _dotted(location), message)


class _Loader(yaml.SafeLoader):
    """The core schema, without anchors, aliases and tags, and of limited depth."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call] # PyYAML's own gap
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(
                problem="anchors and aliases are not allowed; write the value out",
                problem_mark=event.start_mark,
            )
        if getattr(event, "tag", None):
            raise yaml.MarkedYAMLError(
                problem="tags are not allowed; write plain values", problem_mark=event.start_mark
            )
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"more than {_MAX_DEPTH} levels deep", problem_mark=event.start_mark
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", [*"~nN", ""]),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]{1,18}", list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), _first)


def parse_yaml(text: str, name: str) -> YamlDocument:
    """Read one YAML document.

    Raises:
        InvalidDocumentError: Not YAML, or with anchors, tags, a key twice or a key that is no text.
    """
    try:
        node = _compose(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise InvalidDocumentError(
            name, [Mistake(line, "", error.problem or "not readable as YAML")]
        ) from error
    except yaml.YAMLError as error:
        raise InvalidDocumentError(name, [Mistake(1, "", f"not YAML: {error}")]) from error
    lines: dict[Location, int] = {}
    mistakes: list[Mistake] = []
    data = _build(node, (), lines, mistakes) if node is not None else None
    if mistakes:
        raise InvalidDocumentError(name, mistakes)
    return YamlDocument(name, data, lines)


def _compose(text: str) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _build(
    node: yaml.Node, place: Location, lines: dict[Location, int], mistakes: list[Mistake]
) -> Any:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            line = key.start_mark.line + 1
            if name in found:
                mistakes.append(Mistake(line, _dotted((*place, name)), "stands here twice"))
            lines[(*place, name)] = line
            found[name] = _build(value, (*place, name), lines, mistakes)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [
            _build(value, (*place, index), lines, mistakes)
            for index, value in enumerate(node.value)
        ]
    return _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    kind = node.tag.rpartition(":")[2]
    text = str(node.value)
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        return int(text)
    if kind == "float":
        return float(text)
    return text


class Schema:
    """A JSON Schema that belongs to the program, with its validator."""

    def __init__(self, text: str) -> None:
        self._tree: Any = json.loads(text)
        self._validator = jsonschema_rs.Draft202012Validator(self._tree)

    def errors(self, data: Any) -> Iterator[jsonschema_rs.ValidationError]:
        """Every violation."""
        return iter(self._validator.iter_errors(data))

    def known_keys(self, schema_path: Sequence[str | int]) -> list[str]:
        """Keys of the mapping whose rule stands at `schema_path`."""
        node = self._tree
        for part in schema_path[:-1]:
            node = node[part]
        return sorted(node.get("properties", {}))


def check_schema(document: YamlDocument, schema: Schema) -> None:
    """Hold a document against a schema.

    Raises:
        InvalidDocumentError: With every mistake, each told once.
    """
    mistakes = [
        mistake
        for error in schema.errors(document.data)
        for mistake in _mistakes(document, schema, error)
    ]
    if mistakes:
        raise InvalidDocumentError(document.name, mistakes)


def _mistakes(
    document: YamlDocument, schema: Schema, error: jsonschema_rs.ValidationError
) -> Iterator[Mistake]:
    place: Location = tuple(error.instance_path)
    kind = error.kind.as_dict()
    name = error.kind.name
    if name == "additionalProperties":
        known = schema.known_keys(error.schema_path)
        for word in kind["unexpected"]:
            yield document.mistake((*place, word), f"unknown{did_you_mean(word, known)}")
    elif name == "required":
        yield document.mistake(place, f"{kind['property']!r} is missing")
    elif name == "enum":
        options = [str(option) for option in kind["options"]]
        words = ", ".join(options)
        hint = did_you_mean(str(error.instance), options)
        yield document.mistake(place, f"{error.instance!r} is none of {words}{hint}")
    elif name == "type":
        wanted = " or ".join(_TYPE_WORDS[word] for word in kind["types"])
        yield document.mistake(place, f"expected {wanted}, got {_show(error.instance)}")
    else:
        yield document.mistake(place, error.message)


_TYPE_WORDS: Final = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "nothing",
    "number": "a number",
    "object": "a mapping",
    "string": "text",
}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or `; known are x, y`, or nothing."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known are {', '.join(names)}" if names else ""


def _dotted(location: Sequence[str | int]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    limit = 40
    return text if len(text) <= limit else f"{text[:limit]}..."

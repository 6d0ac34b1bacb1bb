"""Which fields of a stream name people or their orders, and what is withheld of what they hold.

stream -> its naming fields
a rejected record -> without addresses and numbers -> quarantine
"""

import re
from collections.abc import Collection
from typing import Any, Final

import orjson

from domain.facts import FACTS
from domain.facts.fact import Names
from domain.privacy.identifiers import IdentifierKind
from ingestion.connector.paths import Step, parse_path
from ingestion.connector.spec import Field, StreamSpec

__all__ = [
    "ADDRESS",
    "WITHHELD",
    "is_direct",
    "naming_fields",
    "without_addresses",
    "without_cells",
    "without_paths",
]

WITHHELD: Final = "***"
# What looks like an address, in any text: for what nobody has declared.
ADDRESS: Final = r"""[^\s"'\\<>(),:;=\[\]{}]+@[^\s"'\\<>(),:;=\[\]{}]+\.[^\s"'\\<>(),:;=\[\]{}]+"""
_ADDRESS: Final = re.compile(ADDRESS)
_BY_WORD: Final = {
    "email": IdentifierKind.EMAIL,
    "phone": IdentifierKind.PHONE,
    "person": IdentifierKind.PLATFORM,
}
_BY_COLUMN: Final = {Names.PERSON: IdentifierKind.PLATFORM, Names.ORDER: IdentifierKind.ORDER}


def naming_fields(stream: StreamSpec) -> dict[str, IdentifierKind]:
    """The fields that name a person or an order; those that never land are among them."""
    fact = FACTS.get(stream.fact)
    found = {}
    for one in stream.mapping:
        column = fact.column(one.column) if fact else None
        if one.field and column is not None and column.names is not None:
            found[one.field] = _BY_COLUMN[column.names]
    return found | {
        item.name: _BY_WORD[item.identifier] for item in stream.fields if item.identifier
    }


def is_direct(field: Field) -> bool:
    """Whether a field names a person to anybody: an address or a number."""
    return field.identifier in ("email", "phone")


def without_addresses(text: str) -> str:
    """A text in which what looks like an address is not to be read."""
    return _ADDRESS.sub(WITHHELD, text)


def without_paths(record: str, paths: Collection[str]) -> str:
    """A record without the values at some places; where it is no JSON, without anything."""
    if not paths:
        return record
    try:
        value = orjson.loads(record)
    except orjson.JSONDecodeError:
        return "{}"
    for text in paths:
        path = parse_path(text)
        if not path.up:
            _clear(value, path.steps)
    return orjson.dumps(value).decode()


def without_cells(line: str, columns: Collection[str]) -> str:
    """A line of a file without some cells; one that is no row, without anything."""
    try:
        cells = orjson.loads(line)
    except orjson.JSONDecodeError:
        return "{}"
    if not isinstance(cells, dict):
        return "{}"
    return orjson.dumps(
        {name: "" if name in columns else cell for name, cell in cells.items()}
    ).decode()


def _clear(value: Any, steps: tuple[Step, ...]) -> None:
    """Put null where the plain keys at the beginning of a path lead."""
    step, *rest = steps
    if not isinstance(value, dict) or step not in value:
        return
    if rest and isinstance(rest[0], str) and isinstance(value[step], dict):
        _clear(value[step], tuple(rest))
    else:
        value[step] = None

"""Unit tests of a view's file, read.

    tests: of the file -> rows with typed values, by fact -> Case

A row names columns of the fact; `reporting_date` is needed. What it leaves out is filled in: it was
known an hour before `as_of`, in the zone UTC, its amounts are in EUR, and its key is its own. A row
with a later `known_at` restates the days (or, where the fact is replaced by key, the key) of the
rows before it, as a later sync does.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from domain.facts import FACTS
from domain.facts.fact import Column, ColumnType, Fact
from domain.privacy.classification import Classification
from domain.yaml_document import (
    InvalidDocumentError,
    Mistake,
    YamlDocument,
    did_you_mean,
)
from feature_repo.feature import FeatureView
from feature_repo.registration.definition import Case

__all__ = ["read_cases"]

Place = tuple[str | int, ...]

_KNOWN_BEFORE: Final = dt.timedelta(hours=1)
_FILLED_IN: Final = {"time_zone": "UTC", "currency": "EUR"}
# What a sync says of itself; a test has none.
_NOT_SAID: Final = frozenset(
    {"tenant_id", "client_id", "connection_id", "source", "stream", "sync_id", "version"}
)
_WORDS: Final = {
    ColumnType.STRING: "text",
    ColumnType.INT64: "a whole number",
    ColumnType.NUMERIC: "a number",
    ColumnType.FLOAT64: "a number",
    ColumnType.BOOL: "true or false",
    ColumnType.DATE: "a day, YYYY-MM-DD",
    ColumnType.TIMESTAMP: "an instant with its zone, 2026-03-01T12:00:00Z",
    ColumnType.JSON: "nothing: it cannot be told here",
}


def read_cases(document: YamlDocument, view: FeatureView) -> tuple[Case, ...]:
    """The tests of a document that fits the schema.

    Raises:
        InvalidDocumentError: With every mistake, its line and what was expected.
    """
    mistakes: list[Mistake] = []
    cases = [
        _case(document, view, number, data, mistakes)
        for number, data in enumerate(document.data["tests"])
    ]
    if mistakes:
        raise InvalidDocumentError(document.name, mistakes)
    return tuple(cases)


def _case(
    document: YamlDocument,
    view: FeatureView,
    number: int,
    data: Mapping[str, Any],
    mistakes: list[Mistake],
) -> Case:
    place: Place = ("tests", number)
    try:
        as_of = _instant(data["as_of"])
    except ValueError:
        words = f"expected {_WORDS[ColumnType.TIMESTAMP]}"
        mistakes.append(document.mistake((*place, "as_of"), words))
        as_of = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    mistakes.extend(_case_mistakes(document, view, place, data))
    rows = {
        fact: tuple(
            _row(document, FACTS[fact], (*place, "facts", fact, at), row, as_of, mistakes)
            for at, row in enumerate(of_fact)
        )
        for fact, of_fact in data["facts"].items()
        if fact in view.facts
    }
    return Case(data["name"], as_of, data.get("id", ""), rows, data["expect"])


def _case_mistakes(
    document: YamlDocument, view: FeatureView, place: Place, data: Mapping[str, Any]
) -> Iterator[Mistake]:
    has_id = len(view.entity.parts) > 1
    if ("id" in data) != has_id:
        verb = "needs its" if has_id else "takes no"
        yield document.mistake(place, f"a test of a {view.entity.name} {verb} id")
    for fact in data["facts"]:
        if fact not in view.facts:
            hint = did_you_mean(fact, view.facts)
            yield document.mistake((*place, "facts", fact), f"no feature reads {fact}{hint}")
    for name in data["expect"]:
        if name not in view.feature_names:
            hint = did_you_mean(name, view.feature_names)
            yield document.mistake((*place, "expect", name), f"there is no such feature{hint}")


def _row(
    document: YamlDocument,
    fact: Fact,
    place: Place,
    data: Mapping[str, Any],
    as_of: dt.datetime,
    mistakes: list[Mistake],
) -> dict[str, Any]:
    columns = {one.name: one for one in fact.all_columns if one.name not in _NOT_SAID}
    row: dict[str, Any] = {
        **{name: word for name, word in _FILLED_IN.items() if name in columns},
        "natural_key": ".".join(map(str, place)),
        "known_at": as_of - _KNOWN_BEFORE,
    }
    for name, value in data.items():
        column = columns.get(name)
        if column is None:
            hint = did_you_mean(name, columns)
            mistakes.append(document.mistake((*place, name), f"{fact.name} has no {name!r}{hint}"))
            continue
        if column in fact.columns and _is_about_somebody(column):
            words = f"is about a person ({column.personal}): tests do without"
            mistakes.append(document.mistake((*place, name), words))
            continue
        try:
            row[name] = None if value is None else _value(column, value)
        except (ValueError, TypeError):
            words = f"expected {_WORDS[column.type]}"
            mistakes.append(document.mistake((*place, name), words))
    if "reporting_date" not in data:
        mistakes.append(document.mistake(place, "'reporting_date' is missing"))
    return row


def _is_about_somebody(column: Column) -> bool:
    """The file is kept and shown: nobody's id or address belongs into it."""
    return isinstance(column.holds, Classification) and column.holds.tells_alone


def _value(column: Column, value: Any) -> Any:
    """As the warehouse stores it.

    Raises:
        ValueError, TypeError: It is of another type.
    """
    types, read = _READ[column.type]
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise TypeError(value)
    return read(value)


def _instant(text: str) -> dt.datetime:
    instant = dt.datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(text)
    return instant.astimezone(dt.UTC)


# What YAML gives, and what the warehouse wants; a bool is an int to Python.
_READ: Final[Mapping[ColumnType, tuple[tuple[type, ...], Callable[[Any], Any]]]] = {
    ColumnType.STRING: ((str,), str),
    ColumnType.INT64: ((int,), int),
    ColumnType.NUMERIC: ((int, float), lambda value: Decimal(str(value))),
    ColumnType.FLOAT64: ((int, float), float),
    ColumnType.BOOL: ((bool,), bool),
    ColumnType.DATE: ((str,), dt.date.fromisoformat),
    ColumnType.TIMESTAMP: ((str,), _instant),
    ColumnType.JSON: ((), str),
}

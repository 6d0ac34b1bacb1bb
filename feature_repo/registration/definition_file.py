"""Reads a view's file: YAML -> JSON Schema -> Definition -> meaning checked.

    feature view's YAML -> domain.yaml_document -> Definition -> rules -> Definition

Every mistake is told at once, each with its line, its field and what was expected, as in source
files. What a view may be is the vocabulary of `feature_repo.feature`; nothing in a file is ever
run: names go into statements only after they have matched a pattern.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from domain.facts import FACTS
from domain.privacy.holds import AGGREGATE_FIGURES
from domain.yaml_document import (
    InvalidDocumentError,
    Mistake,
    Schema,
    YamlDocument,
    check_schema,
    did_you_mean,
    parse_yaml,
)
from feature_repo.definition_rules import view_problems
from feature_repo.entities import ENTITIES, TENANT_KEY, Entity
from feature_repo.feature import (
    Change,
    Count,
    Currency,
    DaysReported,
    DaysSince,
    Feature,
    FeatureView,
    Quotient,
    Rule,
    Total,
    Unit,
    Window,
)
from feature_repo.registration.case_rows import read_cases
from feature_repo.registration.definition import Definition, full_name

__all__ = ["RESERVED_NAMES", "SCHEMA_FILE", "read_definition"]

SCHEMA_FILE: Final = Path(__file__).resolve().parent / "feature_view.schema.json"

# Columns that stand beside the features in statements and tables, and words of SQL.
RESERVED_NAMES: Final = frozenset(
    {
        *("client_id", "tenant_id", "as_of", "one_currency", "event_timestamp"),
        *("created_timestamp", TENANT_KEY, *(entity.join_key for entity in ENTITIES)),
        *(f"current_{word}" for word in ("catalog", "date", "role", "schema", "time")),
        *("current_timestamp", "current_user", "session_user"),
    }
)

_SECONDS_PER_HOUR: Final = 3_600
_KINDS: Final = ("total", "count", "days_reported", "days_since", "currency", "quotient", "change")
_WITH_DAYS: Final = ("total", "count", "days_reported")


@cache
def _schema() -> Schema:
    return Schema(SCHEMA_FILE.read_text(encoding="utf-8"))


def read_definition(text: str, name: str) -> Definition:
    """Read the text of a view's file.

    Args:
        text: YAML.
        name: File name, for messages.

    Raises:
        InvalidDocumentError: With every mistake, its line and what was expected.
    """
    document = parse_yaml(text, name)
    check_schema(document, _schema())
    mistakes = [*_shape_mistakes(document)]
    if mistakes:
        raise InvalidDocumentError(name, mistakes)
    definition = _build(document, text)
    mistakes = [*_meaning_mistakes(document, definition)]
    if mistakes:
        raise InvalidDocumentError(name, mistakes)
    return definition


def _shape_mistakes(document: YamlDocument) -> Iterator[Mistake]:
    """What must be right before anything can be made of the file."""
    data = document.data
    # Figures of groups of people are the platform's own: it sees to their size.
    known = {entity.name: entity for entity in ENTITIES if entity.crowd is None}
    entity = known.get(data["entity"])
    if entity is None:
        hint = did_you_mean(data["entity"], known)
        message = f"{data['entity']!r} has no features of an agency's own{hint}"
        yield document.mistake(("entity",), message)
    else:
        yield from _key_mistakes(document, entity)
    for fact, columns in data["facts"].items():
        yield from _declared_mistakes(document, fact, columns)
    for number, feature in enumerate(data["features"]):
        kinds = [kind for kind in _KINDS if kind in feature]
        place = ("features", number)
        if len(kinds) != 1:
            yield document.mistake(place, f"needs one of {', '.join(_KINDS)}; has {len(kinds)}")
        elif ("days" in feature) != (kinds[0] in _WITH_DAYS):
            verb = "needs" if kinds[0] in _WITH_DAYS else "takes no"
            yield document.mistake((*place, "days"), f"{kinds[0]} {verb} days, [first, last]")


def _key_mistakes(document: YamlDocument, entity: Entity) -> Iterator[Mistake]:
    keys, wanted = document.data["keys"], [TENANT_KEY, entity.join_key]
    if TENANT_KEY not in keys:
        yield document.mistake(
            ("keys",), f"{TENANT_KEY} is missing: without the agency's key nothing is stored"
        )
    elif keys != wanted:
        yield document.mistake(("keys",), f"expected [{', '.join(wanted)}]")


def _declared_mistakes(document: YamlDocument, fact: str, columns: list[str]) -> Iterator[Mistake]:
    if fact not in FACTS:
        yield document.mistake(("facts", fact), f"there is no such fact{did_you_mean(fact, FACTS)}")
        return
    known = [column.name for column in FACTS[fact].all_columns]
    for number, column in enumerate(columns):
        if column not in known:
            hint = did_you_mean(column, known)
            yield document.mistake(("facts", fact, number), f"{fact} has no {column!r}{hint}")


def _build(document: YamlDocument, text: str) -> Definition:
    data = document.data
    entity = next(entity for entity in ENTITIES if entity.name == data["entity"])
    view = FeatureView(
        name=full_name(data["view"], data["version"]),
        description=data["description"],
        entity=entity,
        features=tuple(map(_feature, data["features"])),
        ttl_seconds=data["ttl_hours"] * _SECONDS_PER_HOUR,
        holds=AGGREGATE_FIGURES,
        freshness_seconds=data["freshness_hours"] * _SECONDS_PER_HOUR,
        owner=data["owner"],
    )
    return Definition(
        name=data["view"],
        version=data["version"],
        view=view,
        declared={fact: tuple(columns) for fact, columns in data["facts"].items()},
        cases=read_cases(document, view),
        text=text,
    )


def _feature(data: Mapping[str, Any]) -> Feature:
    return Feature(data["name"], data["description"], Unit(data["unit"]), _rule(data))


def _rule(data: Mapping[str, Any]) -> Rule:
    kind = next(kind for kind in _KINDS if kind in data)
    said, window = data[kind], Window(*data.get("days", (1, 1)))
    match kind:
        case "quotient":
            return Quotient(said["of"], said["by"], said.get("times", 1))
        case "change":
            return Change(said["from"], said["to"])
        case "currency":
            return Currency(said)
        case "count" | "days_reported":
            return (Count if kind == "count" else DaysReported)(said, window)
    fact, _, column = said.partition(".")
    return Total(fact, column, window) if kind == "total" else DaysSince(fact, column)


def _meaning_mistakes(document: YamlDocument, definition: Definition) -> Iterator[Mistake]:
    """The rules for all views, and those for what somebody else than us writes."""
    view = definition.view
    numbers = {feature.name: number for number, feature in enumerate(view.features)}
    for name, problem in view_problems(view):
        yield document.mistake(("features", numbers[name]) if name else ("facts",), problem)
    for number, feature in enumerate(view.features):
        if feature.name in RESERVED_NAMES:
            yield document.mistake(("features", number, "name"), f"{feature.name!r} is reserved")
        if numbers[feature.name] != number:
            yield document.mistake(("features", number, "name"), f"{feature.name!r} is there twice")
    yield from _undeclared(document, definition)
    if definition.view.freshness_seconds > definition.view.ttl_seconds:
        yield document.mistake(
            ("freshness_hours",),
            "is longer than ttl_hours: values would be gone before it is missed",
        )


def _undeclared(document: YamlDocument, definition: Definition) -> Iterator[Mistake]:
    read: dict[str, set[str]] = {}
    for number, feature in enumerate(definition.view.features):
        fact = getattr(feature.rule, "fact", None)
        if fact is None:
            continue
        column = getattr(feature.rule, "column", None)
        read.setdefault(fact, set()).update({column} if column else set())
        declared = definition.declared.get(fact)
        if declared is None:
            yield document.mistake(("features", number), f"{fact} is not declared in facts")
        elif column is not None and column not in declared:
            yield document.mistake(
                ("features", number), f"{fact}.{column} is not declared in facts"
            )
    for fact, columns in definition.declared.items():
        if fact not in read:
            yield document.mistake(("facts", fact), "no feature reads it")
        for number, column in enumerate(columns):
            if fact in read and column not in read[fact]:
                yield document.mistake(("facts", fact, number), f"no feature reads {column!r}")

"""Reads MAP.yaml: how the columns of a file become canonical facts.

    MAP.yaml -> yaml_document -> schema -> map_check -> MapSpec

One file may feed several facts; a wide file (one column per channel) becomes long by `unpivot`.
docs/import.md describes the format.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from domain.errors import InvalidInputError
from domain.facts import FACTS
from domain.facts.fact import ColumnType, Fact
from domain.yaml_document import (
    InvalidDocumentError,
    Mistake,
    Schema,
    check_schema,
    parse_yaml,
)
from ingestion.connector.spec import Field, FieldType
from ingestion.files.feeds import fact_field, identifier_fields
from ingestion.files.map_check import check_map
from ingestion.files.map_spec import (
    AccountColumns,
    FeedSpec,
    FileFormat,
    MappedColumn,
    MapSpec,
    UnpivotSet,
)

__all__ = ["load_map", "read_map"]

_LONGEST: Final = 1_000_000  # characters; a map of a few columns has some hundred

Plain = Mapping[str, Any]


@cache
def _schema() -> Schema:
    path = Path(__file__).resolve().parent / "map.schema.json"
    return Schema(path.read_text(encoding="utf-8"))


def load_map(path: Path) -> MapSpec:
    """Read a map.

    Args:
        path: Of the YAML file.

    Raises:
        InvalidInputError: The file cannot be read.
        InvalidDocumentError: With every mistake, its line and what was expected.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(
            f"the map {path} cannot be read: {error.strerror}",
            hint="docs/import.md shows how to write one",
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"the map {path} is not UTF-8 text") from error
    return read_map(text, path.name)


def read_map(text: str, name: str) -> MapSpec:
    """Read the text of a map.

    Args:
        text: YAML.
        name: File name, for messages.

    Raises:
        InvalidDocumentError: With every mistake, its line and what was expected.
    """
    if len(text) > _LONGEST:
        raise InvalidDocumentError(name, [Mistake(1, "", f"longer than {_LONGEST} characters")])
    document = parse_yaml(text, name)
    check_schema(document, _schema())
    check_map(document)
    return _build(document.data, hashlib.sha256(text.encode()).hexdigest())


def _build(data: Plain, content_hash: str) -> MapSpec:
    file = data["file"]
    account = data.get("account", {})
    return MapSpec(
        name=data["map"],
        label=data.get("label", data["map"]),
        file=FileFormat(
            is_parquet=file["format"] == "parquet",
            delimiter=file.get("delimiter", ","),
            encoding=file.get("encoding", ""),
            decimal=file.get("decimal", "."),
            thousands=file.get("thousands", ""),
            null_as=frozenset({"", *file.get("null_as", ())}),
        ),
        currency=account.get("currency", ""),
        time_zone=account.get("time_zone", ""),
        ignore=frozenset(data.get("ignore", ())),
        feeds=tuple(_feed(feed, file.get("dates", "")) for feed in data["feeds"]),
        accounts=_accounts(data["accounts"]) if "accounts" in data else None,
        content_hash=content_hash,
    )


def _accounts(data: Plain) -> AccountColumns:
    source = data["source"]
    return AccountColumns(
        source_column=source.get("from", ""),
        sources=source.get("enum", {}),
        source=source.get("constant", ""),
        account_column=data["account_id"],
        clients=data.get("clients", {}),
    )


def _feed(data: Plain, dates: str) -> FeedSpec:
    fact = FACTS[data["fact"]]
    return FeedSpec(
        name=data.get("name", fact.name),
        fact=fact.name,
        key=tuple(data["key"]),
        constants=data.get("constants", {}),
        columns=(
            *_columns(fact, data["columns"], dates),
            *_identifiers(fact, data.get("identifiers", {})),
        ),
        sets=tuple(
            UnpivotSet(item["set"], _columns(fact, item["columns"], dates))
            for item in data.get("unpivot", ())
        ),
    )


def _columns(fact: Fact, data: Plain, dates: str) -> tuple[MappedColumn, ...]:
    return tuple(
        _column(data[column.name], fact_field(column), dates=dates)
        for column in fact.all_columns
        if column.name in data
    )


def _identifiers(fact: Fact, data: Plain) -> Iterator[MappedColumn]:
    for field in identifier_fields(fact):
        if field.name in data:
            read = dataclasses.replace(field, paths=(data[field.name],))
            yield MappedColumn(read, {}, None, None)


def _column(item: Any, field: Field, *, dates: str) -> MappedColumn:
    given: Plain = {"from": item} if isinstance(item, str) else item
    missing = given.get("missing")
    is_date = field.column.type is ColumnType.DATE
    field_type = FieldType(given["type"]) if "type" in given else field.type
    read = dataclasses.replace(
        field,
        paths=(given["from"],),
        type=field_type,
        unit=given.get("unit", "units"),
        required=field.required and missing is None,
        format=given.get("format", dates if is_date and field_type is FieldType.DATE else ""),
        round=given.get("round", False),
    )
    return MappedColumn(read, given.get("enum", {}), given.get("otherwise"), missing)

"""MAP.yaml: how the columns of a file become canonical facts.

    MAP.yaml -> yaml_document -> schema -> meaning checked -> MapSpec -> read_file

One file may feed several facts; a wide file (one column per channel) becomes long by `unpivot`.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from domain.errors import InternalError
from domain.facts import FACTS
from domain.facts.fact import Column, ColumnType, Fact, Role
from ingestion.connector.spec import (
    ColumnMapping,
    Field,
    FieldType,
    SliceRule,
    StreamSpec,
)
from ingestion.connector.spec_check import CANONICAL, mappable_columns
from ingestion.connector.yaml_document import (
    InvalidDocumentError,
    Mistake,
    Schema,
    YamlDocument,
    check_schema,
    did_you_mean,
    parse_yaml,
)

__all__ = [
    "FILE_SOURCE",
    "FeedSpec",
    "FileFormat",
    "MapSpec",
    "MappedColumn",
    "UnpivotSet",
    "fact_fields",
    "file_stream",
    "read_map",
]

FILE_SOURCE: Final = "file"

_REPORTING_DATE: Final = "reporting_date"
_FROM_ACCOUNT: Final = frozenset({"currency", "time_zone"})
# Refunds may outweigh sales; every other measure counts or costs something.
_MAY_BE_NEGATIVE: Final = frozenset({"attributed_revenue"})
_MAX_LENGTH: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class FileFormat:
    """What the file looks like.

    Attributes:
        delimiter: Between cells.
        encoding: Empty: found out from the file.
        decimal: Decimal separator.
        thousands: Grouping separator; empty: numbers have none.
        null_as: Words that mean "no value"; an empty cell always does.
        dates: `strptime` format; empty: ISO 8601.
    """

    delimiter: str
    encoding: str
    decimal: str
    thousands: str
    null_as: tuple[str, ...]
    dates: str


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """One column of the fact that is read from the file.

    Attributes:
        source: Name of the file's column.
        field: How its cells are read; `name` is the fact's column.
        enum: File's word -> canonical word; empty: taken as it is.
        otherwise: For a word outside `enum`; None: such a row is rejected.
        missing: For an empty cell; None: NULL.
    """

    source: str
    field: Field
    enum: Mapping[str, str]
    otherwise: str | None
    missing: str | None


@dataclass(frozen=True, slots=True)
class UnpivotSet:
    """One of the rows that a line of a wide file becomes.

    Attributes:
        constants: Fact column -> value of this row.
        columns: Read from the file, for this row only.
    """

    constants: Mapping[str, str]
    columns: tuple[MappedColumn, ...]


@dataclass(frozen=True, slots=True)
class FeedSpec:
    """One fact that the file feeds.

    Attributes:
        fact: Its name.
        key: File columns whose cells identify a line.
        constants: Fact column -> value of every row.
        columns: Read from the file.
        sets: Rows that a line becomes; one without anything when the file is long already.
    """

    fact: str
    key: tuple[str, ...]
    constants: Mapping[str, str]
    columns: tuple[MappedColumn, ...]
    sets: tuple[UnpivotSet, ...]

    @property
    def file_columns(self) -> list[str]:
        """Every column of the file that this feed reads."""
        mapped = [column.source for column in self.columns]
        for item in self.sets:
            mapped += [column.source for column in item.columns]
        return list(dict.fromkeys([*self.key, *mapped]))


@dataclass(frozen=True, slots=True)
class MapSpec:
    """How one kind of file is read.

    Attributes:
        name: Snake case.
        label: For people.
        file: What it looks like.
        ignore: Columns that are known and not wanted.
        feeds: At least one.
    """

    name: str
    label: str
    file: FileFormat
    ignore: tuple[str, ...]
    feeds: tuple[FeedSpec, ...]


@cache
def _schema() -> Schema:
    return Schema(Path(__file__).resolve().parent / "map.schema.json")


def read_map(text: str, name: str) -> MapSpec:
    """Read the text of a MAP.yaml.

    Args:
        text: YAML.
        name: File name, for messages.

    Raises:
        InvalidDocumentError: With every mistake, its line and what was expected.
    """
    if len(text) > _MAX_LENGTH:
        raise InvalidDocumentError(name, [Mistake(1, "", f"longer than {_MAX_LENGTH} characters")])
    document = parse_yaml(text, name)
    check_schema(document, _schema())
    mistakes = [*_mistakes(document)]
    if mistakes:
        raise InvalidDocumentError(name, mistakes)
    return _build(document.data)


def _build(data: Mapping[str, Any]) -> MapSpec:
    file = data["file"]
    spec = FileFormat(
        delimiter=file.get("delimiter", ","),
        encoding=file.get("encoding", ""),
        decimal=file.get("decimal", "."),
        thousands=file.get("thousands", ""),
        null_as=("", *file.get("null_as", ())),
        dates=file.get("dates", ""),
    )
    feeds = tuple(_feed(feed, spec) for feed in data["feeds"])
    return MapSpec(data["map"], data["label"], spec, tuple(data.get("ignore", ())), feeds)


def _feed(data: Mapping[str, Any], file: FileFormat) -> FeedSpec:
    fact = FACTS[data["fact"]]
    sets = tuple(
        UnpivotSet(item["set"], _columns(fact, item["columns"], file))
        for item in data.get("unpivot", ())
    )
    return FeedSpec(
        fact=fact.name,
        key=tuple(data["key"]),
        constants=data.get("constants", {}),
        columns=_columns(fact, data["columns"], file),
        sets=sets or (UnpivotSet({}, ()),),
    )


def _columns(fact: Fact, data: Mapping[str, Any], file: FileFormat) -> tuple[MappedColumn, ...]:
    return tuple(_column(fact, name, item, file) for name, item in data.items())


def _column(fact: Fact, name: str, item: Any, file: FileFormat) -> MappedColumn:
    given: Mapping[str, Any] = {"from": item} if isinstance(item, str) else item
    enum = given.get("enum", {})
    otherwise = given.get("otherwise")
    words = [(re.escape(word), canonical) for word, canonical in enum.items()]
    if otherwise is not None:
        words.append((".*", otherwise))
    column = _fact_column(fact, name)
    is_date = column.type is ColumnType.DATE
    field = dataclasses.replace(
        _field(column),
        paths=(given["from"],),
        null_as=file.null_as,
        format=given.get("format", file.dates if is_date else ""),
        unit=given.get("unit", "units"),
        round=given.get("round", False),
        words=tuple(words),
    )
    return MappedColumn(given["from"], field, enum, otherwise, given.get("missing"))


def _fact_column(fact: Fact, name: str) -> Column:
    column = fact.column(name)
    if column is None:
        raise InternalError(f"{fact.name} has no column {name!r}, which was checked before")
    return column


_TYPES: Final[Mapping[ColumnType, FieldType]] = {
    ColumnType.STRING: FieldType.STRING,
    ColumnType.INT64: FieldType.INT,
    ColumnType.NUMERIC: FieldType.DECIMAL,
    ColumnType.FLOAT64: FieldType.FLOAT,
    ColumnType.BOOL: FieldType.BOOL,
    ColumnType.DATE: FieldType.DATE,
    ColumnType.TIMESTAMP: FieldType.TIMESTAMP,
    ColumnType.JSON: FieldType.JSON,
}


def _field(column: Column) -> Field:
    is_counted = column.role is Role.MEASURE and column.name not in _MAY_BE_NEGATIVE
    return Field(
        name=column.name,
        paths=(column.name,),
        type=FieldType.MONEY if column.money else _TYPES[column.type],
        required=column.required,
        personal=column.personal,
        minimum=0 if is_counted else None,
    )


def fact_fields(fact: Fact) -> tuple[Field, ...]:
    """The fields of a raw table whose rows come from files: the fact's own columns and the date."""
    return tuple(_field(_fact_column(fact, name)) for name in mappable_columns(fact))


def file_stream(spec: MapSpec, feed: FeedSpec) -> StreamSpec:
    """The stream of a feed, as the rest of the pipeline sees it.

    Args:
        spec: For the dates' format.
        feed: One of its feeds.

    Returns:
        A stream of the source `file` whose raw table `raw.file__<fact>` holds the fact's own
        columns; all feeds of one fact share it. The key are the fact columns that the file's key is
        read into, and those that tell apart the rows of one line.
    """
    fields = fact_fields(FACTS[feed.fact])
    of_key = {column.field.name for column in feed.columns if column.source in feed.key}
    of_sets = {name for item in feed.sets for name in item.constants}
    return StreamSpec(
        name=feed.fact,
        source=FILE_SOURCE,
        fact=feed.fact,
        fields=fields,
        key=tuple(item.name for item in fields if item.name in of_key | of_sets),
        mapping=tuple(ColumnMapping(item.name, field=item.name) for item in fields),
        slice=SliceRule("date"),
        restates_because=f"the file of {spec.label} is sent again",
    )


def _mistakes(document: YamlDocument) -> Iterator[Mistake]:
    for index, feed in enumerate(document.data["feeds"]):
        place = ("feeds", index)
        fact = FACTS.get(feed["fact"])
        if fact is None:
            hint = did_you_mean(feed["fact"], FACTS)
            yield document.mistake((*place, "fact"), f"there is no fact {feed['fact']!r}{hint}")
            continue
        yield from _feed_mistakes(document, place, fact, feed)


def _feed_mistakes(
    document: YamlDocument, place: tuple[str | int, ...], fact: Fact, feed: Mapping[str, Any]
) -> Iterator[Mistake]:
    always = {**feed.get("constants", {}), **feed["columns"]}
    yield from _part_mistakes(document, place, fact, feed)
    sets = feed.get("unpivot", [{"set": {}, "columns": {}}])
    for index, item in enumerate(sets):
        inner = (*place, "unpivot", index)
        if "unpivot" in feed:
            part = {"constants": item["set"], "columns": item["columns"]}
            yield from _part_mistakes(document, inner, fact, part)
        given = always.keys() | item["set"].keys() | item["columns"].keys() | _FROM_ACCOUNT
        for name, is_needed in mappable_columns(fact).items():
            if is_needed and name not in given:
                yield document.mistake(inner, f"{name!r} is missing, which {fact.name} needs")
    read = {_from(item) for item in feed["columns"].values()}
    for index, name in enumerate(feed["key"]):
        if name not in read:
            yield document.mistake(
                (*place, "key", index), f"{name!r} is no column that the feed reads for every row"
            )


def _part_mistakes(
    document: YamlDocument, place: tuple[str | int, ...], fact: Fact, part: Mapping[str, Any]
) -> Iterator[Mistake]:
    known = mappable_columns(fact)
    for group in ("constants", "columns"):
        for name, item in part.get(group, {}).items():
            where = (*place, group, name)
            if name not in known:
                hint = did_you_mean(name, known)
                yield document.mistake(where, f"{fact.name} has no column {name!r}{hint}")
            for word in _words(item, is_constant=group == "constants"):
                canonical = CANONICAL.get(name)
                if canonical and word not in canonical:
                    hint = did_you_mean(word, canonical)
                    yield document.mistake(where, f"{word!r} is not a canonical {name}{hint}")


def _words(item: Any, *, is_constant: bool) -> list[str]:
    if is_constant:
        return [item]
    if isinstance(item, str):
        return []
    extra = [item[key] for key in ("otherwise", "missing") if key in item]
    return [*item.get("enum", {}).values(), *extra]


def _from(item: Any) -> str:
    return item if isinstance(item, str) else str(item["from"])

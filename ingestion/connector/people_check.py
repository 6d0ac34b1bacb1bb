"""What a source file may say of people: fields that name them, and fields that fill such columns.

fact + stream -> mistakes
"""

from collections.abc import Iterator

from domain.facts.fact import Column, ColumnType, Erased, Fact, Names
from domain.yaml_document import Mistake, YamlDocument
from ingestion.connector.spec import Field, FieldType, StreamSpec

__all__ = ["people_mistakes"]

_Place = tuple[str | int, ...]


def people_mistakes(
    document: YamlDocument, place: _Place, fact: Fact, stream: StreamSpec
) -> Iterator[Mistake]:
    """What is wrong with the fields of one stream that are about people.

    Args:
        document: For the lines.
        place: Of the fields in it.
        fact: That the stream feeds.
        stream: To be checked.
    """
    for item in stream.fields:
        if item.identifier:
            for text in _identifier_mistakes(fact, stream, item):
                yield document.mistake((*place, item.name), text)
    for column, item in _fills(fact, stream):
        is_text = column.names is not None or column.erased is Erased.SURROGATE
        if is_text and item.type is not FieldType.STRING:
            yield document.mistake((*place, item.name), f"{column.name!r} is read as a string")
        if column.erased is Erased.DAY and item.column.type is not ColumnType.TIMESTAMP:
            yield document.mistake((*place, item.name), f"{column.name!r} is read as a timestamp")


def _fills(fact: Fact, stream: StreamSpec) -> Iterator[tuple[Column, Field]]:
    for one in stream.mapping:
        column = fact.column(one.column)
        item = stream.field(one.field) if one.field else None
        if column is not None and item is not None:
            yield column, item


def _identifier_mistakes(fact: Fact, stream: StreamSpec, item: Field) -> Iterator[str]:
    """Of a field that is given to the identity graph and never lands."""
    names = {column.names for column, _ in _fills(fact, stream)} - {None}
    if not names:
        yield f"rows of {fact.name} name nobody: leave the field out"
    elif item.identifier == "person" and Names.PERSON in names:
        yield f"{fact.name} has a column for the platform's id of a person: map the field"
    if item.type is not FieldType.STRING:
        yield "an identifier is read as a string"
    if item.required:
        yield "an identifier never lands, so no row is refused for it: leave 'required' out"
    if item.name in stream.key or any(one.field == item.name for one in stream.mapping):
        yield "an identifier never lands: it is no part of 'key' or 'map'"

"""The streams of the source `file`: one per fact, shared by all maps.

    fact -> raw_file_stream -> raw.file__<fact>: lineage, natural key, the fact's columns, the rest

The reader turns cells into the fact's own columns, so the loader's mapping is the identity. Every
map has a key of its own; the reader writes it into one text, `natural_key`.
"""

from collections.abc import Mapping
from typing import Final

from domain.facts.fact import Column, ColumnType, Fact, Names, Role
from domain.facts.tables import facts_table
from domain.privacy.holds import PERSON_IDENTIFIER, SHOP_CUSTOMER_ID
from ingestion.connector.spec import ColumnMapping, Field, FieldType, SliceRule, StreamSpec
from ingestion.connector.spec_check import mappable_columns

__all__ = ["FILE_SOURCE", "NATURAL_KEY", "fact_field", "identifier_fields", "raw_file_stream"]

FILE_SOURCE: Final = "file"
NATURAL_KEY: Final = "natural_key"

# Platforms take attributed revenue back; every other measure counts or costs something.
_MAY_BE_NEGATIVE: Final = frozenset({"attributed_revenue"})

_HOLDS: Final = {
    "email": PERSON_IDENTIFIER,
    "phone": PERSON_IDENTIFIER,
    "person": SHOP_CUSTOMER_ID,
}

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


def fact_field(column: Column) -> Field:
    """How a column of a fact is read from text."""
    is_counted = column.role is Role.MEASURE and column.name not in _MAY_BE_NEGATIVE
    return Field(
        name=column.name,
        paths=(column.name,),
        type=FieldType.MONEY if column.money else _TYPES[column.type],
        required=column.required,
        holds=column.holds,
        minimum=0 if is_counted else None,
    )


def identifier_fields(fact: Fact) -> tuple[Field, ...]:
    """What a file may bring beside rows of a fact, and never lands; none: they name nobody."""
    if not facts_table(fact).names_people:
        return ()
    has_person = any(column.names is Names.PERSON for column in fact.columns)
    kinds = ("email", "phone") if has_person else ("email", "phone", "person")
    return tuple(
        Field(kind, (kind,), FieldType.STRING, holds=_HOLDS[kind], identifier=kind)
        for kind in kinds
    )


def raw_file_stream(fact: Fact) -> StreamSpec:
    """The stream through which files reach a fact, whatever their map."""
    columns = [column for column in fact.all_columns if column.name in mappable_columns(fact)]
    key = Field(NATURAL_KEY, (NATURAL_KEY,), FieldType.STRING, required=True, holds=fact.key_holds)
    fields = tuple(fact_field(column) for column in columns)
    return StreamSpec(
        name=fact.name,
        source=FILE_SOURCE,
        fact=fact.name,
        fields=(key, *fields, *identifier_fields(fact)),
        key=(NATURAL_KEY,),
        mapping=tuple(ColumnMapping(item.name, field=item.name) for item in fields),
        slice=SliceRule("date"),
        restates_because="a file can be sent again",
    )

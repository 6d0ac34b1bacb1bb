"""The columns that every raw table starts with: whose row it is and where it came from.

    landing stamps LINEAGE -> stream's own fields -> unknown_fields

The extractor fills `row_number`, the fields and `unknown_fields`; the landing step knows the rest.

What a fact says of people in its columns holds for the raw columns that fill them, too. A field
that is personal and fills none is not needed in rows that outlive the person.
"""

import dataclasses
from collections.abc import Collection
from typing import Final

from domain.facts.fact import Column, ColumnType, Erased, Fact, Role
from domain.privacy import holds

__all__ = ["LINEAGE", "RAW_SCHEMA", "ROW_NUMBER", "UNKNOWN_FIELDS", "about_people"]

RAW_SCHEMA: Final = "raw"


def _lineage(name: str, description: str, column_type: ColumnType = ColumnType.STRING) -> Column:
    return Column(
        name, column_type, Role.ATTRIBUTE, description, required=True, holds=holds.LINEAGE
    )


ROW_NUMBER: Final = _lineage(
    "row_number",
    "Position in the sync, or line number in the file; starts at 1.",
    ColumnType.INT64,
)

UNKNOWN_FIELDS: Final = Column(
    "unknown_fields",
    ColumnType.JSON,
    Role.ATTRIBUTE,
    "What the provider sent and the source file does not name; NULL: nothing.",
    holds=holds.UNREAD_FIELDS,
    erased=Erased.CLEARED,
)

LINEAGE: Final = (
    _lineage("tenant_id", "Agency that owns the row, UUID text."),
    _lineage("client_id", "Client of the agency, UUID text."),
    _lineage("connection_id", "Connection, UUID text."),
    _lineage("sync_id", "Sync that brought the row, UUID text."),
    _lineage("object_id", "Landing object that holds the row, UUID text."),
    ROW_NUMBER,
    _lineage("account_currency", "ISO 4217 code of the account at the time of the sync."),
    _lineage("account_time_zone", "IANA zone of the account at the time of the sync."),
)


def about_people(column: Column, fact: Fact, filled: Collection[str], *, is_key: bool) -> Column:
    """A raw column with what the fact says of people in the columns that it fills.

    Args:
        column: Of the raw table.
        fact: That its rows become.
        filled: The fact's columns that are filled from it.
        is_key: It is part of the natural key.
    """
    targets = [target for name in filled if (target := fact.column(name)) is not None]
    if targets:
        target = next((one for one in targets if one.erased is not Erased.KEPT), targets[0])
        names = next((one.names for one in targets if one.names is not None), None)
        return dataclasses.replace(column, names=names, erased=target.erased, fills=target.name)
    if is_key and fact.outlives_person and column.type is ColumnType.STRING:
        return dataclasses.replace(column, erased=Erased.SURROGATE, fills=column.name)
    if column.personal:
        return dataclasses.replace(column, erased=Erased.CLEARED)
    return column

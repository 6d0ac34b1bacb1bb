"""The columns that every raw table starts with: whose row it is and where it came from.

    landing stamps LINEAGE -> stream's own fields -> unknown_fields

The extractor fills `row_number`, the fields and `unknown_fields`; the landing step knows the rest.
"""

from typing import Final

from domain.facts.fact import Column, ColumnType, Role
from domain.privacy import holds

__all__ = ["LINEAGE", "RAW_SCHEMA", "ROW_NUMBER", "UNKNOWN_FIELDS"]

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

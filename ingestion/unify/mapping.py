"""What raw rows become: columns of a fact and the natural key, as SQL.

    raw rows of some syncs -> latest of each record, r -> the stream's mapping -> values

A record of the whole that a stream's rows are parts of becomes what no part has: its measures less
those of its parts, in the same sync. The stream then adds up to the whole.

Expressions are in BigQuery's dialect and hold no values but the constants of the source's mapping.
"""

from typing import Final

from sqlglot import exp, parse_one

from domain.facts.fact import ENVELOPE, Column, ColumnType, Fact, Role
from domain.facts.tables import KEY_SEPARATOR
from ingestion.connector.spec import ColumnMapping, Rest, StreamSpec

__all__ = [
    "REPORTING_DATE",
    "SYNC_IDS",
    "column_value",
    "latest_records",
    "natural_key",
    "rows_kept",
    "told_value",
]

SYNC_IDS: Final = "sync_ids"  # the parameter that names the syncs of a batch, UUID texts

REPORTING_DATE: Final = next(column for column in ENVELOPE if column.name == "reporting_date")

_FROM_ENVELOPE: Final = frozenset({"natural_key", "source", "stream", "version", "known_at"})
_FROM_LINEAGE: Final = frozenset({"tenant_id", "client_id", "connection_id", "sync_id"})
_SYNC: Final = "r.tenant_id, r.connection_id, r.sync_id"
_ACCOUNT_COLUMNS: Final = {"currency": "account_currency", "time_zone": "account_time_zone"}


def latest_records(stream: StreamSpec) -> str:
    """SELECT of the raw rows of SYNC_IDS: of records that came twice in a sync, the later one."""
    return f"""
        SELECT r.* FROM {stream.raw_table.qualified} AS r
        WHERE r.sync_id IN UNNEST(@{SYNC_IDS})
        QUALIFY ROW_NUMBER() OVER (
            PARTITION BY {_SYNC}, {natural_key(stream).sql("bigquery")} ORDER BY r.row_number DESC
        ) = 1
    """


def rows_kept(stream: StreamSpec, fact: Fact) -> str:
    """A clause over latest records that leaves out what the parts make up whole; may be empty."""
    if stream.rest is None:
        return ""
    values = [
        column_value(stream, column) for column in fact.columns if column.role is Role.MEASURE
    ]
    left = " OR ".join(f"COALESCE({value.sql('bigquery')}, 0) <> 0" for value in values)
    return f"QUALIFY r.{stream.rest.without} IS NOT NULL OR {left}"


def column_value(stream: StreamSpec, column: Column) -> exp.Expr:
    """What a latest record puts into a column of a fact.

    Args:
        stream: Its mapping; a column that it does not fill is NULL.
        column: Of the fact, envelope included.

    Returns:
        An expression over the record `r` and, for version and instant, its sync `s`.
    """
    value = told_value(stream, column)
    if not stream.rest or column.role is not Role.MEASURE or not _mapping(stream, column):
        return value
    return exp.cast(_less_parts(value, stream.rest), _sql_type(column), dialect="bigquery")


def told_value(stream: StreamSpec, column: Column) -> exp.Expr:
    """The same as the record itself tells it, whatever its parts say."""
    if column.name in _FROM_LINEAGE:
        return exp.column(column.name, "r")
    if column.name in _FROM_ENVELOPE:
        return {
            "natural_key": natural_key(stream),
            "source": exp.column("source", "s"),
            "stream": exp.column("stream", "s"),
            "version": exp.column("version", "s"),
            "known_at": exp.column("known_at", "s"),
        }[column.name]
    mapping = _mapping(stream, column)
    value = exp.null() if mapping is None else _mapped(mapping)
    return exp.cast(value, _sql_type(column), dialect="bigquery")


def natural_key(stream: StreamSpec) -> exp.Expr:
    """The key of a raw row at its provider, as one text."""
    parts: list[exp.Expr] = []
    for name in stream.key:
        if parts:
            parts.append(exp.Literal.string(KEY_SEPARATOR))
        text = exp.cast(exp.column(name, "r"), "STRING", dialect="bigquery")
        parts.append(exp.Coalesce(this=text, expressions=[exp.Literal.string("")]))
    return (
        parts[0] if len(parts) == 1 else exp.Concat(expressions=parts, safe=False, coalesce=False)
    )


def _mapping(stream: StreamSpec, column: Column) -> ColumnMapping | None:
    return next((one for one in stream.mapping if one.column == column.name), None)


def _less_parts(measure: exp.Expr, rest: Rest) -> exp.Expr:
    """A part's own measure; of the whole, what no part has."""
    value = measure.sql("bigquery")
    by = ", ".join(f"r.{name}" for name in rest.by)
    is_whole = f"r.{rest.without} IS NULL"
    parts = f"SUM(IF({is_whole}, NULL, {value})) OVER (PARTITION BY {_SYNC}, {by})"
    return parse_one(f"IF({is_whole}, {value} - COALESCE({parts}, 0), {value})", dialect="bigquery")


def _mapped(mapping: ColumnMapping) -> exp.Expr:
    if mapping.constant is not None:
        return exp.Literal.string(mapping.constant)
    if mapping.account is not None:
        return exp.column(_ACCOUNT_COLUMNS[mapping.account], "r")
    source: exp.Expr = exp.column(str(mapping.field), "r")
    if mapping.enum:
        source = _translated(source, mapping)
    if mapping.missing is not None:
        return exp.Coalesce(this=source, expressions=[exp.Literal.string(mapping.missing)])
    return source


def _translated(source: exp.Expr, mapping: ColumnMapping) -> exp.Expr:
    branches = [
        exp.If(this=exp.Literal.string(theirs), true=exp.Literal.string(ours))
        for theirs, ours in mapping.enum.items()
    ]
    case = exp.Case(this=source, ifs=branches)
    if not mapping.otherwise:
        return case
    # NULL is not "otherwise": it stays NULL, or becomes `missing`.
    known = exp.Is(this=source.copy(), expression=exp.null()).not_()
    return case.else_(exp.Case().when(known, exp.Literal.string(mapping.otherwise)))


def _sql_type(column: Column) -> str:
    return "STRING" if column.type is ColumnType.JSON else column.type.value

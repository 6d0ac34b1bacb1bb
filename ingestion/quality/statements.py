"""The figures of days as SQL.

    raw.<source>__<stream> -> mapping -> figures by sync and day       (what has landed)
    marts.<fact>           -> figures by connection, stream and day    (what is visible)
    facts.<fact>           -> syncs that told a key                    (what was known)

Trees are in BigQuery's dialect, without values, and made once: the warehouse remembers what it
derives from a statement. Landed rows are counted as unification will count
them: of records that came twice, the later one.
"""

import functools
from typing import Final

from sqlglot import exp, parse_one

from domain.facts import FACTS
from domain.facts.tables import SYNCS, facts_table, marts_table
from domain.ports import Statement
from ingestion.connector.spec import StreamSpec
from ingestion.quality.figures import aggregates, measures, watched
from ingestion.unify.mapping import (
    REPORTING_DATE,
    SYNC_IDS,
    column_value,
    latest_records,
    natural_key,
    rows_kept,
    told_value,
)

__all__ = [
    "CONNECTION_IDS",
    "FIRST_DAY",
    "KEYS",
    "LAST_DAY",
    "STREAM",
    "conflicting_keys",
    "landed_figures",
    "published_figures",
    "told_keys",
    "unified_syncs",
]

# Parameters, beside SYNC_IDS.
CONNECTION_IDS: Final = "connection_ids"  # UUID texts
FIRST_DAY: Final = "first_day"
LAST_DAY: Final = "last_day"
STREAM: Final = "stream"
KEYS: Final = "keys"  # natural keys


@functools.cache
def unified_syncs() -> Statement:
    """Which syncs of SYNC_IDS have been let through before: their facts are there."""
    return _statement(
        f"""
        SELECT DISTINCT s.tenant_id, s.sync_id FROM {SYNCS.qualified} AS s
        WHERE s.sync_id IN UNNEST(@{SYNC_IDS})
        """
    )


def landed_figures(stream: StreamSpec) -> Statement:
    """Figures of the syncs of SYNC_IDS by day."""
    fact = FACTS[stream.fact]
    columns = {column.name: column for column in (*measures(fact), *watched(fact))}
    values = ", ".join(
        f"{column_value(stream, column).sql('bigquery')} AS {name}"
        for name, column in columns.items()
    )
    day = column_value(stream, REPORTING_DATE).sql("bigquery")
    # BigQuery takes QUALIFY only where there is a WHERE, GROUP BY or HAVING.
    return _statement(
        f"""
        SELECT d.tenant_id, d.sync_id, d.reporting_date, {aggregates(fact, "d")}
        FROM (
            SELECT r.tenant_id, r.sync_id, {day} AS reporting_date, {values}
            FROM ({latest_records(stream)}) AS r
            WHERE TRUE
            {rows_kept(stream, fact)}
        ) AS d
        WHERE d.reporting_date IS NOT NULL
        GROUP BY d.tenant_id, d.sync_id, d.reporting_date
        """
    )


def conflicting_keys(stream: StreamSpec) -> Statement:
    """Keys that rows of one sync share although they say different things, by sync."""
    key = natural_key(stream).sql("bigquery")
    fact = FACTS[stream.fact]
    values = [told_value(stream, column).sql("bigquery") for column in measures(fact)]
    differ = " OR ".join(f"MIN({value}) <> MAX({value})" for value in values)
    return _statement(
        f"""
        SELECT k.tenant_id, k.sync_id, COUNT(*) AS conflicts
        FROM (
            SELECT r.tenant_id, r.sync_id, {key} AS natural_key
            FROM {stream.raw_table.qualified} AS r
            WHERE r.sync_id IN UNNEST(@{SYNC_IDS})
            GROUP BY r.tenant_id, r.sync_id, {key}
            HAVING COUNT(DISTINCT r.row_number) > 1 AND ({differ})
        ) AS k
        GROUP BY k.tenant_id, k.sync_id
        """
    )


@functools.cache
def published_figures(fact_name: str) -> Statement:
    """Figures of the current view of a fact by connection, stream and day.

    Parameters: CONNECTION_IDS, FIRST_DAY, LAST_DAY.
    """
    fact = FACTS[fact_name]
    return _statement(
        f"""
        SELECT m.connection_id, m.stream, m.reporting_date, MAX(m.known_at) AS known_at,
            {aggregates(fact, "m")}
        FROM {marts_table(fact).qualified} AS m
        WHERE m.connection_id IN UNNEST(@{CONNECTION_IDS})
          AND m.reporting_date BETWEEN @{FIRST_DAY} AND @{LAST_DAY}
        GROUP BY m.connection_id, m.stream, m.reporting_date
        """
    )


@functools.cache
def told_keys(fact_name: str) -> Statement:
    """Which syncs of a stream have told which keys of a fact.

    Parameters: CONNECTION_IDS, STREAM, KEYS.
    """
    return _statement(
        f"""
        SELECT DISTINCT f.natural_key, f.sync_id, f.version
        FROM {facts_table(FACTS[fact_name]).qualified} AS f
        WHERE f.connection_id IN UNNEST(@{CONNECTION_IDS})
          AND f.stream = @{STREAM}
          AND f.natural_key IN UNNEST(@{KEYS})
        """
    )


def _statement(text: str) -> Statement:
    tree = parse_one(text, dialect="bigquery")
    if not isinstance(tree, exp.Query):
        raise TypeError(type(tree))
    tables = frozenset(f"{t.db}.{t.name}" for t in tree.find_all(exp.Table))
    return Statement(tree, tables)

"""Unification as SQL: raw rows to versioned facts, and facts to the current view.

    raw.<source>__<stream> -> mapping -> facts.<fact> -> superseded rows out, latest rows in ->
    marts.<fact>

Trees are in BigQuery's dialect and hold no values but the constants of a source's own mapping; each
is made once, so that the warehouse can remember what it derives from it, and never changed.
Each is narrowed by the guard to the tenants of its batch. Running a pair of mart statements again
changes nothing.

What an earlier system told of an account (the stream `history`) gives way to what the platform
itself tells, day by day, in whichever order they come.

Decisions: ADR-0006, ADR-0015.
"""

import functools

from sqlglot import exp, parse_one

from domain.facts.fact import HISTORY, Fact, Supersession
from domain.facts.tables import SYNCS, facts_table, marts_table
from ingestion.connector.spec import StreamSpec
from ingestion.unify.mapping import (
    REPORTING_DATE,
    SYNC_IDS,
    column_value,
    latest_records,
    rows_kept,
)

__all__ = ["SYNC_IDS", "delete_superseded", "insert_current", "insert_facts", "insert_syncs"]


def insert_syncs() -> exp.Insert:
    """Write down what the batch's syncs cover; what is there already is passed over."""
    columns = ", ".join(column.name for column in SYNCS.columns)
    selected = ", ".join(f"r.{column.name}" for column in SYNCS.columns)
    return _parse_insert(
        f"""
        INSERT INTO {SYNCS.qualified} ({columns})
        SELECT DISTINCT {selected}
        FROM raw.bosco__syncs AS r
        WHERE r.sync_id IN UNNEST(@{SYNC_IDS}) AND NOT EXISTS (
            SELECT 1 FROM {SYNCS.qualified} AS s
            WHERE s.tenant_id = r.tenant_id AND s.sync_id = r.sync_id AND s.fact = r.fact
        )
        """
    )


def insert_facts(stream: StreamSpec, fact: Fact) -> exp.Insert:
    """Append the rows of some syncs of one stream to the fact's versions.

    A record that a provider sent twice within one sync (pages move while they are read) counts
    once: the later one. Of a fact that is replaced by days, only the days that the sync covers
    count: the next sync of the same days could not take others away again. Of one that is replaced
    by key, rows before `covers_from` do not count: only some of theirs have changed since.
    """
    columns = [column.name for column in fact.all_columns]
    values = ", ".join(column_value(stream, column).sql("bigquery") for column in fact.all_columns)
    day = column_value(stream, REPORTING_DATE).sql("bigquery")
    if fact.supersession is Supersession.SLICE:
        is_covered = f"{day} BETWEEN s.covers_from AND s.covers_to"
    else:
        is_covered = f"(s.covers_from IS NULL OR {day} >= s.covers_from)"
    return _parse_insert(
        f"""
        INSERT INTO {facts_table(fact).qualified} ({", ".join(columns)})
        SELECT {values}
        FROM ({latest_records(stream)}) AS r
        JOIN facts.syncs AS s
          ON s.tenant_id = r.tenant_id AND s.sync_id = r.sync_id AND s.fact = '{fact.name}'
        WHERE {is_covered} AND NOT EXISTS (
            SELECT 1 FROM {facts_table(fact).qualified} AS f
            WHERE f.tenant_id = r.tenant_id AND f.sync_id = r.sync_id
        )
        {rows_kept(stream, fact)}
        """
    )


def delete_superseded(fact: Fact) -> exp.Delete:
    """Take rows out of the current view that the batch's syncs replace."""
    if fact.supersession is Supersession.SLICE:
        replaced = f"""
            SELECT 1 FROM facts.syncs AS s
            WHERE s.sync_id IN UNNEST(@{SYNC_IDS})
              AND s.fact = '{fact.name}'
              AND {_same("s", "m")}
              AND s.version >= m.version
              AND m.reporting_date BETWEEN s.covers_from AND s.covers_to
        """
    else:
        replaced = f"""
            SELECT 1 FROM {facts_table(fact).qualified} AS f
            WHERE f.sync_id IN UNNEST(@{SYNC_IDS})
              AND {_same("f", "m")}
              AND f.natural_key = m.natural_key
              AND f.version >= m.version
        """
    told = f"SELECT 1 FROM facts.syncs AS t WHERE t.sync_id IN UNNEST(@{SYNC_IDS})"
    return _parse_delete(
        f"""
        DELETE FROM {marts_table(fact).qualified} AS m
        WHERE EXISTS ({replaced})
           OR (m.stream = '{HISTORY}' AND EXISTS ({told} AND {_tells("t", "m", fact)}))
        """
    )


def insert_current(fact: Fact) -> exp.Insert:
    """Put the batch's rows into the current view, unless a newer sync has replaced them already."""
    columns = ", ".join(column.name for column in fact.all_columns)
    selected = ", ".join(f"f.{column.name}" for column in fact.all_columns)
    if fact.supersession is Supersession.SLICE:
        newer = f"""
            SELECT 1 FROM facts.syncs AS n
            WHERE n.fact = '{fact.name}'
              AND {_same("n", "f")}
              AND n.version > f.version
              AND f.reporting_date BETWEEN n.covers_from AND n.covers_to
        """
    else:
        newer = f"""
            SELECT 1 FROM {facts_table(fact).qualified} AS n
            WHERE {_same("n", "f")} AND n.natural_key = f.natural_key AND n.version > f.version
        """
    told = f"SELECT 1 FROM facts.syncs AS t WHERE {_tells('t', 'f', fact)}"
    return _parse_insert(
        f"""
        INSERT INTO {marts_table(fact).qualified} ({columns})
        SELECT {selected}
        FROM {facts_table(fact).qualified} AS f
        WHERE f.sync_id IN UNNEST(@{SYNC_IDS})
          AND NOT EXISTS ({newer})
          AND NOT (f.stream = '{HISTORY}' AND EXISTS ({told}))
        """
    )


def _tells(sync: str, row: str, fact: Fact) -> str:
    """Whether a sync is the platform's own word of the day of a row, for the same account."""
    return f"""
        {sync}.fact = '{fact.name}'
        AND {sync}.stream <> '{HISTORY}'
        AND {sync}.tenant_id = {row}.tenant_id
        AND {sync}.connection_id = {row}.connection_id
        AND ({sync}.covers_from IS NULL OR {sync}.covers_from <= {row}.reporting_date)
        AND ({sync}.covers_to IS NULL OR {sync}.covers_to >= {row}.reporting_date)
    """


def _same(one: str, other: str) -> str:
    columns = ("tenant_id", "connection_id", "stream")
    return " AND ".join(f"{one}.{column} = {other}.{column}" for column in columns)


@functools.cache
def _parse_delete(text: str) -> exp.Delete:
    tree = parse_one(text, dialect="bigquery")
    if not isinstance(tree, exp.Delete):
        raise TypeError(type(tree))
    return tree


@functools.cache
def _parse_insert(text: str) -> exp.Insert:
    tree = parse_one(text, dialect="bigquery")
    if not isinstance(tree, exp.Insert):
        raise TypeError(type(tree))
    return tree

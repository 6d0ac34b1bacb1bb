"""Histories as SQL: every figure of every series, with the instants at which it changed.

    rows known and replaced until an instant -> +row at its landing, -row at its replacement
    -> net change of a series' day at an instant -> running total

A restatement that changes nothing leaves no line. History of an earlier system is not read: when it
was imported tells nothing of when it was known. Trees are in BigQuery's dialect and name the days
in each scan, so partitions are pruned.
"""

from typing import Final

from domain.facts.fact import HISTORY
from domain.facts.in_force import REPLACED_AT, is_same_row, replacements
from domain.facts.tables import SYNCS, facts_table
from domain.ports import Statement
from domain.statement_text import parse_statement
from ml.history.topics import Topic

__all__ = ["FACTS_READ", "FIRST_DAY", "LAST_DAY", "MOMENT", "coverage", "revisions"]

# Parameters.
FIRST_DAY: Final = "first_day"
LAST_DAY: Final = "last_day"
MOMENT: Final = "moment"  # instant in microseconds; later syncs do not count
FACTS_READ: Final = "facts_read"

_WHOSE: Final = ("client_id", "connection_id", "currency")


def revisions(topic: Topic) -> Statement:
    """One row for each series, day and instant at which a figure of the day became another.

    Columns: client_id, connection_id, currency, time_zone, the topic's keys, reporting_date,
    known_at (microseconds) and the topic's measures as doubles. Parameters: FIRST_DAY, LAST_DAY,
    MOMENT.
    """
    fact = topic.fact
    table = facts_table(fact).qualified
    columns = (*_WHOSE, *topic.keys, "reporting_date")
    names = ", ".join(columns)
    of_row = ", ".join(f"f.{column}" for column in columns)
    measures = {measure.value: text for measure, text in topic.measures.items()}
    added = ", ".join(_added(name, text, "") for name, text in measures.items())
    taken = ", ".join(_added(name, text, "-") for name, text in measures.items())
    sums = ", ".join(f"SUM({name}) AS {name}, SUM({name}_n) AS {name}_n" for name in measures)
    changed = " OR ".join(f"SUM({name}) <> 0 OR SUM({name}_n) <> 0" for name in measures)
    totals = ", ".join(_total(name) for name in measures)
    known = f"<= TIMESTAMP_MICROS(@{MOMENT})"
    return parse_statement(
        f"""
        WITH _cte_replaced AS ({replacements(fact, _is_read)}),
        _cte_events AS (
            SELECT {of_row}, f.time_zone, f.known_at AS changed_at, 1 AS n, {added}
            FROM {table} AS f
            WHERE {_is_read("f")} AND f.known_at {known}
            UNION ALL
            SELECT {of_row}, f.time_zone, e.{REPLACED_AT} AS changed_at, -1 AS n, {taken}
            FROM {table} AS f
            JOIN _cte_replaced AS e ON {is_same_row(fact, "e", "f")}
            WHERE {_is_read("f")} AND e.{REPLACED_AT} {known}
        ),
        _cte_changes AS (
            SELECT {names}, MAX(time_zone) AS time_zone, changed_at, SUM(n) AS n, {sums}
            FROM _cte_events
            GROUP BY {names}, changed_at
            HAVING SUM(n) <> 0 OR {changed}
        )
        SELECT {names}, time_zone, UNIX_MICROS(changed_at) AS known_at, {totals}
        FROM _cte_changes
        WINDOW w AS (PARTITION BY {names} ORDER BY changed_at)
        """
    )


def coverage() -> Statement:
    """One row for each sync of some facts: which days the platform was asked for, and when.

    Columns: connection_id, fact, known_at (microseconds), covers_from, covers_to. Parameters:
    FACTS_READ, MOMENT.
    """
    return parse_statement(
        f"""
        SELECT s.connection_id, s.fact, UNIX_MICROS(s.known_at) AS known_at, s.covers_from,
            s.covers_to
        FROM {SYNCS.qualified} AS s
        WHERE s.fact IN UNNEST(@{FACTS_READ}) AND s.stream <> '{HISTORY}'
          AND s.known_at <= TIMESTAMP_MICROS(@{MOMENT})
        """
    )


def _is_read(alias: str) -> str:
    return (
        f"{alias}.reporting_date BETWEEN @{FIRST_DAY} AND @{LAST_DAY}"
        f" AND {alias}.stream <> '{HISTORY}'"
    )


def _added(name: str, text: str, sign: str) -> str:
    """A measure of a row and whether the row tells it, with a sign."""
    value = f"CAST({text} AS NUMERIC)"
    return (
        f"{sign}COALESCE({value}, CAST(0 AS NUMERIC)) AS {name}, "
        f"CASE WHEN {text} IS NULL THEN 0 ELSE {sign}1 END AS {name}_n"
    )


def _total(name: str) -> str:
    """What holds from a change on; NULL: there are rows, and none tells it."""
    is_told = f"SUM({name}_n) OVER w > 0 OR SUM(n) OVER w = 0"
    return f"CAST(CASE WHEN {is_told} THEN SUM({name}) OVER w END AS FLOAT64) AS {name}"

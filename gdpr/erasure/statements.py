"""Erasure as SQL: find what hangs together, count, change. One statement per table and run.

    privacy.targets (people) -> orders -> lines, refunds, keys -> privacy.targets
    rows of targets -> counted by request -> [INSERT without the person, DELETE] or DELETE

Trees are in BigQuery's dialect and hold no values: the targets are joined. Versions and instants of
rows stay, so what was known when stays told. The pair changes nothing when it runs again: what it
has put in is found by no target. Each is made once, so that the warehouse can remember what it
derives from it, and never changed.

Decision: ADR-0027.
"""

import functools
from collections.abc import Sequence
from typing import Final

from sqlglot import exp, parse_one

from domain.facts.fact import Column, Erased
from domain.ports import Statement
from gdpr.erasure.erasable import NATURAL_KEY, Erasable, NotErasableError, word_of
from tenancy.privacy.pseudonyms import SURROGATE_PREFIX

__all__ = [
    "BEFORE",
    "CONNECTION",
    "KEY",
    "OLDEST",
    "ORDER",
    "PERSON",
    "RUN",
    "anonymise",
    "count_rows",
    "delete_rows",
    "delete_targets",
    "distinct_names",
    "find_objects",
    "find_orders",
    "find_words",
    "names_of_connection",
    "still_names",
    "targets_of_run",
]

CONNECTION: Final = "connection_id"  # the parameter that names a connection, UUID text
RUN: Final = "run_id"  # the parameter that names the run, UUID text
PERSON: Final = "person"
ORDER: Final = "order_id"
KEY: Final = "key "  # and `source.stream`
# Its value is a day: rows of earlier days of the connection are over, whoever they are about.
BEFORE: Final = "before"
OLDEST: Final = "before"  # the parameter of the latest of these days: other partitions are not read

_TARGETS: Final = "privacy.targets"


@functools.cache
def targets_of_run() -> Statement:
    """All targets of a run."""
    return _question(f"SELECT t.* FROM {_TARGETS} AS t WHERE t.run_id = @{RUN}")


@functools.cache
def delete_targets() -> exp.Expr:
    """Take the targets of a run out."""
    return _change(f"DELETE FROM {_TARGETS} AS t WHERE t.run_id = @{RUN}")


@functools.cache
def find_orders(erasable: Erasable) -> Statement:
    """Orders of the people of a run, in a table that names both.

    Columns: tenant_id, connection_id, request_id, value.
    """
    if erasable.person is None or erasable.order is None:
        raise NotErasableError(f"{erasable.table.qualified} does not tell whose orders are whose")
    return _question(
        f"""
        SELECT DISTINCT r.tenant_id, r.connection_id, t.request_id, r.{erasable.order} AS value
        FROM {erasable.table.qualified} AS r
        JOIN {_TARGETS} AS t ON {_is_target("t", "r", PERSON, erasable.person)}
        WHERE r.{erasable.order} IS NOT NULL
        """
    )


@functools.cache
def find_words(erasable: Erasable, *, over: bool = False) -> Statement:
    """What needs a surrogate in rows of targets: ids of the rows themselves, and keys.

    Args:
        erasable: Where.
        over: Rows are found by their day (`BEFORE`), not by whom they name.

    Columns: tenant_id, connection_id, request_id, each column that gets a surrogate; of tables
    with a natural key also source, stream and natural_key.
    """
    names = [column.name for column in erasable.surrogates]
    if erasable.has_streams:
        names += [NATURAL_KEY, "source", "stream"]
    selected = ", ".join(f"r.{name}" for name in names)
    return _question(
        f"""
        SELECT DISTINCT r.tenant_id, r.connection_id, t.request_id, {selected}
        FROM {_matched(erasable, over=over)}
        """
    )


@functools.cache
def distinct_names(erasable: Erasable, column: str) -> Statement:
    """Every id that a column of a table has, whoever it names.

    Columns: tenant_id, client_id, connection_id, value.
    """
    return _question(
        f"""
        SELECT DISTINCT r.tenant_id, r.client_id, r.connection_id, r.{column} AS value
        FROM {erasable.table.qualified} AS r
        WHERE r.{column} IS NOT NULL
        """
    )


@functools.cache
def names_of_connection(erasable: Erasable, column: str) -> Statement:
    """Every id that a column of a table has at one connection, but for those of the erased.

    Columns: tenant_id, value.
    """
    return _question(
        f"""
        SELECT DISTINCT r.tenant_id, r.{column} AS value
        FROM {erasable.table.qualified} AS r
        WHERE r.connection_id = @{CONNECTION} AND r.{column} IS NOT NULL
          AND NOT STARTS_WITH(r.{column}, '{SURROGATE_PREFIX}')
        """
    )


@functools.cache
def count_rows(erasable: Erasable) -> Statement:
    """How many rows of a table are those of targets, by request.

    Columns: tenant_id, request_id, row_count.
    """
    return _question(
        f"""
        SELECT t.tenant_id, t.request_id, COUNT(*) AS row_count
        FROM {_matched(erasable)}
        GROUP BY t.tenant_id, t.request_id
        """
    )


@functools.cache
def find_objects(erasable: Erasable) -> Statement:
    """Landing objects whose rows, as they were loaded, are those of targets.

    Columns: tenant_id, object_id.
    """
    return _question(f"SELECT DISTINCT r.tenant_id, r.object_id FROM {_matched(erasable)}")


@functools.cache
def delete_rows(erasable: Erasable, *, over: bool = False) -> exp.Expr:
    """Take the rows of targets out; see `find_words`."""
    return _change(
        f"""
        DELETE FROM {erasable.table.qualified} AS r
        WHERE EXISTS (SELECT 1 FROM {_TARGETS} AS t WHERE {_condition(erasable, over=over)})
        """
    )


@functools.cache
def anonymise(erasable: Erasable, *, over: bool = False) -> Sequence[exp.Expr]:
    """Put the rows of targets in again without the person, and take the old ones out.

    See `find_words` for `over`.

    What a platform has told again meanwhile stands under its surrogate already: of a current view,
    what that replaces goes.
    """
    joins: list[str] = []
    values = [_value(erasable, column, joins) for column in erasable.table.columns]
    names = ", ".join(column.name for column in erasable.table.columns)
    insert = _change(
        f"""
        INSERT INTO {erasable.table.qualified} ({names})
        SELECT {", ".join(values)}
        FROM {_matched(erasable, over=over)} {" ".join(joins)}
        {_unless_newer(erasable)}
        """
    )
    return (insert, delete_rows(erasable, over=over))


def _unless_newer(erasable: Erasable) -> str:
    if erasable.versions is None:
        return ""
    return f"""WHERE NOT EXISTS (
            SELECT 1 FROM {erasable.versions.qualified} AS n
            WHERE n.tenant_id = r.tenant_id AND n.connection_id = r.connection_id
              AND n.stream = r.stream AND n.natural_key = k.surrogate AND n.version > r.version
        )"""


def still_names(erasable: Erasable) -> str:
    """Whether a row `r` has not become yet what erasing makes of it."""
    if not erasable.table.outlives_person:
        return "TRUE"
    day = f"CAST(r.{erasable.day} AS TIMESTAMP)"
    tests = {
        Erased.SURROGATE: "NOT STARTS_WITH(r.{name}, '" + SURROGATE_PREFIX + "')",
        Erased.CLEARED: "r.{name} IS NOT NULL",
        Erased.DAY: "r.{name} <> " + day,
    }
    columns = [one for one in erasable.table.columns if one.erased in tests]
    return "(" + " OR ".join(tests[one.erased].format(name=one.name) for one in columns) + ")"


def _matched(erasable: Erasable, *, over: bool = False) -> str:
    """Rows `r` of targets `t`; a row is that of one target at most."""
    return f"""{erasable.table.qualified} AS r
        JOIN {_TARGETS} AS t ON {_condition(erasable, over=over)}"""


def _condition(erasable: Erasable, *, over: bool) -> str:
    if not over:
        word, column = _match(erasable)
        return _is_target("t", "r", word, column)
    # Not every target's value is a day, and an engine may cast before it filters.
    return f"""t.run_id = @{RUN}
        AND t.tenant_id = r.tenant_id
        AND t.connection_id = r.connection_id
        AND t.word = '{BEFORE}'
        AND r.{erasable.day} < @{OLDEST}
        AND r.{erasable.day} < SAFE_CAST(t.value AS DATE)
        AND {still_names(erasable)}"""


def _match(erasable: Erasable) -> tuple[str, str]:
    """By what rows are found: their order (all orders of the people are targets), else them."""
    if erasable.order is not None:
        return ORDER, erasable.order
    return PERSON, str(erasable.person)


def _is_target(target: str, row: str, word: str, column: str) -> str:
    return f"""{target}.run_id = @{RUN}
        AND {target}.tenant_id = {row}.tenant_id
        AND {target}.connection_id = {row}.connection_id
        AND {target}.word = '{word}'
        AND {target}.value = {row}.{column}"""


def _value(erasable: Erasable, column: Column, joins: list[str]) -> str:
    if column.name == NATURAL_KEY and erasable.has_streams:
        joins.append(
            f"""LEFT JOIN {_TARGETS} AS k ON k.run_id = @{RUN}
            AND k.tenant_id = r.tenant_id AND k.connection_id = r.connection_id
            AND k.word = CONCAT('{KEY}', r.source, '.', r.stream) AND k.value = r.{NATURAL_KEY}"""
        )
        return "k.surrogate"
    match column.erased:
        case Erased.SURROGATE:
            alias = f"s{len(joins)}"
            same = _is_target(alias, "r", word_of(column), column.name)
            joins.append(f"LEFT JOIN {_TARGETS} AS {alias} ON {same}")
            return f"{alias}.surrogate"
        case Erased.CLEARED:
            return f"CAST(NULL AS {_sql_type(column)})"
        case Erased.DAY:
            return f"CAST(r.{erasable.day} AS TIMESTAMP)"
        case Erased.KEPT:
            return f"r.{column.name}"


def _sql_type(column: Column) -> str:
    return "STRING" if column.type.value == "JSON" else column.type.value


def _question(text: str) -> Statement:
    tree = parse_one(text, dialect="bigquery")
    if not isinstance(tree, exp.Query):
        raise TypeError(type(tree))
    return Statement(tree, frozenset())


def _change(text: str) -> exp.Expr:
    return parse_one(text, dialect="bigquery")

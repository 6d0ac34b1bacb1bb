"""What is over in the warehouse, as SQL: counted, overtaken, loaded from objects that are over.

    declared tables -> count_over | delete_overtaken | delete_loaded

Taking the people out is erasure's own pair of statements (`gdpr.erasure.statements`, `over=True`).
Trees are in BigQuery's dialect and hold no values; each is made once, and never changed.
"""

import functools
import re
from typing import Final

from sqlglot import exp, parse_one

from domain.ports import Statement
from gdpr.erasure.erasable import Erasable
from gdpr.erasure.statements import OLDEST, RUN, still_names

__all__ = ["OBJECT", "count_over", "delete_loaded", "delete_overtaken"]

OBJECT: Final = "object"  # word of a target whose value is the id of a landing object
_RAW: Final = re.compile(r"raw\.[a-z0-9_]+")


@functools.cache
def count_over(erasable: Erasable) -> Statement:
    """How many rows of a table are of days before `OLDEST` and still show their person.

    Columns: tenant_id, connection_id, day, object_id (raw tables alone; else NULL), row_count.
    """
    loaded = "r.object_id" if erasable.table.schema == "raw" else "CAST(NULL AS STRING)"
    tree = parse_one(
        f"""
        SELECT d.tenant_id, d.connection_id, d.day, d.object_id, COUNT(*) AS row_count
        FROM (
            SELECT r.tenant_id, r.connection_id, r.{erasable.day} AS day, {loaded} AS object_id
            FROM {erasable.table.qualified} AS r
            WHERE r.{erasable.day} < @{OLDEST} AND {still_names(erasable)}
        ) AS d
        GROUP BY d.tenant_id, d.connection_id, d.day, d.object_id
        """,
        dialect="bigquery",
    )
    if not isinstance(tree, exp.Query):
        raise TypeError(type(tree))
    return Statement(tree, frozenset())


@functools.cache
def delete_overtaken(erasable: Erasable) -> exp.Expr:
    """Take rows of a current view out that a newer version of their key has overtaken.

    An order that was told again just before its person was taken out of the older row stood under
    two keys; now that both rows have the surrogate, the newer one counts alone.
    """
    if erasable.versions is None:
        raise TypeError(f"{erasable.table.qualified} is no current view by key")
    return parse_one(
        f"""
        DELETE FROM {erasable.table.qualified} AS m
        WHERE m.{erasable.day} < @{OLDEST} AND EXISTS (
            SELECT 1 FROM {erasable.versions.qualified} AS n
            WHERE n.tenant_id = m.tenant_id AND n.connection_id = m.connection_id
              AND n.stream = m.stream AND n.natural_key = m.natural_key AND n.version > m.version
        )
        """,
        dialect="bigquery",
    )


@functools.cache
def delete_loaded(raw_table: str) -> exp.Expr:
    """Take raw rows out that were loaded from objects that are targets.

    Args:
        raw_table: `raw.<name>`, as the manifest names it.
    """
    if not _RAW.fullmatch(raw_table):
        raise ValueError(raw_table)
    return parse_one(
        f"""
        DELETE FROM {raw_table} AS r
        WHERE EXISTS (
            SELECT 1 FROM privacy.targets AS t
            WHERE t.run_id = @{RUN} AND t.tenant_id = r.tenant_id
              AND t.connection_id = r.connection_id
              AND t.word = '{OBJECT}' AND t.value = r.object_id
        )
        """,
        dialect="bigquery",
    )

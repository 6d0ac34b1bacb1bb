"""When rows of a fact stopped to be in force, as SQL.

    fact, condition -> SELECT of what was replaced, with the instant of its replacement

A row holds from its `known_at` until a newer sync replaced it: that of its days (SLICE) or of its
key (KEY). The interval is worked out once per slice or key; whether a row was in force at an
instant is a comparison after that. The rule of replacement is that of `ingestion.unify.statements`,
asked about an earlier instant.

Decision: ADR-0014.
"""

from collections.abc import Callable, Sequence
from typing import Final

from domain.facts.fact import Fact, Supersession
from domain.facts.tables import SYNCS, facts_table

__all__ = ["REPLACED_AT", "is_same_row", "replacements"]

REPLACED_AT: Final = "replaced_at"

_OWN: Final = ("tenant_id", "connection_id", "stream")


def replacements(fact: Fact, is_read: Callable[[str], str]) -> str:
    """Text of a SELECT, BigQuery's dialect; what is in force for ever has no row in it.

    Args:
        fact: Whose rows.
        is_read: Makes the condition on the rows that count, of the alias of their table.
    """
    table = facts_table(fact).qualified
    if fact.supersession is Supersession.SLICE:
        return f"""
            SELECT v.tenant_id, v.connection_id, v.stream, v.reporting_date, v.version,
                MIN(n.known_at) AS {REPLACED_AT}
            FROM (
                SELECT DISTINCT f.tenant_id, f.connection_id, f.stream, f.reporting_date, f.version
                FROM {table} AS f WHERE {is_read("f")}
            ) AS v
            JOIN {SYNCS.qualified} AS n
              ON n.tenant_id = v.tenant_id AND n.connection_id = v.connection_id
              AND n.stream = v.stream AND n.fact = '{fact.name}' AND n.version > v.version
              AND v.reporting_date BETWEEN n.covers_from AND n.covers_to
            GROUP BY v.tenant_id, v.connection_id, v.stream, v.reporting_date, v.version
        """
    return f"""
        SELECT o.tenant_id, o.connection_id, o.stream, o.natural_key, o.version,
            MIN(n.known_at) AS {REPLACED_AT}
        FROM {table} AS o
        JOIN {table} AS n
          ON n.tenant_id = o.tenant_id AND n.connection_id = o.connection_id
          AND n.stream = o.stream AND n.natural_key = o.natural_key AND n.version > o.version
        WHERE {is_read("o")}
        GROUP BY o.tenant_id, o.connection_id, o.stream, o.natural_key, o.version
    """


def is_same_row(fact: Fact, replaced: str, row: str) -> str:
    """Condition that a row of `replacements` is about a row of the fact, both by alias."""
    keys: Sequence[str] = (*_OWN, _slice_column(fact), "version")
    return " AND ".join(f"{replaced}.{key} = {row}.{key}" for key in keys)


def _slice_column(fact: Fact) -> str:
    return "reporting_date" if fact.supersession is Supersession.SLICE else "natural_key"

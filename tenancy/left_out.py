"""Whose rows a question does not read: what the tenant guard adds to scans of facts about people.

    fact with a column that names a person or an order -> NOT EXISTS (privacy.suppressed ...)

A row is left out when somebody whom it names, by their own id or by that of their order, is
suppressed for the question's purpose, and what it tells of happened within the suppression. Which
orders are a person's is read from `facts.orders`, all versions of it: a row that comes late, or an
older version of an order that did not name its customer yet, is found all the same.

The check in `tenancy/sql_guard_check.py` has these sentences written out by hand.

Decision: ADR-0028.
"""

from functools import cache
from typing import Final

from sqlglot import exp, parse_one

from domain.facts import FACTS
from domain.facts.fact import Fact, Names
from domain.facts.orders import ORDERS
from domain.facts.tables import SUPPRESSED, facts_table

__all__ = ["PURPOSE", "TENANT_ID", "with_people_left_out"]

TENANT_ID: Final = "__tenant_id"
PURPOSE: Final = "__purpose"

_SCHEMAS: Final = frozenset({"facts", "marts"})
_CUSTOMER: Final = "customer_id"

_FOR_THIS: Final = f"_s.tenant_id = @{TENANT_ID} AND _s.purpose = @{PURPOSE}"
_PEOPLE: Final = f"""
    SELECT _s.connection_id, _s.value, _s.events_from, _s.events_to
    FROM {SUPPRESSED.qualified} AS _s
    WHERE {_FOR_THIS}
"""
# DISTINCT keeps the engine from mixing this join with that of the scan: DuckDB would first pair
# every row with every suppression of its connection (200,000 rows, 10,000 people: minutes).
_ORDERS: Final = f"""
    SELECT DISTINCT _s.connection_id, _o.order_id AS value, _o.ordered_at, _s.events_from,
        _s.events_to
    FROM {SUPPRESSED.qualified} AS _s
    JOIN {facts_table(ORDERS).qualified} AS _o
      ON _o.connection_id = _s.connection_id AND _o.{_CUSTOMER} = _s.value
    WHERE {_FOR_THIS} AND _o.tenant_id = @{TENANT_ID}
"""


def with_people_left_out(schema: str, name: str, predicate: exp.Expr) -> exp.Expr:
    """What a scan `_scan` of a table is narrowed to, without those who are suppressed.

    Args:
        schema: Of the table.
        name: Of the table.
        predicate: What it is narrowed to besides.

    Returns:
        `predicate` itself where rows of the table name nobody.
    """
    fact = FACTS.get(name) if schema in _SCHEMAS else None
    conditions = () if fact is None else _conditions(fact.name)
    for condition in conditions:
        predicate = exp.And(this=predicate, expression=condition.copy())
    return predicate


@cache
def _conditions(name: str) -> tuple[exp.Expr, ...]:
    fact = FACTS[name]
    return tuple(
        parse_one(_left_out(fact, column.name, column.names), dialect="bigquery")
        for column in fact.columns
        if column.names is not None
    )


def _left_out(fact: Fact, column: str, names: Names) -> str:
    happened_at = f"_scan.{fact.happened_at}" if fact.happened_at else "_who.ordered_at"
    who = _PEOPLE if names is Names.PERSON else _ORDERS
    return f"""
        NOT EXISTS (
            SELECT 1 FROM ({who}) AS _who
            WHERE _who.connection_id = _scan.connection_id AND _who.value = _scan.{column}
              AND {happened_at} >= _who.events_from AND {happened_at} < _who.events_to
        )
    """

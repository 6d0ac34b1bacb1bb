"""Guarded texts are remembered by the tree they were derived from, and only by that."""

import uuid
from functools import partial

from sqlglot import exp, parse_one

from domain.ids import TenantId
from domain.ports import Statement, TenantScope
from tenancy.sql_guard import TENANT_ID, SqlDialect
from tenancy.warehouse.dialect import bigquery_sql
from tenancy.warehouse.guarding import GuardedStatements, bound

ALICE, BOB = TenantId(uuid.UUID(int=1)), TenantId(uuid.UUID(int=2))
DIALECT = SqlDialect("bigquery", partial(bigquery_sql, dataset_prefix="t"))


def delete(day: str) -> exp.Expr:
    return parse_one(f"DELETE FROM facts.ads AS a WHERE a.day = '{day}'", dialect="bigquery")


def test_a_change_is_derived_once_while_its_tree_lives() -> None:
    guarded = GuardedStatements(DIALECT)
    tree = delete("2026-11-01")
    (first,) = guarded.changes(tree)
    (again,) = guarded.changes([tree])
    assert again is first


def test_a_tree_made_in_the_place_of_another_has_its_own_text() -> None:
    """A freed tree's address is soon another's."""
    guarded = GuardedStatements(DIALECT)
    for number in range(50):
        (sql,) = guarded.changes(delete(f"day {number}"))
        assert f"'day {number}'" in sql.text
        assert "@__tenant_ids" in sql.text


def test_nobody_says_whose_rows_by_a_parameter() -> None:
    """The scope's own values win over any of the same name."""
    guarded, scope = GuardedStatements(DIALECT), TenantScope(ALICE)
    tree = parse_one("SELECT a.x FROM facts.ads AS a WHERE a.day = @day", dialect="bigquery")
    assert isinstance(tree, exp.Query)
    sql = guarded.question(Statement(tree, frozenset({"facts.ads"})), scope)
    given = {"day": "2026-11-01", TENANT_ID: str(BOB)}
    assert bound(sql, scope, given) == {"day": "2026-11-01", TENANT_ID: str(ALICE)}

"""Whatever tree goes in, the answer is the one that a database of the tenant alone would give."""

import itertools
import uuid

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import parse_one

from tenancy.sql_guard import ScopeKind, SqlDialect, guard
from tenancy.warehouse.dialect import BQ_MACROS, duckdb_sql

A, B = str(uuid.UUID(int=10)), str(uuid.UUID(int=11))
DIALECT = SqlDialect("duckdb", duckdb_sql)
TABLES = ("marts.one", "marts.two")
CANARY = 777_000  # values of B lie above it


def _database(*tenants: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA marts")
    for macro in BQ_MACROS:
        connection.execute(macro)
    for number, table in enumerate(TABLES):
        connection.execute(f"CREATE TABLE {table} (tenant_id VARCHAR, x BIGINT, y BIGINT)")
        for tenant in tenants:
            base = 0 if tenant == A else CANARY
            for x in range(4):
                row = [tenant, base + x + number, base + x % 2]
                connection.execute(f"INSERT INTO {table} VALUES (?, ?, ?)", row)
    return connection


BOTH, ALONE = _database(A, B), _database(A)
_names = itertools.count()


@st.composite
def _source(draw: st.DrawFn, depth: int) -> str:
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(TABLES))
    return f"({draw(_query(depth - 1))})"


@st.composite
def _condition(draw: st.DrawFn, alias: str, depth: int) -> str:
    inner = f"i{next(_names)}"
    table = draw(_source(max(depth - 1, 0)))
    return draw(
        st.sampled_from(
            [
                f"{alias}.x > 1",
                f"{alias}.x >= 0 OR TRUE",
                f"NOT {alias}.y = 0",
                f"EXISTS (SELECT 1 FROM {table} AS {inner} WHERE {inner}.x = {alias}.x)",
                f"NOT EXISTS (SELECT 1 FROM {table} AS {inner} WHERE {inner}.y > {alias}.x)",
                f"{alias}.x IN (SELECT {inner}.x FROM {table} AS {inner})",
                f"{alias}.x <= (SELECT MAX({inner}.x) FROM {table} AS {inner})",
            ]
        )
    )


@st.composite
def _query(draw: st.DrawFn, depth: int) -> str:
    """A query with the columns x and y."""
    alias, other, cte = (f"{kind}{next(_names)}" for kind in ("a", "b", "_cte_"))
    source, second = draw(_source(depth)), draw(_source(depth))
    where, having = draw(_condition(alias, depth)), draw(_condition(alias, depth))
    return draw(
        st.sampled_from(
            [
                f"SELECT {alias}.x, {alias}.y FROM {source} AS {alias} WHERE {where}",
                (
                    f"SELECT {alias}.x, {other}.y FROM {source} AS {alias} "
                    f"LEFT JOIN {second} AS {other} ON {other}.x = {alias}.x WHERE {where}"
                ),
                f"SELECT {alias}.x, {other}.y FROM {source} AS {alias}, {second} AS {other}",
                (
                    f"SELECT {alias}.x, {other}.y FROM {source} AS {alias} "
                    f"FULL JOIN {second} AS {other} ON {other}.y = {alias}.x"
                ),
                (
                    f"SELECT {alias}.y AS x, SUM({alias}.x) AS y FROM {source} AS {alias} "
                    f"GROUP BY {alias}.y HAVING SUM({alias}.x) > 1"
                ),
                (
                    f"SELECT {alias}.x, (SELECT COUNT(*) FROM {second} AS {other} "
                    f"WHERE {other}.y = {alias}.y) AS y FROM {source} AS {alias} WHERE {having}"
                ),
                (
                    f"SELECT {alias}.x, SUM({alias}.y) OVER (PARTITION BY {alias}.y) AS y "
                    f"FROM {source} AS {alias} WHERE {where} "
                    f"QUALIFY ROW_NUMBER() OVER (PARTITION BY {alias}.y ORDER BY {alias}.x) = 1"
                ),
                (
                    f"WITH {cte} AS (SELECT {alias}.x, {alias}.y FROM {source} AS {alias}) "
                    f"SELECT {other}.x, {other}.y FROM {cte} AS {other} JOIN {cte} AS c USING (x)"
                ),
                (
                    f"SELECT {alias}.x, {alias}.y FROM {source} AS {alias} "
                    f"UNION ALL SELECT {other}.x, {other}.y FROM {second} AS {other}"
                ),
                (
                    f"SELECT {alias}.x, {alias}.y FROM {source} AS {alias} "
                    f"EXCEPT DISTINCT SELECT {other}.x, {other}.y FROM {second} AS {other}"
                ),
                f"SELECT {alias}.x, e AS y FROM {source} AS {alias}, UNNEST([1, 2]) AS e",
                f"SELECT MAX({alias}.x) AS x, COUNT(*) AS y FROM {source} AS {alias} WHERE {where}",
            ]
        )
    )


@settings(deadline=None, max_examples=150)
@given(_query(2))
def test_a_tenant_among_others_gets_what_it_would_get_alone(text: str) -> None:
    tree = parse_one(text, dialect="bigquery")
    guarded = guard(tree, ScopeKind.TENANT, dialect=DIALECT)
    among = BOTH.execute(guarded.text, {"__tenant_id": A}).fetchall()
    alone = ALONE.execute(duckdb_sql(tree)).fetchall()
    assert sorted(among, key=repr) == sorted(alone, key=repr)
    assert not any((value or 0) >= CANARY for row in among for value in row)

"""The guard narrows what it understands and refuses the rest."""

from functools import partial

import pytest
from sqlglot import exp, parse_one

from tenancy.sql_guard import (
    GuardedSql,
    RefusedSqlError,
    ScopeKind,
    SealError,
    SqlDialect,
    UnguardedScanError,
    guard,
)
from tenancy.warehouse.dialect import bigquery_sql, duckdb_sql

DUCKDB = SqlDialect("duckdb", duckdb_sql)
BIGQUERY = SqlDialect("bigquery", partial(bigquery_sql, dataset_prefix="bosco"))


def _tree(text: str) -> exp.Expr:
    return parse_one(text, dialect="bigquery")


def _guarded(text: str, kind: ScopeKind, dialect: SqlDialect = BIGQUERY) -> str:
    return guard(_tree(text), kind, dialect=dialect).text


@pytest.mark.parametrize(
    ("kind", "dialect", "predicate"),
    [
        (ScopeKind.TENANT, BIGQUERY, "_scan.tenant_id = @__tenant_id"),
        (ScopeKind.TENANT, DUCKDB, "_scan.tenant_id = $__tenant_id"),
        (
            ScopeKind.CLIENTS,
            BIGQUERY,
            "_scan.tenant_id = @__tenant_id AND _scan.client_id IN UNNEST(@__client_ids)",
        ),
        (
            ScopeKind.CLIENTS,
            DUCKDB,
            "_scan.tenant_id = $__tenant_id AND BQ_IN(_scan.client_id, $__client_ids)",
        ),
        (ScopeKind.TENANTS, BIGQUERY, "_scan.tenant_id IN UNNEST(@__tenant_ids)"),
        (ScopeKind.TENANTS, DUCKDB, "BQ_IN(_scan.tenant_id, $__tenant_ids)"),
    ],
)
def test_narrows_a_scan(kind: ScopeKind, dialect: SqlDialect, predicate: str) -> None:
    schema = "bosco_marts" if dialect is BIGQUERY else "marts"
    assert _guarded("SELECT a.x FROM marts.ads AS a", kind, dialect) == (
        f"SELECT a.x FROM (SELECT * FROM {schema}.ads AS _scan WHERE {predicate}) AS a"
    )


def test_narrows_scans_in_every_clause() -> None:
    text = _guarded(
        "WITH _cte_a AS (SELECT x FROM marts.one) "
        "SELECT (SELECT MAX(y) FROM marts.two) AS y FROM _cte_a "
        "JOIN marts.three AS t ON t.x = (SELECT 1 FROM marts.four LIMIT 1) "
        "WHERE EXISTS (SELECT 1 FROM marts.five AS f WHERE f.x = t.x) "
        "GROUP BY t.x HAVING MAX(t.x) IN (SELECT x FROM marts.six) "
        "QUALIFY ROW_NUMBER() OVER (ORDER BY (SELECT x FROM marts.seven)) = 1 "
        "UNION ALL SELECT x FROM marts.eight ORDER BY 1",
        ScopeKind.TENANT,
    )
    names = ("one", "two", "three", "four", "five", "six", "seven", "eight")
    for name in names:
        frame = f"(SELECT * FROM bosco_marts.{name} AS _scan WHERE _scan.tenant_id = @__tenant_id)"
        assert text.count(frame) == 1
    assert text.count("bosco_marts.") == len(names)


def test_leaves_the_tree_as_it_is() -> None:
    tree = _tree("SELECT x FROM marts.ads")
    guard(tree, ScopeKind.TENANT, dialect=BIGQUERY)
    assert tree.sql("bigquery") == "SELECT x FROM marts.ads"


def test_names_the_parameters() -> None:
    sql = guard(_tree("SELECT x FROM marts.ads WHERE d = @day"), ScopeKind.TENANT, dialect=BIGQUERY)
    assert sql.parameters == {"day", "__tenant_id"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("SELECT * FROM ads", "table 'ads', neither qualified nor a CTE"),
        ("SELECT * FROM _cte_ads", "table '_cte_ads', neither qualified nor a CTE"),
        ("SELECT * FROM other.marts.ads", "a table with catalog"),
        ("SELECT * FROM `marts.ads_*`", "the table name"),
        ("SELECT * FROM Marts.ads", "the table name"),
        ("SELECT * FROM marts.INFORMATION_SCHEMA.TABLES", "the table name"),
        ("SELECT * FROM information_schema.tables", "table 'information_schema.tables', neither"),
        ("SELECT * FROM ops.applied", "the table ops.applied"),
        ("SELECT * FROM marts._cte_x", "the table name"),
        ("SELECT * FROM EXTERNAL_QUERY('c', 'SELECT 1')", "a table function"),
        ("SELECT * FROM marts.f(1)", "a table function"),
        ("SELECT * FROM ML.PREDICT(MODEL marts.m, TABLE marts.ads)", ""),
        ("SELECT * FROM marts.ads FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()", "version"),
        ("SELECT * FROM marts.ads TABLESAMPLE SYSTEM (1 PERCENT)", "sample"),
        ("SELECT * FROM marts.ads PIVOT(SUM(a) FOR b IN ('x'))", "pivots"),
        ("SELECT * FROM (marts.ads JOIN marts.b USING (x))", "parentheses around a table"),
        ("SELECT * FROM marts.ads AS a, LATERAL (SELECT 1) AS b", "Lateral as a source of rows"),
        ("WITH t AS (SELECT 1 AS x) SELECT * FROM t", "CTE 't' without the prefix _cte_"),
        (
            (
                "WITH RECURSIVE _cte_a AS (SELECT 1 AS x UNION ALL SELECT x FROM _cte_a) "
                "SELECT * FROM _cte_a"
            ),
            "WITH RECURSIVE",
        ),
        ("SELECT @__tenant_id FROM marts.ads", "parameter '__tenant_id'"),
        ("SELECT * FROM marts.ads WHERE x = ?", "PLACEHOLDER"),
        ("SELECT @@project_id", ""),
        ("SELECT marts.fn(x) FROM marts.ads", "a function of a dataset"),
        ("SELECT * FROM (SELECT * FROM marts.ads) PIVOT(SUM(a) FOR b IN ('x'))", "PIVOT"),
        ("CREATE TABLE marts.x AS SELECT 1 AS a", "CREATE"),
        ("DROP TABLE marts.x", "DROP"),
        ("TRUNCATE TABLE marts.x", "TRUNCATETABLE"),
        ("UPDATE marts.x SET a = 1 WHERE TRUE", "UPDATE"),
        ("DELETE FROM marts.x WHERE TRUE", "DELETE in a question of one tenant"),
    ],
)
def test_refuses(text: str, what: str) -> None:
    with pytest.raises(RefusedSqlError) as caught:
        guard(_tree(text), ScopeKind.TENANT, dialect=BIGQUERY)
    assert caught.value.message.startswith("the tenant guard refuses ")
    assert what in caught.value.message


def test_narrows_an_insert_by_what_it_writes() -> None:
    assert _guarded(
        "INSERT INTO marts.ads (tenant_id, x) "
        "SELECT r.tenant_id, CAST(r.y AS INT64) FROM raw.r AS r",
        ScopeKind.TENANTS,
    ) == (
        "INSERT INTO bosco_marts.ads (tenant_id, x) SELECT * FROM (SELECT r.tenant_id AS tenant_id,"
        " CAST(r.y AS INT64) AS x FROM (SELECT * FROM bosco_raw.r AS _scan WHERE _scan.tenant_id IN"
        " UNNEST(@__tenant_ids)) AS r) AS _source WHERE _source.tenant_id IN UNNEST(@__tenant_ids)"
    )


def test_narrows_a_delete_and_its_subqueries() -> None:
    assert _guarded(
        "DELETE FROM marts.ads AS m WHERE m.x = 1 OR EXISTS (SELECT 1 FROM facts.s AS s)",
        ScopeKind.TENANTS,
    ) == (
        "DELETE FROM bosco_marts.ads AS m WHERE (m.x = 1 OR EXISTS(SELECT 1 FROM (SELECT * FROM"
        " bosco_facts.s AS _scan WHERE _scan.tenant_id IN UNNEST(@__tenant_ids)) AS s)) AND"
        " m.tenant_id IN UNNEST(@__tenant_ids)"
    )


def test_narrows_every_branch_of_a_merge() -> None:
    assert _guarded(
        "MERGE INTO marts.ads AS t USING (SELECT tenant_id, x FROM raw.r) AS s "
        "ON t.x = s.x OR FALSE "
        "WHEN MATCHED THEN UPDATE SET x = s.x "
        "WHEN NOT MATCHED THEN INSERT (tenant_id, x) VALUES (s.tenant_id, s.x) "
        "WHEN NOT MATCHED BY SOURCE AND t.x = 1 OR t.x = 2 THEN DELETE",
        ScopeKind.TENANTS,
    ) == (
        "MERGE INTO bosco_marts.ads AS t USING (SELECT * FROM (SELECT tenant_id, x FROM"
        " (SELECT * FROM bosco_raw.r AS _scan WHERE _scan.tenant_id IN UNNEST(@__tenant_ids))"
        " AS r) AS _source WHERE _source.tenant_id IN UNNEST(@__tenant_ids)) AS s ON (t.x = s.x"
        " OR FALSE) AND t.tenant_id IN UNNEST(@__tenant_ids) WHEN MATCHED THEN UPDATE SET x ="
        " s.x WHEN NOT MATCHED THEN INSERT (tenant_id, x) VALUES (s.tenant_id, s.x) WHEN NOT"
        " MATCHED BY SOURCE AND (t.x = 1 OR t.x = 2) AND t.tenant_id IN UNNEST(@__tenant_ids)"
        " THEN DELETE"
    )


MERGE = "MERGE INTO marts.ads AS t USING (SELECT tenant_id, x FROM raw.r) AS s ON FALSE "


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("INSERT INTO marts.ads SELECT * FROM raw.r", "without a column list"),
        ("INSERT INTO marts.ads (tenant_id) VALUES ('a')", "VALUES"),
        ("INSERT INTO marts.ads (x) SELECT x FROM raw.r", "INSERT without tenant_id"),
        ("INSERT INTO marts.ads (tenant_id, x) SELECT * FROM raw.r", "one value for each column"),
        ("INSERT INTO marts.ads (tenant_id, x) SELECT tenant_id FROM raw.r", "one value for each"),
        ("INSERT INTO ads (tenant_id) SELECT tenant_id FROM raw.r", "neither qualified nor a CTE"),
        ("DELETE FROM ads WHERE TRUE", "neither qualified nor a CTE"),
        (MERGE + "WHEN NOT MATCHED THEN INSERT ROW", "without explicit columns"),
        (
            MERGE + "WHEN NOT MATCHED THEN INSERT (tenant_id, x) VALUES ('b', s.x)",
            "inserts another tenant_id than s.tenant_id",
        ),
        (
            MERGE + "WHEN NOT MATCHED THEN INSERT (x) VALUES (s.x)",
            "inserts another tenant_id than s.tenant_id",
        ),
        (MERGE + "WHEN MATCHED THEN UPDATE SET tenant_id = s.x", "changes tenant_id"),
        (
            "MERGE INTO marts.ads AS t USING raw.r AS s ON FALSE WHEN MATCHED THEN DELETE",
            "no aliased subquery",
        ),
    ],
)
def test_refuses_changes_of_an_odd_shape(text: str, what: str) -> None:
    with pytest.raises(RefusedSqlError) as caught:
        guard(_tree(text), ScopeKind.TENANTS, dialect=BIGQUERY)
    assert what in caught.value.message


def test_a_renderer_that_loses_the_predicate_is_caught() -> None:
    def careless(tree: exp.Expr) -> str:
        return duckdb_sql(tree).replace(" WHERE _scan.tenant_id = $__tenant_id", "")

    with pytest.raises(UnguardedScanError) as caught:
        _guarded("SELECT x FROM marts.ads", ScopeKind.TENANT, SqlDialect("duckdb", careless))
    assert caught.value.message == "not narrowed to the tenant of the scope: marts.ads AS _scan"


def test_nobody_else_builds_guarded_sql() -> None:
    with pytest.raises(SealError):
        GuardedSql("SELECT 1", "duckdb", ScopeKind.TENANT, frozenset(), object())

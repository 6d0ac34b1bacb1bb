"""The check proves texts by itself; these are written by hand, as an adder with a bug might."""

import pytest

from tenancy.sql_guard_check import UnguardedScanError, check_guarded

ONE = "(SELECT * FROM marts.t AS _scan WHERE _scan.tenant_id = $__tenant_id) AS t"
MANY = "(SELECT * FROM marts.t AS _scan WHERE BQ_IN(_scan.tenant_id, $__tenant_ids)) AS t"


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT x FROM {ONE}",
        f"WITH _cte_a AS (SELECT x FROM {ONE}) SELECT x FROM _cte_a UNION ALL SELECT x FROM {ONE}",
        "SELECT 1",
    ],
)
def test_accepts_narrowed_questions(text: str) -> None:
    check_guarded(text, "duckdb", "tenant")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT x FROM marts.t",
        "SELECT x FROM marts.t AS _scan WHERE _scan.tenant_id = $__tenant_id",
        "SELECT x FROM (SELECT * FROM marts.t AS _scan WHERE tenant_id = $__tenant_id) AS t",
        "SELECT x FROM (SELECT * FROM marts.t AS _scan WHERE _scan.tenant_id = $other) AS t",
        "SELECT x FROM (SELECT * FROM marts.t AS _scan WHERE _scan.client_id = $__tenant_id) AS t",
        (
            "SELECT x FROM (SELECT * FROM marts.t AS _scan"
            " WHERE _scan.tenant_id = $__tenant_id OR TRUE)"
        ),
        "SELECT x FROM (SELECT * FROM marts.t AS _scan) AS t WHERE t.tenant_id = $__tenant_id",
        f"SELECT x FROM {ONE} JOIN marts.u ON TRUE",
        f"SELECT (SELECT MAX(x) FROM marts.u) FROM {ONE}",
        f"SELECT x FROM {ONE} WHERE EXISTS (SELECT 1 FROM marts.u)",
        f"WITH _cte_a AS (SELECT * FROM marts.u) SELECT x FROM {ONE}",
        (
            "SELECT x FROM (SELECT * FROM marts.t AS _scan JOIN marts.u ON TRUE"
            " WHERE _scan.tenant_id = $__tenant_id) AS t"
        ),
        f"SELECT x FROM {MANY}",
        "SELECT x FROM t",
        f"DELETE FROM marts.t WHERE x IN (SELECT x FROM {ONE})",
    ],
)
def test_rejects_questions_that_are_not_narrowed(text: str) -> None:
    with pytest.raises(UnguardedScanError):
        check_guarded(text, "duckdb", "tenant")


TARGET = "BQ_IN(t.tenant_id, $__tenant_ids)"
SOURCE = (
    f"SELECT * FROM (SELECT tenant_id, x FROM {MANY}) AS _source"
    " WHERE BQ_IN(_source.tenant_id, $__tenant_ids)"
)
INSERT = "WHEN NOT MATCHED THEN INSERT (tenant_id, x) VALUES (s.tenant_id, s.x)"


@pytest.mark.parametrize(
    "text",
    [
        f"DELETE FROM marts.t AS t WHERE {TARGET}",
        f"DELETE FROM marts.t AS t WHERE (t.x = 1 OR t.x = 2) AND {TARGET}",
        f"INSERT INTO marts.t (tenant_id, x) {SOURCE}",
        (
            f"MERGE INTO marts.t AS t USING ({SOURCE}) AS s ON FALSE {INSERT}"
            f" WHEN NOT MATCHED BY SOURCE AND {TARGET} THEN DELETE"
        ),
        (
            f"MERGE INTO marts.t AS t USING ({SOURCE}) AS s ON (t.x = s.x) AND {TARGET}"
            " WHEN MATCHED THEN DELETE"
        ),
    ],
)
def test_accepts_narrowed_changes(text: str) -> None:
    check_guarded(text, "duckdb", "tenants")


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM marts.t AS t WHERE TRUE",
        f"DELETE FROM marts.t AS t WHERE t.x = 1 OR {TARGET}",
        f"DELETE FROM marts.t AS t WHERE t.x = 1 AND {TARGET} OR TRUE",
        f"DELETE FROM marts.t AS u WHERE {TARGET}",
        f"INSERT INTO marts.t (x) {SOURCE}",
        "INSERT INTO marts.t (tenant_id) SELECT 'b'",
        f"INSERT INTO marts.t (tenant_id, x) SELECT tenant_id, x FROM {MANY}",
        f"INSERT INTO marts.t (tenant_id, x) {SOURCE} OR TRUE",
        f"INSERT INTO marts.t (tenant_id, x) {SOURCE} UNION ALL SELECT 'b', 1",
        f"MERGE INTO marts.t AS t USING ({SOURCE}) AS s ON t.x = s.x WHEN MATCHED THEN DELETE",
        (
            f"MERGE INTO marts.t AS t USING ({SOURCE}) AS s ON FALSE"
            " WHEN NOT MATCHED BY SOURCE THEN DELETE"
        ),
        (
            f"MERGE INTO marts.t AS t USING ({SOURCE}) AS s ON FALSE"
            " WHEN NOT MATCHED THEN INSERT (tenant_id, x) VALUES ('b', s.x)"
        ),
        (
            f"MERGE INTO marts.t AS t USING ({SOURCE}) AS s ON FALSE"
            " WHEN NOT MATCHED THEN INSERT (x, tenant_id) VALUES (s.tenant_id, 'b')"
        ),
        f"MERGE INTO marts.t AS t USING (SELECT tenant_id, x FROM {MANY}) AS s ON FALSE {INSERT}",
        "UPDATE marts.t SET x = 1",
        "DROP TABLE marts.t",
    ],
)
def test_rejects_changes_that_are_not_narrowed(text: str) -> None:
    with pytest.raises(UnguardedScanError):
        check_guarded(text, "duckdb", "tenants")


def test_rejects_a_change_in_the_scope_of_one_tenant() -> None:
    with pytest.raises(UnguardedScanError):
        check_guarded(
            "DELETE FROM marts.t AS t WHERE t.tenant_id = $__tenant_id", "duckdb", "tenant"
        )

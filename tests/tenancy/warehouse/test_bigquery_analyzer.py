"""Google's own analyzer accepts what is sent to BigQuery."""

from functools import partial

import pytest

from tenancy.sql_guard import ScopeKind, SqlDialect, guard
from tenancy.warehouse.dialect import bigquery_sql
from tests.fixtures.warehouse import Analyze
from tests.tenancy.warehouse.samples import ROWS, change
from tests.tenancy.warehouse.test_dialect import SPECS

BIGQUERY = SqlDialect("bigquery", partial(bigquery_sql, dataset_prefix="p"))
# The open-source analyzer does not know this function of BigQuery's.
UNKNOWN_TO_IT = "MAX_BY"

CHANGES = [
    "INSERT INTO marts.sample (tenant_id, day) SELECT s.tenant_id, s.day FROM marts.sample AS s",
    "DELETE FROM marts.sample AS t WHERE t.whole = 1",
    (
        "MERGE INTO marts.sample AS t USING (SELECT tenant_id, day FROM marts.sample) AS s ON FALSE"
        " WHEN NOT MATCHED THEN INSERT (tenant_id, day) VALUES (s.tenant_id, s.day)"
        " WHEN NOT MATCHED BY SOURCE AND t.whole = 1 THEN DELETE"
    ),
]


@pytest.mark.slow
@pytest.mark.xdist_group("zetasql")
def test_accepts_every_statement(bigquery_analyzer: Analyze) -> None:
    for expression, *_ in SPECS:
        if UNKNOWN_TO_IT not in expression:
            tree = change(f"SELECT {expression} AS x FROM marts.sample AS s")
            for kind in ScopeKind:
                bigquery_analyzer(guard(tree, kind, dialect=BIGQUERY).text, [ROWS], "p")
    for text in CHANGES:
        sql = guard(change(text), ScopeKind.TENANTS, dialect=BIGQUERY)
        bigquery_analyzer(sql.text, [ROWS], "p")


@pytest.mark.slow
@pytest.mark.xdist_group("zetasql")
def test_refuses_an_unknown_column(bigquery_analyzer: Analyze) -> None:
    with pytest.raises(Exception, match="Name nothing not found inside s"):
        bigquery_analyzer("SELECT s.nothing FROM p_marts.sample AS s", [ROWS], "p")

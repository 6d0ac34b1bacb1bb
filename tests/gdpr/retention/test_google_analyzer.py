"""Google's own analyzer accepts what a purge sends to BigQuery."""

from functools import partial

import pytest
from sqlglot import exp

from gdpr.erasure.statements import anonymise, delete_rows, find_words
from gdpr.erasure.targets import TARGETS
from gdpr.retention.statements import count_over, delete_loaded, delete_overtaken
from tenancy.sql_guard import ScopeKind, SqlDialect, guard
from tenancy.warehouse.dialect import bigquery_sql
from tests.fixtures.warehouse import Analyze
from tests.gdpr.erasure.shop import ERASABLES, TABLES

BIGQUERY = SqlDialect("bigquery", partial(bigquery_sql, dataset_prefix="p"))


@pytest.mark.slow
@pytest.mark.xdist_group("zetasql")
def test_accepts_every_statement(bigquery_analyzer: Analyze) -> None:
    statements: list[exp.Expr] = []
    for name, erasable in ERASABLES.items():
        statements.append(count_over(erasable).tree)
        if erasable.table.outlives_person:
            statements += [find_words(erasable, over=True).tree, *anonymise(erasable, over=True)]
        else:
            statements.append(delete_rows(erasable, over=True))
        if erasable.versions is not None:
            statements.append(delete_overtaken(erasable))
        if erasable.table.schema == "raw":
            statements.append(delete_loaded(name))
    assert len(statements) > len(ERASABLES)
    for statement in statements:
        text = guard(statement, ScopeKind.TENANTS, dialect=BIGQUERY).text
        bigquery_analyzer(text, [*TABLES, TARGETS], "p")

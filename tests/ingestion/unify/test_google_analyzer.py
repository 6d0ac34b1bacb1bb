"""Google's own analyzer accepts what unifies every stream of every source."""

from functools import partial

import pytest
from sqlglot import exp

from domain.facts import FACTS
from domain.facts.tables import SYNCS, facts_table, marts_table
from ingestion.connector.source_file import load_all_sources
from ingestion.load import RAW_SYNCS
from ingestion.unify.feeds import facts_fed
from ingestion.unify.statements import (
    delete_superseded,
    insert_current,
    insert_facts,
    insert_syncs,
)
from tenancy.sql_guard import ScopeKind, SqlDialect, guard
from tenancy.warehouse.dialect import bigquery_sql
from tests.fixtures.warehouse import Analyze
from tests.ingestion.unify.ledger import ADS, ORDERS, PLACES

BIGQUERY = SqlDialect("bigquery", partial(bigquery_sql, dataset_prefix="p"))
STREAMS = [
    ADS,
    ORDERS,
    PLACES,
    *(stream for source in load_all_sources().values() for stream in source.streams.values()),
]


@pytest.mark.slow
@pytest.mark.xdist_group("zetasql")
def test_accepts_every_statement(bigquery_analyzer: Analyze) -> None:
    facts = FACTS.values()
    tables = [
        RAW_SYNCS,
        SYNCS,
        *(stream.raw_table for stream in STREAMS),
        *map(facts_table, facts),
        *map(marts_table, facts),
    ]
    statements: list[exp.Expr] = [insert_syncs()]
    for fact in facts:
        statements += [delete_superseded(fact), insert_current(fact)]
    fed = [(stream, fact) for stream in STREAMS for fact in facts_fed(stream, STREAMS)]
    statements += [insert_facts(stream, fact) for stream, fact in fed]
    assert len(statements) == 1 + 2 * len(FACTS) + len(fed)
    for statement in statements:
        text = guard(statement, ScopeKind.TENANTS, dialect=BIGQUERY).text
        bigquery_analyzer(text, tables, "p")

"""The SQL of typical questions, in both dialects; `--overwrite-snapshots` writes it anew."""

import datetime as dt
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from domain.metrics.catalogue import build_catalogue
from domain.metrics.definition_file import parse_definition
from domain.query.answer import prepare
from domain.query.plan import PlanCache
from domain.query.request import (
    Align,
    CompareTo,
    Comparison,
    DimensionFilter,
    Direction,
    MetricCondition,
    MetricRequest,
    Operator,
    OrderBy,
)
from domain.time_window import DateRange, Grain
from tenancy.warehouse.dialect import bigquery_sql, duckdb_sql

FOLDER = Path(__file__).parents[2] / "snapshots" / "query_sql"
MARCH = DateRange(dt.date(2026, 3, 1), dt.date(2026, 3, 31))
CATALOGUE = build_catalogue(
    parse_definition(text)
    for text in (
        (
            "metric: margin\nis: revenue * (1 - rate) - spend\nlet: {rate: 0.42}\n"
            "where: {order_status: {not: [cancelled]}}"
        ),
        "metric: mobile_share\nis: mobile_spend / spend",
        "metric: mobile_spend\nsum: ads_daily.spend\nwhere: {device: mobile}",
        "metric: desktop_roas\nis: (attributed_revenue - mobile_claims) / spend",
        "metric: mobile_claims\nis: attributed_revenue\nwhere: {device: mobile}",
        "metric: german_share\nis: german_spend / spend",
        "metric: german_spend\nsum: ads_daily.spend\nwhere: {country: DE}",
        "metric: buyers\ncount_distinct: orders.customer_id",
    )
)
ask = partial(MetricRequest, period=MARCH)
QUESTIONS = {
    "one_metric": ask(("spend",)),
    "one_fact_by_channel": ask(("spend", "clicks", "cpc"), dimensions=("channel",)),
    "two_facts_by_week": ask(("roas",), dimensions=("channel",), grain=Grain.WEEK),
    "net_revenue": ask(("net_revenue",), grain=Grain.DAY),
    "campaigns_by_month": ask(("spend",), dimensions=("campaign",), grain=Grain.MONTH),
    "filters": ask(
        ("spend",),
        where=(
            DimensionFilter("channel", ("video", "email")),
            DimensionFilter("campaign", (None, "account:1"), negated=True),
            DimensionFilter("country", ("DE",), negated=True),
            DimensionFilter("region", (None,)),
        ),
    ),
    "measures_of_two_cuts": ask(("german_share",), dimensions=("channel",)),
    "claims_beside_the_shop": ask(
        ("revenue", "attributed_revenue", "purchase_revenue"), dimensions=("source",)
    ),
    "narrowed_claims": ask(("desktop_roas",)),
    "page": ask(
        ("spend",),
        dimensions=("channel", "device"),
        having=(MetricCondition("cpc", Operator.GT, Decimal(2)),),
        order_by=(OrderBy("spend", Direction.DESC),),
        limit=10,
    ),
    "previous_period_by_day": ask(
        ("spend",), grain=Grain.DAY, comparison=Comparison(CompareTo.PREVIOUS_PERIOD, Align.WEEKDAY)
    ),
    "previous_months": ask(
        ("spend",), grain=Grain.MONTH, comparison=Comparison(CompareTo.PREVIOUS_PERIOD)
    ),
    "agency_metric": ask(("margin",), dimensions=("country",)),
    "narrowed_beside_whole": ask(("mobile_share",), dimensions=("channel",)),
    "distinct": ask(("buyers",), grain=Grain.YEAR),
}


@pytest.mark.parametrize("dialect", ["bigquery", "duckdb"])
@pytest.mark.parametrize("name", QUESTIONS)
def test_sql_is_as_recorded(name: str, dialect: str, *, overwrite_snapshots: bool) -> None:
    question, _ = prepare(QUESTIONS[name], CATALOGUE, PlanCache())
    tree = question.plan.statement.tree
    text = duckdb_sql(tree) if dialect == "duckdb" else bigquery_sql(tree, dataset_prefix="bosco")
    text = _in_lines(text)
    path = FOLDER / dialect / f"{name}.sql"
    if overwrite_snapshots:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


def test_every_snapshot_belongs_to_a_question() -> None:
    recorded = {path.stem for path in FOLDER.glob("*/*.sql")}
    assert recorded == set(QUESTIONS)


def _in_lines(text: str) -> str:
    """One clause a line, for diffs that people can read."""
    for word in (
        " FROM ",
        " WHERE ",
        " GROUP BY ",
        " ORDER BY ",
        " LIMIT ",
        " UNION ALL ",
        "), _cte",
    ):
        text = text.replace(word, f"\n{word.strip()} " if word.startswith(" ") else "),\n_cte")
    return text.replace(" AS (SELECT", " AS (\nSELECT") + "\n"

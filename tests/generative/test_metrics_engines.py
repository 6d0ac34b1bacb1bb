"""Random data and questions: DuckDB agrees with the reference, and the laws of totals hold."""

import asyncio
import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.facts import ADS_DAILY, FACTS, refinements
from domain.ids import TenantId
from domain.metrics.catalogue import MetricCatalogue, build_catalogue
from domain.metrics.definition import Additivity, Metric
from domain.metrics.definition_file import parse_definition
from domain.ports import TenantScope
from domain.query.answer import Answer, answer
from domain.query.notices import NoticeCode
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
from tests.spec.engines import DuckDbEngine
from tests.spec.reference import evaluate
from tests.spec.spec_file import fact_row

TENANT = uuid.UUID(int=7)
FIRST = dt.date(2024, 1, 15)
DAYS = 100
OWN_METRICS = (
    "metric: margin\nis: revenue * (1 - rate) - spend\nlet: {rate: 0.42}",
    "metric: mobile_spend\nsum: ads_daily.spend\nwhere: {device: mobile}",
    "metric: other_spend\nsum: ads_daily.spend\nwhere: {device: {not: [mobile, tablet]}}",
    "metric: buyers\ncount_distinct: orders.customer_id",
    "metric: result\nis: greatest(net_revenue - spend, 0) - coalesce(discounts, 0)",
    "metric: valid\nis: revenue\nwhere: {order_status: {not: [cancelled]}}",
    "metric: spread\nis: roas - attributed_roas",
    "metric: mobile_claims\nis: conversions\nwhere: {device: mobile}",
    "metric: paid_claims\nis: conversions\nwhere: {channel: paid_search}",
    "metric: claims\nis: (mobile_claims - paid_claims) * 2",
    "metric: best\nis: greatest(mobile_claims, paid_claims) / coalesce(conversions, key_events)",
    "metric: claimed_profit\nis: attributed_revenue - spend",
)
CATALOGUE = build_catalogue(parse_definition(text) for text in OWN_METRICS)
METRICS: dict[str, Metric] = {name: info.metric for name, info in CATALOGUE.metrics.items()}
PLANS = PlanCache()
# A busy machine draws slowly, which is no fault of the data.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Of these, no two are reported together.
APART = ["country", "device", "search_term"]

amounts = st.none() | st.decimals(-50, 1000, places=2)
counts = st.none() | st.integers(0, 20)
days = st.integers(0, DAYS).map(lambda n: FIRST + dt.timedelta(days=n))
countries = st.sampled_from([None, "DE", "FR"])
common: dict[str, st.SearchStrategy[Any]] = {
    "reporting_date": days,
    "country": countries,
    "connection_id": st.sampled_from("ab"),
}
channels: dict[str, st.SearchStrategy[Any]] = {
    "channel": st.sampled_from(["paid_search", "email", "video"])
}
attributions = st.sampled_from([None, "google_ads:30d", "google_ads:7d"])
# An ad's row in full detail; every cut shows it with the columns that it has.
ads = st.fixed_dictionaries(
    common
    | channels
    | {
        "device": st.sampled_from([None, "mobile", "desktop"]),
        "campaign_id": st.sampled_from([None, "1", "2"]),
        "campaign_name": st.sampled_from([None, "A", "B"]),
        "search_term": st.sampled_from([None, "shoes", "boots"]),
        "spend": amounts,
        "clicks": counts,
        "impressions": counts,
        "attribution": attributions,
        "conversions": st.none() | st.decimals(0, 5, places=3),
        "attributed_revenue": amounts,
    }
)
rows_of: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "orders": st.fixed_dictionaries(
        common
        | channels
        | {
            "order_status": st.sampled_from(["paid", "cancelled"]),
            "customer_id": st.sampled_from([None, "c1", "c2"]),
            "revenue": amounts.filter(lambda value: value is not None),
            "discounts": amounts,
        }
    ),
    "order_lines": st.fixed_dictionaries(
        common
        | channels
        | {
            "product_id": st.sampled_from([None, "p1"]),
            "units": counts,
            "line_revenue": st.decimals(0, 100, places=2),
        }
    ),
    "web_daily": st.fixed_dictionaries(
        common
        | channels
        | {
            "device": st.sampled_from([None, "mobile", "desktop"]),
            "attribution": st.sampled_from([None, "ga4:last_click"]),
            "sessions": counts,
            "engaged_sessions": counts,
            "key_events": st.none() | st.decimals(0, 5, places=3),
            "purchase_revenue": amounts,
        }
    ),
    "refunds": st.fixed_dictionaries(
        common | channels | {"refunded": st.decimals(0, 100, places=2)}
    ),
    "customers": st.fixed_dictionaries(common),
}


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    drawn = {fact: draw(st.lists(rows, max_size=6)) for fact, rows in rows_of.items()}
    detailed = draw(st.lists(ads, max_size=8))
    for cut in (ADS_DAILY, *refinements("ads_daily")):
        reported = [row for row in detailed if row["search_term"] or not cut.is_partial]
        drawn[cut.name] = [
            {name: value for name, value in row.items() if cut.column(name)} for row in reported
        ]
    return {
        fact: [
            fact_row(fact, number, {**row, "tenant_id": str(TENANT)})
            for number, row in enumerate(drawn.get(fact, []))
        ]
        for fact in FACTS
    }


@st.composite
def requests(draw: st.DrawFn) -> MetricRequest:
    metrics = draw(st.lists(st.sampled_from(sorted(METRICS)), min_size=1, max_size=4, unique=True))
    shared = frozenset.intersection(*(CATALOGUE.metrics[name].dimensions for name in metrics))
    reported = {"channel", "campaign", "connection", "attribution", draw(st.sampled_from(APART))}
    usable = sorted(shared & reported)
    dimensions = draw(st.lists(st.sampled_from(usable), max_size=2, unique=True))
    start = draw(days)
    length = draw(st.integers(0, 70))
    period = DateRange(start, start + dt.timedelta(days=length))
    if draw(st.booleans()):  # whole months are a case of their own
        period = DateRange(dt.date(2024, 2, 1), dt.date(2024, 3, 31))
    grain = draw(st.none() | st.sampled_from(Grain))
    comparison = draw(
        st.none() | st.builds(Comparison, st.sampled_from(CompareTo), st.sampled_from(Align))
    )
    order = draw(st.lists(st.sampled_from([*metrics, *dimensions]), max_size=2, unique=True))
    return MetricRequest(
        metrics=tuple(metrics),
        period=period,
        dimensions=tuple(dimensions),
        grain=grain,
        where=tuple(draw(st.lists(filters(usable), max_size=2))),
        having=tuple(draw(st.lists(conditions(metrics), max_size=1))),
        order_by=tuple(OrderBy(name, draw(st.sampled_from(Direction))) for name in order),
        limit=draw(st.sampled_from([1, 3, 1000])),
        offset=draw(st.sampled_from([0, 0, 2])),
        comparison=comparison,
        totals=True,
    )


def filters(usable: list[str]) -> st.SearchStrategy[DimensionFilter]:
    values: dict[str, list[str | None]] = {
        "country": [None, "DE", "FR", "IT"],
        "channel": ["paid_search", "email"],
        "device": [None, "mobile", "tablet"],
        "campaign": [None, "a:1", "b:2"],
        "connection": ["a"],
        "search_term": [None, "shoes"],
        "attribution": [None, "google_ads:7d", "ga4:last_click"],
    }
    return st.sampled_from(usable).flatmap(
        lambda name: st.builds(
            DimensionFilter,
            st.just(name),
            st.lists(st.sampled_from(values[name]), min_size=1, max_size=2, unique=True).map(tuple),
            st.booleans(),
        )
    )


def conditions(metrics: list[str]) -> st.SearchStrategy[MetricCondition]:
    return st.builds(
        MetricCondition,
        st.sampled_from(metrics),
        st.sampled_from([Operator.GT, Operator.LTE]),
        st.sampled_from([Decimal(0), Decimal("2.125"), Decimal(10)]),
    )


def ask(request: MetricRequest, facts: dict[str, list[dict[str, Any]]]) -> Answer:
    return asyncio.run(
        answer(
            request,
            scope=TenantScope(TenantId(TENANT)),
            catalogue=CATALOGUE,
            warehouse=DuckDbEngine(facts),
            plans=PLANS,
            reporting_currency="EUR",
        )
    )


def same(left: Any, right: Any) -> bool:
    """Equal, but for the last digit of what was computed in binary fractions."""
    if isinstance(left, float) and isinstance(right, float):
        return abs(left - right) <= 1e-12 * max(1.0, abs(right))
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return abs(left - right) <= Decimal("0.000001")
    return bool(left == right)


def all_same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return list(left) == list(right) and all(same(left[name], right[name]) for name in left)


@given(facts=tables(), request=requests())
@settings(UNHURRIED, max_examples=60)
def test_duckdb_agrees_with_the_reference(
    facts: dict[str, list[dict[str, Any]]], request: MetricRequest
) -> None:
    found = ask(request, facts)
    truth = evaluate(request, METRICS, facts)
    rows = found.rows.to_pylist()
    assert len(rows) == len(truth.rows)
    for row, true_row in zip(rows, truth.rows, strict=True):
        assert all_same(row, true_row), (row, true_row)
    assert found.totals is not None
    assert all_same(found.totals.to_pylist()[0], truth.totals)
    assert found.has_next is truth.has_next
    assert noticed(found, NoticeCode.PARTIAL_CUT) == truth.partial
    if rows:  # of rows that a condition or a page leaves out, nothing can be told without any
        assert noticed(found, NoticeCode.MIXED_ATTRIBUTION) == truth.mixed


def noticed(found: Answer, code: NoticeCode) -> set[str]:
    """The metrics that notices of a kind are about."""
    return {name for one in found.notices if one.code is code for name in one.metrics}


@given(facts=tables(), data=st.data())
@settings(UNHURRIED, max_examples=25)
def test_a_total_of_additive_metrics_is_the_sum_of_its_parts(
    facts: dict[str, list[dict[str, Any]]], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(_additive(CATALOGUE)))
    reported = {"channel", data.draw(st.sampled_from(["country", "device"]))}
    usable = sorted(CATALOGUE.metrics[name].dimensions & reported)
    split = tuple(data.draw(st.lists(st.sampled_from(usable), min_size=1, unique=True)))
    grain = data.draw(st.none() | st.sampled_from(Grain))
    period = DateRange(FIRST, FIRST + dt.timedelta(days=DAYS))
    found = ask(MetricRequest((name,), period, split, grain, totals=True), facts)
    assert found.totals is not None
    parts = [value for value in found.rows.column(name).to_pylist() if value is not None]
    (total,) = found.totals.column(name).to_pylist()
    assert same(None if not parts else sum(parts), total)


@given(facts=tables(), data=st.data())
@settings(UNHURRIED, max_examples=25)
def test_a_filter_never_raises_a_count(
    facts: dict[str, list[dict[str, Any]]], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(["clicks", "impressions", "orders", "buyers"]))
    usable = sorted(CATALOGUE.metrics[name].dimensions & {"country", "channel", "device"})
    one = data.draw(filters(usable))
    period = DateRange(FIRST, FIRST + dt.timedelta(days=DAYS))
    whole = ask(MetricRequest((name,), period), facts).rows.column(name)[0].as_py()
    part = ask(MetricRequest((name,), period, where=(one,)), facts).rows.column(name)[0].as_py()
    assert (part or 0) <= (whole or 0)


def _additive(catalogue: MetricCatalogue) -> list[str]:
    return sorted(
        name
        for name, info in catalogue.metrics.items()
        if info.additivity is Additivity.FULL and name != "new_customers"
    )

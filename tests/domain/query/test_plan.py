import dataclasses
import datetime as dt
from decimal import Decimal

import pytest
from sqlglot import exp

from domain.errors import InvalidInputError, UserError
from domain.metrics.catalogue import build_catalogue
from domain.metrics.definition_file import parse_definition
from domain.query.answer import prepare
from domain.query.explain import explain_metric
from domain.query.plan import PlanCache
from domain.query.request import (
    Align,
    CompareTo,
    Comparison,
    DimensionFilter,
    MetricCondition,
    MetricRequest,
    Operator,
    OrderBy,
)
from domain.time_window import DateRange, Grain

CATALOGUE = build_catalogue()
MARCH = DateRange(dt.date(2026, 3, 1), dt.date(2026, 3, 31))
REQUEST = MetricRequest(
    ("roas", "new_customers"),
    MARCH,
    ("country",),
    Grain.WEEK,
    where=(DimensionFilter("country", ("DE", None)),),
    having=(MetricCondition("spend", Operator.GT, Decimal("1.5")),),
    order_by=(OrderBy("roas"),),
    comparison=Comparison(CompareTo.PREVIOUS_PERIOD, Align.WEEKDAY),
    totals=True,
)


def test_values_become_parameters() -> None:
    rows, totals = prepare(REQUEST, CATALOGUE, PlanCache())
    assert dict(rows.parameters) == {
        "period_start": dt.date(2026, 3, 1),
        "period_end": dt.date(2026, 3, 31),
        "base_start": dt.date(2026, 1, 25),
        "base_end": dt.date(2026, 2, 24),
        "base_shift": 35,
        "where_0": ("DE",),
        "having_0": Decimal("1.5"),
        "page_rows": 1001,
        "page_offset": 0,
    }
    assert totals is not None
    assert dict(totals.parameters) == {
        "period_start": dt.date(2026, 3, 1),
        "period_end": dt.date(2026, 3, 31),
        "base_start": dt.date(2026, 1, 25),
        "base_end": dt.date(2026, 2, 24),
        "where_0": ("DE",),
    }


def test_every_parameter_is_used_and_given() -> None:
    for question in prepare(REQUEST, CATALOGUE, PlanCache()):
        assert question is not None
        used = {one.name for one in question.plan.statement.tree.find_all(exp.Parameter)}
        assert used == set(question.parameters)


def test_no_value_of_the_question_is_in_the_tree() -> None:
    metric = parse_definition(
        "metric: mine\nis: spend * a\nlet: {a: 0.4217}\nwhere: {country: SECRET}"
    )
    catalogue = build_catalogue([metric])
    request = dataclasses.replace(
        REQUEST,
        metrics=("mine",),
        where=(DimensionFilter("country", ("HIDDEN",)),),
    )
    rows, _ = prepare(request, catalogue, PlanCache())
    literals = {one.this for one in rows.plan.statement.tree.find_all(exp.Literal)}
    # Of rounding, the range of NUMERIC, and the places of what is grouped by.
    assert literals == {"6", "12", "1e28", "1", "2"}
    assert rows.parameters["only_0"] == ("SECRET",)
    assert rows.parameters["constant_1"] == Decimal("0.4217")


def test_every_scan_names_its_partitions() -> None:
    """`reporting_date BETWEEN @a AND @b` on the bare column, in the scan's own SELECT."""
    rows, _ = prepare(REQUEST, CATALOGUE, PlanCache())
    scans = [one for one in rows.plan.statement.tree.find_all(exp.Table) if one.db]
    assert sorted(scan.name for scan in scans) == sorted(
        ["orders", "ads_country_daily", "customers"] * 2
    )
    for scan in scans:
        select = scan.find_ancestor(exp.Select)
        assert select is not None
        condition = select.args["where"].this
        terms = list(condition.flatten()) if isinstance(condition, exp.And) else [condition]
        between = next(term for term in terms if isinstance(term, exp.Between))
        assert between.this == exp.column("reporting_date")
        assert {type(between.args["low"]), type(between.args["high"])} == {exp.Parameter}


def test_names_the_tables_it_reads() -> None:
    rows, _ = prepare(REQUEST, CATALOGUE, PlanCache())
    assert rows.plan.statement.tables == {
        "marts.orders",
        "marts.ads_country_daily",
        "marts.customers",
    }


def test_ctes_have_the_prefix_that_the_guard_knows() -> None:
    rows, _ = prepare(REQUEST, CATALOGUE, PlanCache())
    names = [one.alias for one in rows.plan.statement.tree.find_all(exp.CTE)]
    assert names == ["_cte_parts", "_cte_values", "_cte_metrics"]


def test_questions_of_one_shape_share_a_plan() -> None:
    plans = PlanCache()
    first, _ = prepare(REQUEST, CATALOGUE, plans)
    other = dataclasses.replace(
        REQUEST,
        period=MARCH.shifted(100),
        where=(DimensionFilter("country", (None, "FR", "IT")),),
        having=(MetricCondition("spend", Operator.GT, Decimal(7)),),
        limit=10,
        offset=20,
    )
    second, _ = prepare(other, CATALOGUE, plans)
    assert second.plan is first.plan
    assert len(plans) == 2  # rows and totals


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(REQUEST, metrics=("roas",)),
        dataclasses.replace(REQUEST, grain=Grain.DAY),
        dataclasses.replace(REQUEST, where=()),
        dataclasses.replace(REQUEST, where=(DimensionFilter("country", ("DE",)),)),
        dataclasses.replace(REQUEST, where=(DimensionFilter("country", (None,)),)),
        dataclasses.replace(
            REQUEST, where=(DimensionFilter("country", ("DE", None), negated=True),)
        ),
        dataclasses.replace(REQUEST, having=()),
        dataclasses.replace(REQUEST, order_by=()),
        dataclasses.replace(REQUEST, comparison=None),
        dataclasses.replace(REQUEST, comparison=Comparison(CompareTo.SAME_PERIOD_LAST_YEAR)),
    ],
)
def test_other_shapes_have_other_plans(other: MetricRequest) -> None:
    plans = PlanCache()
    first, _ = prepare(REQUEST, CATALOGUE, plans)
    second, _ = prepare(other, CATALOGUE, plans)
    assert second.plan is not first.plan
    assert second.fingerprint != first.fingerprint


def test_other_catalogues_have_other_plans() -> None:
    plans = PlanCache()
    catalogue = build_catalogue([parse_definition("metric: mine\nis: spend")])
    assert (
        prepare(REQUEST, CATALOGUE, plans)[0].plan is not prepare(REQUEST, catalogue, plans)[0].plan
    )


def test_the_least_recently_used_plan_goes_first() -> None:
    plans = PlanCache(max_plans=2)
    one, two, three = (MetricRequest((name,), MARCH) for name in ("spend", "clicks", "orders"))
    first = prepare(one, CATALOGUE, plans)[0].plan
    second = prepare(two, CATALOGUE, plans)[0].plan
    assert prepare(one, CATALOGUE, plans)[0].plan is first
    prepare(three, CATALOGUE, plans)
    assert len(plans) == 2
    assert prepare(one, CATALOGUE, plans)[0].plan is first
    assert prepare(two, CATALOGUE, plans)[0].plan is not second


def test_an_undivided_question_is_its_own_total() -> None:
    request = MetricRequest(("spend",), MARCH, totals=True)
    assert prepare(request, CATALOGUE, PlanCache())[1] is None


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (MetricRequest((), MARCH), "no metric is asked for (name at least one)"),
        (
            MetricRequest(("spend", "spend"), MARCH),
            "metric spend is asked for twice (name it once)",
        ),
        (
            MetricRequest(("spend",), MARCH, ("channel", "channel")),
            "dimension channel is asked for twice (name it once)",
        ),
        (
            MetricRequest(("spend",), MARCH, where=(DimensionFilter("channel", ()),)),
            (
                "the filter on channel has no values "
                "(leave the filter out, or give at least one value)"
            ),
        ),
        (
            MetricRequest(("spend",), MARCH, limit=0),
            "a page has 1 to 100000 rows, not 0 (ask for more pages)",
        ),
        (
            MetricRequest(("spend",), MARCH, limit=100_001),
            "a page has 1 to 100000 rows, not 100001 (ask for more pages)",
        ),
        (MetricRequest(("spend",), MARCH, offset=-1), "a page cannot begin at row -1"),
        (
            MetricRequest(("spend",), MARCH, ("channel",), order_by=(OrderBy("spent"),)),
            "rows cannot be ordered by 'spent': there is no such column (did you mean spend?)",
        ),
    ],
)
def test_refuses_what_has_no_answer(request_: MetricRequest, message: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        prepare(request_, CATALOGUE, PlanCache())
    assert str(raised.value) == message


def test_refusals_are_not_kept() -> None:
    plans = PlanCache()
    with pytest.raises(UserError):
        prepare(MetricRequest(("roas",), MARCH, ("device",)), CATALOGUE, plans)
    assert len(plans) == 0


def test_explains_a_metric() -> None:
    metric = parse_definition(
        "metric: margin\nis: revenue*(1-rate)-spend\nlet: {rate: 0.42}\n"
        "where: {order_status: {not: [cancelled, other]}}"
    )
    found = explain_metric(build_catalogue([metric]), "margin")
    assert found.expression == "revenue * (1 - rate) - spend"
    assert found.parts == ("revenue", "spend")
    assert found.filters == ("revenue: order_status not cancelled, other",)
    assert found.facts == ("ads_daily", "orders")
    assert (found.unit.value, found.additivity.value) == ("money", "full")
    assert found.dimensions == ("channel", "client", "connection", "country", "currency", "source")
    assert "FROM marts.orders" in found.sql


def test_explains_a_simple_metric() -> None:
    assert explain_metric(CATALOGUE, "orders").expression == "count(orders.order_id)"

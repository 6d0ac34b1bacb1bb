from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.facts import METRIC_FACTS
from domain.metrics.definition import (
    Aggregation,
    DerivedMetric,
    Metric,
    MetricFilter,
    Owner,
    SimpleMetric,
    Unit,
)
from domain.metrics.definition_file import parse_definition, to_yaml
from domain.metrics.resolution import MetricDefinitionError

MARGIN = """\
metric: contribution_margin
label: Contribution margin
is: revenue * (1 - cogs_rate) - spend
let: {cogs_rate: 0.42}
where: {order_status: {not: [cancelled]}}
owner: agency
"""


def test_reads_a_derived_metric() -> None:
    assert parse_definition(MARGIN) == DerivedMetric(
        name="contribution_margin",
        label="Contribution margin",
        description="Contribution margin, defined by the agency.",
        expression="revenue * (1 - cogs_rate) - spend",
        parameters={"cogs_rate": Decimal("0.42")},
        where=(MetricFilter("order_status", ("cancelled",), negated=True),),
        owner=Owner.AGENCY,
    )


@pytest.mark.parametrize(
    ("line", "aggregation", "column", "unit"),
    [
        ("sum: ads_daily.spend", Aggregation.SUM, "ads_daily.spend", Unit.MONEY),
        ("sum: ads_daily.clicks", Aggregation.SUM, "ads_daily.clicks", Unit.COUNT),
        ("sum: ads_daily.conversions", Aggregation.SUM, "ads_daily.conversions", Unit.NUMBER),
        ("count: orders.customer_id", Aggregation.COUNT, "orders.customer_id", Unit.COUNT),
        (
            "count_distinct: orders.country",
            Aggregation.COUNT_DISTINCT,
            "orders.country",
            Unit.COUNT,
        ),
    ],
)
def test_reads_a_simple_metric(
    line: str, aggregation: Aggregation, column: str, unit: Unit
) -> None:
    metric = parse_definition(f"metric: mine\n{line}\n")
    assert isinstance(metric, SimpleMetric)
    assert (metric.aggregation, f"{metric.fact}.{metric.column}", metric.unit) == (
        aggregation,
        column,
        unit,
    )
    assert (metric.label, metric.owner) == ("Mine", Owner.AGENCY)


def test_values_are_read_as_written() -> None:
    metric = parse_definition(
        "metric: m\nis: spend\nwhere: {country: [NO, 'DE', null], channel: tv}"
    )
    assert metric.where == (
        MetricFilter("country", ("NO", "DE", "null")),
        MetricFilter("channel", ("tv",)),
    )


def test_reads_negative_and_whole_parameters() -> None:
    metric = parse_definition("metric: m\nis: spend * a * b\nlet: {a: -0.10, b: 3}")
    assert isinstance(metric, DerivedMetric)
    assert metric.parameters == {"a": Decimal("-0.10"), "b": Decimal(3)}


texts = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)
filters = st.builds(
    MetricFilter,
    st.sampled_from(["channel", "country"]),
    st.lists(texts, min_size=1, max_size=3).map(tuple),
    st.booleans(),
)
metrics: st.SearchStrategy[Metric] = st.builds(
    DerivedMetric,
    name=st.just("mine"),
    label=texts,
    description=texts,
    expression=st.just("revenue * a"),
    parameters=st.fixed_dictionaries({"a": st.decimals(-1000, 1000, places=3)}),
    where=st.lists(filters, max_size=2, unique_by=lambda one: one.dimension).map(tuple),
    owner=st.just(Owner.AGENCY),
) | st.builds(
    SimpleMetric,
    name=st.just("mine"),
    label=texts,
    description=texts,
    fact=st.just("ads_daily"),
    column=st.just("spend"),
    aggregation=st.just(Aggregation.SUM),
    unit=st.just(Unit.MONEY),
    where=st.lists(filters, max_size=2, unique_by=lambda one: one.dimension).map(tuple),
    owner=st.just(Owner.AGENCY),
)


@given(metrics)
def test_reads_what_it_writes(metric: Metric) -> None:
    assert parse_definition(to_yaml(metric)) == metric


def test_writes_as_people_would() -> None:
    with_description = MARGIN.replace("is:", "description: What is left.\nis:")
    assert to_yaml(parse_definition(with_description)) == with_description


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "line 1: a definition is a mapping of fields (metric: name of the metric)"),
        ("", "line 1: a definition is a mapping of fields (metric: name of the metric)"),
        ("metric: [", "line 1: not YAML: expected the node content, but found '<stream end>'"),
        ("is: spend", "line 1, field metric: it is missing (metric: my_metric)"),
        (
            "metric: m",
            "line 1, field metric: m needs one of is, sum, count and count_distinct",
        ),
        (
            "metric: m\nis: spend\nsum: ads_daily.spend",
            "line 3, field sum: m has is already: one of is, sum, count and count_distinct",
        ),
        (
            "metric: m\nis: a\nlabell: x",
            "line 3, field labell: there is no such field (did you mean label?)",
        ),
        ("metric: m\nis: a\nis: b", "line 3, field is: it is given twice"),
        (
            "metric: M1\nis: a",
            (
                "line 1, field metric: 'M1' is not a name for a metric "
                "(lower case letters, digits and single underscores, a letter first, at most 60)"
            ),
        ),
        (
            "metric: select\nis: a",
            (
                "line 1, field metric: 'select' is a reserved word "
                "(for example select_of_agency is free)"
            ),
        ),
        (
            "metric: m\nis: a +",
            (
                "line 2, field is: expected a number, a name or '(', found the end at column 4\n"
                "  a +\n     ^"
            ),
        ),
        (
            "metric: m\nis: a\nowner: core",
            "line 3, field owner: an agency's metric has the owner agency",
        ),
        (
            "metric: m\nis: a\nlet: 3",
            "line 3, field let: parameters are names with numbers (let: {rate: 0.42})",
        ),
        ("metric: m\nis: a\nlet: {a: b}", "line 3, field let.a: 'b' is not a number"),
        ("metric: m\nis: a\nlet: {a: 1e3}", "line 3, field let.a: '1e3' is not a number"),
        (
            "metric: m\nsum: ads_daily.spend\nlet: {a: 1}",
            "line 3, field let: only an expression (is) takes parameters",
        ),
        (
            "metric: m\nsum: spend",
            (
                "line 2, field sum: 'spend' is not a column of a fact "
                f"(facts are {', '.join(METRIC_FACTS)})"
            ),
        ),
        (
            "metric: m\nsum: ads_dayly.spend",
            (
                "line 2, field sum: 'ads_dayly.spend' is not a column "
                "of a fact (did you mean ads_daily or ads_ad_daily or ads_keyword_daily?)"
            ),
        ),
        (
            "metric: m\nsum: ads_daily.spent",
            "line 2, field sum: ads_daily has no column 'spent' (did you mean spend?)",
        ),
        (
            "metric: m\nis: a\nwhere: {channel: {is: [tv]}}",
            (
                "line 3, field where.channel: a filter "
                "says either in or not (where: {channel: {in: [email]}} or {order_status: {not: "
                "[cancelled]}})"
            ),
        ),
        (
            "metric: m\nis: a\nwhere:\n  channel: []",
            (
                "line 4, field where.channel: there are no "
                "values (where: {channel: {in: [email]}} or {order_status: {not: [cancelled]}})"
            ),
        ),
        ("metric: m\nis: [a]", "line 2, field is: one value is expected here"),
    ],
)
def test_names_line_and_field(text: str, message: str) -> None:
    with pytest.raises(MetricDefinitionError) as raised:
        parse_definition(text)
    assert str(raised.value) == message

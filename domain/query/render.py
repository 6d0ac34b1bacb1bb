"""Nodes of a plan as one SELECT in BigQuery's dialect.

    SelectPage -> render -> (Statement, parameters of its metrics)

    _cte_parts    every fact and period aggregated apart, stacked by UNION ALL
    _cte_values   one row per combination of keys, if there are several parts (GROUP BY puts NULL
                  keys together, a join would not)
    _cte_metrics  metrics (none where claims of several attributions would be added up), labels,
                  and the currencies and mixed attributions of the whole result
    SELECT        conditions, order, page

Each scan names bare `reporting_date BETWEEN @x AND @y`, so partitions are pruned.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from sqlglot import exp

from domain.metrics.definition import Aggregation, MetricFilter
from domain.metrics.dimensions import Dimension
from domain.metrics.formula import Measure
from domain.ports import Parameter, Statement
from domain.query.nodes import (
    AggregateFact,
    ComputeMetrics,
    MeasureColumn,
    SelectPage,
    Side,
    UniteFacts,
)
from domain.query.render_bounds import (
    CURRENCY_BOUNDS,
    attribution,
    bounds_of_part,
    bounds_of_result,
    bounds_of_row,
    is_mixed,
    names_of_bounds,
)
from domain.query.render_columns import (
    bucket,
    dated_label,
    dimension_value,
    filter_condition,
    is_not_null,
    key_columns,
    latest_label,
    measured_value,
    ordered,
    parameter,
)
from domain.query.render_formula import FormulaRenderer
from domain.query.request import Operator
from domain.query.shape import FilterShape

__all__ = ["render"]

_PERIODS: Final = {
    Side.ASKED: ("period_start", "period_end"),
    Side.BASE: ("base_start", "base_end"),
}
_OPERATORS: Final[dict[Operator, type[exp.Binary]]] = {
    Operator.GT: exp.GT,
    Operator.GTE: exp.GTE,
    Operator.LT: exp.LT,
    Operator.LTE: exp.LTE,
    Operator.EQ: exp.EQ,
}


def render(
    page: SelectPage, dimensions: Mapping[str, Dimension]
) -> tuple[Statement, dict[str, Parameter]]:
    """Render a plan.

    Args:
        page: The root node.
        dimensions: Those of the catalogue, by name.

    Returns:
        The statement, and the values of those parameters that belong to its metrics.
    """
    renderer = _Renderer(dimensions)
    tree = renderer.page(page)
    tables = frozenset(f"marts.{part.fact}" for part in page.source.source.parts)
    return Statement(tree, tables), renderer.parameters


class _Renderer:
    """Renders one statement and collects the values of its metrics."""

    def __init__(self, dimensions: Mapping[str, Dimension]) -> None:
        self._dimensions = dimensions
        self.parameters: dict[str, Parameter] = {}
        self._names: dict[tuple[type, Parameter], str] = {}

    def page(self, node: SelectPage) -> exp.Query:
        keys = node.source.source.keys
        shown = [exp.column(name) for name in key_columns(keys.names, keys.labelled)]
        shown += [exp.column(metric.name) for metric in node.metrics]
        shown += [exp.column(name) for pair in names_of_bounds(node.source.source) for name in pair]
        select = exp.select(*shown, copy=False).from_("_cte_metrics", copy=False)
        for condition in node.having:
            compare = _OPERATORS[condition.operator]
            select = select.where(
                compare(
                    this=exp.column(condition.metric), expression=parameter(condition.parameter)
                ),
                copy=False,
            )
        if keys.names and node.paged:
            select = select.order_by(*map(ordered, node.order_by), copy=False)
        if node.paged:
            select = select.limit(parameter("page_rows"), copy=False)
            select = select.offset(parameter("page_offset"), copy=False)
        united = node.source.source
        select = select.with_("_cte_parts", as_=self._parts(united), copy=False)
        if len(united.parts) > 1:
            select = select.with_("_cte_values", as_=_united(united), copy=False)
        return select.with_("_cte_metrics", as_=self._metrics(node.source), copy=False)

    def _parts(self, node: UniteFacts) -> exp.Query:
        first, *others = [self._aggregate(part, node) for part in node.parts]
        stacked: exp.Query = first
        for other in others:
            stacked = exp.Union(this=stacked, expression=other, distinct=False)
        return stacked

    def _aggregate(self, part: AggregateFact, node: UniteFacts) -> exp.Select:
        names = part.keys.names
        columns: list[exp.Expr] = []
        if part.keys.grain is not None:
            columns.append(exp.alias_(bucket(part.keys.grain, part.shift), "date"))
        columns += [
            exp.alias_(dimension_value(one, part.fact), one.name) for one in part.keys.dimensions
        ]
        columns += [
            exp.alias_(dated_label(one, part.fact), f"{one.name}__label")
            for one in part.keys.labelled
        ]
        own = {one.name: one for one in part.measures}
        for one in node.measures:
            value = self._measure(one, part) if one.name in own else exp.Null()
            columns.append(exp.alias_(value, one.name))
        if node.has_money:
            money = [one.measure for one in part.measures if one.measure.money]
            counts = self._counts(money, part)
            columns += bounds_of_part(exp.column("currency"), counts, CURRENCY_BOUNDS)
        for claims in node.claims:
            claimed = [one.measure for one in part.measures if one.measure in claims.measures]
            counts = self._counts(claimed if part.side is claims.side else [], part)
            columns += bounds_of_part(attribution(), counts, claims.bounds)
        start, end = _PERIODS[part.side]
        select = exp.select(*columns, copy=False).from_(
            exp.table_(part.fact, db="marts"), copy=False
        )
        select = select.where(
            exp.Between(
                this=exp.column("reporting_date"), low=parameter(start), high=parameter(end)
            ),
            copy=False,
        )
        filters = [self._filter(shape, part.fact) for shape in part.where]
        select = select.where(*filters, *self._only(part.only, part.fact), copy=False)
        # By position: a fact may have another column of a dimension's name (keyword).
        positions = [exp.Literal.number(place) for place in range(1, len(names) + 1)]
        return select.group_by(*positions, copy=False) if names else select

    def _measure(self, column: MeasureColumn, part: AggregateFact) -> exp.Expr:
        measure = column.measure
        value = measured_value(measure)
        conditions = self._own_conditions(measure, part)
        if conditions:
            value = exp.If(this=exp.and_(*conditions), true=value, false=exp.Null())
        if measure.aggregation is Aggregation.SUM:
            return exp.Sum(this=value)
        if measure.aggregation is Aggregation.COUNT_DISTINCT:
            value = exp.Distinct(expressions=[value])
        return exp.Nullif(this=exp.Count(this=value), expression=exp.Literal.number(0))

    def _own_conditions(self, measure: Measure, part: AggregateFact) -> list[exp.Expr]:
        own = tuple(one for one in measure.where if one not in part.only)
        return self._only(own, part.fact)

    def _counts(self, measures: Iterable[Measure], part: AggregateFact) -> exp.Expr | None:
        """Whether one of the measures has an amount in a row; None: there is no measure."""
        amounts = []
        for measure in measures:
            there = is_not_null(exp.column(measure.column))
            amounts.append(exp.and_(there, *self._own_conditions(measure, part)))
        return exp.or_(*amounts) if amounts else None

    def _only(self, filters: Iterable[MetricFilter], fact: str) -> list[exp.Expr]:
        return [
            self._filter(
                FilterShape(one.dimension, self._name("only", one.values), negated=one.negated),
                fact,
            )
            for one in filters
        ]

    def _filter(self, shape: FilterShape, fact: str) -> exp.Expr:
        return filter_condition(shape, dimension_value(self._dimensions[shape.dimension], fact))

    def _metrics(self, node: ComputeMetrics) -> exp.Select:
        united = node.source
        columns: list[exp.Expr] = [exp.column(name) for name in united.keys.names]
        alone = len(united.keys.names) == 1
        columns += [
            exp.alias_(latest_label(one, alone=alone), f"{one.name}__label")
            for one in united.keys.labelled
        ]
        held = {(one.measure, one.side): one.name for one in united.measures}
        for metric in node.metrics:

            def column(measure: Measure, side: Side = metric.side) -> exp.Expr:
                return exp.column(held[measure, side])

            renderer = FormulaRenderer(column, lambda value: self._name("constant", value))
            value = renderer.metric(metric.formula, metric.unit)
            if metric.claims:
                mixed = exp.or_(*map(is_mixed, metric.claims))
                value = exp.If(this=mixed, true=exp.Null(), false=value)
            columns.append(exp.alias_(value, metric.name))
        columns += bounds_of_result(united)
        source = "_cte_values" if len(united.parts) > 1 else "_cte_parts"
        select = exp.select(*columns, copy=False).from_(source, copy=False)
        if not united.keys.names:
            return select
        some = exp.or_(*(is_not_null(exp.column(one.name)) for one in united.measures))
        return select.where(some, copy=False)

    def _name(self, kind: str, value: Decimal | int | tuple[str, ...]) -> str:
        """The parameter that holds a value of a metric; one parameter has one type."""
        key = (type(value), value)
        if key not in self._names:
            self._names[key] = f"{kind}_{len(self._names)}"
            self.parameters[self._names[key]] = value
        return self._names[key]


def _united(node: UniteFacts) -> exp.Select:
    """One row per combination of keys; each column has a value in at most one part."""
    names = node.keys.names
    columns: list[exp.Expr] = [exp.column(name) for name in names]
    united = [f"{dimension.name}__label" for dimension in node.keys.labelled]
    united += [one.name for one in node.measures]
    columns += [exp.alias_(exp.Max(this=exp.column(name)), name) for name in united]
    columns += [one for pair in names_of_bounds(node) for one in bounds_of_row(pair)]
    select = exp.select(*columns, copy=False).from_("_cte_parts", copy=False)
    return select.group_by(*map(exp.column, names), copy=False) if names else select

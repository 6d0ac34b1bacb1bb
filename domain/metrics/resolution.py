"""Resolve metrics down to measures of facts.

    metric -> read expression -> check names -> infer units -> check claims -> build formula ->
    narrow by where

A derived metric's `where` narrows those of its parts whose fact has the dimension in some cut; it
must narrow at least one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from domain.errors import InvalidInputError
from domain.facts import METRIC_FACTS
from domain.facts.fact import Column, ColumnType, Role
from domain.metrics.claims import check_claims
from domain.metrics.cuts import find_clash, has_dimension
from domain.metrics.definition import (
    Additivity,
    Aggregation,
    DerivedMetric,
    Metric,
    MetricFilter,
    SimpleMetric,
    Unit,
)
from domain.metrics.dimensions import Dimension
from domain.metrics.expression import Expression, iter_names, parse_expression
from domain.metrics.formula import (
    Constant,
    Formula,
    Measure,
    Value,
    build_formula,
    formula_cost,
    formula_height,
    iter_measures,
    with_filters,
)
from domain.metrics.inference import Inferred, infer
from domain.metrics.naming import did_you_mean
from domain.metrics.tokens import ExpressionError

__all__ = ["MetricDefinitionError", "ResolvedMetric", "Resolver", "check_value"]

_MAX_COST: Final = 2000
_MAX_HEIGHT: Final = 24
_ENVELOPE_COUNTED: Final = frozenset({"client_id", "connection_id", "source"})


class MetricDefinitionError(InvalidInputError):
    """A metric's definition makes no sense (whoever wrote it can mend it)."""

    code = "INVALID_METRIC"


@dataclass(frozen=True, slots=True)
class ResolvedMetric:
    """A metric resolved down to measures, in order of appearance."""

    formula: Formula
    unit: Unit
    additivity: Additivity
    measures: tuple[Measure, ...]


class Resolver:
    """Resolves each metric of one catalogue once."""

    def __init__(self, metrics: Iterable[Metric], dimensions: Mapping[str, Dimension]) -> None:
        self._metrics = {metric.name: metric for metric in metrics}
        self._dimensions = dimensions
        self._resolved: dict[str, ResolvedMetric] = {}
        self._open: list[str] = []

    def resolve(self, name: str) -> ResolvedMetric:
        """Resolve a metric and, before it, those that it names.

        Raises:
            MetricDefinitionError: The definition, or one that it reaches, makes no sense.
        """
        if name in self._resolved:
            return self._resolved[name]
        if name in self._open:
            path = [*self._open[self._open.index(name) :], name]
            raise MetricDefinitionError(
                f"metric {name} refers back to itself: {' -> '.join(path)}",
                hint="a metric may only be made of others",
            )
        if len(self._open) > _MAX_HEIGHT:
            raise MetricDefinitionError(
                f"metric {self._open[0]} is made of metrics more than {_MAX_HEIGHT} deep",
                hint="simplify it",
            )
        self._open.append(name)
        metric = self._metrics[name]
        check_filters(metric, self._dimensions)
        resolved = (
            _resolve_simple(metric, self._dimensions)
            if isinstance(metric, SimpleMetric)
            else self._resolve_derived(metric)
        )
        self._open.pop()
        self._resolved[name] = resolved
        return resolved

    def _resolve_derived(self, metric: DerivedMetric) -> ResolvedMetric:
        try:
            tree = parse_expression(metric.expression)
            self._check_names(metric, tree)
            parts = {
                one.name: self.resolve(one.name)
                for one in iter_names(tree)
                if one.name not in metric.parameters
            }
            names: dict[str, Inferred] = {
                name: Inferred(part.unit, part.additivity) for name, part in parts.items()
            }
            formulas: dict[str, Formula] = {name: part.formula for name, part in parts.items()}
            for name, value in metric.parameters.items():
                names[name] = Inferred(None, is_zero=value == 0)
                formulas[name] = Constant(value)
            found = infer(metric.expression, tree, names)
            check_claims(metric.expression, tree, formulas)
        except ExpressionError as error:
            raise _complaint(metric, error.message, error.hint) from error
        formula = self._narrow(metric, build_formula(tree, formulas))
        measures = tuple(dict.fromkeys(iter_measures(formula)))
        if found.unit is None or not measures:
            raise _complaint(metric, "its expression names no metric", "a constant is no metric")
        return ResolvedMetric(formula, found.unit, found.additivity, measures)

    def _check_names(self, metric: DerivedMetric, tree: Expression) -> None:
        used = {one.name for one in iter_names(tree)}
        for parameter in metric.parameters:
            if parameter in self._metrics:
                raise _complaint(metric, f"parameter {parameter} has the name of a metric")
            if parameter not in used:
                raise _complaint(metric, f"parameter {parameter} is not used in its expression")
        known = {*self._metrics, *metric.parameters}
        for one in iter_names(tree):
            if one.name not in known:
                raise ExpressionError(
                    f"there is no metric or parameter {one.name!r}",
                    metric.expression,
                    one.position,
                    hint=did_you_mean(one.name, known, otherwise="name a metric or a parameter"),
                )

    def _narrow(self, metric: DerivedMetric, formula: Formula) -> Formula:
        def applies(one: MetricFilter, measure: Measure) -> bool:
            return has_dimension(measure, one.dimension, self._dimensions)

        for one in metric.where:
            if not any(applies(one, measure) for measure in iter_measures(formula)):
                facts = sorted({measure.fact for measure in iter_measures(formula)})
                raise _complaint(
                    metric,
                    f"none of its parts can be narrowed by {one.dimension}",
                    f"{' and '.join(facts)} have no such column",
                )

        def choose(measure: Measure) -> tuple[MetricFilter, ...]:
            return tuple(one for one in metric.where if applies(one, measure))

        narrowed = with_filters(formula, choose)
        for measure in iter_measures(narrowed):
            _check_together(metric, measure, self._dimensions)
        if formula_height(narrowed) > _MAX_HEIGHT or formula_cost(narrowed) > _MAX_COST:
            raise _complaint(
                metric, "with all its parts it is too large for one question", "simplify it"
            )
        return narrowed


def check_filters(metric: Metric, dimensions: Mapping[str, Dimension]) -> None:
    """Check that a metric's own filters name known dimensions and canonical values.

    Raises:
        MetricDefinitionError: They do not.
    """
    for one in metric.where:
        dimension = dimensions.get(one.dimension)
        if dimension is None:
            hint = did_you_mean(one.dimension, dimensions, otherwise=", ".join(dimensions))
            raise _complaint(metric, f"there is no dimension {one.dimension!r}", hint)
        if not one.values:
            raise _complaint(metric, f"its filter on {one.dimension} has no values")
        for value in one.values:
            try:
                check_value(dimension, value)
            except InvalidInputError as error:
                raise _complaint(metric, error.message, error.hint) from error


def check_value(dimension: Dimension, value: str) -> None:
    """Check that a value is one of a dimension's canonical values, where it has such.

    Raises:
        InvalidInputError: It is not.
    """
    if dimension.values and value not in dimension.values:
        raise InvalidInputError(
            f"{value!r} is no {dimension.name}",
            hint=did_you_mean(
                value, dimension.values, otherwise=f"it is one of {', '.join(dimension.values)}"
            ),
        )


def _resolve_simple(metric: SimpleMetric, dimensions: Mapping[str, Dimension]) -> ResolvedMetric:
    fact = METRIC_FACTS.get(metric.fact)
    if fact is None:
        known = f"facts are {', '.join(METRIC_FACTS)}"
        hint = did_you_mean(metric.fact, METRIC_FACTS, otherwise=known)
        raise _complaint(metric, f"there is no fact {metric.fact!r}", hint)
    offered = [one for one in fact.all_columns if _fits(one, metric.aggregation, fact.columns)]
    column = next((one for one in offered if one.name == metric.column), None)
    if column is None:
        names = [one.name for one in offered]
        verb = metric.aggregation.value
        raise _complaint(
            metric,
            f"{metric.fact}.{metric.column} cannot be the column of a {verb}",
            did_you_mean(metric.column, names, otherwise=f"{verb} takes {', '.join(names)}"),
        )
    if metric.unit is not unit_of(column, metric.aggregation):
        raise _complaint(metric, f"its unit is {unit_of(column, metric.aggregation).value}")
    measure = Measure(
        metric.fact,
        metric.column,
        metric.aggregation,
        metric.unit,
        money=metric.unit is Unit.MONEY,
        claimed=column.claimed and metric.aggregation is Aggregation.SUM,
        where=metric.where,
        metric=metric.name,
    )
    for one in metric.where:
        if not has_dimension(measure, one.dimension, dimensions):
            raise _complaint(metric, f"{metric.fact} has no {one.dimension} to filter by")
    _check_together(metric, measure, dimensions)
    return ResolvedMetric(Value(measure), metric.unit, _additivity(measure), (measure,))


def _additivity(measure: Measure) -> Additivity:
    if measure.aggregation is Aggregation.COUNT_DISTINCT:
        return Additivity.NONE
    return Additivity.WITHIN_ATTRIBUTION if measure.claimed else Additivity.FULL


def _check_together(metric: Metric, measure: Measure, dimensions: Mapping[str, Dimension]) -> None:
    """Refuse filters on dimensions that no cut has together."""
    clash = find_clash(measure, (), dimensions)
    if clash:
        raise _complaint(
            metric,
            f"{measure.metric} cannot be narrowed by {' and '.join(clash)} at once: "
            "the platforms do not report them together",
            "leave one of them out",
        )


def unit_of(column: Column, aggregation: Aggregation) -> Unit:
    """The unit of an aggregate of a column."""
    if aggregation is not Aggregation.SUM or column.type is ColumnType.INT64:
        return Unit.COUNT
    return Unit.MONEY if column.money else Unit.NUMBER


def _fits(column: Column, aggregation: Aggregation, own: tuple[Column, ...]) -> bool:
    if aggregation is Aggregation.SUM:
        return column.role is Role.MEASURE
    return column in own or column.name in _ENVELOPE_COUNTED


def _complaint(metric: Metric, message: str, hint: str = "") -> MetricDefinitionError:
    return MetricDefinitionError(f"metric {metric.name}: {message}", hint=hint)

"""Explain a metric: what it is made of, how it behaves, and the SQL behind it.

catalogue + name -> explain_metric -> MetricExplanation
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from domain.metrics.catalogue import MetricCatalogue
from domain.metrics.definition import Additivity, DerivedMetric, Metric, Unit
from domain.metrics.expression import format_expression, parse_expression
from domain.metrics.formula import iter_measures
from domain.query.answer import prepare
from domain.query.plan import PlanCache
from domain.query.request import MetricRequest
from domain.time_window import DateRange, Grain

__all__ = ["MetricExplanation", "explain_metric"]

_SAMPLE_PERIOD: Final = DateRange(dt.date(2026, 3, 1), dt.date(2026, 3, 31))


@dataclass(frozen=True, slots=True)
class MetricExplanation:
    """A metric for people.

    Attributes:
        name: Of the metric.
        label: For people.
        description: One sentence.
        expression: As defined, for example `revenue / spend` or `sum(ads_daily.spend)`.
        parts: Simple metrics that it reaches.
        filters: One line for each part that counts only some rows.
        facts: Facts that it reads, sorted.
        unit: Of its values.
        additivity: Whether values of parts may be summed.
        dimensions: What it can be split and filtered by, sorted.
        sql: The SELECT that answers it by month, in BigQuery's dialect.
    """

    name: str
    label: str
    description: str
    expression: str
    parts: tuple[str, ...]
    filters: tuple[str, ...]
    facts: tuple[str, ...]
    unit: Unit
    additivity: Additivity
    dimensions: tuple[str, ...]
    sql: str


def explain_metric(catalogue: MetricCatalogue, name: str) -> MetricExplanation:
    """Explain a metric.

    Raises:
        UnknownMetricError: No metric has that name.
    """
    info = catalogue.get_metric(name)
    request = MetricRequest((name,), _SAMPLE_PERIOD, grain=Grain.MONTH)
    question, _ = prepare(request, catalogue, PlanCache())
    filters = dict.fromkeys(
        f"{measure.metric}: {one.dimension} {'not' if one.negated else 'in'} "
        f"{', '.join(one.values)}"
        for measure in iter_measures(info.formula)
        for one in measure.where
    )
    return MetricExplanation(
        name=name,
        label=info.metric.label,
        description=info.metric.description,
        expression=_expression(info.metric),
        parts=info.parts,
        filters=tuple(filters),
        facts=tuple(sorted(info.facts)),
        unit=info.unit,
        additivity=info.additivity,
        dimensions=tuple(sorted(info.dimensions)),
        sql=question.plan.statement.tree.sql(dialect="bigquery", pretty=True),
    )


def _expression(metric: Metric) -> str:
    if isinstance(metric, DerivedMetric):
        return format_expression(parse_expression(metric.expression))
    return f"{metric.aggregation.value}({metric.fact}.{metric.column})"

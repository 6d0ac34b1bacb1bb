"""The field `metricDefinitions`: what the metrics mean."""

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.identity.caller import Scope
from domain.metrics.catalogue import MetricInfo
from domain.metrics.definition import Additivity, Owner, Unit
from domain.metrics.definition_file import to_yaml
from domain.metrics.naming import camel_case

__all__ = ["METRIC_DEFINITIONS", "MetricDefinition", "metric_definition_of"]

strawberry.enum(
    Unit, description="MONEY: an amount; COUNT: whole things; RATIO: a fraction, 0.12 not 12."
)
strawberry.enum(
    Additivity,
    description="FULL: may be summed over every dimension and time; "
    "WITHIN_ATTRIBUTION: over rows of one attribution; NONE: never.",
)
strawberry.enum(Owner, description="CORE: every agency has it; AGENCY: this agency defined it.")


@strawberry.type(description="What a metric means.")
class MetricDefinition:
    """See the description."""

    name: str = strawberry.field(description="In definitions and files, snake case.")
    field: str = strawberry.field(description="In queries, camel case.")
    label: str
    description: str
    unit: Unit
    additivity: Additivity
    owner: Owner
    definition: str = strawberry.field(description="As YAML; `defineMetric` takes this form.")
    facts: list[str] = strawberry.field(description="What it reads.")
    parts: list[str] = strawberry.field(description="Simple metrics that it is made of.")
    dimensions: list[str] = strawberry.field(description="What it can be split by.")


async def _metric_definitions(info: EdgeInfo) -> list[MetricDefinition] | None:
    shown = info.context.caller.metrics
    return [
        metric_definition_of(one)
        for name, one in info.context.tenant.catalogue.metrics.items()
        if shown is None or name in shown
    ]


def metric_definition_of(info: MetricInfo) -> MetricDefinition:
    """A metric as callers see it."""
    metric = info.metric
    return MetricDefinition(
        name=metric.name,
        field=camel_case(metric.name),
        label=metric.label,
        description=metric.description,
        unit=info.unit,
        additivity=info.additivity,
        owner=metric.owner,
        definition=to_yaml(metric),
        facts=sorted(info.facts),
        parts=list(info.parts),
        dimensions=sorted(info.dimensions),
    )


METRIC_DEFINITIONS = RootField(
    "metricDefinitions", Scope.METRICS_READ, "What the metrics mean.", _metric_definitions
)

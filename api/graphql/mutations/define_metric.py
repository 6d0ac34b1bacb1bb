"""The mutation `defineMetric`: a metric of the agency's own.

    YAML -> Metric -> catalogue with all the others (units, cycles, names) -> row + audit entry

The metric is a typed field of the agency's schema in the next request of this process, and within
half a second in every other one.
"""

from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.definitions import load_definitions, lock_definitions, store_definition
from api.graphql.queries.metric_definitions import MetricDefinition, metric_definition_of
from api.oauth.caller import Scope
from domain.errors import UserError
from domain.metrics.catalogue import build_catalogue
from domain.metrics.definition_file import parse_definition
from tenancy.audit import record

__all__ = ["DEFINE_METRIC"]


@strawberry.input(description="A definition.")
class DefineMetricInput:
    """See the description."""

    definition: str = strawberry.field(
        description="YAML, for example: `metric: margin`, `is: revenue - spend`, one field a line."
    )


@strawberry.type(description="The metric can be queried now.")
class MetricDefined:
    """See the description."""

    metric: MetricDefinition
    revision: int = strawberry.field(description="1 for a new name.")


@strawberry.type(description="The definition was refused; nothing changed.")
class DefineMetricError:
    """See the description."""

    code: str
    message: str
    hint: str


DefineMetricPayload = Annotated[
    MetricDefined | DefineMetricError, strawberry.union("DefineMetricPayload")
]


async def _define_metric(info: EdgeInfo, input: DefineMetricInput) -> DefineMetricPayload:  # noqa: A002  # the argument's name in GraphQL
    try:
        return await _define(info, input.definition)
    except UserError as error:
        return DefineMetricError(code=error.code, message=error.message, hint=error.hint)


async def _define(info: EdgeInfo, definition: str) -> MetricDefined:
    context = info.context
    services = context.services
    metric = parse_definition(definition)
    async with services.database.session(context.caller.tenant_id) as session:
        await lock_definitions(session)
        others = await load_definitions(session)
        others.pop(metric.name, None)
        catalogue = build_catalogue([*map(parse_definition, others.values()), metric])
        revision = await store_definition(session, metric, clock=services.clock, ids=services.ids)
        record(
            session,
            clock=services.clock,
            ids=services.ids,
            actor=f"client:{context.caller.client_id}",
            action="metric.defined",
            object_kind="metric",
            object_id=metric.name,
            details={"revision": revision},
        )
    context.forget_tenant()
    return MetricDefined(
        metric=metric_definition_of(catalogue.metrics[metric.name]), revision=revision
    )


DEFINE_METRIC = RootField(
    "defineMetric",
    Scope.METRICS_WRITE,
    "Define a metric of the agency, or a new revision of one.",
    _define_metric,
)

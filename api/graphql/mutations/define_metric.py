"""The mutation `defineMetric`: a metric of the agency's own.

    YAML -> MetricBook -> a new field of the agency's schema

The metric is a typed field of the agency's schema in the next request of this process, and within
half a second in every other one.
"""

from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.queries.metric_definitions import MetricDefinition, metric_definition_of
from api.identity.caller import Scope
from api.metric_definitions import MetricBook
from domain.errors import UserError

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
    book = MetricBook(services.database, services.clock, services.ids)
    defined = await book.define(context.caller.tenant_id, definition, actor=context.caller.actor)
    context.forget_tenant()
    return MetricDefined(metric=metric_definition_of(defined.info), revision=defined.revision)


DEFINE_METRIC = RootField(
    "defineMetric",
    Scope.METRICS_WRITE,
    "Define a metric of the agency, or a new revision of one.",
    _define_metric,
)

"""The mutation `retireMetric`: take a metric of the agency out of use.

name -> MetricBook -> no field of the agency's schema any more
"""

from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.identity.caller import Scope
from api.metric_definitions import MetricBook
from domain.errors import UserError

__all__ = ["RETIRE_METRIC"]


@strawberry.type(description="The metric is no field of the schema any more.")
class MetricRetired:
    """See the description."""

    name: str


@strawberry.type(description="The metric stays; nothing changed.")
class RetireMetricError:
    """See the description."""

    code: str
    message: str
    hint: str


RetireMetricPayload = Annotated[
    MetricRetired | RetireMetricError, strawberry.union("RetireMetricPayload")
]


async def _retire_metric(
    info: EdgeInfo,
    name: Annotated[str, strawberry.argument(description="Of an own metric, snake case.")],
) -> RetireMetricPayload:
    context = info.context
    services = context.services
    try:
        book = MetricBook(services.database, services.clock, services.ids)
        await book.retire(context.caller.tenant_id, name, actor=context.caller.actor)
    except UserError as error:
        return RetireMetricError(code=error.code, message=error.message, hint=error.hint)
    context.forget_tenant()
    return MetricRetired(name=name)


RETIRE_METRIC = RootField(
    "retireMetric", Scope.METRICS_WRITE, "Take an own metric out of use.", _retire_metric
)

"""The mutation `retireMetric`: take a metric of the agency out of use.

name -> nothing else is made of it -> retired_at + audit entry
"""

from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.definitions import load_definitions, lock_definitions, retire_definition
from api.oauth.caller import Scope
from domain.errors import ConflictError, InvalidInputError, NotFoundError, UserError
from domain.metrics.catalogue import build_catalogue
from domain.metrics.definition_file import parse_definition
from tenancy.audit import record
from tenancy.session import TenantSession

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
        async with services.database.session(context.caller.tenant_id) as session:
            await _retire(info, session, name)
            record(
                session,
                clock=services.clock,
                ids=services.ids,
                actor=f"client:{context.caller.client_id}",
                action="metric.retired",
                object_kind="metric",
                object_id=name,
                details={},
            )
    except UserError as error:
        return RetireMetricError(code=error.code, message=error.message, hint=error.hint)
    context.forget_tenant()
    return MetricRetired(name=name)


async def _retire(info: EdgeInfo, session: TenantSession, name: str) -> None:
    await lock_definitions(session)
    definitions = await load_definitions(session)
    if name not in definitions:
        raise NotFoundError(
            f"{name!r} is not a metric of this agency",
            hint="metricDefinitions lists them; those of the owner CORE cannot be retired",
        )
    del definitions[name]
    try:
        build_catalogue(map(parse_definition, definitions.values()))
    except InvalidInputError as error:
        raise ConflictError(
            f"another metric is made of {name!r}: {error.message}",
            hint="retire or change that one first",
        ) from error
    await retire_definition(session, name, clock=info.context.services.clock)


RETIRE_METRIC = RootField(
    "retireMetric", Scope.METRICS_WRITE, "Take an own metric out of use.", _retire_metric
)

"""The mutation `planEvent`: days that are not like others.

client, name, days -> PlanDesk -> forecasts expect, and anomalies excuse them
"""

import datetime as dt
from typing import Annotated

import strawberry

from api.graphql.access import RootField, own_client_id
from api.graphql.context import EdgeInfo
from api.graphql.plan_types import PlannedEventNode, event_of
from api.identity.caller import Scope
from domain.errors import UserError
from domain.time_window import DateRange
from ml.plans.desk import PlanDesk

__all__ = ["PLAN_EVENT"]


@strawberry.input(description="For example a sale, a launch, a closed shop.")
class PlanEventInput:
    """See the description."""

    client: strawberry.ID
    name: str = strawberry.field(description="Equal names, equal kind: past ones tell of later.")
    from_: dt.date = strawberry.field(name="from")
    to: dt.date = strawberry.field(description="Belongs to the event.")


@strawberry.type(description="The event is kept.")
class EventPlanned:
    """See the description."""

    event: PlannedEventNode


@strawberry.type(description="Nothing changed.")
class PlanEventError:
    """See the description."""

    code: str
    message: str
    hint: str


PlanEventPayload = Annotated[EventPlanned | PlanEventError, strawberry.union("PlanEventPayload")]


async def _plan_event(info: EdgeInfo, input: PlanEventInput) -> PlanEventPayload:  # noqa: A002  # the argument's name in GraphQL
    try:
        return await _plan(info, input)
    except UserError as error:
        return PlanEventError(code=error.code, message=error.message, hint=error.hint)


async def _plan(info: EdgeInfo, given: PlanEventInput) -> EventPlanned:
    caller, services = info.context.caller, info.context.services
    client_id = own_client_id(given.client, caller.clients)
    desk = PlanDesk(services.clock, services.ids)
    async with services.database.session(caller.tenant_id) as session:
        row = await desk.plan_event(
            session, client_id, given.name, DateRange(given.from_, given.to), actor=caller.actor
        )
    return EventPlanned(event=event_of(row))


PLAN_EVENT = RootField(
    "planEvent",
    Scope.METRICS_WRITE,
    "Name days of a client that will not be, or were not, like others.",
    _plan_event,
)

"""The field `plans`: what an agency plans for a client, and what it has measured."""

from typing import Annotated

import strawberry

from api.graphql.access import RootField, own_client_id
from api.graphql.context import EdgeInfo
from api.graphql.plan_types import (
    LiftTestNode,
    PlannedEventNode,
    SpendPlanNode,
    event_of,
    lift_test_of,
    spend_plan_of,
)
from api.identity.caller import Scope
from ml.plans.desk import load_plans

__all__ = ["PLANS"]


@strawberry.type(name="Plans", description="Planning inputs of a client, by first day.")
class PlansNode:
    """See the description."""

    spend: list[SpendPlanNode]
    events: list[PlannedEventNode]
    lift_tests: list[LiftTestNode]


async def _plans(
    info: EdgeInfo, client: Annotated[strawberry.ID, strawberry.argument(description="Whose.")]
) -> PlansNode | None:
    caller = info.context.caller
    client_id = own_client_id(client, caller.clients)
    async with info.context.services.database.session(caller.tenant_id) as session:
        found = await load_plans(session, client_id)
    return PlansNode(
        spend=[spend_plan_of(row) for row in found.spend],
        events=[event_of(row) for row in found.events],
        lift_tests=[lift_test_of(row) for row in found.lift_tests],
    )


PLANS = RootField(
    "plans",
    Scope.METRICS_READ,
    "Planned spend, events and lift tests of a client.",
    _plans,
)

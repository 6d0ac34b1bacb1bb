"""The mutation `removePlan`: a planning input is taken back.

id -> PlanDesk -> models know nothing of it any more
"""

from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.identity.caller import Scope
from domain.errors import InvalidInputError, UserError
from domain.ids import parse_id
from ml.plans.desk import EVENT, LIFT, SPEND, PlanDesk

__all__ = ["REMOVE_PLAN"]


@strawberry.type(description="It is gone.")
class PlanRemoved:
    """See the description."""

    id: strawberry.ID


@strawberry.type(description="Nothing changed.")
class RemovePlanError:
    """See the description."""

    code: str
    message: str
    hint: str


RemovePlanPayload = Annotated[PlanRemoved | RemovePlanError, strawberry.union("RemovePlanPayload")]


async def _remove_plan(
    info: EdgeInfo,
    id: Annotated[  # noqa: A002  # the argument's name in GraphQL
        strawberry.ID, strawberry.argument(description="Of a spend plan, event or lift test.")
    ],
) -> RemovePlanPayload:
    try:
        return await _remove(info, id)
    except UserError as error:
        return RemovePlanError(code=error.code, message=error.message, hint=error.hint)


async def _remove(info: EdgeInfo, text: str) -> PlanRemoved:
    caller, services = info.context.caller, info.context.services
    kind = text.partition("_")[0]
    if kind not in {SPEND, EVENT, LIFT}:
        raise InvalidInputError(f"{text!r} is the id of no plan", hint="`plans` tells the ids")
    desk = PlanDesk(services.clock, services.ids)
    async with services.database.session(caller.tenant_id) as session:
        await desk.remove(session, kind, parse_id(kind, text), caller.clients, actor=caller.actor)
    return PlanRemoved(id=strawberry.ID(text))


REMOVE_PLAN = RootField(
    "removePlan",
    Scope.METRICS_WRITE,
    "Take a spend plan, an event or a lift test back.",
    _remove_plan,
)

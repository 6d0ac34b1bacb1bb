"""The mutation `planSpend`: media cost of a period.

client, channel or campaign, period, amount -> PlanDesk -> forecasts and pacing know it
"""

import datetime as dt
from decimal import Decimal
from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.plan_types import PlanTargetInput, SpendPlanNode, spend_plan_of, target_of
from api.identity.caller import Scope
from domain.errors import UserError
from domain.money import Money
from domain.time_window import DateRange
from ml.plans.desk import PlanDesk

__all__ = ["PLAN_SPEND"]


@strawberry.input(description="What is going to be spent.")
class PlanSpendInput:
    """See the description."""

    target: PlanTargetInput
    from_: dt.date = strawberry.field(name="from")
    to: dt.date = strawberry.field(description="Belongs to the period.")
    amount: Decimal = strawberry.field(description="Of the whole period.")
    currency: str = strawberry.field(description="ISO 4217; that of the account.")


@strawberry.type(description="The plan is kept.")
class SpendPlanned:
    """See the description."""

    plan: SpendPlanNode


@strawberry.type(description="Nothing changed.")
class PlanSpendError:
    """See the description."""

    code: str
    message: str
    hint: str


PlanSpendPayload = Annotated[SpendPlanned | PlanSpendError, strawberry.union("PlanSpendPayload")]


async def _plan_spend(info: EdgeInfo, input: PlanSpendInput) -> PlanSpendPayload:  # noqa: A002  # the argument's name in GraphQL
    try:
        return await _plan(info, input)
    except UserError as error:
        return PlanSpendError(code=error.code, message=error.message, hint=error.hint)


async def _plan(info: EdgeInfo, given: PlanSpendInput) -> SpendPlanned:
    caller, services = info.context.caller, info.context.services
    target = target_of(given.target, caller.clients)
    money = Money(given.amount, given.currency)
    desk = PlanDesk(services.clock, services.ids)
    async with services.database.session(caller.tenant_id) as session:
        row = await desk.plan_spend(
            session, target, DateRange(given.from_, given.to), money, actor=caller.actor
        )
    return SpendPlanned(plan=spend_plan_of(row))


PLAN_SPEND = RootField(
    "planSpend",
    Scope.METRICS_WRITE,
    "Plan the media cost of a period; the same period again takes its place.",
    _plan_spend,
)

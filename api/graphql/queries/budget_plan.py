"""The field `budgetPlan`: how to split a total over channels or campaigns.

client, total, period, bounds -> BudgetPlanner -> amounts, gain with its band, move or hold
"""

import datetime as dt
from decimal import Decimal

import strawberry

from api.graphql.access import RootField, own_client_id
from api.graphql.budget_types import (
    BudgetBoundInput,
    BudgetPlanNode,
    bound_of,
    plan_of,
    shown,
    today_of,
)
from api.graphql.context import EdgeInfo
from api.identity.caller import Scope
from domain.time_window import DateRange
from ml.panel import Measure
from ml.spending.question import USUAL_STEP, Ask
from tenancy.tables import BudgetLevel

__all__ = ["BUDGET_PLAN"]


@strawberry.input(description="What is asked of a budget.")
class BudgetPlanInput:
    """See the description."""

    client: strawberry.ID
    total: Decimal = strawberry.field(description="To be spent in the whole period, exactly.")
    from_: dt.date = strawberry.field(name="from", description="It may have begun.")
    to: dt.date = strawberry.field(description="Belongs to the period.")
    currency: str | None = strawberry.field(
        default=None, description="ISO 4217; null: that of the client's accounts."
    )
    measure: Measure = strawberry.field(
        default=Measure.REVENUE, description="What is to become large; or CONVERSIONS."
    )
    level: BudgetLevel = BudgetLevel.CHANNEL
    bounds: list[BudgetBoundInput] = strawberry.field(
        default_factory=list, description="Of single channels or campaigns."
    )
    max_step: Decimal | None = strawberry.field(
        default=USUAL_STEP,
        description="Largest change of one against its present pace, as a share; null: any.",
    )
    most_cost: Decimal | None = strawberry.field(
        default=None, description="Of one conversion, over all; in plans for conversions."
    )
    least_return: Decimal | None = strawberry.field(
        default=None, description="Revenue for one unit of spend, over all; in plans for revenue."
    )


async def _budget_plan(info: EdgeInfo, input: BudgetPlanInput) -> BudgetPlanNode | None:  # noqa: A002  # the argument's name in GraphQL
    context = info.context
    ask = Ask(
        client_id=own_client_id(input.client, context.caller.clients),
        period=DateRange(input.from_, input.to),
        level=input.level,
        measure=input.measure,
        currency=input.currency,
        total=input.total,
        bounds=tuple(bound_of(one) for one in input.bounds),
        max_step=input.max_step,
        most_cost=input.most_cost,
        least_return=input.least_return,
    )
    budgets, tenant_id = context.services.budgets, context.caller.tenant_id
    return plan_of(await budgets.plan(tenant_id, today_of(context), ask, shown))


BUDGET_PLAN = RootField(
    "budgetPlan",
    Scope.METRICS_READ,
    "Split a total so that it brings most, or hold the present split while that is not sure.",
    _budget_plan,
)

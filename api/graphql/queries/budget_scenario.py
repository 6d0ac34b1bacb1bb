"""The field `budgetScenario`: what a given split would bring.

client, spends, period -> BudgetPlanner -> outcome with its band, against going on as it is
"""

import datetime as dt

import strawberry

from api.graphql.access import RootField, own_client_id
from api.graphql.budget_types import (
    BudgetScenarioNode,
    BudgetSpendInput,
    scenario_of,
    shown,
    split_of,
    today_of,
)
from api.graphql.context import EdgeInfo
from api.identity.caller import Scope
from domain.time_window import DateRange
from ml.panel import Measure
from ml.spending.question import Ask
from tenancy.tables import BudgetLevel

__all__ = ["BUDGET_SCENARIO"]


@strawberry.input(description="A split to be judged.")
class BudgetScenarioInput:
    """See the description."""

    client: strawberry.ID
    spends: list[BudgetSpendInput] = strawberry.field(
        description="What is not named goes on as it is."
    )
    from_: dt.date = strawberry.field(name="from", description="It may have begun.")
    to: dt.date = strawberry.field(description="Belongs to the period.")
    currency: str | None = strawberry.field(
        default=None, description="ISO 4217; null: that of the client's accounts."
    )
    measure: Measure = strawberry.field(
        default=Measure.REVENUE, description="What is counted; or CONVERSIONS."
    )
    level: BudgetLevel = BudgetLevel.CHANNEL


async def _budget_scenario(info: EdgeInfo, input: BudgetScenarioInput) -> BudgetScenarioNode | None:  # noqa: A002  # the argument's name in GraphQL
    context = info.context
    ask = Ask(
        client_id=own_client_id(input.client, context.caller.clients),
        period=DateRange(input.from_, input.to),
        level=input.level,
        measure=input.measure,
        currency=input.currency,
    )
    spends = [split_of(one) for one in input.spends]
    budgets, tenant_id = context.services.budgets, context.caller.tenant_id
    return scenario_of(await budgets.scenario(tenant_id, today_of(context), ask, spends, shown))


BUDGET_SCENARIO = RootField(
    "budgetScenario",
    Scope.METRICS_READ,
    "What given spends would bring, against going on as it is.",
    _budget_scenario,
)

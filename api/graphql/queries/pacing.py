"""The field `pacing`: where the budgets of a month end, as it was told last.

client, month -> paces of its budgets -> landing with bands, verdict, what is left, in words
"""

import datetime as dt
from typing import Annotated

import numpy as np
import strawberry
from sqlalchemy import select

from api.entity_ids import public_entity_id
from api.graphql.access import RootField, own_client_id
from api.graphql.context import EdgeInfo
from api.graphql.metric_types import Money
from api.graphql.queries.forecast import ForecastBand
from api.identity.caller import Scope
from domain.ids import public_id
from feature_repo.entities import CAMPAIGN
from ml.pacing.budget import CENT
from tenancy.tables import BudgetPace, PaceVerdict

__all__ = ["PACING"]

strawberry.enum(
    PaceVerdict,
    description="How a month goes. ON_TRACK: or nothing can be said with confidence.",
)


@strawberry.type(name="BudgetPace", description="A month's planned spend, and where it will end.")
class BudgetPaceNode:
    """See the description."""

    month: dt.date = strawberry.field(description="Its first day.")
    channel: str | None = strawberry.field(description="null: all channels.")
    campaign: strawberry.ID | None = strawberry.field(description="null: all campaigns.")
    budget: Money = strawberry.field(description="Of the days of the month that are planned.")
    spent: float = strawberry.field(description="On the days that are known, in its currency.")
    planned: float = strawberry.field(description="By the end of the day before the look.")
    expected: float | None = strawberry.field(
        description="Where it will end; null: too little is known to say."
    )
    band80: ForecastBand | None = strawberry.field(description="In 80 of 100 cases; likewise.")
    verdict: PaceVerdict
    probability: float | None = strawberry.field(description="Of the verdict; likewise.")
    days_missing: int = strawberry.field(
        description="That are over and not told yet; they are taken as usual."
    )
    days_left: int
    left: Money = strawberry.field(description="To spend on these, to end on the budget.")
    change: float | None = strawberry.field(
        description="What is left over what is expected of these days; 1.2: a fifth more."
    )
    words: str = strawberry.field(description="The same as people say it.")
    looked_on: dt.date = strawberry.field(description="Day of the agency.")
    as_of: dt.datetime = strawberry.field(description="Nothing that became known later counts.")
    method: str | None = strawberry.field(
        description="Model or baseline that forecast the rest; null: nothing did."
    )
    model: strawberry.ID | None = strawberry.field(description="null: no model serves.")


async def _pacing(
    info: EdgeInfo,
    client: Annotated[strawberry.ID, strawberry.argument(description="Whose.")],
    month: Annotated[
        dt.date | None,
        strawberry.argument(description="Any day of it; without it the latest one told."),
    ] = None,
) -> list[BudgetPaceNode] | None:
    caller = info.context.caller
    client_id = own_client_id(client, caller.clients)
    query = select(BudgetPace).where(BudgetPace.client_id == client_id)
    query = query.order_by(
        BudgetPace.month.desc(), BudgetPace.channel, BudgetPace.campaign, BudgetPace.currency
    )
    if month is not None:
        query = query.where(BudgetPace.month == month.replace(day=1))
    async with info.context.services.database.session(caller.tenant_id) as session:
        rows = (await session.scalars(query)).all()
    return [_node(row) for row in rows if row.month == rows[0].month]


def _node(row: BudgetPace) -> BudgetPaceNode:
    _, low, middle, high, _ = row.landing
    campaign = None if row.campaign is None else public_entity_id(CAMPAIGN, row.campaign)
    is_told = not np.isnan(low + high)
    return BudgetPaceNode(
        month=row.month,
        channel=row.channel,
        campaign=None if campaign is None else strawberry.ID(campaign),
        budget=Money(amount=row.budget.quantize(CENT), currency=row.currency),
        spent=row.spent,
        planned=row.planned,
        expected=None if np.isnan(middle) else middle,
        band80=ForecastBand(low=low, high=high) if is_told else None,
        verdict=row.verdict,
        probability=row.probability,
        days_missing=row.days_missing,
        days_left=row.days_left,
        left=Money(amount=row.left_to_spend.quantize(CENT), currency=row.currency),
        change=row.change,
        words=row.words,
        looked_on=row.looked_on,
        as_of=row.as_of,
        method=row.method,
        model=None if row.version_id is None else strawberry.ID(public_id("mdl", row.version_id)),
    )


PACING = RootField(
    "pacing",
    Scope.METRICS_READ,
    "Where the planned spend of a month will end; empty: nothing is planned, or told yet.",
    _pacing,
)

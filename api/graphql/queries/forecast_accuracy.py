"""The field `forecastAccuracy`: how good forecasts were, beside the baselines.

agency, months -> accuracy ledger -> by client, measure, level, horizon and month
"""

import datetime as dt
from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.scalars import Count
from api.identity.caller import Scope
from domain.ids import public_id
from domain.time_window import DateRange
from ml.ledger.accuracy import Accuracy, read_accuracy
from ml.panel import Measure
from tenancy.tables import ForecastLevel

__all__ = ["FORECAST_ACCURACY"]


@strawberry.type(description="A baseline, on the totals that it and the served forecast have told.")
class BaselineAccuracy:
    """See the description."""

    name: str
    wmape: float | None = strawberry.field(
        description="Sum of absolute errors by that of actuals, 0.2: a fifth; null: all were 0."
    )
    served_wmape: float | None = strawberry.field(description="Of what was served instead.")
    wins: Count = strawberry.field(description="Totals at which what was served came closer.")
    losses: Count = strawberry.field(description="Totals at which the baseline did.")


@strawberry.type(name="ForecastAccuracy", description="How good the forecasts of a month were.")
class ForecastAccuracyNode:
    """See the description."""

    client_id: strawberry.ID
    measure: Measure
    currency: str | None
    level: ForecastLevel
    days: int = strawberry.field(description="Of the totals.")
    month: dt.date = strawberry.field(description="Its first day: the month they were made in.")
    forecasts: Count = strawberry.field(description="Totals whose actual figure is settled.")
    wmape: float | None = strawberry.field(
        description="Sum of absolute errors by that of actuals, 0.2: a fifth; null: all were 0."
    )
    bias: float | None = strawberry.field(description="Above 0: too much was told; likewise.")
    coverage80: float = strawberry.field(description="Share of actuals within the 80 % band.")
    baselines: list[BaselineAccuracy]


async def _forecast_accuracy(
    info: EdgeInfo,
    from_: Annotated[
        dt.date, strawberry.argument(name="from", description="First day of forecasts.")
    ],
    to: Annotated[dt.date, strawberry.argument(description="Last one.")],
) -> list[ForecastAccuracyNode] | None:
    caller, period = info.context.caller, DateRange(from_, to)
    async with info.context.services.database.session(caller.tenant_id) as session:
        found = await read_accuracy(session, period.start, period.end)
    seen = [one for one in found if caller.clients is None or one.group.client_id in caller.clients]
    return [_node(one) for one in seen]


def _node(one: Accuracy) -> ForecastAccuracyNode:
    return ForecastAccuracyNode(
        client_id=strawberry.ID(public_id("cli", one.group.client_id)),
        measure=one.group.measure,
        currency=one.group.currency,
        level=one.group.level,
        days=one.group.horizon,
        month=one.group.month,
        forecasts=Count(one.forecasts),
        wmape=one.wmape,
        bias=one.bias,
        coverage80=one.coverage,
        baselines=[
            BaselineAccuracy(
                name=name,
                wmape=against.wmape,
                served_wmape=against.model_wmape,
                wins=Count(against.wins),
                losses=Count(against.losses),
            )
            for name, against in sorted(one.baselines.items())
        ],
    )


FORECAST_ACCURACY = RootField(
    "forecastAccuracy",
    Scope.METRICS_READ,
    "How good forecasts were that were made in a period, beside each baseline.",
    _forecast_accuracy,
)

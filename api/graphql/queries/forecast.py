"""The field `forecast`: what the next weeks will bring, as it was told last.

client, measure, level -> latest served forecasts -> totals with bands, and who told them
"""

import datetime as dt
from typing import Annotated

import numpy as np
import strawberry

from api.entity_ids import public_entity_id
from api.graphql.access import RootField, own_client_id
from api.graphql.context import EdgeInfo
from api.identity.caller import Scope
from domain.ids import public_id
from feature_repo.entities import CAMPAIGN
from ml.forecast.forecast import QUANTILES
from ml.ledger.entry import parts_of
from ml.panel import Measure
from ml.runs.served import list_served
from tenancy.tables import ForecastLevel, MadeForecast

__all__ = ["FORECAST"]

strawberry.enum(ForecastLevel, description="What a forecast is summed over.")


@strawberry.type(description="Bounds that hold the actual figure so often.")
class ForecastBand:
    """See the description."""

    low: float
    high: float


@strawberry.type(description="The total of the days from the origin on.")
class ForecastTotal:
    """See the description."""

    days: int
    expected: float = strawberry.field(
        description="As likely too much as too little; amounts are of the series' currency."
    )
    band80: ForecastBand | None = strawberry.field(
        description="In 80 of 100 cases; null: too little is known to say."
    )
    band95: ForecastBand | None = strawberry.field(description="In 95 of 100 cases; likewise.")


@strawberry.type(description="What is expected of one series.")
class ForecastSeries:
    """See the description."""

    channel: str | None = strawberry.field(description="null: all channels.")
    campaign: strawberry.ID | None = strawberry.field(description="null: all campaigns.")
    currency: str | None = strawberry.field(description="ISO 4217; null: it has no amounts.")
    method: str = strawberry.field(description="Name of the model or baseline that told it.")
    model: strawberry.ID | None = strawberry.field(
        description="Of `modelCard`; null: no model serves."
    )
    totals: list[ForecastTotal]


@strawberry.type(name="Forecast", description="As it was told last; it is not told anew for you.")
class ForecastNode:
    """See the description."""

    origin: dt.date = strawberry.field(description="First day that was forecast.")
    made_at: dt.datetime = strawberry.field(description="Nothing that became known later counts.")
    series: list[ForecastSeries]


async def _forecast(
    info: EdgeInfo,
    client: Annotated[strawberry.ID, strawberry.argument(description="Whose.")],
    measure: Measure,
    level: Annotated[
        ForecastLevel, strawberry.argument(description="One series for each.")
    ] = ForecastLevel.CLIENT,
) -> ForecastNode | None:
    caller = info.context.caller
    client_id = own_client_id(client, caller.clients)
    async with info.context.services.database.session(caller.tenant_id) as session:
        rows = await list_served(session, client_id, measure, level)
    if not rows:
        return None
    return ForecastNode(
        origin=rows[0].origin,
        made_at=max(row.made_at for row in rows),
        series=[_series(row) for row in rows],
    )


def _series(row: MadeForecast) -> ForecastSeries:
    parts = parts_of(row.series)
    campaign = parts.get("campaign")
    quantiles = np.reshape(row.quantiles, (len(row.horizons), len(QUANTILES)))
    return ForecastSeries(
        channel=parts.get("channel"),
        campaign=None if campaign is None else strawberry.ID(public_entity_id(CAMPAIGN, campaign)),
        currency=row.currency,
        method=row.method,
        model=None if row.version_id is None else strawberry.ID(public_id("mdl", row.version_id)),
        totals=[
            _total(days, told.tolist())
            for days, told in zip(row.horizons, quantiles, strict=True)
            if not np.isnan(told[2])
        ],
    )


def _total(days: int, told: list[float]) -> ForecastTotal:
    low95, low80, expected, high80, high95 = told
    return ForecastTotal(
        days=days, expected=expected, band80=_band(low80, high80), band95=_band(low95, high95)
    )


def _band(low: float, high: float) -> ForecastBand | None:
    return None if np.isnan(low + high) else ForecastBand(low=low, high=high)


FORECAST = RootField(
    "forecast",
    Scope.METRICS_READ,
    "What the next weeks will bring; null: nothing has been forecast yet, for want of days.",
    _forecast,
)

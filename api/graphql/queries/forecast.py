"""The field `forecast`: what the next weeks will bring, as it was told last.

client, measure, level -> latest served forecasts -> totals and days with bands, who told them, why
"""

import datetime as dt
import math
from collections.abc import Sequence
from itertools import zip_longest
from typing import Annotated, Final, cast

import numpy as np
import numpy.typing as npt
import orjson
import strawberry

from api.entity_ids import public_entity_id
from api.graphql.access import RootField, own_client_id
from api.graphql.context import EdgeInfo
from api.graphql.execution import ReadyJson
from api.identity.caller import Scope
from domain.ids import public_id
from feature_repo.entities import CAMPAIGN
from ml.ledger.entry import parts_of
from ml.panel import Measure
from ml.runs.reasons import Change, reasons_from
from ml.runs.served import Served, ServedForecasts
from tenancy.tables import ForecastLevel

__all__ = ["FORECAST"]

_NODE: Final = "Forecast"

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
        description="In 80 of 100 cases; null: too little is known, see `bandInDays`."
    )
    band95: ForecastBand | None = strawberry.field(description="In 95 of 100 cases; takes longer.")
    band_in_days: int | None = strawberry.field(
        description="Days that are still to come until there is a band of 80; null: there is."
    )


@strawberry.type(description="One day that is to come; null: too little is known to say.")
class ForecastDay:
    """See the description."""

    date: dt.date
    value: float | None = strawberry.field(description="As likely too much as too little.")
    lower80: float | None
    upper80: float | None
    lower95: float | None
    upper95: float | None


@strawberry.type(description="What moved a model's forecast of the next four weeks.")
class ForecastDriver:
    """See the description."""

    name: str
    words: str
    share: float = strawberry.field(description="Of all that moved it, 0.6: three fifths.")


@strawberry.type(description="A factor's part in a change; parts add up to it.")
class ForecastChangePart:
    """See the description."""

    name: str = strawberry.field(description="spend, orders; CPA and AOV: spend and value of one.")
    change: float = strawberry.field(description="Of the factor itself, 0.18: 18 % more.")
    share: float = strawberry.field(description="Of the change; below 0: against it.")
    amount: float = strawberry.field(description="Of the change, in the unit of the measure.")


@strawberry.type(description="The next days against as many before, which may still be growing.")
class ForecastChange:
    """See the description."""

    days: int
    before: float
    after: float
    words: list[str]
    parts: list[ForecastChangePart] = strawberry.field(
        description="Empty: the measure is no product, does not change, or a factor is 0."
    )


def _days(root: strawberry.Parent["ForecastSeries"], info: EdgeInfo) -> list[ForecastDay]:
    """Ready JSON: a campaign level has tens of thousands of days, and each cell would cost."""
    told = root.served.days
    if told is None:
        return []
    columns = _columns(root.served.origin, told)
    selected = info.executor.selected(ForecastDay.__name__, info.nodes)
    keys = list(selected)
    cells = zip(*(columns[fields[0].node.name.value] for fields in selected.values()), strict=True)
    ready = ReadyJson(orjson.dumps([dict(zip(keys, row, strict=True)) for row in cells]))
    return cast("list[ForecastDay]", ready)  # `RowExecutor` leaves it as it is


def _columns(origin: dt.date, told: npt.NDArray[np.float32]) -> dict[str, Sequence[object]]:
    """By field of `ForecastDay`, one value for each day."""
    days = [origin + dt.timedelta(days=number) for number in range(len(told))]
    low95, low80, value, high80, high95 = ([_figure(one) for one in row] for row in told.T.tolist())
    return {
        "date": [day.isoformat() for day in days],
        "value": value,
        "lower80": low80,
        "upper80": high80,
        "lower95": low95,
        "upper95": high95,
        "__typename": [ForecastDay.__name__] * len(days),
    }


def _figure(value: float) -> float | None:
    # In full it would show digits that 32 bits do not have.
    return None if math.isnan(value) else float(f"{value:.7g}")


@strawberry.type(description="What is expected of one series.")
class ForecastSeries:
    """See the description."""

    served: strawberry.Private[Served]
    channel: str | None = strawberry.field(description="null: all channels.")
    campaign: strawberry.ID | None = strawberry.field(description="null: all campaigns.")
    currency: str | None = strawberry.field(description="ISO 4217; null: it has no amounts.")
    method: str = strawberry.field(description="Name of the model or baseline that told it.")
    model: strawberry.ID | None = strawberry.field(
        description="Of `modelCard`; null: no model serves."
    )
    is_planned: bool = strawberry.field(description="Whether planned spend is counted with.")
    totals: list[ForecastTotal]
    days: list[ForecastDay] = strawberry.field(
        resolver=_days, description="Each day from the origin on."
    )
    drivers: list[ForecastDriver] | None = strawberry.field(
        description="The strongest first; null: `driversNote` says why there are none."
    )
    drivers_note: str | None
    change: ForecastChange | None = strawberry.field(
        description="null: the days before are not known."
    )


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
    caller, services = info.context.caller, info.context.services
    client_id = own_client_id(client, caller.clients)
    served = await ServedForecasts(services.database, services.answers).read(
        caller.tenant_id, client_id, measure, level, with_days=_asks_for_days(info)
    )
    if not served:
        return None
    return ForecastNode(
        origin=max(one.origin for one in served),
        made_at=max(one.made_at for one in served),
        series=[_series(one) for one in served],
    )


def _asks_for_days(info: EdgeInfo) -> bool:
    executor = info.executor
    return any(
        below[0].node.name.value == "days"
        for series in executor.selected(_NODE, info.nodes).values()
        if series[0].node.name.value == "series"
        for below in executor.selected(ForecastSeries.__name__, series).values()
    )


def _series(one: Served) -> ForecastSeries:
    parts, reasons = parts_of(one.series), reasons_from(one.reasons)
    campaign = parts.get("campaign")
    return ForecastSeries(
        served=one,
        channel=parts.get("channel"),
        campaign=None if campaign is None else strawberry.ID(public_entity_id(CAMPAIGN, campaign)),
        currency=one.currency,
        method=one.method,
        model=None if one.version_id is None else strawberry.ID(public_id("mdl", one.version_id)),
        is_planned=one.is_planned,
        totals=[
            _total(days, told, missing)
            for days, told, missing in zip_longest(
                one.horizons, one.quantiles.tolist(), reasons.missing_days
            )
            if not math.isnan(told[2])
        ],
        drivers=None
        if reasons.drivers is None
        else [
            ForecastDriver(name=driver.name, words=driver.words, share=driver.share)
            for driver in reasons.drivers
        ],
        drivers_note=reasons.note,
        change=None if reasons.change is None else _change(reasons.change),
    )


def _total(days: int, told: list[float], missing: int | None) -> ForecastTotal:
    low95, low80, expected, high80, high95 = told
    return ForecastTotal(
        days=days,
        expected=expected,
        band80=_band(low80, high80),
        band95=_band(low95, high95),
        band_in_days=missing or None,
    )


def _band(low: float, high: float) -> ForecastBand | None:
    return None if math.isnan(low + high) else ForecastBand(low=low, high=high)


def _change(change: Change) -> ForecastChange:
    return ForecastChange(
        days=change.days,
        before=change.before,
        after=change.after,
        words=list(change.words),
        parts=[
            ForecastChangePart(
                name=part.name, change=part.change, share=part.share, amount=part.amount
            )
            for part in change.parts
        ],
    )


FORECAST = RootField(
    "forecast",
    Scope.METRICS_READ,
    "What the next weeks will bring; null: nothing has been forecast yet, for want of days.",
    _forecast,
)

"""Forecasts of one agency: made every day, kept as they were made, held against what came.

    histories as of now -> champion, or the baseline -> ledger, served
                        -> each model in the shadow -> ledger, beside
    mature days -> earlier forecasts are scored

A series whose spend is planned is forecast with it; the others as if nothing were known of it: the
two are never mixed.
"""

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import select

from domain.ids import TenantId
from domain.ports import Clock, TenantScope
from ml.forecast.baselines.catalogue import MEAN_7, MEAN_28, NAIVE, ROAS_7, SEASONAL_NAIVE
from ml.forecast.calendar import Calendar
from ml.forecast.completion import learn_completion
from ml.forecast.forecast import HORIZONS, Forecast, Forecaster
from ml.forecast.model_file import from_bytes
from ml.forecast.pooled import PooledModel
from ml.forecast.snapshots import Snapshots
from ml.ledger.entry import Entry, Maker, entries_of
from ml.ledger.ledger import AccuracyLedger
from ml.panel import Floats, History, Measure, Panel
from ml.plans.planned import PlannedSpend
from ml.registry.registry import ModelRegistry
from ml.runs.calendars import load_calendar
from ml.runs.histories import AgencyHistories
from ml.runs.opponent import HARD_TO_BEAT
from ml.runs.spend_ahead import spend_ahead
from ml.runs.training import FORECAST
from tenancy.session import Database
from tenancy.tables import ForecastRole, ModelState, ModelVersion, SpendPlan

__all__ = ["ForecastRun", "Forecasting", "forecast_panel"]

_BASELINES: Final = (NAIVE, SEASONAL_NAIVE, MEAN_7, MEAN_28, ROAS_7)


@dataclass(frozen=True, slots=True)
class Forecasting:
    """What one run did.

    Attributes:
        origin: First day that was forecast.
        kept: Forecasts that are new.
        scored: Earlier ones that were held against what came since.
        model: Number of the version that served; None: baselines did.
    """

    origin: dt.date
    kept: int
    scored: int
    model: int | None


@dataclass(frozen=True, slots=True)
class ForecastRun:
    """Forecasts agencies, one at a time."""

    database: Database
    histories: AgencyHistories
    registry: ModelRegistry
    ledger: AccuracyLedger
    clock: Clock

    async def run(self, tenant_id: TenantId, time_zone: str) -> Forecasting:
        """Forecast all series of an agency from today on, and score what is mature by now.

        Args:
            tenant_id: Whose.
            time_zone: Of the agency, IANA name; says which day is over.

        Raises:
            WarehouseError: The warehouse failed.
            LandingError: The object store failed.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        now = self.clock()
        today = now.astimezone(ZoneInfo(time_zone)).date()
        by_topic = await self.histories.read(TenantScope(tenant_id), today, now)
        async with self.database.session(tenant_id) as session:
            calendar = await load_calendar(session)
            plans = [_planned(row) for row in await session.scalars(select(SpendPlan))]
        versions = await self._versions()
        models = [(version, from_bytes(await self.registry.load(version))) for version in versions]
        entries, scored = [], 0
        for history in by_topic.values():
            scored += await self.ledger.score(tenant_id, history.latest())
            entries += await asyncio.to_thread(_entries, history, models, calendar, plans)
        kept = await self.ledger.keep(tenant_id, entries)
        serving = [one.number for one in versions if one.state is ModelState.CHAMPION]
        return Forecasting(today, kept, scored, next(iter(serving), None))

    async def _versions(self) -> list[ModelVersion]:
        """The champion, and those in the shadow."""
        versions = await self.registry.list_versions(FORECAST)
        wanted = {ModelState.CHAMPION, ModelState.SHADOW}
        return [one for one in versions if one.state in wanted and one.destroyed_at is None]


def forecast_panel(
    forecaster: Forecaster, known: Panel, measure: Measure, ahead: Floats | None
) -> Forecast:
    """Forecast series with their planned spend where there is one, and as unknown else.

    Args:
        forecaster: A model or a baseline.
        known: What is known now.
        measure: What to forecast.
        ahead: Of `spend_ahead`; None: nothing is planned.
    """
    unknown = forecaster.forecast(known, measure, HORIZONS, None)
    if ahead is None or measure is Measure.SPEND or np.isnan(ahead).all():
        return unknown
    rows = np.flatnonzero(~np.isnan(ahead[:, 0]))
    planned = forecaster.forecast(known, measure, HORIZONS, np.nan_to_num(ahead))
    steps, totals, methods = unknown.steps.copy(), unknown.totals.copy(), [*unknown.methods]
    steps[rows], totals[rows] = planned.steps[rows], planned.totals[rows]
    for row in rows:
        methods[row] = planned.methods[row]
    return Forecast(measure, HORIZONS, steps, totals, tuple(methods))


def _entries(
    history: History,
    models: Sequence[tuple[ModelVersion, PooledModel]],
    calendar: Calendar,
    plans: Sequence[PlannedSpend],
) -> list[Entry]:
    known = history.latest()
    ahead = spend_ahead(known, plans, HORIZONS[-1]) if Measure.SPEND in known.values else None
    completion = learn_completion(Snapshots.of(history), history.steps)
    forecasters: list[tuple[Forecaster, Maker]] = [
        (model.forecaster(completion=completion, calendar=calendar), _maker(version))
        for version, model in models
    ]
    if all(maker.role is not ForecastRole.SERVED for _, maker in forecasters):
        forecasters.append((HARD_TO_BEAT, Maker(None)))
    entries = []
    for measure in known.values:
        baselines: Mapping[str, Forecast] = {
            one.name: forecast_panel(one, known, measure, ahead) for one in _BASELINES
        }
        for forecaster, maker in forecasters:
            told = forecast_panel(forecaster, known, measure, ahead)
            entries += entries_of(known, told, baselines, maker)
    return entries


def _maker(version: ModelVersion) -> Maker:
    is_served = version.state is ModelState.CHAMPION
    return Maker(version.id, ForecastRole.SERVED if is_served else ForecastRole.SHADOW)


def _planned(row: SpendPlan) -> PlannedSpend:
    return PlannedSpend(
        client=str(row.client_id),
        channel=row.channel,
        campaign=row.campaign,
        first=row.day_from,
        last=row.day_to,
        amount=row.amount,
        currency=row.currency,
    )

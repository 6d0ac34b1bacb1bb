"""Forecasts of one agency: made every day, kept as they were made, held against what came.

histories as of now -> made by the champion, or the baseline -> ledger, and what is served
-> made by each model in the shadow -> ledger, beside
mature days -> earlier forecasts are scored -> how wide the next bands have to be
"""

import asyncio
import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from domain.ids import ClientId, TenantId
from domain.ports import Clock, TenantScope
from ml.forecast.model_file import from_bytes
from ml.ledger.adaptation import read_adaptation
from ml.ledger.entry import Entry, Maker
from ml.ledger.ledger import AccuracyLedger
from ml.registry.registry import ModelRegistry
from ml.runs.calendars import load_calendar
from ml.runs.histories import AgencyHistories
from ml.runs.made import Known, make
from ml.runs.reasons import Reasons
from ml.runs.served import ServedForecasts
from ml.runs.spend_plans import load_spend_plans
from ml.runs.training import FORECAST
from tenancy.session import Database
from tenancy.tables import ForecastRole, ModelState, ModelVersion

__all__ = ["ForecastRun", "Forecasting"]


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
    served: ServedForecasts
    clock: Clock

    async def run(
        self, tenant_id: TenantId, time_zone: str, client_id: ClientId | None = None
    ) -> Forecasting:
        """Forecast all series of an agency from today on, and score what is mature by now.

        What is served is made anew; the ledger keeps what was told first today.

        Args:
            tenant_id: Whose.
            time_zone: Of the agency, IANA name; says which day is over.
            client_id: Only this client is served anew, by what is known of all; None: all are.

        Raises:
            WarehouseError: The warehouse failed.
            LandingError: The object store failed.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        now = self.clock()
        today = now.astimezone(ZoneInfo(time_zone)).date()
        by_topic = await self.histories.read(TenantScope(tenant_id), today, now)
        scored = 0
        for history in by_topic.values():
            scored += await self.ledger.score(tenant_id, history.latest())
        async with self.database.session(tenant_id) as session:
            known = Known(
                await load_calendar(session),
                await load_spend_plans(session),
                await read_adaptation(session, today),
            )
        versions = await self._versions()
        models = [
            (_maker(version), from_bytes(await self.registry.load(version))) for version in versions
        ]
        entries: list[Entry] = []
        served: list[tuple[Entry, Reasons]] = []
        for history in by_topic.values():
            made = await asyncio.to_thread(make, history, models, known)
            served += [one for one in made.served if client_id in {None, one[0].client_id}]
            entries += [*(entry for entry, _ in made.served), *made.shadow]
        kept = await self.ledger.keep(tenant_id, entries)
        await self.served.replace(tenant_id, now, served, client_id)
        serving = [one.number for one in versions if one.state is ModelState.CHAMPION]
        return Forecasting(today, kept, scored, next(iter(serving), None))

    async def _versions(self) -> list[ModelVersion]:
        """The champion, and those in the shadow."""
        versions = await self.registry.list_versions(FORECAST)
        wanted = {ModelState.CHAMPION, ModelState.SHADOW}
        return [one for one in versions if one.state in wanted and one.destroyed_at is None]


def _maker(version: ModelVersion) -> Maker:
    is_served = version.state is ModelState.CHAMPION
    return Maker(version.id, ForecastRole.SERVED if is_served else ForecastRole.SHADOW)

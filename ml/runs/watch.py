"""Whether the model that serves still fits: inputs, coverage, age, erasures.

    champion -> inputs of all agencies now against those it was trained on (once a week)
             -> how often its bands held, by group of agencies, out of their ledgers
             -> its age, people erased since -> decide -> noted, with every reason

Each agency is read within its own scope; what leaves it are counts.

Decision: ADR-0043.
"""

import asyncio
import datetime as dt
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from domain.ports import Clock, TenantScope
from ml.forecast.features import Features
from ml.ledger.ledger import AccuracyLedger
from ml.registry.registry import ModelRegistry
from ml.registry.retraining import Coverage, Retraining, Signs, decide
from ml.runs.calendars import load_calendar
from ml.runs.histories import AgencyHistories
from ml.runs.inputs import NEWEST, WATCHED, inputs_of, shifts_of
from ml.runs.training import FORECAST, GROUPS, Agency, ListTrained, group_of
from tenancy.session import Database
from tenancy.tables import ModelVersion

__all__ = ["Watching"]

_LATELY: Final = dt.timedelta(days=90)  # origins of which spend and claims of a month are mature


@dataclass(frozen=True, slots=True)
class Watching:
    """Watches the champion.

    Attributes:
        agencies: All there are; a door.
    """

    database: Database
    histories: AgencyHistories
    registry: ModelRegistry
    ledger: AccuracyLedger
    agencies: ListTrained
    clock: Clock

    async def look(self, *, with_inputs: bool) -> Retraining | None:
        """Look at the champion, and note it when it has to be trained anew; None: it need not.

        Args:
            with_inputs: Read all histories for drift as well; costs as much as a day's forecasts.

        Raises:
            WarehouseError: The warehouse failed.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        champion = await self.registry.find_champion(FORECAST)
        if champion is None:
            return None
        shifts = {}
        if with_inputs and champion.inputs:
            shifts = shifts_of(champion.inputs, await self._inputs())
        coverage = await self._coverage(champion)
        signs = Signs(champion.as_of, shifts, coverage, champion.retrain_by)
        found = decide(signs, self.clock())
        if found is not None:
            await self.registry.note_retraining(FORECAST, found)
        return found

    async def _inputs(self) -> Features:
        parts = [np.empty((0, len(WATCHED)), dtype=np.float32)]
        for agency in await self.agencies():
            parts += await self._inputs_of(agency)
        return np.concatenate(parts)

    async def _inputs_of(self, agency: Agency) -> list[Features]:
        now = self.clock()
        today = now.astimezone(ZoneInfo(agency.time_zone)).date()
        by_topic = await self.histories.read(TenantScope(agency.tenant_id), today, now)
        async with self.database.session(agency.tenant_id) as session:
            calendar = await load_calendar(session)
        return [
            await asyncio.to_thread(inputs_of, history, calendar, NEWEST)
            for history in by_topic.values()
        ]

    async def _coverage(self, champion: ModelVersion) -> dict[str, Coverage]:
        """By group of agencies, of those that have any mature forecast of it."""
        since = self.clock().date() - _LATELY
        held, forecasts = dict.fromkeys(GROUPS, 0), dict.fromkeys(GROUPS, 0)
        for agency in await self.agencies():
            one = await self.ledger.held(agency.tenant_id, champion.id, since)
            group = GROUPS[group_of(one.series)]
            held[group] += one.held
            forecasts[group] += one.forecasts
        return {
            group: Coverage(held[group] / count, count)
            for group, count in forecasts.items()
            if count
        }

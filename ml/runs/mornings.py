"""What an agency is told every morning: what is unusual, and how its budgets go.

    round -> agencies whose morning has come, that are forecast and not watched today -> job each
          -> figures are looked at -> paces of budgets are told

The job goes on where it stopped, and its steps may be done twice. One that failed is tried again
an hour later.
"""

import datetime as dt
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from domain.ids import TenantId
from domain.ports import Clock, Steps
from ml.runs.pacing import PaceRun
from ml.runs.unusual import UnusualRun
from tenancy.jobs import JobEngine, JobQueue
from tenancy.session import Database
from tenancy.tables import MadeForecast, WatchedDay

__all__ = ["MORNING_JOB", "MorningRounds"]

MORNING_JOB: Final = "look_at_figures"

_MORNING: Final = 8  # yesterday's data is there by then, where the agency is
_PATIENCE: Final = 10  # from then on forecasts are not waited for


@dataclass(frozen=True, slots=True)
class MorningRounds:
    """Watches every agency once a day, after its forecasts.

    Attributes:
        agencies: All there are, with the IANA names of their zones.
    """

    database: Database
    jobs: JobEngine
    unusual: UnusualRun
    pacing: PaceRun
    agencies: Callable[[], Awaitable[Sequence[tuple[TenantId, str]]]]
    clock: Clock

    def register(self) -> None:
        """Make the job known to the engine; before it starts."""
        self.jobs.register(MORNING_JOB, self._watch)

    async def go_round(self) -> None:
        """Enqueue what is due.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        now = self.clock()
        for tenant_id, zone in await self.agencies():
            local = now.astimezone(ZoneInfo(zone))
            if local.hour >= _MORNING and await self._is_due(tenant_id, local):
                await self.jobs.enqueue(
                    MORNING_JOB,
                    {"tenant_id": str(tenant_id), "time_zone": zone},
                    queue=JobQueue.FOLLOW,
                    job_id=f"{MORNING_JOB}:{tenant_id}:{local:%Y-%m-%d:%H}",
                )

    async def _is_due(self, tenant_id: TenantId, local: dt.datetime) -> bool:
        watched = select(WatchedDay.day).where(WatchedDay.day == local.date())
        made = select(MadeForecast.id).where(MadeForecast.origin == local.date()).limit(1)
        async with self.database.session(tenant_id) as session:
            if await session.scalar(watched) is not None:
                return False
            return local.hour >= _PATIENCE or await session.scalar(made) is not None

    async def _watch(self, steps: Steps, arguments: Mapping[str, Any]) -> int:
        """How many incidents are open."""
        tenant_id = TenantId(uuid.UUID(arguments["tenant_id"]))
        zone: str = arguments["time_zone"]

        async def pace() -> int:
            return await self.pacing.run(tenant_id, zone)

        async def watch() -> int:
            return (await self.unusual.run(tenant_id, zone)).going_on

        await steps.run("pace", pace)
        return await steps.run("watch", watch)

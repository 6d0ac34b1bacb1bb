"""Once a day for each agency, after its night: measure every view, judge the day.

    round -> agencies whose morning has come and whose day is not judged -> job -> one step a view
    -> judge -> alerts

The job goes on where it stopped, and its steps may be done twice. A day whose job failed gets
another one an hour later.
"""

import datetime as dt
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from domain.ids import TenantId
from domain.ports import Clock, Steps
from feature_repo.catalogue import Catalogues
from feature_repo.monitoring.judge import Judging
from feature_repo.monitoring.measure import Measuring
from tenancy.jobs import JobEngine, JobQueue
from tenancy.session import Database
from tenancy.tables import FeatureViewDay

__all__ = ["MONITOR_JOB", "FeatureMonitoring", "ListAgencies"]

MONITOR_JOB: Final = "monitor_features"
# Yesterday's data has to be there at eight, where the agency is.
_MORNING: Final = 9

# Ids and time zones (IANA) of all agencies.
ListAgencies = Callable[[], Awaitable[Sequence[tuple[TenantId, str]]]]


@dataclass(frozen=True, slots=True)
class FeatureMonitoring:
    """Watches the features of all agencies, each by itself.

    Attributes:
        catalogues: Which views each has.
        agencies: Lists them.
    """

    database: Database
    jobs: JobEngine
    catalogues: Catalogues
    measuring: Measuring
    judging: Judging
    agencies: ListAgencies
    clock: Clock

    def register(self) -> None:
        """Make the job known to the engine; before it starts."""
        self.jobs.register(MONITOR_JOB, self._monitor)

    async def go_round(self) -> int:
        """Enqueue what is due.

        Returns:
            For how many agencies.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        due = 0
        for tenant_id, time_zone in await self.agencies():
            local = self.clock().astimezone(ZoneInfo(time_zone))
            if local.hour < _MORNING or await self._is_judged(tenant_id, local.date()):
                continue
            due += 1
            await self.jobs.enqueue(
                MONITOR_JOB,
                {"tenant_id": str(tenant_id), "day": local.date().isoformat()},
                queue=JobQueue.FOLLOW,
                job_id=f"{MONITOR_JOB}:{tenant_id}:{local:%Y-%m-%d:%H}",
            )
        return due

    async def monitor(self, tenant_id: TenantId, day: dt.date) -> int:
        """Do a day's work now, whether it was done or not.

        Returns:
            How many things are wrong.

        Raises:
            WarehouseError: The warehouse failed.
            RedisUnavailableError: Redis does not answer.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        catalogue = await self.catalogues.fresh(tenant_id)
        for view in catalogue.views.values():
            await self.measuring.measure(tenant_id, view, day)
        return await self.judging.judge(tenant_id, day)

    async def _is_judged(self, tenant_id: TenantId, day: dt.date) -> bool:
        judged = select(FeatureViewDay.view).where(
            FeatureViewDay.day == day, FeatureViewDay.judged_at.is_not(None)
        )
        async with self.database.session(tenant_id) as session:
            return await session.scalar(judged.limit(1)) is not None

    async def _monitor(self, steps: Steps, arguments: Mapping[str, Any]) -> int:
        tenant_id = TenantId(uuid.UUID(arguments["tenant_id"]))
        day = dt.date.fromisoformat(arguments["day"])
        catalogue = await self.catalogues.fresh(tenant_id)
        for view in catalogue.views.values():
            await steps.run(
                f"measure {view.name}", partial(self.measuring.measure, tenant_id, view, day)
            )
        return await steps.run("judge", partial(self.judging.judge, tenant_id, day))

"""What models do by themselves: forecasts every morning, training when it is due, judgement.

    round -> agencies whose morning has come and that are not forecast today -> job each
          -> no version yet, the latest too old, people erased -> training, one try a day
          -> challengers -> judged, one try a day

Jobs go on where they stopped; a step that is done twice changes nothing.
"""

import datetime as dt
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select

from domain.errors import InvalidInputError
from domain.ids import TenantId
from domain.ports import Clock, Steps
from ml.registry.retraining import OLDEST
from ml.runs.forecasts import ForecastRun
from ml.runs.shadow import Judging
from ml.runs.training import FORECAST, ForecastTraining
from tenancy.jobs import JobEngine, JobQueue
from tenancy.session import Database
from tenancy.tables import MadeForecast, ModelState

__all__ = ["FORECAST_JOB", "JUDGE_JOB", "TRAIN_JOB", "ModelRounds"]

FORECAST_JOB: Final = "forecast_agency"
TRAIN_JOB: Final = "train_forecaster"
JUDGE_JOB: Final = "judge_challenger"

_LOG: Final = structlog.get_logger(__name__)
_MORNING: Final = 8  # yesterday's data is there by then, where the agency is
_USEFUL: Final = {ModelState.CHAMPION, ModelState.SHADOW}


@dataclass(frozen=True, slots=True)
class ModelRounds:
    """Keeps forecasts and models up to date.

    Attributes:
        agencies: All there are, with the IANA names of their zones.
    """

    database: Database
    jobs: JobEngine
    forecasts: ForecastRun
    training: ForecastTraining
    judging: Judging
    agencies: Callable[[], Awaitable[Sequence[tuple[TenantId, str]]]]
    clock: Clock

    def register(self) -> None:
        """Make the jobs known to the engine; before it starts."""
        self.jobs.register(FORECAST_JOB, self._forecast)
        self.jobs.register(TRAIN_JOB, self._train)
        self.jobs.register(JUDGE_JOB, self._judge)

    async def go_round(self) -> None:
        """Enqueue what is due.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        now = self.clock()
        for tenant_id, zone in await self.agencies():
            local = now.astimezone(ZoneInfo(zone))
            if local.hour >= _MORNING and not await self._is_forecast(tenant_id, local.date()):
                await self.jobs.enqueue(
                    FORECAST_JOB,
                    {"tenant_id": str(tenant_id), "time_zone": zone},
                    queue=JobQueue.FOLLOW,
                    job_id=f"{FORECAST_JOB}:{tenant_id}:{local:%Y-%m-%d:%H}",
                )
        registry = self.training.registry
        versions = await registry.list_versions(FORECAST)
        latest = max((one.as_of for one in versions if one.state in _USEFUL), default=None)
        is_old = latest is None or now >= latest + OLDEST
        if is_old or await registry.is_retraining_due(FORECAST):
            await self._once_a_day(TRAIN_JOB, now)
        if any(one.state is ModelState.SHADOW for one in versions):
            await self._once_a_day(JUDGE_JOB, now)

    async def _once_a_day(self, job: str, now: dt.datetime) -> None:
        await self.jobs.enqueue(
            job,
            {"as_of": now.replace(hour=0, minute=0, second=0, microsecond=0).isoformat()},
            queue=JobQueue.FOLLOW,
            job_id=f"{job}:{now:%Y-%m-%d}",
        )

    async def _is_forecast(self, tenant_id: TenantId, day: dt.date) -> bool:
        made = select(MadeForecast.id).where(MadeForecast.origin == day).limit(1)
        async with self.database.session(tenant_id) as session:
            return await session.scalar(made) is not None

    async def _forecast(self, steps: Steps, arguments: Mapping[str, Any]) -> int:
        tenant_id = TenantId(uuid.UUID(arguments["tenant_id"]))
        zone: str = arguments["time_zone"]

        async def forecast() -> int:
            return (await self.forecasts.run(tenant_id, zone)).kept

        return await steps.run("forecast", forecast)

    async def _train(self, steps: Steps, arguments: Mapping[str, Any]) -> int:
        as_of = dt.datetime.fromisoformat(arguments["as_of"])
        return await steps.run("train", partial(self._trained, as_of))

    async def _trained(self, as_of: dt.datetime) -> int:
        """Number of the version; 0: there is too little to learn from yet."""
        try:
            return (await self.training.run(as_of)).version.number
        except InvalidInputError as error:
            _LOG.info("forecaster_not_trained", reason=error.message)
            return 0

    async def _judge(self, steps: Steps, _: Mapping[str, Any]) -> int:
        return await steps.run("judge", self.judging.judge)

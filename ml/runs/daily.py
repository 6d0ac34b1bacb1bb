"""What models do by themselves: forecasts every morning, training when it is due, judgement.

    round -> agencies with facts whose morning has come and that are not forecast today -> job each
          -> clients that were planned for since -> job each
          -> the champion -> watched once a day: what speaks for a new one is noted
          -> no version yet, the latest too old, reasons noted -> training, one try a day
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
from domain.ids import ClientId, TenantId
from domain.ports import Clock, Steps
from ml.history.topics import TOPICS
from ml.registry.retraining import OLDEST
from ml.runs.forecasts import ForecastRun
from ml.runs.replanned import list_replanned
from ml.runs.shadow import Judging
from ml.runs.training import FORECAST, ForecastTraining
from ml.runs.watch import Watching
from tenancy.jobs import JobEngine, JobQueue
from tenancy.session import Database
from tenancy.tables import DataVersion, MadeForecast, ModelState, ModelVersion

__all__ = ["CLIENT_JOB", "FORECAST_JOB", "JUDGE_JOB", "TRAIN_JOB", "WATCH_JOB", "ModelRounds"]

FORECAST_JOB: Final = "forecast_agency"
CLIENT_JOB: Final = "forecast_client"
TRAIN_JOB: Final = "train_forecaster"
JUDGE_JOB: Final = "judge_challenger"
WATCH_JOB: Final = "watch_champion"

_LOG: Final = structlog.get_logger(__name__)
_MORNING: Final = 8  # yesterday's data is there by then, where the agency is
_BETWEEN: Final = dt.timedelta(days=7)  # trainings: one version is tried before the next is made
_MONDAY: Final = 0  # inputs are read once a week: it costs as much as a day's forecasts
_HAS_FACTS: Final = (
    select(DataVersion.id)
    .where(DataVersion.fact.in_(sorted({topic.fact.name for topic in TOPICS.values()})))
    .limit(1)
)
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
    watching: Watching
    agencies: Callable[[], Awaitable[Sequence[tuple[TenantId, str]]]]
    clock: Clock

    def register(self) -> None:
        """Make the jobs known to the engine; before it starts."""
        self.jobs.register(FORECAST_JOB, self._forecast)
        self.jobs.register(CLIENT_JOB, self._forecast_client)
        self.jobs.register(TRAIN_JOB, self._train)
        self.jobs.register(JUDGE_JOB, self._judge)
        self.jobs.register(WATCH_JOB, self._watch)

    async def go_round(self) -> None:
        """Enqueue what is due.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        now = self.clock()
        for tenant_id, zone in await self.agencies():
            local = now.astimezone(ZoneInfo(zone))
            if local.hour >= _MORNING:
                await self._forecast_agency(tenant_id, zone, local)
        registry = self.training.registry
        versions = await registry.list_versions(FORECAST)
        if any(one.state is ModelState.CHAMPION for one in versions):
            await self._once_a_day(WATCH_JOB, now)
        if self._may_train(versions, now) and await self._has_to_train(versions, now):
            await self._once_a_day(TRAIN_JOB, now)
        if any(one.state is ModelState.SHADOW for one in versions):
            await self._once_a_day(JUDGE_JOB, now)

    def _may_train(self, versions: Sequence[ModelVersion], now: dt.datetime) -> bool:
        """Whether the last version is so old that another one would come out differently."""
        return all(now >= one.as_of + _BETWEEN for one in versions)

    async def _has_to_train(self, versions: Sequence[ModelVersion], now: dt.datetime) -> bool:
        latest = max((one.as_of for one in versions if one.state in _USEFUL), default=None)
        if latest is None or now >= latest + OLDEST:
            return True
        return bool(await self.training.registry.due_reasons(FORECAST))

    async def _forecast_agency(self, tenant_id: TenantId, zone: str, local: dt.datetime) -> None:
        """A job for the day's forecasts; once they are there, one for each client that plans."""
        arguments = {"tenant_id": str(tenant_id), "time_zone": zone}
        async with self.database.session(tenant_id) as session:
            if not await session.scalar(_HAS_FACTS):
                return
            made = select(MadeForecast.id).where(MadeForecast.origin == local.date()).limit(1)
            is_forecast = await session.scalar(made) is not None
            midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
            replanned = await list_replanned(session, midnight, self.clock()) if is_forecast else []
        if not is_forecast:
            job_id = f"{FORECAST_JOB}:{tenant_id}:{local:%Y-%m-%d:%H}"
            await self.jobs.enqueue(FORECAST_JOB, arguments, queue=JobQueue.FOLLOW, job_id=job_id)
        for client_id, planned_at in replanned:
            # The hour: one that failed is tried again, one that is done is no longer asked for.
            job_id = f"{CLIENT_JOB}:{client_id}:{planned_at:%Y-%m-%dT%H:%M:%S.%f}:{local:%H}"
            await self.jobs.enqueue(
                CLIENT_JOB,
                {**arguments, "client_id": str(client_id)},
                queue=JobQueue.FOLLOW,
                job_id=job_id,
            )

    async def _once_a_day(self, job: str, now: dt.datetime) -> None:
        await self.jobs.enqueue(
            job,
            {"as_of": now.replace(hour=0, minute=0, second=0, microsecond=0).isoformat()},
            queue=JobQueue.FOLLOW,
            job_id=f"{job}:{now:%Y-%m-%d}",
        )

    async def _forecast(self, steps: Steps, arguments: Mapping[str, Any]) -> int:
        tenant_id = TenantId(uuid.UUID(arguments["tenant_id"]))
        zone: str = arguments["time_zone"]

        async def forecast() -> int:
            return (await self.forecasts.run(tenant_id, zone)).kept

        return await steps.run("forecast", forecast)

    async def _forecast_client(self, steps: Steps, arguments: Mapping[str, Any]) -> int:
        """Serve one client's forecasts anew; how many are new to the ledger."""
        tenant_id = TenantId(uuid.UUID(arguments["tenant_id"]))
        client_id = ClientId(uuid.UUID(arguments["client_id"]))
        zone: str = arguments["time_zone"]

        async def forecast() -> int:
            return (await self.forecasts.run(tenant_id, zone, client_id)).kept

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

    async def _watch(self, steps: Steps, arguments: Mapping[str, Any]) -> int:
        """How many reasons speak for training anew."""
        day = dt.datetime.fromisoformat(arguments["as_of"])

        async def watch() -> int:
            found = await self.watching.look(with_inputs=day.weekday() == _MONDAY)
            return 0 if found is None else len(found.reasons)

        return await steps.run("watch", watch)

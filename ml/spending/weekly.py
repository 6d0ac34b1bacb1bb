"""What spend brings is learnt anew every week, on the durable jobs.

    each agency, in its morning: curves missing or a week old -> one job a day -> all its curves

Learning again is one step: it reads facts as known then and takes the place of what it learnt
before, so that a job that was cut off can go on from its beginning.
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from domain.ids import TenantId
from domain.ports import Clock, Steps
from ml.spending.learning import Learning
from tenancy.jobs import JobEngine, JobQueue

__all__ = ["RESPONSE_JOB", "ResponseRounds"]

RESPONSE_JOB: Final = "fit_response"

_MORNING: Final = 9  # after the forecasts, where the agency is


@dataclass(frozen=True, slots=True)
class ResponseRounds:
    """Keeps curves up to date.

    Attributes:
        agencies: All there are, with the IANA names of their zones.
    """

    jobs: JobEngine
    learning: Learning
    agencies: Callable[[], Awaitable[Sequence[tuple[TenantId, str]]]]
    clock: Clock

    def register(self) -> None:
        """Make the job known to the engine; before it starts."""
        self.jobs.register(RESPONSE_JOB, self._learn)

    async def go_round(self) -> None:
        """Enqueue what is due.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        now = self.clock()
        for tenant_id, zone in await self.agencies():
            local = now.astimezone(ZoneInfo(zone))
            if local.hour >= _MORNING and await self.learning.is_due(tenant_id):
                await self.jobs.enqueue(
                    RESPONSE_JOB,
                    {"tenant_id": str(tenant_id), "time_zone": zone},
                    queue=JobQueue.FOLLOW,
                    job_id=f"{RESPONSE_JOB}:{tenant_id}:{local:%Y-%m-%d}",
                )

    async def _learn(self, steps: Steps, arguments: Mapping[str, Any]) -> int:
        tenant_id = TenantId(uuid.UUID(arguments["tenant_id"]))
        today = self.clock().astimezone(ZoneInfo(arguments["time_zone"])).date()

        async def learn() -> int:
            return await self.learning.refresh(tenant_id, today)

        return await steps.run("learn", learn)

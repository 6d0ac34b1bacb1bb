"""Jobs that put right what was held back.

    release -> syncs landed again -> load job -> follow job -> finish

They take turns with the syncs of their connection, outlive the process, and go on where they
stopped, as every job does.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.ids import ConnectionId, RunId, TenantId
from domain.ports import IdFactory, Steps
from ingestion.pipeline import Pipeline
from tenancy.jobs import JobEngine, JobHandle, JobQueue

__all__ = ["RELEASE_JOB", "Corrections"]

RELEASE_JOB: Final = "publish_released"


@dataclass(frozen=True, slots=True)
class Corrections:
    """Starts and runs these jobs."""

    pipeline: Pipeline
    jobs: JobEngine
    ids: IdFactory

    def register(self) -> None:
        """Make the jobs known to the engine; before it starts."""
        self.jobs.register(RELEASE_JOB, self._publish_released)

    async def publish_released(
        self, tenant_id: TenantId, run_id: RunId, connection_id: ConnectionId
    ) -> JobHandle:
        """Have released syncs of a run published. The job outlives this process."""
        attempt = str(self.ids())
        return await self.jobs.enqueue(
            RELEASE_JOB,
            {
                "tenant_id": str(tenant_id),
                "run_id": str(run_id),
                "connection_id": str(connection_id),
                "attempt": attempt,
            },
            queue=JobQueue.SYNC,
            job_id=f"release-{attempt}",
            tenant_id=tenant_id,
        )

    async def _publish_released(self, steps: Steps, arguments: Mapping[str, Any]) -> None:
        tenant_id = TenantId(uuid.UUID(arguments["tenant_id"]))
        run_id = RunId(uuid.UUID(arguments["run_id"]))
        connection_id = ConnectionId(uuid.UUID(arguments["connection_id"]))
        async with self.pipeline.only_job_of(connection_id):
            await self.pipeline.publish_landed(
                steps, tenant_id, run_id, connection_id, arguments["attempt"]
            )

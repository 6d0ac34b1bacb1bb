"""Jobs that put right what was held back, or did not fit.

    release -> syncs landed again -> load job -> follow job -> finish
    replay  -> load job -> place job: plan, land -> load job -> follow job -> finish

They take turns with the syncs of their connection, outlive the process, and go on where they
stopped, as every job does. Placing needs the warehouse, so it is a job of who owns it.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from domain.ids import ConnectionId, RunId, TenantId
from domain.ports import IdFactory, QueryWarehouse, Steps
from ingestion.connector.spec import SourceSpec
from ingestion.file_landing import load_same_map
from ingestion.files.map_spec import MapSpec
from ingestion.landing.target import LandingServices
from ingestion.pipeline import Pipeline
from ingestion.publication import LOAD_JOB
from ingestion.publish import Publisher
from ingestion.replay.decide import ReplayDecider
from ingestion.replay.land import ReplayLander
from ingestion.replay.plan import plan_replay
from tenancy.jobs import JobEngine, JobHandle, JobQueue

__all__ = ["PLACE_JOB", "RELEASE_JOB", "REPLAY_JOB", "Corrections", "Placement"]

RELEASE_JOB: Final = "publish_released"
REPLAY_JOB: Final = "replay_quarantined"
PLACE_JOB: Final = "place_replayed"


@dataclass(frozen=True, slots=True)
class Corrections:
    """Starts these jobs, and waits for each part of them."""

    pipeline: Pipeline
    jobs: JobEngine
    ids: IdFactory

    def register(self) -> None:
        """Make the jobs known to the engine; before it starts."""
        self.jobs.register(RELEASE_JOB, self._publish_released)
        self.jobs.register(REPLAY_JOB, self._replay)

    async def publish_released(
        self, tenant_id: TenantId, run_id: RunId, connection_id: ConnectionId
    ) -> JobHandle:
        """Have released syncs of a run published. The job outlives this process."""
        attempt = str(self.ids())
        return await self.jobs.enqueue(
            RELEASE_JOB,
            {**_run_of(tenant_id, run_id, connection_id), "attempt": attempt},
            queue=JobQueue.SYNC,
            job_id=f"release-{attempt}",
            tenant_id=tenant_id,
        )

    async def start_replay(
        self,
        tenant_id: TenantId,
        run_id: RunId,
        connection_id: ConnectionId,
        file_map: tuple[Path, str] | None,
    ) -> JobHandle:
        """Replay the rows of a connection that name a run. The job outlives this process.

        Args:
            tenant_id: The agency.
            run_id: There is such a run.
            connection_id: Of the rows.
            file_map: Path and content hash of the map that reads the connection's files; None: a
                platform's rows.
        """
        path, content_hash = file_map or ("", "")
        named = {"map_file": str(path), "map_hash": content_hash}
        return await self.jobs.enqueue(
            REPLAY_JOB,
            {**_run_of(tenant_id, run_id, connection_id), **named},
            queue=JobQueue.SYNC,
            job_id=f"replay-{run_id}-{connection_id}",
            tenant_id=tenant_id,
        )

    async def _publish_released(self, steps: Steps, arguments: Mapping[str, Any]) -> None:
        tenant_id, run_id, connection_id = _ids_of(arguments)
        async with self.pipeline.only_job_of(connection_id):
            await self.pipeline.publish_landed(
                steps, tenant_id, run_id, connection_id, arguments["attempt"]
            )

    async def _replay(self, steps: Steps, arguments: Mapping[str, Any]) -> None:
        tenant_id, run_id, connection_id = _ids_of(arguments)
        async with self.pipeline.only_job_of(connection_id):
            # What has landed before is newer than the rows, or tells them again.
            await self.pipeline.have_done(LOAD_JOB, JobQueue.LOAD, arguments, "before")
            await self.pipeline.have_done(PLACE_JOB, JobQueue.FOLLOW, arguments, "place")
            await self.pipeline.publish_landed(steps, tenant_id, run_id, connection_id)


@dataclass(frozen=True, slots=True)
class Placement:
    """The part of a replay that needs the warehouse."""

    jobs: JobEngine
    decider: ReplayDecider
    lander: ReplayLander

    @classmethod
    def over(
        cls,
        warehouse: QueryWarehouse,
        jobs: JobEngine,
        services: LandingServices,
        publisher: Publisher,
        sources: Mapping[str, SourceSpec],
    ) -> "Placement":
        """Placement by the owner of a warehouse."""
        decider = ReplayDecider(services, warehouse, sources)
        return cls(jobs, decider, ReplayLander(services, publisher, sources))

    def register(self) -> None:
        """Make the job known to the engine; before it starts."""
        self.jobs.register(PLACE_JOB, self._place)

    async def _place(self, steps: Steps, arguments: Mapping[str, Any]) -> None:
        tenant_id, run_id, connection_id = _ids_of(arguments)
        file_map = await _map_of(arguments)
        run = (tenant_id, run_id, connection_id, file_map)
        await steps.run("plan", partial(plan_replay, self.decider, *run))
        await steps.run("land", partial(self.lander.land, *run))


async def _map_of(arguments: Mapping[str, Any]) -> MapSpec | None:
    if not arguments["map_file"]:
        return None
    return await load_same_map(Path(arguments["map_file"]), arguments["map_hash"])


def _run_of(tenant_id: TenantId, run_id: RunId, connection_id: ConnectionId) -> dict[str, str]:
    return {
        "tenant_id": str(tenant_id),
        "run_id": str(run_id),
        "connection_id": str(connection_id),
    }


def _ids_of(arguments: Mapping[str, Any]) -> tuple[TenantId, RunId, ConnectionId]:
    return (
        TenantId(uuid.UUID(arguments["tenant_id"])),
        RunId(uuid.UUID(arguments["run_id"])),
        ConnectionId(uuid.UUID(arguments["connection_id"])),
    )

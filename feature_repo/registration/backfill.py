"""The first values of a registered view: a durable job, client by client.

    job: agency, view -> clients -> one step each: compute as of now -> Redis -> progress noted

It outlives the process and goes on with the client at which it stopped. Publications refresh the
view from the moment it is registered, so nothing is missed in between: whoever comes later wins.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy import select

from domain.errors import NotFoundError
from domain.ids import ClientId, TenantId
from domain.ports import Steps
from feature_repo.materialise import FeatureRefresh
from feature_repo.registration.book import FeatureBook
from feature_repo.registration.definition import Definition
from tenancy.jobs import JobEngine, JobHandle, JobQueue, JobStatus
from tenancy.tables import Client

__all__ = ["BACKFILL_JOB", "Backfills"]

BACKFILL_JOB: Final = "backfill_features"

_ENDED_BADLY: Final = (JobStatus.FAILED, JobStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Backfills:
    """Starts and runs these jobs."""

    jobs: JobEngine
    refresh: FeatureRefresh
    book: FeatureBook

    def register(self) -> None:
        """Make the job known to the engine; before it starts."""
        self.jobs.register(BACKFILL_JOB, self._run)

    async def start(self, tenant_id: TenantId, definition: Definition) -> JobHandle:
        """Have a view computed for all clients: once for each version, and again if that failed."""
        view = definition.view.name
        return await self.jobs.enqueue(
            BACKFILL_JOB,
            {"tenant_id": str(tenant_id), "view": view},
            queue=JobQueue.FOLLOW,
            job_id=await self._job_id(f"backfill-{tenant_id}-{view}"),
        )

    async def _job_id(self, name: str) -> str:
        """Of the first try that has not failed, or of the next one."""
        attempt = 1
        while (job := await self.jobs.find(f"{name}-{attempt}")) is not None:
            if await job.status() not in _ENDED_BADLY:
                break
            attempt += 1
        return f"{name}-{attempt}"

    async def _run(self, steps: Steps, arguments: Mapping[str, Any]) -> int:
        tenant_id, view = TenantId(uuid.UUID(arguments["tenant_id"])), arguments["view"]
        clients = await steps.run("clients", partial(self._list_clients, tenant_id))
        await steps.run("begin", partial(self._note, tenant_id, view, len(clients), 0, 0))
        entities = 0
        for number, client in enumerate(clients, start=1):
            client_id = ClientId(uuid.UUID(client))
            fill = partial(self._fill, tenant_id, client_id, view)
            entities += await steps.run(f"client {client}", fill)
            note = partial(self._note, tenant_id, view, len(clients), number, entities)
            await steps.run(f"after {client}", note)
        return entities

    async def _list_clients(self, tenant_id: TenantId) -> list[str]:
        async with self.book.database.session(tenant_id) as session:
            found = await session.scalars(select(Client.id).order_by(Client.id))
            return [str(client_id) for client_id in found]

    async def _fill(self, tenant_id: TenantId, client_id: ClientId, view: str) -> int:
        """How many entities were written; none when the view is gone meanwhile."""
        try:
            done = await self.refresh.refresh_view(tenant_id, client_id, view)
        except NotFoundError:
            return 0
        return sum(one.entities for one in done)

    async def _note(
        self, tenant_id: TenantId, view: str, clients: int, filled: int, entities: int
    ) -> int:
        values = {"clients": clients, "clients_filled": filled, "entities_filled": entities}
        await self.book.note_progress(tenant_id, view, values)
        return filled

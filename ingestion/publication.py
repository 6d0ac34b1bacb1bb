"""The jobs of those who own the warehouse: load what has landed, then follow it up.

    load job: everything landed by now, of all agencies -> Loader -> published
    follow job: one run of one connection -> Publication -> each listener, in order

Workers that only read from providers enqueue these and wait. A listener that fails is logged and
catches up at the next publication: what is published stays published.
"""

import itertools
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import select

from domain.errors import BoscoError, Transient
from domain.ids import ConnectionId, RunId, TenantId
from domain.ports import Publication, PublicationListener, Steps
from domain.time_window import DateRange
from ingestion.load import Loader
from tenancy.jobs import JobEngine
from tenancy.session import Database
from tenancy.tables import Sync, SyncState

__all__ = ["FOLLOW_JOB", "LOAD_JOB", "PublicationJobs"]

_LOG: Final = structlog.get_logger(__name__)

LOAD_JOB: Final = "load_landed"
FOLLOW_JOB: Final = "follow_publication"
# What has landed is safe: a short outage of the warehouse costs time only.
_LOAD_WAITS_SECONDS: Final = (1.0, 5.0, 25.0)


@dataclass(frozen=True, slots=True)
class PublicationJobs:
    """Loads and follows up.

    Attributes:
        sleep: Awaits so many seconds.
        listeners: Told, in this order, what a run has published.
    """

    database: Database
    jobs: JobEngine
    loader: Loader
    sleep: Callable[[float], Awaitable[None]]
    listeners: Sequence[PublicationListener] = ()

    def register(self) -> None:
        """Make the jobs known to the engine; before it starts."""
        self.jobs.register(LOAD_JOB, self._load_landed)
        self.jobs.register(FOLLOW_JOB, self._follow_publication)

    async def _load_landed(self, steps: Steps, _arguments: Mapping[str, Any]) -> None:
        await steps.run("load", self._load)

    async def _load(self) -> int:
        """Load what has landed; tries again while the warehouse is away."""
        for seconds in _LOAD_WAITS_SECONDS:
            try:
                return await self.loader.load_pending()
            except BoscoError as error:
                if not isinstance(error, Transient):
                    raise
                _LOG.warning("load_put_off", seconds=seconds, reason=str(error))
                await self.sleep(seconds)
        return await self.loader.load_pending()

    async def _follow_publication(self, steps: Steps, arguments: Mapping[str, Any]) -> None:
        tenant_id = TenantId(uuid.UUID(arguments["tenant_id"]))
        run_id = RunId(uuid.UUID(arguments["run_id"]))
        connection_id = ConnectionId(uuid.UUID(arguments["connection_id"]))
        publication = await self._publication(tenant_id, run_id, connection_id)
        if publication is not None:
            for listener in self.listeners:
                await steps.run(listener.name, partial(_tell, listener, publication))

    async def _publication(
        self, tenant_id: TenantId, run_id: RunId, connection_id: ConnectionId
    ) -> Publication | None:
        """What the run has published of the connection; None: nothing."""
        query = select(Sync).where(
            Sync.run_id == run_id,
            Sync.connection_id == connection_id,
            Sync.state == SyncState.PUBLISHED,
        )
        async with self.database.session(tenant_id) as session:
            syncs = (await session.scalars(query.order_by(Sync.fact, Sync.slice_from))).all()
        if not syncs:
            return None
        days = {
            fact: _days_of(list(of_fact))
            for fact, of_fact in itertools.groupby(syncs, key=lambda sync: sync.fact)
        }
        return Publication(tenant_id, syncs[0].client_id, connection_id, run_id, days)


async def _tell(listener: PublicationListener, publication: Publication) -> bool:
    """Whether the listener caught up; what it misses now it does at the next publication."""
    try:
        await listener.published(publication)
    except BoscoError:
        _LOG.exception("follow_up_failed", listener=listener.name, run_id=str(publication.run_id))
        return False
    return True


def _days_of(syncs: Sequence[Sync]) -> DateRange | None:
    """From the first to the last day of them all; None when one of them has no days."""
    starts = [sync.slice_from for sync in syncs if sync.slice_from is not None]
    ends = [sync.slice_to for sync in syncs if sync.slice_to is not None]
    if len(starts) < len(syncs) or len(ends) < len(syncs):
        return None
    return DateRange(min(starts), max(ends))

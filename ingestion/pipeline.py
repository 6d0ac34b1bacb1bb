"""The way in: durable work from a request to sync to published facts.

    start_run -> job per connection: plan -> land each sync -> load job -> follow job -> finish

Each arrow of a job is a durable step: after a crash the job goes on at the step that was cut
short, and inside a long one at the last checkpoint. Sources and files share everything after the
first page. Any worker can read a connection; the rest is done by who owns the warehouse
(`ingestion.publication`).

Decision: ARCHITECTURE flow "In".
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from domain.facts import FACTS
from domain.facts.fact import HISTORY
from domain.ids import ConnectionId, RunId, SyncId, TenantId
from domain.ports import Clock, IdFactory, Steps
from domain.time_window import DateRange
from ingestion import webhook_events
from ingestion.connector.job import CursorWindow
from ingestion.connector.spec import SourceSpec, StreamSpec
from ingestion.credentials import reconnect_hint
from ingestion.extraction import Extraction
from ingestion.file_landing import FileImport, FileLanding
from ingestion.files.feeds import FILE_SOURCE
from ingestion.history_landing import HistoryImport, HistoryLanding
from ingestion.plan import Coverage, cursor_window, date_windows, days_of_sync
from ingestion.publication import FOLLOW_JOB, LOAD_JOB
from ingestion.sync_alerts import tell_outcome
from tenancy.exclusive import Exclusive
from tenancy.jobs import JobEngine, JobHandle, JobQueue
from tenancy.session import Database, TenantSession
from tenancy.tables import (
    Connection,
    ConnectionState,
    RunState,
    StreamState,
    Sync,
    SyncRun,
    SyncState,
)
from tenancy.webhooks import record_event

__all__ = ["HISTORY_JOB", "IMPORT_JOB", "SYNC_JOB", "Pipeline", "sync_job_id"]

SYNC_JOB: Final = "sync_connection"
IMPORT_JOB: Final = "import_file"
HISTORY_JOB: Final = "import_history"
_ENDED: Final = (SyncState.PUBLISHED, SyncState.FAILED, SyncState.HELD, SyncState.SUPERSEDED)
_NOT_VISIBLE: Final = frozenset({SyncState.FAILED, SyncState.HELD})


def sync_job_id(run_id: RunId, connection_id: ConnectionId) -> str:
    """Names the job that syncs a connection in a run."""
    return f"sync-{run_id}-{connection_id}"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The jobs of ingestion and how they are started."""

    database: Database
    jobs: JobEngine
    sources: Mapping[str, SourceSpec]
    extraction: Extraction
    files: FileLanding
    history: HistoryLanding
    clock: Clock
    ids: IdFactory

    def register(self) -> None:
        """Make the jobs known to the engine; before it starts."""
        self.jobs.register(SYNC_JOB, self._sync_connection)
        self.jobs.register(IMPORT_JOB, self._import_file)
        self.jobs.register(HISTORY_JOB, self._import_history)

    async def start_run(
        self,
        tenant_id: TenantId,
        run_id: RunId,
        connections: Sequence[ConnectionId],
        requested_by: str,
        *,
        deadline: dt.datetime | None = None,
    ) -> list[JobHandle]:
        """Sync connections. The jobs outlive this process; the same run again adds none.

        Args:
            tenant_id: The agency.
            run_id: Names the run.
            connections: Of the agency.
            requested_by: Who asked, for the record.
            deadline: UTC instant by which it should be done: nearer ones go first.
        """
        return [
            await self.jobs.enqueue(
                SYNC_JOB,
                {
                    "tenant_id": str(tenant_id),
                    "run_id": str(run_id),
                    "connection_id": str(connection_id),
                    "requested_by": requested_by,
                },
                queue=JobQueue.SYNC,
                job_id=sync_job_id(run_id, connection_id),
                priority_deadline=deadline,
                tenant_id=tenant_id,
            )
            for connection_id in connections
        ]

    async def start_import(
        self, tenant_id: TenantId, run_id: RunId, request: FileImport, requested_by: str
    ) -> JobHandle:
        """Import a file. The job outlives this process.

        Args:
            tenant_id: The agency.
            run_id: New; names the run.
            request: What, and how it is read; its connection is the agency's.
            requested_by: Who asked, for the record.
        """
        return await self.jobs.enqueue(
            IMPORT_JOB,
            {
                "tenant_id": str(tenant_id),
                "run_id": str(run_id),
                "requested_by": requested_by,
                **request.as_arguments(),
            },
            queue=JobQueue.SYNC,
            job_id=f"import-{run_id}",
            tenant_id=tenant_id,
        )

    async def start_history(
        self, tenant_id: TenantId, run_id: RunId, request: HistoryImport, requested_by: str
    ) -> JobHandle:
        """Import what an earlier system told. The job outlives this process.

        Args:
            tenant_id: The agency.
            run_id: New; names the run.
            request: What, and how it is read; its connections are the agency's.
            requested_by: Who asked, for the record.
        """
        return await self.jobs.enqueue(
            HISTORY_JOB,
            {
                "tenant_id": str(tenant_id),
                "run_id": str(run_id),
                "requested_by": requested_by,
                **request.as_arguments(),
            },
            queue=JobQueue.SYNC,
            job_id=f"history-{run_id}",
            tenant_id=tenant_id,
        )

    async def _sync_connection(self, steps: Steps, arguments: Mapping[str, Any]) -> None:
        tenant_id = TenantId(uuid.UUID(arguments["tenant_id"]))
        run_id = RunId(uuid.UUID(arguments["run_id"]))
        connection_id = ConnectionId(uuid.UUID(arguments["connection_id"]))
        async with self.only_job_of(connection_id):
            sync_ids = await steps.run(
                "plan",
                partial(self._plan, tenant_id, run_id, connection_id, arguments["requested_by"]),
            )
            for text in sync_ids:
                sync_id = SyncId(uuid.UUID(text))
                await steps.run(f"land {text}", partial(self.extraction.land, tenant_id, sync_id))
            await self.publish_landed(steps, tenant_id, run_id, connection_id)

    async def _import_file(self, steps: Steps, arguments: Mapping[str, Any]) -> None:
        tenant_id = TenantId(uuid.UUID(arguments["tenant_id"]))
        run_id = RunId(uuid.UUID(arguments["run_id"]))
        request = FileImport.from_arguments(arguments)

        async def plan() -> None:
            async with self.database.session(tenant_id) as session:
                await self._open_run(session, run_id, arguments["requested_by"])
                await self.files.plan(session, run_id, request)

        async with self.only_job_of(request.connection_id):
            await steps.run("plan", plan)
            await steps.run("land", partial(self.files.land, tenant_id, run_id, request))
            await self.publish_landed(steps, tenant_id, run_id, request.connection_id)

    async def _import_history(self, steps: Steps, arguments: Mapping[str, Any]) -> None:
        tenant_id = TenantId(uuid.UUID(arguments["tenant_id"]))
        run_id = RunId(uuid.UUID(arguments["run_id"]))
        request = HistoryImport.from_arguments(arguments)

        async def plan() -> None:
            async with self.database.session(tenant_id) as session:
                await self._open_run(session, run_id, arguments["requested_by"])
                await self.history.plan(session, run_id, request)

        async with Exclusive(self.database, f"history {tenant_id}")():
            await steps.run("plan", plan)
            await steps.run("land", partial(self.history.land, tenant_id, run_id, request))
            for connection_id in request.connections.values():
                await self.publish_landed(steps, tenant_id, run_id, connection_id)

    async def publish_landed(
        self,
        steps: Steps,
        tenant_id: TenantId,
        run_id: RunId,
        connection_id: ConnectionId,
        attempt: str = "",
    ) -> None:
        """Have what has landed published and followed up, by whoever owns the warehouse.

        Args:
            steps: Of the job that waits.
            tenant_id: The agency.
            run_id: That is followed up.
            connection_id: That is followed up.
            attempt: Names another time that the same run is published; empty: the first.
        """
        run = {
            "tenant_id": str(tenant_id),
            "run_id": str(run_id),
            "connection_id": str(connection_id),
        }
        await self.have_done(LOAD_JOB, JobQueue.LOAD, run, attempt)
        await self.have_done(FOLLOW_JOB, JobQueue.FOLLOW, run, attempt)
        await steps.run("finish", partial(self._finish, tenant_id, run_id, connection_id))

    async def have_done(
        self, name: str, queue: JobQueue, run: Mapping[str, str], attempt: str = ""
    ) -> None:
        """Wait for a job of another queue; the same one when this job goes on after a crash."""
        parts = [queue.value, run["run_id"], run["connection_id"], attempt]
        job_id = "-".join(part for part in parts if part)
        handle = await self.jobs.enqueue(name, run, queue=queue, job_id=job_id)
        await handle.result()

    def only_job_of(self, connection_id: ConnectionId) -> AbstractAsyncContextManager[None]:
        """Wait while another job reads the connection.

        Of two at once, the slower could land older data with the higher version.
        """
        return Exclusive(self.database, f"connection {connection_id}")()

    async def _plan(
        self, tenant_id: TenantId, run_id: RunId, connection_id: ConnectionId, requested_by: str
    ) -> list[str]:
        """Write the syncs that the connection needs now; the same ones when done again."""
        async with self.database.session(tenant_id) as session:
            await self._open_run(session, run_id, requested_by)
            planned = select(Sync).where(Sync.run_id == run_id, Sync.connection_id == connection_id)
            syncs = list((await session.scalars(planned.order_by(Sync.id))).all())
            if not syncs:
                connection = (
                    await session.scalars(select(Connection).where(Connection.id == connection_id))
                ).one()
                if connection.state is ConnectionState.ACTIVE:
                    syncs = await self._plan_connection(session, run_id, connection)
                session.add_all(syncs)
            return [str(sync.id) for sync in syncs]

    async def _open_run(self, session: TenantSession, run_id: RunId, requested_by: str) -> None:
        """Note that the run runs, again when its other connections have ended already."""
        await session.execute(
            insert(SyncRun)
            .values(
                tenant_id=session.tenant_id,
                id=run_id,
                requested_by=requested_by,
                state=RunState.RUNNING,
                started_at=self.clock(),
            )
            .on_conflict_do_update(
                index_elements=[SyncRun.tenant_id, SyncRun.id],
                set_={"state": RunState.RUNNING, "finished_at": None},
            )
        )

    async def _plan_connection(
        self, session: TenantSession, run_id: RunId, connection: Connection
    ) -> list[Sync]:
        states = {
            state.stream: state
            for state in (
                await session.scalars(
                    select(StreamState).where(StreamState.connection_id == connection.id)
                )
            ).all()
        }
        source = self.sources[connection.source]
        now = self.clock()
        return [
            Sync(
                id=SyncId(self.ids()),
                run_id=run_id,
                client_id=connection.client_id,
                connection_id=connection.id,
                source=source.name,
                stream=stream.name,
                fact=stream.fact,
                api_version=source.api.version,
                state=SyncState.PLANNED,
                **_window_columns(window, connection.start_date),
            )
            for stream in sorted(source.streams.values(), key=_comes_after_totals)
            for window in _windows(stream, _coverage(connection, states.get(stream.name)), now)
        ]

    async def _finish(
        self, tenant_id: TenantId, run_id: RunId, connection_id: ConnectionId
    ) -> None:
        """Close the run when its last sync has ended; tell how the connection's have."""
        async with self.database.session(tenant_id) as session:
            run = (
                await session.scalars(select(SyncRun).where(SyncRun.id == run_id).with_for_update())
            ).one()
            states = (await session.scalars(select(Sync.state).where(Sync.run_id == run_id))).all()
            if all(state in _ENDED for state in states):
                failed = not _NOT_VISIBLE.isdisjoint(states)
                run.state = RunState.FAILED if failed else RunState.SUCCEEDED
                run.finished_at = self.clock()
            await self._tell_outcome(session, run_id, connection_id)

    async def _tell_outcome(
        self, session: TenantSession, run_id: RunId, connection_id: ConnectionId
    ) -> None:
        connection = await session.get_one(Connection, (session.tenant_id, connection_id))
        if connection.source == FILE_SOURCE:
            return  # whoever imports a file is told at once
        own = select(Sync).where(Sync.run_id == run_id, Sync.connection_id == connection_id)
        asked = own.where(Sync.stream != HISTORY, Sync.replays.is_(None))
        syncs = (await session.scalars(asked)).all()
        if not syncs:
            return
        source = self.sources[connection.source]
        await tell_outcome(
            session,
            connection,
            source.label,
            syncs,
            reconnect=await reconnect_hint(session, source, connection),
            now=self.clock(),
            ids=self.ids,
        )
        if event := webhook_events.failed(connection, run_id, syncs):
            await record_event(session, event, now=self.clock(), ids=self.ids)


def _comes_after_totals(stream: StreamSpec) -> bool:
    """The platform's own totals are read first: the rest of the run is checked against them."""
    return not FACTS[stream.fact].totals_of


def _coverage(connection: Connection, state: StreamState | None) -> Coverage:
    cursor = state.cursor["until"] if state is not None and state.cursor else None
    return Coverage(
        start=connection.start_date,
        covered_to=None if state is None else state.covered_to,
        cursor=dt.datetime.fromisoformat(cursor) if cursor else None,
        time_zone=connection.settings["time_zone"],
    )


def _windows(
    stream: StreamSpec, coverage: Coverage, now: dt.datetime
) -> Sequence[DateRange | CursorWindow]:
    if stream.slice.kind == "cursor":
        window = cursor_window(coverage, now=now, lookback=stream.slice.lookback)
        return [] if window is None else [window]
    return date_windows(
        coverage,
        now=now,
        restates_days=stream.restates_days,
        sync_days=days_of_sync(stream.slice.days),
        history_days=stream.history_days,
    )


def _window_columns(window: DateRange | CursorWindow, start: dt.date) -> dict[str, Any]:
    if isinstance(window, CursorWindow):
        # What changed since may be older than the history that was asked for.
        return {"cursor_from": window.start, "cursor_to": window.end, "slice_from": start}
    return {"slice_from": window.start, "slice_to": window.end}

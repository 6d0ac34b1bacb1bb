"""The jobs: what is planned, what a failure leaves alone, and how a run ends."""

import asyncio
import dataclasses
import datetime as dt
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from sqlalchemy import select

from domain.errors import InternalError
from domain.ids import ConnectionId, RunId, SyncId, TenantId, public_id
from domain.ports import Publication
from domain.time_window import DateRange
from ingestion.connector.source_file import load_all_sources
from ingestion.pipeline import SYNC_JOB, Pipeline
from ingestion.publication import FOLLOW_JOB, LOAD_JOB, PublicationJobs
from tenancy.jobs import JobQueue
from tenancy.tables import (
    Connection,
    ConnectionState,
    RaisedAlert,
    RunState,
    Sync,
    SyncRun,
    SyncState,
)
from tenancy.warehouse.port import TransientWarehouseError, WarehouseError
from tests.fixtures.webhooks import events_told, listen
from tests.ingestion.plane import NOW, Agency, Plane, page
from tests.ingestion.unify.ledger import ADS, ORDERS, day, order

pytestmark = pytest.mark.anyio

T = TypeVar("T")
Workflow = Callable[[Any, dict[str, Any]], Awaitable[Any]]

WEB = dataclasses.replace(
    load_all_sources()["google_ads"],
    name="web",
    streams={
        "ads": dataclasses.replace(ADS, restates_days=3),
        "orders": dataclasses.replace(
            ORDERS,
            source="web",
            slice=dataclasses.replace(ORDERS.slice, lookback=dt.timedelta(minutes=15)),
        ),
    },
)


class Steps:
    """Runs every step at once; notes their names."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def run(self, name: str, step: Callable[[], Awaitable[T]]) -> T:
        self.names.append(name.split(maxsplit=1)[0])
        return await step()


class Handle:
    """A job that runs when its result is asked for."""

    def __init__(self, workflow: Workflow, arguments: dict[str, Any]) -> None:
        self.workflow = workflow
        self.arguments = arguments

    async def result(self) -> Any:
        return await self.workflow(Steps(), self.arguments)


class FakeJobs:
    """Keeps the workflows, and what was enqueued."""

    def __init__(self) -> None:
        self.workflows: dict[str, Workflow] = {}
        self.enqueued: list[tuple[str, dict[str, Any], dict[str, Any]]] = []

    def register(self, name: str, workflow: Workflow) -> None:
        self.workflows[name] = workflow

    async def enqueue(self, name: str, arguments: Mapping[str, Any], **options: Any) -> Handle:
        self.enqueued.append((name, dict(arguments), options))
        return Handle(self.workflows[name], dict(arguments))


@dataclass
class FakeExtraction:
    """Lands the stream's `rows` in each sync, or fails the streams in `refused`."""

    plane: Plane
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    async def land(self, tenant_id: TenantId, sync_id: SyncId) -> str:
        async with self.plane.database.session(tenant_id) as session:
            sync = (await session.scalars(select(Sync).where(Sync.id == sync_id))).one()
            sync.state = SyncState.EXTRACTING
        if sync.stream in self.refused:
            await self.plane.publisher.fail(tenant_id, sync_id, InternalError("refused"))
            return "failed"
        stream = WEB.streams[sync.stream]
        agency = Agency(tenant_id, sync.client_id, sync.connection_id, sync.run_id)
        writer = self.plane.writer(agency, sync_id, stream)
        await writer.add(page(self.rows.get(sync.stream, []), stream, last=True))
        await writer.finish()
        return "landed"


class Works:
    """A pipeline whose jobs run when told."""

    def __init__(self, plane: Plane, loader: Any = None, listeners: Sequence[Any] = ()) -> None:
        self.plane = plane
        self.now = NOW
        self.jobs = FakeJobs()
        self.extraction = FakeExtraction(plane)
        self.slept: list[float] = []
        parts: Any = {
            "jobs": self.jobs,
            "extraction": self.extraction,
            "files": None,
            "history": None,
        }
        streams = {stream.raw_table.qualified: stream for stream in WEB.streams.values()}
        self.pipeline = Pipeline(
            database=plane.database,
            sources={"web": WEB},
            clock=lambda: self.now,
            ids=plane.ids,
            **parts,
        )
        self.pipeline.register()
        PublicationJobs(
            plane.database,
            parts["jobs"],
            loader or plane.loader(streams=streams),
            self.sleep,
            listeners,
        ).register()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def sync(
        self, agency: Agency, run: int = 1, connection: ConnectionId | None = None
    ) -> Steps:
        """Run the job of one connection."""
        steps = Steps()
        arguments = {
            "tenant_id": str(agency.tenant_id),
            "run_id": str(uuid.UUID(int=run)),
            "connection_id": str(connection or agency.connection_id),
            "requested_by": "somebody",
        }
        await self.jobs.workflows[SYNC_JOB](steps, arguments)
        return steps

    async def run(self, agency: Agency, run: int = 1) -> SyncRun:
        async with self.plane.database.session(agency.tenant_id) as session:
            query = select(SyncRun).where(SyncRun.id == uuid.UUID(int=run))
            return (await session.scalars(query)).one()

    async def windows(self, agency: Agency, stream: str, run: int = 1) -> list[tuple[Any, Any]]:
        async with self.plane.database.session(agency.tenant_id) as session:
            query = select(Sync).where(Sync.run_id == uuid.UUID(int=run), Sync.stream == stream)
            syncs = (await session.scalars(query.order_by(Sync.id))).all()
        return [(s.cursor_from or s.slice_from, s.cursor_to or s.slice_to) for s in syncs]


@pytest.fixture
async def agency(plane: Plane) -> Agency:
    return await plane.agency("one")


@pytest.fixture
def works(plane: Plane) -> Works:
    return Works(plane)


async def test_each_connection_is_one_job(works: Works, agency: Agency) -> None:
    run_id = RunId(uuid.UUID(int=1))
    await works.pipeline.start_run(
        agency.tenant_id, run_id, [agency.connection_id], "somebody", deadline=NOW
    )
    arguments = {
        "tenant_id": str(agency.tenant_id),
        "run_id": str(run_id),
        "connection_id": str(agency.connection_id),
        "requested_by": "somebody",
    }
    options = {
        "queue": JobQueue.SYNC,
        "job_id": f"sync-{run_id}-{agency.connection_id}",
        "priority_deadline": NOW,
        "tenant_id": agency.tenant_id,
    }
    assert works.jobs.enqueued == [(SYNC_JOB, arguments, options)]


async def test_the_first_run_reads_all_days(works: Works, agency: Agency) -> None:
    steps = await works.sync(agency)
    assert steps.names == ["plan", "land", "land", "land", "finish"]
    assert await works.windows(agency, "ads") == [(day(1), day(14)), (day(15), day(19))]
    midnight = dt.datetime(2026, 2, 28, 23, tzinfo=dt.UTC)  # in Berlin
    assert await works.windows(agency, "orders") == [(midnight, NOW)]
    run = await works.run(agency)
    assert (run.state, run.requested_by, run.started_at, run.finished_at) == (
        RunState.SUCCEEDED,
        "somebody",
        NOW,
        NOW,
    )


async def test_loading_is_a_job_of_those_who_own_the_warehouse(
    works: Works, agency: Agency
) -> None:
    await works.sync(agency)
    ids = {
        "tenant_id": str(agency.tenant_id),
        "run_id": str(uuid.UUID(int=1)),
        "connection_id": str(agency.connection_id),
    }
    rest = f"{uuid.UUID(int=1)}-{agency.connection_id}"
    assert works.jobs.enqueued == [
        (LOAD_JOB, ids, {"queue": JobQueue.LOAD, "job_id": f"load-{rest}"}),
        (FOLLOW_JOB, ids, {"queue": JobQueue.FOLLOW, "job_id": f"follow-{rest}"}),
    ]


class Listener:
    """Notes what it is told; `error` is raised afterwards."""

    def __init__(self, name: str, error: Exception | None = None) -> None:
        self.name = name
        self.error = error
        self.told: list[Publication] = []

    async def published(self, publication: Publication) -> None:
        self.told.append(publication)
        if self.error is not None:
            raise self.error


async def test_listeners_are_told_what_was_published(plane: Plane, agency: Agency) -> None:
    failing, listener = Listener("one", InternalError("broken")), Listener("two")
    works = Works(plane, listeners=[failing, listener])
    works.extraction.rows = {"orders": [order("o1", 1, "1")]}
    await works.sync(agency)
    run_id = RunId(uuid.UUID(int=1))
    days = {"ads_daily": DateRange(day(1), day(19)), "orders": None}
    told = Publication(agency.tenant_id, agency.client_id, agency.connection_id, run_id, days)
    assert listener.told == failing.told == [told]
    assert (await works.run(agency)).state is RunState.SUCCEEDED


async def test_listeners_are_not_told_of_nothing(plane: Plane, agency: Agency) -> None:
    listener = Listener("one")
    works = Works(plane, listeners=[listener])
    works.extraction.refused = {"ads", "orders"}
    await works.sync(agency)
    assert listener.told == []


async def test_the_next_run_reads_what_is_new_or_restated(works: Works, agency: Agency) -> None:
    await works.sync(agency)
    works.now = NOW + dt.timedelta(days=1)
    await works.sync(agency, run=2)
    # 20 March is new, and its platform still changes the two days before.
    assert await works.windows(agency, "ads", run=2) == [(day(18), day(20))]
    assert await works.windows(agency, "orders", run=2) == [
        (NOW - dt.timedelta(minutes=15), works.now)
    ]


async def test_orders_that_changed_but_are_older_than_the_start_do_not_count(
    works: Works, agency: Agency
) -> None:
    late, early = order("o1", 1, "1"), order("o0", 1, "9")
    early["day"] = dt.date(2026, 2, 28)
    works.extraction.rows = {"orders": [early, late]}
    for run in (1, 2):
        await works.sync(agency, run)
        works.now += dt.timedelta(days=1)
    async with works.plane.database.session(agency.tenant_id) as session:
        syncs = (await session.scalars(select(Sync).where(Sync.stream == "orders"))).all()
    assert [(sync.slice_from, sync.slice_to) for sync in syncs] == [(day(1), None)] * 2
    marts = "SELECT o.order_id, o.reporting_date FROM marts.orders AS o"
    assert await works.plane.rows(agency, marts) == [("o1", day(1))]
    covers = "SELECT s.covers_from, s.covers_to FROM facts.syncs AS s WHERE s.stream = 'orders'"
    assert await works.plane.rows(agency, covers) == [(day(1), None)] * 2


async def test_planning_again_gives_the_same_syncs(works: Works, agency: Agency) -> None:
    plan = works.pipeline._plan  # noqa: SLF001  # one step of the job
    run_id = RunId(uuid.UUID(int=1))
    first = await plan(agency.tenant_id, run_id, agency.connection_id, "somebody")
    works.now = NOW + dt.timedelta(days=30)
    assert await plan(agency.tenant_id, run_id, agency.connection_id, "somebody") == first
    assert len(first) == 3


@pytest.mark.parametrize("state", [ConnectionState.PAUSED, ConnectionState.BROKEN])
async def test_only_active_connections_are_synced(
    works: Works, agency: Agency, state: ConnectionState
) -> None:
    async with works.plane.database.session(agency.tenant_id) as session:
        (await session.scalars(select(Connection))).one().state = state
    steps = await works.sync(agency)
    assert steps.names == ["plan", "finish"]
    assert await works.plane.states(agency) == []
    assert (await works.run(agency)).state is RunState.SUCCEEDED


async def test_a_failed_sync_stops_no_other(works: Works, agency: Agency) -> None:
    works.extraction.refused = {"ads"}
    await works.sync(agency)
    states = [SyncState.FAILED, SyncState.FAILED, SyncState.PUBLISHED]
    assert await works.plane.states(agency) == states
    assert (await works.run(agency)).state is RunState.FAILED
    works.extraction.refused = set()
    await works.sync(agency, run=2)
    assert await works.windows(agency, "ads", run=2) == [(day(1), day(14)), (day(15), day(19))]
    assert (await works.run(agency, 2)).state is RunState.SUCCEEDED


async def _second_connection(plane: Plane, agency: Agency) -> ConnectionId:
    connection_id = ConnectionId(plane.ids())
    async with plane.database.session(agency.tenant_id) as session:
        first = (await session.scalars(select(Connection))).one()
        session.add(
            Connection(
                id=connection_id,
                client_id=first.client_id,
                source="web",
                account_id="2",
                label="",
                settings=first.settings,
                credentials=None,
                state=ConnectionState.ACTIVE,
                start_date=first.start_date,
                created_at=NOW,
            )
        )
    return connection_id


async def test_a_run_ends_with_its_last_connection(works: Works, agency: Agency) -> None:
    second = await _second_connection(works.plane, agency)
    await works.sync(agency)
    assert (await works.run(agency)).finished_at == NOW
    run_id = RunId(uuid.UUID(int=1))
    await works.pipeline._plan(agency.tenant_id, run_id, second, "somebody")  # noqa: SLF001  # begun
    run = await works.run(agency)
    assert (run.state, run.finished_at) == (RunState.RUNNING, None)
    works.extraction.refused = {"orders"}
    works.now = NOW + dt.timedelta(minutes=5)
    await works.sync(agency, connection=second)
    run = await works.run(agency)
    assert (run.state, run.started_at, run.finished_at) == (RunState.FAILED, NOW, works.now)


async def test_a_connection_that_failed_raises_an_alert_until_it_is_read_again(
    works: Works, agency: Agency
) -> None:
    async def alerts() -> list[tuple[str, str, dt.datetime, dt.datetime | None]]:
        async with works.plane.database.session(agency.tenant_id) as session:
            found = (await session.scalars(select(RaisedAlert))).all()
        return [(a.subject, a.details, a.raised_at, a.cleared_at) for a in found]

    subject = f"connection:{agency.connection_id}"
    details = "account 1: 1 of 3 syncs failed (1 INTERNAL)"
    works.extraction.refused = {"orders"}
    await works.sync(agency, run=1)
    assert await alerts() == [(subject, details, NOW, None)]
    works.extraction.refused = set()
    works.now = NOW + dt.timedelta(hours=1)
    await works.sync(agency, run=2)
    assert await alerts() == [(subject, details, NOW, works.now)]


async def test_programs_are_told_of_each_run_that_failed(works: Works, agency: Agency) -> None:
    database = works.plane.database
    await listen(database, agency.tenant_id)
    works.extraction.refused = {"ads", "orders"}
    await works.sync(agency, run=1)
    await works.pipeline._finish(  # noqa: SLF001  # again, after a crash
        agency.tenant_id, RunId(uuid.UUID(int=1)), agency.connection_id
    )
    assert await events_told(database, agency.tenant_id) == [
        (
            "sync.failed",
            f"run:{uuid.UUID(int=1)}:connection:{agency.connection_id}",
            {
                "clientId": public_id("cli", agency.client_id),
                "connectionId": public_id("con", agency.connection_id),
                "source": "web",
                "streams": ["ads", "orders"],
                "codes": ["INTERNAL"],
            },
        )
    ]
    works.extraction.refused = set()
    await works.sync(agency, run=2)
    told = await events_told(database, agency.tenant_id)
    assert [kind for kind, *_ in told] == ["sync.failed", *["data.published"] * 3]
    by_cursor = next(data for *_, data in told if data.get("facts") == ["orders"])
    assert (by_cursor["from"], by_cursor["to"]) == (None, None)


async def test_a_run_is_open_while_a_connection_is_read(works: Works, agency: Agency) -> None:
    second = await _second_connection(works.plane, agency)
    run_id = RunId(uuid.UUID(int=1))
    await works.pipeline._plan(agency.tenant_id, run_id, second, "somebody")  # noqa: SLF001  # begun
    await works.sync(agency)
    run = await works.run(agency)
    assert (run.state, run.finished_at) == (RunState.RUNNING, None)


async def test_two_jobs_of_one_connection_take_turns(works: Works, agency: Agency) -> None:
    first, second = await asyncio.gather(works.sync(agency, run=1), works.sync(agency, run=2))
    # Side by side both would have planned all days; in turn, the later one finds them covered.
    planned = sorted((first.names.count("land"), second.names.count("land")))
    assert planned == [2, 3]


async def test_another_agencys_connection_is_not_found(works: Works, agency: Agency) -> None:
    other = await works.plane.agency("other")
    with pytest.raises(Exception, match="No row was found"):
        await works.sync(agency, connection=other.connection_id)
    assert await works.plane.states(other) == []


class FailingLoader:
    """Raises the errors that it was given, then has nothing to do."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    async def load_pending(self) -> int:
        if self.errors:
            raise self.errors.pop(0)
        return 0


async def test_a_short_outage_of_the_warehouse_is_sat_out(plane: Plane, agency: Agency) -> None:
    away = TransientWarehouseError("away")
    works = Works(plane, FailingLoader(away, away, away))
    steps = await works.sync(agency)
    assert steps.names[-1] == "finish"
    assert works.slept == [1.0, 5.0, 25.0]


async def test_a_long_outage_fails_the_job_and_loses_nothing(plane: Plane, agency: Agency) -> None:
    works = Works(plane, FailingLoader(*[TransientWarehouseError("away")] * 4))
    with pytest.raises(TransientWarehouseError, match=r"^away$"):
        await works.sync(agency)
    assert await plane.states(agency) == [SyncState.LANDED] * 3
    streams = {stream.raw_table.qualified: stream for stream in WEB.streams.values()}
    assert await plane.loader(streams=streams).load_pending() == 3


async def test_what_cannot_pass_is_not_tried_again(plane: Plane, agency: Agency) -> None:
    works = Works(plane, FailingLoader(WarehouseError("broken")))
    with pytest.raises(WarehouseError, match=r"^broken$"):
        await works.sync(agency)
    assert works.slept == []

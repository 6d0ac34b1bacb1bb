"""The dispatcher: the most urgent of all agencies, once each, whatever dies in between."""

import asyncio
import datetime as dt
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from structlog.testing import capture_logs

from domain.ids import ConnectionId, RunId
from ingestion.connector.failures import ProviderUnavailableError
from ingestion.pipeline import Pipeline, sync_job_id
from ingestion.schedule.dispatcher import Dispatcher, dispatcher_of
from tenancy.due_work import DueWork
from tenancy.jobs import JobQueue, JobStatus, SyncCapacity
from tenancy.session import Database, DatabaseConfig
from tenancy.tables import AlertKind, DueState, MissCause, SyncState
from tenancy.unscoped import Doors
from tests.fakes.fake_call_budget import FakeCallBudget
from tests.ingestion.schedule.desk import Agency, Desk
from tests.ingestion.schedule.players import FakeExtraction, FakeJobs
from tests.ingestion.schedule.works import UNAVAILABLE

pytestmark = pytest.mark.anyio

DAY: Final = dt.date(2026, 11, 19)
MINUTE: Final = dt.timedelta(minutes=1)
ONE_DAY: Final = dt.timedelta(days=1)
READY: Final = dt.datetime(2026, 11, 20, 2, tzinfo=dt.UTC)  # in Berlin
DEADLINE: Final = dt.datetime(2026, 11, 20, 7, tzinfo=dt.UTC)


class BugError(Exception):
    """Something that nobody expects."""


class KilledError(BaseException):
    """The process died here: nobody catches it."""


def crash() -> None:
    raise BugError


def die() -> None:
    raise KilledError


@dataclass(slots=True)
class House:
    """A dispatcher with its desk, jobs and platforms."""

    desk: Desk
    jobs: FakeJobs
    extraction: FakeExtraction
    dispatcher: Dispatcher

    def another(self, database: Database) -> Dispatcher:
        """The dispatcher of another process."""
        return _dispatcher(self.desk, database, self.jobs, self.extraction)

    async def due(self, *zones: str, agency: Agency | None = None) -> list[ConnectionId]:
        """An agency for each zone, with a connection that is planned; all in `agency` if given.

        What was due before is there.
        """
        found = []
        for number, zone in enumerate(zones):
            owner = agency or await self.desk.agency(f"agency-{number}", zone=zone)
            connection_id = await self.desk.connect(owner, zone=zone)
            await self.desk.publish(owner, connection_id, DAY - ONE_DAY, READY - 5 * MINUTE)
            found.append(connection_id)
        await self.dispatcher.plan()
        return found

    async def started(self) -> list[ConnectionId]:
        """Connections whose jobs wait or run, the nearest deadline first."""
        works = await self.desk.doors.due_work()
        unfinished = await self.jobs.list_unfinished(JobQueue.SYNC)
        return [
            work.connection_id for work in works if work.is_running and _job(work) in unfinished
        ]

    async def end(self, connection_id: ConnectionId, status: JobStatus) -> RunId:
        """Let the connection's job end; nothing has been brought by that."""
        works = await self.desk.doors.due_work()
        (work,) = [work for work in works if work.connection_id == connection_id]
        assert work.run_id is not None
        self.jobs.statuses[_job(work)] = status
        return work.run_id

    async def fail(self, agency: Agency, connection_id: ConnectionId) -> None:
        """Let its sync fail because the platform is away."""
        run_id = await self.end(connection_id, JobStatus.SUCCEEDED)
        await self.desk.run(
            agency,
            connection_id,
            run_id=run_id,
            state=SyncState.FAILED,
            error_code=UNAVAILABLE,
            error_message="Alpha did not answer",
        )

    async def bring(self, agency: Agency, connection_id: ConnectionId) -> None:
        """Let its sync be published."""
        run_id = await self.end(connection_id, JobStatus.SUCCEEDED)
        await self.desk.run(agency, connection_id, run_id=run_id, began=self.desk.now, minutes=0)
        await self.desk.publish(agency, connection_id, DAY, self.desk.now)


def _job(work: DueWork) -> str:
    assert work.run_id is not None
    return sync_job_id(work.run_id, work.connection_id)


def _dispatcher(
    desk: Desk, database: Database, jobs: FakeJobs, extraction: FakeExtraction
) -> Dispatcher:
    parts: Any = {"jobs": jobs, "extraction": extraction, "files": None, "history": None}
    pipeline = Pipeline(
        database=database, sources=desk.sources, clock=desk.clock, ids=desk.ids, **parts
    )
    return dispatcher_of(pipeline, Doors(database), FakeCallBudget(desk.clock))


@pytest.fixture
def house(desk: Desk) -> House:
    desk.now = READY
    jobs, extraction = FakeJobs(), FakeExtraction()
    return House(desk, jobs, extraction, _dispatcher(desk, desk.database, jobs, extraction))


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[Database]:
    """The same database as another process sees it."""
    opened = Database(DatabaseConfig(database_url))
    yield opened
    await opened.close()


async def test_the_most_urgent_of_all_agencies_start_first(house: House) -> None:
    _, helsinki, athens, london = await house.due(
        "America/New_York", "Europe/Helsinki", "Europe/Athens", "Europe/London"
    )
    house.desk.now = READY + 61 * MINUTE  # three in London; New York has just begun to sleep
    await house.dispatcher.look()
    assert await house.started() == [helsinki, athens]
    await house.end(helsinki, JobStatus.SUCCEEDED)
    await house.dispatcher.look()
    assert await house.started() == [athens, london]


async def test_jobs_go_by_the_deadline(house: House) -> None:
    (berlin,) = await house.due("Europe/Berlin")
    await house.dispatcher.look()
    work = await house.desk.work()
    assert work.connection_id == berlin
    assert house.jobs.deadlines == {_job(work): DEADLINE}
    assert (work.state, work.started_at, work.attempts) == (DueState.RUNNING, READY, 1)


async def test_nothing_starts_before_it_is_ready(house: House) -> None:
    (berlin,) = await house.due("Europe/Berlin")
    house.desk.now = READY - MINUTE
    await house.dispatcher.look()
    assert await house.started() == []
    house.desk.now = READY
    await house.dispatcher.look()
    assert await house.started() == [berlin]


async def test_looking_again_starts_nothing_twice(house: House, elsewhere: Database) -> None:
    await house.due("Europe/Berlin", "Europe/Paris", "Europe/Rome")
    other = house.another(elsewhere)
    await asyncio.gather(*(one.look() for one in (house.dispatcher, other) for _ in range(3)))
    assert len(house.jobs.statuses) == 2  # as many as there are slots


async def test_jobs_that_others_started_take_slots(house: House) -> None:
    house.jobs.statuses |= {"sync-by-hand": JobStatus.RUNNING, "waits": JobStatus.QUEUED}
    berlin, _ = await house.due("Europe/Berlin", "Europe/Paris")
    await house.dispatcher.look()
    assert await house.started() == [berlin]


async def test_one_agency_leaves_slots_to_others(house: House) -> None:
    house.jobs.capacity = SyncCapacity(slots=3, tenant_slots=2)
    big = await house.desk.agency("big")
    await house.due(*["Europe/Berlin"] * 4, agency=big)
    (small,) = await house.due("Europe/London")
    house.desk.now = READY + 60 * MINUTE
    await house.dispatcher.look()
    assert len(await house.started()) == 3
    assert (await house.started())[-1] == small


async def test_a_crash_between_claim_and_job_loses_nothing(
    house: House, elsewhere: Database
) -> None:
    (berlin,) = await house.due("Europe/Berlin")
    house.jobs.before_enqueue = die
    with pytest.raises(KilledError):
        await house.dispatcher.look()
    claimed = await house.desk.work()
    assert (claimed.state, house.jobs.statuses) == (DueState.RUNNING, {})
    house.jobs.before_enqueue = lambda: None
    await house.another(elsewhere).look()
    assert claimed.run_id is not None
    assert house.jobs.statuses == {sync_job_id(claimed.run_id, berlin): JobStatus.QUEUED}
    assert (await house.desk.work()).attempts == 1
    assert await house.started() == [berlin]


async def test_a_failure_of_one_agency_stops_nobody_else(house: House) -> None:
    first, second = await house.due("Europe/Helsinki", "Europe/Berlin")

    def crash_once() -> None:
        house.jobs.before_enqueue = lambda: None
        crash()

    house.jobs.before_enqueue = crash_once
    with capture_logs() as lines:
        await house.dispatcher.look()
        assert await house.started() == [second]
        await house.dispatcher.look()
    assert await house.started() == [first, second]
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        "agency_passed_over"
    ]


async def test_without_a_worker_nothing_starts_and_nothing_is_told(house: House) -> None:
    await house.due("Europe/Berlin")
    house.jobs.capacity = SyncCapacity(slots=0, tenant_slots=0)
    await house.dispatcher.look()
    work = await house.desk.work()
    assert (work.state, work.expected_at) == (DueState.WAITING, None)


async def test_a_job_that_broke_is_tried_again_later(house: House) -> None:
    (berlin,) = await house.due("Europe/Berlin")
    await house.dispatcher.look()
    await house.end(berlin, JobStatus.FAILED)
    await house.dispatcher.look()
    work = await house.desk.work()
    assert (work.state, work.error_code, work.next_attempt_at) == (
        DueState.WAITING,
        "INTERNAL",
        READY + 60 * MINUTE,
    )
    assert work.miss_cause is MissCause.REFUSED


async def test_an_outage_holds_a_platform_back_and_is_told(house: House) -> None:
    agency = await house.desk.agency("northwind")
    first, second = await house.due(*["Europe/Berlin"] * 2, agency=agency)
    house.extraction.failing["alpha"] = ProviderUnavailableError("Alpha did not answer")
    house.desk.now = DEADLINE - 50 * MINUTE
    await house.dispatcher.look()
    await house.fail(agency, first)
    await house.fail(agency, second)
    await house.dispatcher.look()
    # Ready to be tried again, but nobody answers: no slot is spent on it.
    house.desk.now = DEADLINE - 40 * MINUTE
    await house.dispatcher.look()
    assert await house.started() == []
    works = await house.desk.doors.due_work()
    assert [(work.miss_cause, work.miss_foretold_at) for work in works] == [
        (MissCause.OUTAGE, DEADLINE - 50 * MINUTE)
    ] * 2
    house.extraction.failing.clear()
    house.desk.now = DEADLINE - 30 * MINUTE
    await house.dispatcher.look()
    assert await house.started() == [first, second]
    works = await house.desk.doors.due_work()
    assert [work.miss_cause for work in works] == [None] * 2
    assert await house.desk.alerts(agency) == [
        (AlertKind.FRESHNESS_PREDICTED_MISS, f"connection:{one}:{DAY}", False)
        for one in (first, second)
    ]


async def test_a_deadline_that_passes_is_told_once(house: House) -> None:
    agency = await house.desk.agency("northwind")
    (berlin,) = await house.due("Europe/Berlin", agency=agency)
    house.jobs.capacity = SyncCapacity(slots=1, tenant_slots=1)
    house.jobs.statuses["somebody's"] = JobStatus.RUNNING
    for minutes in (-1, 0, 1):
        house.desk.now = DEADLINE + minutes * MINUTE
        await house.dispatcher.look()
    assert (await house.desk.work()).missed_at == DEADLINE
    kinds = [kind for kind, *_ in await house.desk.alerts(agency)]
    assert kinds == [AlertKind.FRESHNESS_PREDICTED_MISS, AlertKind.FRESHNESS_MISSED]
    house.jobs.statuses["somebody's"] = JobStatus.SUCCEEDED
    await house.dispatcher.look()
    await house.bring(agency, berlin)
    await house.dispatcher.look()
    assert [is_open for *_, is_open in await house.desk.alerts(agency)] == [False, False]


async def test_the_next_day_follows_when_it_is_planned(house: House) -> None:
    agency = await house.desk.agency("northwind")
    (berlin,) = await house.due("Europe/Berlin", agency=agency)
    await house.dispatcher.look()
    await house.bring(agency, berlin)
    await house.dispatcher.look()
    assert await house.desk.doors.due_work() == []
    await house.dispatcher.plan()
    assert (await house.desk.work()).day == DAY + ONE_DAY


async def test_it_goes_on_by_itself_and_over_failures(house: House) -> None:
    """It plans once an hour and looks at every turn; one look fails."""
    (berlin,) = await house.due("Europe/Berlin")
    turns = itertools.count(1)
    slept: list[float] = []

    enough = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        house.desk.now += 30 * MINUTE
        house.jobs.before_list = lambda: None
        if next(turns) == 3:
            enough.set()
            await asyncio.Event().wait()

    house.jobs.before_list = crash
    with capture_logs() as lines:
        async with house.dispatcher.running(sleep):
            await enough.wait()
    assert slept == [15.0, 15.0, 15.0]
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["look_failed"]
    assert sum(line.get("door") == "list_tenants" for line in lines) == 2
    assert await house.started() == [berlin]

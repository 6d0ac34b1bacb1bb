"""A try is claimed once, and settled by what its job has brought."""

import datetime as dt
from typing import Any, Final

import pytest

from domain.ids import ConnectionId, RunId
from ingestion.connector.failures import ThrottledError
from ingestion.schedule.attempts import back_off, claim, settle
from ingestion.schedule.planning import plan_agency
from ingestion.schedule.telling import tell_missed
from tenancy.due_work import DueWork
from tenancy.tables import DueState, SyncState
from tests.ingestion.schedule.desk import NOON, Agency, Desk
from tests.ingestion.schedule.works import UNAVAILABLE

pytestmark = pytest.mark.anyio

DAY: Final = dt.date(2026, 11, 19)
MINUTE: Final = dt.timedelta(minutes=1)
EARLY: Final = dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC)  # three hours before the deadline


@pytest.fixture
async def agency(desk: Desk) -> Agency:
    desk.now = EARLY
    return await desk.agency("one")


@pytest.fixture
async def connection(desk: Desk, agency: Agency) -> ConnectionId:
    return await desk.connect(agency)


@pytest.fixture
async def begun(desk: Desk, agency: Agency, connection: ConnectionId) -> DueWork:
    """A try of the due day."""
    del connection
    await plan_agency(desk.services, agency.tenant_id)
    assert await claim(desk.services, await desk.work(), RunId(desk.ids()))
    return await desk.work()


@pytest.mark.parametrize(
    ("attempts", "code", "minutes"),
    [
        (1, None, 5),
        (2, UNAVAILABLE, 10),
        (3, "THROTTLED", 20),
        (4, UNAVAILABLE, 40),
        (5, UNAVAILABLE, 60),
        (999, "INCOMPLETE_ANSWER", 60),
        (1, "CREDENTIALS_REJECTED", 60),
        (1, "INTERNAL", 60),
    ],
)
async def test_tries_come_at_growing_distances(
    attempts: int, code: str | None, minutes: int
) -> None:
    assert back_off(attempts, code) == minutes * MINUTE


async def test_a_try_is_claimed_once(desk: Desk, agency: Agency, connection: ConnectionId) -> None:
    await plan_agency(desk.services, agency.tenant_id)
    work = await desk.work()
    first, second = RunId(desk.ids()), RunId(desk.ids())
    assert await claim(desk.services, work, first)
    assert not await claim(desk.services, work, second)
    claimed = await desk.work()
    assert (claimed.state, claimed.run_id, claimed.started_at, claimed.attempts) == (
        DueState.RUNNING,
        first,
        EARLY,
        1,
    )
    assert claimed.connection_id == connection


async def test_what_is_published_is_done(
    desk: Desk, agency: Agency, connection: ConnectionId, begun: DueWork
) -> None:
    await desk.run(agency, connection, run_id=begun.run_id, began=EARLY, minutes=8)
    await desk.publish(agency, connection, DAY, EARLY + 8 * MINUTE)
    desk.now = EARLY + 9 * MINUTE
    assert await settle(desk.services, begun, is_broken=False) is None
    row = await desk.row(agency)
    assert (row.state, row.done_at) == (DueState.DONE, EARLY + 8 * MINUTE)
    assert await settle(desk.services, begun, is_broken=False) is None  # it has been noted
    assert await desk.doors.due_work() == []


async def test_what_failed_waits_with_the_reason(
    desk: Desk, agency: Agency, connection: ConnectionId, begun: DueWork
) -> None:
    told: dict[str, Any] = {"error_code": UNAVAILABLE, "error_message": "Alpha did not answer"}
    await desk.run(agency, connection, run_id=begun.run_id, state=SyncState.FAILED, **told)
    assert await settle(desk.services, begun, is_broken=False) == UNAVAILABLE
    row = await desk.row(agency)
    assert (row.state, row.next_attempt_at) == (DueState.WAITING, EARLY + 5 * MINUTE)
    assert (row.error_code, row.error_message) == (UNAVAILABLE, "Alpha did not answer")
    again = await desk.work()
    assert again.may_start_at == EARLY + 5 * MINUTE
    desk.now = EARLY + 5 * MINUTE
    assert await claim(desk.services, again, RunId(desk.ids()))
    assert (await desk.work()).attempts == 2


async def test_a_platform_s_own_word_on_when_to_come_back_counts(
    desk: Desk, agency: Agency, connection: ConnectionId, begun: DueWork
) -> None:
    told: dict[str, Any] = {"error_code": ThrottledError.code, "retry_at": EARLY + 95 * MINUTE}
    await desk.run(agency, connection, run_id=begun.run_id, state=SyncState.FAILED, **told)
    assert await settle(desk.services, begun, is_broken=False) == ThrottledError.code
    assert (await desk.row(agency)).next_attempt_at == EARLY + 95 * MINUTE


async def test_a_stream_that_failed_keeps_the_day_open_though_another_came(
    desk: Desk, agency: Agency, connection: ConnectionId, begun: DueWork
) -> None:
    await desk.publish(agency, connection, DAY, EARLY)
    await desk.run(
        agency,
        connection,
        run_id=begun.run_id,
        state=SyncState.FAILED,
        error_code="PROVIDER_ERROR",
        error_message="no",
    )
    assert await settle(desk.services, begun, is_broken=False) == "PROVIDER_ERROR"
    assert (await desk.row(agency)).next_attempt_at == EARLY + 60 * MINUTE


async def test_what_is_held_back_waits_for_somebody(
    desk: Desk, agency: Agency, connection: ConnectionId, begun: DueWork
) -> None:
    told: dict[str, Any] = {"error_code": "HELD", "error_message": "spend is 100 times as high"}
    landed: dict[str, Any] = {"version": 1, "known_at": EARLY}
    await desk.run(agency, connection, run_id=begun.run_id, state=SyncState.HELD, **told, **landed)
    assert await settle(desk.services, begun, is_broken=False) == "HELD"
    row = await desk.row(agency)
    assert row.error_message == "spend is 100 times as high"
    assert row.next_attempt_at == EARLY + 60 * MINUTE


async def test_a_broken_job_is_our_fault(desk: Desk, agency: Agency, begun: DueWork) -> None:
    assert await settle(desk.services, begun, is_broken=True) == "INTERNAL"
    row = await desk.row(agency)
    assert row.error_message == "an error of ours; it is in the log"
    assert row.next_attempt_at == EARLY + 60 * MINUTE


async def test_a_job_that_brought_nothing_is_tried_again(
    desk: Desk, agency: Agency, begun: DueWork
) -> None:
    assert await settle(desk.services, begun, is_broken=False) is None
    row = await desk.row(agency)
    assert (row.state, row.error_code) == (DueState.WAITING, None)
    assert row.next_attempt_at == EARLY + 5 * MINUTE


async def test_an_older_try_cannot_settle_a_newer_one(
    desk: Desk, agency: Agency, begun: DueWork
) -> None:
    await settle(desk.services, begun, is_broken=False)
    desk.now = EARLY + 5 * MINUTE
    assert await claim(desk.services, await desk.work(), RunId(desk.ids()))
    assert await settle(desk.services, begun, is_broken=True) is None
    assert (await desk.row(agency)).state is DueState.RUNNING


async def test_the_day_that_comes_takes_back_what_was_told_of_all_days(
    desk: Desk, agency: Agency, connection: ConnectionId
) -> None:
    """A day was missed, the next one took its place and was missed too; then it came."""
    for _ in range(2):
        await plan_agency(desk.services, agency.tenant_id)
        desk.now += dt.timedelta(hours=4)
        await tell_missed(desk.services, agency.tenant_id, [await desk.work()])
        desk.now += dt.timedelta(hours=20)
    assert [is_open for *_, is_open in await desk.alerts(agency)] == [True, True]
    await desk.publish(agency, connection, DAY + dt.timedelta(days=1), NOON + dt.timedelta(days=1))
    await plan_agency(desk.services, agency.tenant_id)
    assert [is_open for *_, is_open in await desk.alerts(agency)] == [False, False]
    assert [row.state for row in await desk.rows(agency)] == [
        DueState.DROPPED,
        DueState.DONE,
        DueState.WAITING,
    ]

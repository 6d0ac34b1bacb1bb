"""What is due is written down, once, and closed when it is not due any more."""

import datetime as dt
from typing import Any, Final

import pytest

from domain.ids import ConnectionId, RunId
from ingestion.schedule.attempts import claim
from ingestion.schedule.planning import plan_agency
from ingestion.schedule.telling import tell_missed
from tenancy.tables import AlertKind, ConnectionState, DueState, DueSync
from tests.ingestion.schedule.desk import NOON, Agency, Desk

pytestmark = pytest.mark.anyio

DAY: Final = dt.date(2026, 11, 19)  # whose figures were complete at two, and due at seven
READY: Final = dt.datetime(2026, 11, 20, 2, tzinfo=dt.UTC)
DEADLINE: Final = dt.datetime(2026, 11, 20, 7, tzinfo=dt.UTC)
ONE_DAY: Final = dt.timedelta(days=1)


async def plan(desk: Desk, agency: Agency) -> list[tuple[dt.date, DueState]]:
    """Plan twice: doing it again changes nothing."""
    await plan_agency(desk.services, agency.tenant_id)
    once = [_all_of(row) for row in await desk.rows(agency)]
    await plan_agency(desk.services, agency.tenant_id)
    rows = await desk.rows(agency)
    assert [_all_of(row) for row in rows] == once
    return [(row.day, row.state) for row in rows]


def _all_of(row: DueSync) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in DueSync.__table__.columns}


@pytest.fixture
async def agency(desk: Desk) -> Agency:
    return await desk.agency("one")


@pytest.fixture
async def connection(desk: Desk, agency: Agency) -> ConnectionId:
    return await desk.connect(agency)


async def test_the_newest_complete_day_is_due(
    desk: Desk, agency: Agency, connection: ConnectionId
) -> None:
    await desk.run(agency, connection, began=NOON - ONE_DAY, minutes=7, requests=3)
    assert await plan(desk, agency) == [(DAY, DueState.WAITING)]
    row = await desk.row(agency)
    assert (row.connection_id, row.source) == (connection, "alpha")
    assert (row.ready_at, row.deadline_at) == (READY, DEADLINE)
    assert (row.typical_seconds, row.fastest_seconds, row.calls) == (420, 420, 3)
    assert (row.attempts, row.run_id, row.next_attempt_at) == (0, None, None)


async def test_ready_by_the_account_and_due_by_the_client(desk: Desk) -> None:
    agency = await desk.agency("far", zone="Asia/Tokyo")
    await desk.connect(agency, zone="America/Los_Angeles")
    await plan(desk, agency)
    row = await desk.row(agency)
    assert row.day == DAY
    assert row.ready_at == dt.datetime(2026, 11, 20, 11, tzinfo=dt.UTC)
    assert row.deadline_at == dt.datetime(2026, 11, 19, 23, tzinfo=dt.UTC)


async def test_what_is_there_makes_the_next_day_due(
    desk: Desk, agency: Agency, connection: ConnectionId
) -> None:
    await desk.publish(agency, connection, DAY, READY)
    assert await plan(desk, agency) == [(DAY + ONE_DAY, DueState.WAITING)]
    assert (await desk.row(agency)).ready_at == READY + ONE_DAY


async def test_what_was_read_too_early_is_read_again(
    desk: Desk, agency: Agency, connection: ConnectionId
) -> None:
    await desk.publish(agency, connection, DAY, READY - dt.timedelta(hours=1))
    assert await plan(desk, agency) == [(DAY, DueState.WAITING)]


async def test_what_somebody_has_synced_by_hand_is_done(
    desk: Desk, agency: Agency, connection: ConnectionId
) -> None:
    await plan(desk, agency)
    await desk.publish(agency, connection, DAY, READY + dt.timedelta(hours=2))
    assert await plan(desk, agency) == [
        (DAY, DueState.DONE),
        (DAY + ONE_DAY, DueState.WAITING),
    ]
    assert (await desk.rows(agency))[0].done_at == READY + dt.timedelta(hours=2)


async def test_a_day_that_never_came_gives_way_to_the_next(
    desk: Desk, agency: Agency, connection: ConnectionId
) -> None:
    await plan(desk, agency)
    desk.now = READY + ONE_DAY - dt.timedelta(seconds=1)
    assert await plan(desk, agency) == [(DAY, DueState.WAITING)]
    desk.now = READY + ONE_DAY
    assert await plan(desk, agency) == [
        (DAY, DueState.DROPPED),
        (DAY + ONE_DAY, DueState.WAITING),
    ]
    # The platform was away for a week; then one sync reads all of it.
    desk.now = READY + 7 * ONE_DAY
    await plan(desk, agency)
    await desk.publish(agency, connection, DAY + 7 * ONE_DAY, desk.now)
    assert (await plan(desk, agency))[-2:] == [
        (DAY + 7 * ONE_DAY, DueState.DONE),
        (DAY + 8 * ONE_DAY, DueState.WAITING),
    ]


@pytest.mark.usefixtures("connection")
async def test_what_runs_is_left_alone(desk: Desk, agency: Agency) -> None:
    await plan(desk, agency)
    assert await claim(desk.services, await desk.work(), RunId(desk.ids()))
    desk.now = READY + ONE_DAY
    assert await plan(desk, agency) == [(DAY, DueState.RUNNING)]


async def test_a_new_account_has_until_the_next_morning(desk: Desk, agency: Agency) -> None:
    await desk.connect(agency, created_at=NOON - dt.timedelta(minutes=5))
    await plan(desk, agency)
    row = await desk.row(agency)
    assert (row.day, row.deadline_at) == (DAY, DEADLINE + ONE_DAY)


async def test_an_account_whose_first_day_is_ahead_is_due_then(desk: Desk, agency: Agency) -> None:
    await desk.connect(agency, start=DAY + 3 * ONE_DAY)
    assert await plan(desk, agency) == [(DAY + 3 * ONE_DAY, DueState.WAITING)]


@pytest.mark.parametrize("state", [ConnectionState.PAUSED, ConnectionState.BROKEN])
async def test_what_nobody_reads_is_not_due(
    desk: Desk, agency: Agency, connection: ConnectionId, state: ConnectionState
) -> None:
    await desk.set_state(agency, connection, state)
    assert await plan(desk, agency) == []
    await desk.set_state(agency, connection, ConnectionState.ACTIVE)
    assert await plan(desk, agency) == [(DAY, DueState.WAITING)]
    await desk.set_state(agency, connection, state)
    assert await plan(desk, agency) == [(DAY, DueState.DROPPED)]
    await desk.set_state(agency, connection, ConnectionState.ACTIVE)
    assert await plan(desk, agency) == [(DAY, DueState.WAITING)]


async def test_files_are_not_due(desk: Desk, agency: Agency) -> None:
    await desk.connect(agency, source="file")
    assert await plan(desk, agency) == []


async def test_one_agency_is_planned_at_a_time(
    desk: Desk, agency: Agency, connection: ConnectionId
) -> None:
    other = await desk.agency("two")
    await desk.connect(other)
    await plan(desk, agency)
    assert await desk.rows(other) == []
    assert [row.connection_id for row in await desk.rows(agency)] == [connection]


async def test_a_pause_takes_back_what_was_told(
    desk: Desk, agency: Agency, connection: ConnectionId
) -> None:
    await plan(desk, agency)
    await tell_missed(desk.services, agency.tenant_id, [await desk.work()])
    subject = f"connection:{connection}:{DAY}"
    assert await desk.alerts(agency) == [(AlertKind.FRESHNESS_MISSED, subject, True)]
    await desk.set_state(agency, connection, ConnectionState.PAUSED)
    await plan(desk, agency)
    assert await desk.alerts(agency) == [(AlertKind.FRESHNESS_MISSED, subject, False)]

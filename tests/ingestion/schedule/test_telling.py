"""Misses that are foretold, taken back, come true: rows and alerts in one transaction."""

import datetime as dt
from typing import Final

import pytest

from domain.ids import ConnectionId, RunId, public_id
from ingestion.schedule.attempts import claim, settle
from ingestion.schedule.planning import plan_agency
from ingestion.schedule.standing import Standing
from ingestion.schedule.telling import foretell, tell_missed
from tenancy.tables import AlertKind, DueState, MissCause
from tests.fixtures.webhooks import events_told, listen
from tests.ingestion.schedule.desk import Agency, Desk

pytestmark = pytest.mark.anyio

DAY: Final = dt.date(2026, 11, 19)
HOUR: Final = dt.timedelta(hours=1)
DEADLINE: Final = dt.datetime(2026, 11, 20, 7, tzinfo=dt.UTC)
PREDICTED, MISSED = AlertKind.FRESHNESS_PREDICTED_MISS, AlertKind.FRESHNESS_MISSED


@pytest.fixture
async def agency(desk: Desk) -> Agency:
    desk.now = DEADLINE - 3 * HOUR
    return await desk.agency("one")


@pytest.fixture
async def connection(desk: Desk, agency: Agency) -> ConnectionId:
    connection_id = await desk.connect(agency)
    await plan_agency(desk.services, agency.tenant_id)
    return connection_id


async def say(desk: Desk, agency: Agency, finish: dt.datetime, cause: MissCause | None) -> None:
    standing = Standing(await desk.work(), finish, cause)
    await foretell(desk.services, agency.tenant_id, [standing])


async def test_a_miss_is_foretold_and_taken_back(
    desk: Desk, agency: Agency, connection: ConnectionId
) -> None:
    subject = f"connection:{connection}:{DAY}"
    await say(desk, agency, DEADLINE + HOUR, MissCause.OUTAGE)
    row = await desk.row(agency)
    assert (row.expected_at, row.miss_cause) == (DEADLINE + HOUR, MissCause.OUTAGE)
    assert row.miss_foretold_at == DEADLINE - 3 * HOUR
    assert await desk.alerts(agency) == [(PREDICTED, subject, True)]

    desk.now += HOUR / 2
    await say(desk, agency, DEADLINE + 2 * HOUR, MissCause.QUEUE)
    row = await desk.row(agency)
    assert (row.miss_cause, row.miss_foretold_at) == (MissCause.QUEUE, DEADLINE - 3 * HOUR)
    assert await desk.alerts(agency) == [(PREDICTED, subject, True)]

    await say(desk, agency, DEADLINE - HOUR, None)
    row = await desk.row(agency)
    assert (row.expected_at, row.miss_cause, row.miss_foretold_at) == (
        DEADLINE - HOUR,
        None,
        None,
    )
    assert await desk.alerts(agency) == [(PREDICTED, subject, False)]


async def test_an_expectation_alone_tells_nobody(
    desk: Desk, agency: Agency, connection: ConnectionId
) -> None:
    del connection
    await say(desk, agency, DEADLINE - HOUR, None)
    assert (await desk.row(agency)).expected_at == DEADLINE - HOUR
    assert await desk.alerts(agency) == []


async def test_nothing_is_foretold_of_what_has_been_done_meanwhile(
    desk: Desk, agency: Agency, connection: ConnectionId
) -> None:
    standing = Standing(await desk.work(), DEADLINE + HOUR, MissCause.QUEUE)
    await desk.publish(agency, connection, DAY, desk.now)
    await plan_agency(desk.services, agency.tenant_id)
    await foretell(desk.services, agency.tenant_id, [standing])
    done = (await desk.rows(agency))[0]
    assert (done.state, done.expected_at) == (DueState.DONE, None)
    assert await desk.alerts(agency) == []


async def test_a_miss_that_comes_true_stays_on_record(
    desk: Desk, agency: Agency, connection: ConnectionId
) -> None:
    subject = f"connection:{connection}:{DAY}"
    await say(desk, agency, DEADLINE + HOUR, MissCause.OUTAGE)
    desk.now = DEADLINE
    await tell_missed(desk.services, agency.tenant_id, [await desk.work()])
    assert (await desk.row(agency)).missed_at == DEADLINE
    assert await desk.alerts(agency) == [(PREDICTED, subject, True), (MISSED, subject, True)]

    await claim(desk.services, await desk.work(), RunId(desk.ids()))
    begun = await desk.work()
    await desk.run(agency, connection, run_id=begun.run_id, began=DEADLINE, minutes=10)
    await desk.publish(agency, connection, DAY, DEADLINE + HOUR / 6)
    await settle(desk.services, begun, is_broken=False)
    row = await desk.row(agency)
    assert (row.state, row.done_at) == (DueState.DONE, DEADLINE + HOUR / 6)
    assert (row.miss_cause, row.miss_foretold_at) == (MissCause.OUTAGE, DEADLINE - 3 * HOUR)
    assert await desk.alerts(agency) == [(PREDICTED, subject, False), (MISSED, subject, False)]


async def test_programs_are_told_of_a_miss_once(
    desk: Desk, agency: Agency, connection: ConnectionId
) -> None:
    await listen(desk.database, agency.tenant_id)
    await say(desk, agency, DEADLINE + HOUR, MissCause.OUTAGE)
    assert await events_told(desk.database, agency.tenant_id) == []
    desk.now = DEADLINE
    for _ in range(2):
        await tell_missed(desk.services, agency.tenant_id, [await desk.work()])
    assert await events_told(desk.database, agency.tenant_id) == [
        (
            "freshness.missed",
            f"connection:{connection}:{DAY}",
            {
                "clientId": public_id("cli", agency.client_id),
                "connectionId": public_id("con", connection),
                "source": "alpha",
                "day": "2026-11-19",
                "deadlineAt": "2026-11-20T07:00:00Z",
            },
        )
    ]


async def test_what_is_done_in_time_was_never_a_miss(
    desk: Desk, agency: Agency, connection: ConnectionId
) -> None:
    await say(desk, agency, DEADLINE + HOUR, MissCause.OUTAGE)
    await claim(desk.services, await desk.work(), RunId(desk.ids()))
    begun = await desk.work()
    await desk.run(agency, connection, run_id=begun.run_id, began=desk.now, minutes=10)
    await desk.publish(agency, connection, DAY, desk.now)
    await settle(desk.services, begun, is_broken=False)
    row = await desk.row(agency)
    assert (row.state, row.miss_cause, row.miss_foretold_at) == (DueState.DONE, None, None)
    assert [is_open for *_, is_open in await desk.alerts(agency)] == [False]


async def test_what_was_published_at_the_last_moment_is_not_missed(
    desk: Desk, agency: Agency, connection: ConnectionId
) -> None:
    """Its job is still busy with what follows a publication."""
    await claim(desk.services, await desk.work(), RunId(desk.ids()))
    await desk.publish(agency, connection, DAY, DEADLINE - HOUR / 60)
    desk.now = DEADLINE
    await tell_missed(desk.services, agency.tenant_id, [await desk.work()])
    assert (await desk.row(agency)).missed_at is None
    assert await desk.alerts(agency) == []


async def test_what_was_read_before_it_was_complete_is_missed(
    desk: Desk, agency: Agency, connection: ConnectionId
) -> None:
    await desk.publish(agency, connection, DAY, DEADLINE - 6 * HOUR)
    desk.now = DEADLINE
    await tell_missed(desk.services, agency.tenant_id, [await desk.work()])
    assert [kind for kind, *_ in await desk.alerts(agency)] == [MISSED]

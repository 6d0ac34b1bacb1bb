"""Fresh, late, foretold to be late: by deadlines, by streams, by what is due."""

import datetime as dt
import uuid
from typing import Any, Final

import pytest

from domain.ids import ClientId
from ingestion.connector.source_file import read_source
from ingestion.connector.spec import SourceSpec
from ingestion.schedule.freshness import (
    FreshnessStatus,
    StreamFreshness,
    freshness_of,
    read_freshness,
)
from ingestion.schedule.planning import plan_agency
from tenancy.tables import (
    Client,
    Connection,
    ConnectionState,
    DueState,
    DueSync,
    MissCause,
    StreamState,
)
from tests.ingestion.schedule.desk import NOON, Desk
from tests.night.sources import STREAM, make_source, source_text

LATE, FORETOLD = FreshnessStatus.LATE, FreshnessStatus.PREDICTED_LATE
FRESH, UNSCHEDULED = FreshnessStatus.FRESH, FreshnessStatus.UNSCHEDULED
DAY: Final = dt.date(2026, 11, 19)
READY: Final = dt.datetime(2026, 11, 20, 2, tzinfo=dt.UTC)
DEADLINE: Final = dt.datetime(2026, 11, 20, 7, tzinfo=dt.UTC)
MINUTE: Final = dt.timedelta(minutes=1)
ONE_DAY: Final = dt.timedelta(days=1)
SOURCE: Final = make_source("alpha")
CLIENT: Final = Client(id=ClientId(uuid.UUID(int=1)), time_zone="Europe/Berlin")


def connection(**changes: Any) -> Connection:
    plain = {
        "settings": {"time_zone": "Europe/Berlin"},
        "state": ConnectionState.ACTIVE,
        "start_date": dt.date(2026, 10, 1),
        "created_at": NOON - 30 * ONE_DAY,
    }
    return Connection(**{**plain, **changes})


def published(day: dt.date, at: dt.datetime) -> dict[str, StreamState]:
    covered = {"covered_from": dt.date(2026, 10, 1), "covered_to": day}
    return {STREAM: StreamState(stream=STREAM, published_at=at, **covered)}


def look(
    now: dt.datetime,
    states: dict[str, StreamState],
    due: DueSync | None = None,
    *,
    source: SourceSpec | None = SOURCE,
    **changes: Any,
) -> StreamFreshness:
    (found,) = freshness_of(connection(**changes), CLIENT, source, states, due, now)
    return found


YESTERDAYS: Final = published(DAY - ONE_DAY, READY - ONE_DAY)
THERE: Final = published(DAY, READY + MINUTE)


@pytest.mark.parametrize(
    ("now", "states", "status"),
    [
        (DEADLINE - MINUTE, YESTERDAYS, FRESH),
        (DEADLINE, YESTERDAYS, LATE),
        (DEADLINE, THERE, FRESH),
        (DEADLINE + ONE_DAY - MINUTE, THERE, FRESH),
        (DEADLINE + ONE_DAY, THERE, LATE),
        (DEADLINE, {}, LATE),
        # It was read before its figures were complete.
        (DEADLINE, published(DAY, READY - MINUTE), LATE),
    ],
)
def test_late_is_what_a_deadline_passed_without(
    now: dt.datetime, states: dict[str, StreamState], status: FreshnessStatus
) -> None:
    assert look(now, states).status is status


def test_the_day_that_is_due_next_is_told() -> None:
    before = look(READY + MINUTE, YESTERDAYS)
    assert (before.ready_at, before.deadline_at) == (READY, DEADLINE)
    after = look(READY + 2 * MINUTE, THERE)
    assert (after.ready_at, after.deadline_at) == (READY + ONE_DAY, DEADLINE + ONE_DAY)


def test_a_miss_that_is_foretold() -> None:
    due = DueSync(
        day=DAY,
        state=DueState.WAITING,
        miss_cause=MissCause.OUTAGE,
        expected_at=DEADLINE + 30 * MINUTE,
        error_message="Alpha did not answer",
    )
    found = look(DEADLINE - 90 * MINUTE, YESTERDAYS, due)
    assert (found.status, found.expected_at, found.last_error) == (
        FORETOLD,
        DEADLINE + 30 * MINUTE,
        "Alpha did not answer",
    )
    # Once the deadline has passed it is no prediction any more.
    assert look(DEADLINE, YESTERDAYS, due).status is LATE
    # Of a stream that is there already nothing is expected.
    there = look(DEADLINE - 90 * MINUTE, THERE, due)
    assert (there.status, there.expected_at, there.last_error) == (FRESH, None, None)


def test_figures_are_final_when_the_platform_changes_them_no_more() -> None:
    text = source_text("alpha").replace("restates: {days: 1,", "restates: {days: 28,")
    source = read_source(text, "alpha.yaml")
    assert look(NOON, THERE, source=source).final_to == DAY - 28 * ONE_DAY
    assert look(NOON, THERE).final_to == DAY - ONE_DAY
    young = published(DAY, READY + MINUTE)
    young[STREAM].covered_from = DAY - 3 * ONE_DAY
    assert look(NOON, young, source=source).final_to is None
    assert look(NOON, {}).final_to is None


def test_a_new_account_owes_nothing_before_its_first_morning() -> None:
    created_at = DEADLINE + 60 * MINUTE
    found = look(NOON, {}, created_at=created_at)
    assert (found.status, found.deadline_at) == (FRESH, DEADLINE + ONE_DAY)
    assert look(DEADLINE + ONE_DAY, {}, created_at=created_at).status is LATE


def test_an_account_whose_first_day_is_ahead_owes_nothing() -> None:
    assert look(NOON, {}, start_date=DAY + ONE_DAY).status is FRESH
    assert look(NOON, {}, start_date=DAY).status is LATE


def test_a_connection_that_is_broken_is_late_and_one_that_is_paused_is_not() -> None:
    assert look(NOON, {}, state=ConnectionState.BROKEN).status is LATE
    paused = look(NOON, THERE, state=ConnectionState.PAUSED)
    assert (paused.status, paused.deadline_at, paused.final_to) == (
        UNSCHEDULED,
        None,
        DAY - ONE_DAY,
    )


def test_files_come_when_they_come() -> None:
    found = look(NOON, published(DAY, READY), source=None)
    assert (found.stream, found.status, found.final_to) == (STREAM, UNSCHEDULED, DAY)


@pytest.mark.anyio
async def test_streams_are_read_by_client_and_source(desk: Desk) -> None:
    agency = await desk.agency("one")
    beta = await desk.connect(agency, source="beta")
    alpha = await desk.connect(agency, source="alpha")
    await desk.publish(agency, beta, DAY, READY + MINUTE)
    await plan_agency(desk.services, agency.tenant_id)
    other = await desk.agency("two")
    await desk.connect(other)
    async with desk.database.session(agency.tenant_id) as session:
        found = await read_freshness(session, desk.sources, NOON)
        nobody = await read_freshness(session, desk.sources, NOON, clients=[other.client_id])
    assert [(one.connection.id, one.stream, one.status) for one in found] == [
        (alpha, STREAM, LATE),
        (beta, STREAM, FRESH),
    ]
    assert nobody == []

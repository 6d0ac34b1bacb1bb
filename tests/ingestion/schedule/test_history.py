"""What past runs say about the next one."""

import datetime as dt

import pytest

from ingestion.schedule.history import Estimate, PastRun, estimate, read_history
from tenancy.tables import SyncState
from tests.ingestion.schedule.desk import NOON, Desk


def runs(*minutes: float, calls: int = 4) -> list[PastRun]:
    return [PastRun(60 * length, calls) for length in minutes]


def test_the_median_counts_and_the_fastest_for_what_it_needs() -> None:
    assert estimate(runs(10, 40, 12, 11), []) == Estimate(690, 600, 4)


def test_the_last_seven_count() -> None:
    assert estimate(runs(5, 5, 5, 5, 5, 5, 5, 1, 90, 90, 90), []) == Estimate(300, 300, 4)


def test_who_has_none_is_taken_for_others_of_the_platform() -> None:
    alike = runs(20, 30, 40, calls=9)
    assert estimate([], alike) == Estimate(1800, 1200, 9)
    assert estimate(runs(3), alike) == Estimate(180, 180, 4)


def test_where_nobody_has_any_it_is_a_guess() -> None:
    assert estimate([], []) == Estimate(600, 600, 10)


def test_what_takes_no_time_takes_a_second() -> None:
    assert estimate([PastRun(0.0, 0)], []) == Estimate(1, 1, 1)


@pytest.mark.anyio
async def test_runs_are_read_newest_first(desk: Desk) -> None:
    agency = await desk.agency("one")
    first, second = await desk.connect(agency), await desk.connect(agency)
    days = [NOON - dt.timedelta(days=number) for number in range(16)]
    await desk.run(agency, first, began=days[2], minutes=12, requests=7)
    await desk.run(agency, first, began=days[1], minutes=9, requests=5)
    await desk.run(agency, first, began=days[15], minutes=99, requests=99)
    await desk.run(agency, first, began=days[0], state=SyncState.FAILED)
    await desk.run(agency, second, began=days[3], minutes=1, requests=1)
    async with desk.database.session(agency.tenant_id) as session:
        history = await read_history(session, NOON)
    assert dict(history) == {
        first: [PastRun(540, 5), PastRun(720, 7)],
        second: [PastRun(60, 1)],
    }

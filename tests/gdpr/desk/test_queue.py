"""The queue: the most urgent first, narrowed as asked, never another agency's."""

import datetime as dt
import uuid

import pytest

from domain.privacy.rights import RequestState, Right
from gdpr.desk.queue import QueueFilter, count_open, list_queue
from gdpr.desk.urgency import Urgency
from tests.api.identity.world import START, Agency, World, northwind, southwind, world
from tests.gdpr.desk.requests import request_row

__all__ = ["northwind", "southwind", "world"]

pytestmark = pytest.mark.anyio

DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
async def _requests(world: World, northwind: Agency, southwind: Agency) -> None:
    acme, bolt = northwind.clients["acme"], northwind.clients["bolt"]
    completed = {"state": RequestState.COMPLETED}
    rows = [
        request_row(uuid.UUID(int=1), acme, START - 2 * DAY),
        request_row(uuid.UUID(int=2), bolt, START - 40 * DAY),
        request_row(uuid.UUID(int=3), acme, START - 25 * DAY, right=Right.ACCESS),
        request_row(uuid.UUID(int=4), None, START - 26 * DAY),
        request_row(uuid.UUID(int=5), bolt, START - 50 * DAY, paused_at=START - 45 * DAY),
        request_row(uuid.UUID(int=6), acme, START - DAY, assist_by=START + DAY),
        request_row(uuid.UUID(int=7), acme, START - 80 * DAY, closed_at=START - DAY, **completed),
        request_row(uuid.UUID(int=8), acme, START - 9 * DAY, closed_at=START, **completed),
    ]
    async with world.database.session(northwind.tenant_id) as session:
        session.add_all(rows)
    async with world.database.session(southwind.tenant_id) as session:
        session.add(request_row(uuid.UUID(int=9), southwind.clients["zeta"], START - 60 * DAY))


async def _queue(world: World, agency: Agency, wanted: QueueFilter) -> list[int]:
    async with world.database.session(agency.tenant_id) as session:
        lines = await list_queue(session, wanted, now=START, limit=50)
        return [line.row.id.int for line in lines]


async def test_the_most_urgent_comes_first_and_what_is_over_last(
    world: World, northwind: Agency
) -> None:
    async with world.database.session(northwind.tenant_id) as session:
        lines = await list_queue(session, QueueFilter(), now=START, limit=50)
    assert [
        (line.row.id.int, line.client, line.urgency, line.days_left, line.words) for line in lines
    ] == [
        (2, "Bolt", Urgency.OVERDUE, -10, "overdue by 10 days"),
        (4, None, Urgency.DUE_SOON, 4, "due in 4 days"),
        (3, "Acme", Urgency.DUE_SOON, 5, "due in 5 days"),
        (6, "Acme", Urgency.HELP_DUE, 29, "help to the client due in 24 hours"),
        (1, "Acme", Urgency.ON_TIME, 28, "due in 28 days"),
        (5, "Bolt", Urgency.PAUSED, 25, "clock stands still, 25 days left"),
        (8, "Acme", Urgency.CLOSED, None, "closed"),
        (7, "Acme", Urgency.CLOSED, None, "closed"),
    ]


async def test_is_narrowed_as_asked(world: World, northwind: Agency) -> None:
    acme, bolt = northwind.clients["acme"], northwind.clients["bolt"]
    for wanted, expected in (
        (QueueFilter(is_open=True), [2, 4, 3, 6, 1, 5]),
        (QueueFilter(is_at_risk=True), [2, 4, 3, 6]),
        (QueueFilter(state=RequestState.COMPLETED), [8, 7]),
        (QueueFilter(right=Right.ACCESS), [3]),
        (QueueFilter(client=bolt), [2, 5]),
        (QueueFilter(seen=[acme], is_open=True), [3, 6, 1]),
        (QueueFilter(seen=[acme], client=bolt), []),
        (QueueFilter(seen=[]), []),
    ):
        assert await _queue(world, northwind, wanted) == expected, wanted


async def test_pages_follow_each_other(world: World, northwind: Agency) -> None:
    async with world.database.session(northwind.tenant_id) as session:
        pages = [
            await list_queue(session, QueueFilter(), now=START, limit=3, offset=offset)
            for offset in (0, 3, 6)
        ]
    assert [[line.row.id.int for line in page] for page in pages] == [[2, 4, 3], [6, 1, 5], [8, 7]]


async def test_counts_what_is_open_and_at_risk(
    world: World, northwind: Agency, southwind: Agency
) -> None:
    bolt = [northwind.clients["bolt"]]
    async with world.database.session(northwind.tenant_id) as session:
        assert await count_open(session, now=START) == (6, 4)
        assert await count_open(session, now=START, seen=bolt) == (2, 1)
    async with world.database.session(southwind.tenant_id) as session:
        assert await count_open(session, now=START) == (1, 1)

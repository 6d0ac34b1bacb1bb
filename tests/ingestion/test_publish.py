"""Publication: coverage without gaps, cursors that only go forward, and telling who listens."""

import datetime as dt
from collections.abc import AsyncIterator

import orjson
import pytest
from sqlalchemy import select

from domain.errors import ConflictError, InternalError
from domain.ids import SyncId, public_id
from ingestion.publish import Publisher
from tenancy.cache import KeyKind, TenantRedis
from tenancy.redis_server import RedisServer
from tenancy.tables import DataVersion, SyncState
from tenancy.unscoped import Doors, PendingLoad
from tests.fixtures.webhooks import events_told, listen
from tests.ingestion.plane import NOW, Agency, Plane
from tests.ingestion.unify.ledger import ORDERS, ad, day

pytestmark = pytest.mark.anyio


@pytest.fixture
async def agency(plane: Plane) -> Agency:
    return await plane.agency("one")


async def _loads(plane: Plane, sync_id: SyncId) -> list[PendingLoad]:
    return [
        load for load in await Doors(plane.database).pending_loads(100) if load.sync_id == sync_id
    ]


async def _publish(plane: Plane, agency: Agency, days: tuple[int, int]) -> SyncId:
    sync_id = await plane.land(agency, [], days)
    await plane.publisher.publish(await _loads(plane, sync_id), ["ads_daily"])
    return sync_id


async def _covered(plane: Plane, agency: Agency) -> tuple[dt.date | None, dt.date | None]:
    state = await plane.coverage(agency)
    assert state is not None
    return state.covered_from, state.covered_to


async def test_publishes_sync_objects_coverage_and_version_together(
    plane: Plane, agency: Agency
) -> None:
    sync_id = await _publish(plane, agency, (1, 2))
    sync = await plane.sync(agency, sync_id)
    assert (sync.state, sync.finished_at) == (SyncState.PUBLISHED, NOW)
    assert [entry.loaded_at for entry in await plane.objects(agency, sync_id)] == [NOW]
    state = await plane.coverage(agency)
    assert state is not None
    assert (state.covered_from, state.covered_to, state.published_at) == (day(1), day(2), NOW)
    assert state.cursor is None
    async with plane.database.session(agency.tenant_id) as session:
        (version,) = (await session.scalars(select(DataVersion))).all()
    assert (version.fact, version.version, version.date_from, version.date_to) == (
        "ads_daily",
        sync.version,
        day(1),
        day(2),
    )
    assert (version.sync_id, version.published_at) == (sync_id, NOW)


async def test_publishing_again_changes_nothing(plane: Plane, agency: Agency) -> None:
    sync_id = await plane.land(agency, [], (1, 2))
    loads = await _loads(plane, sync_id)
    for _ in range(2):
        await plane.publisher.publish(loads, ["ads_daily"])
    async with plane.database.session(agency.tenant_id) as session:
        assert len((await session.scalars(select(DataVersion))).all()) == 1


async def test_programs_are_told_what_has_been_published(plane: Plane, agency: Agency) -> None:
    await listen(plane.database, agency.tenant_id)
    sync_id = await plane.land(agency, [], (1, 2))
    loads = await _loads(plane, sync_id)
    for _ in range(2):
        await plane.publisher.publish(loads, ["orders", "ads_daily"])
    assert await events_told(plane.database, agency.tenant_id) == [
        (
            "data.published",
            f"sync:{sync_id}",
            {
                "clientId": public_id("cli", agency.client_id),
                "connectionId": public_id("con", agency.connection_id),
                "syncId": public_id("syn", sync_id),
                "source": loads[0].source,
                "facts": ["ads_daily", "orders"],
                "from": "2026-03-01",
                "to": "2026-03-02",
            },
        )
    ]


@pytest.mark.parametrize(
    ("windows", "covered"),
    [
        ([(1, 5)], (1, 5)),
        ([(1, 5), (6, 9)], (1, 9)),
        ([(1, 5), (3, 4)], (1, 5)),
        ([(1, 5), (4, 9)], (1, 9)),
        ([(1, 5), (7, 9)], (1, 5)),
        ([(1, 5), (7, 9), (6, 6)], (1, 6)),
        ([(2, 5)], None),
        ([(2, 5), (1, 1)], (1, 1)),
    ],
)
async def test_coverage_moves_without_a_gap_only(
    plane: Plane,
    agency: Agency,
    windows: list[tuple[int, int]],
    covered: tuple[int, int] | None,
) -> None:
    for window in windows:
        await _publish(plane, agency, window)
    expected = (day(covered[0]), day(covered[1])) if covered else (None, None)
    assert await _covered(plane, agency) == expected


async def test_the_cursor_goes_forward_only(plane: Plane, agency: Agency) -> None:
    start, middle, end = (dt.datetime(2026, 3, n, 7, 30, tzinfo=dt.UTC) for n in (1, 2, 3))
    expected = {"until": "2026-03-03T07:30:00+00:00"}
    for window in ((start, end), (start, middle)):
        sync_id = await plane.land(agency, [], (1, None), stream=ORDERS, cursor=window)
        await plane.publisher.publish(await _loads(plane, sync_id), ["ads_daily"])
        state = await plane.coverage(agency, "orders")
        assert state is not None
        assert state.cursor == expected
        assert (state.covered_from, state.covered_to) == (day(1), day(2))
    async with plane.database.session(agency.tenant_id) as session:
        versions = (await session.scalars(select(DataVersion))).all()
    assert [(entry.date_from, entry.date_to) for entry in versions] == [(None, None)] * 2


async def test_changes_cover_the_days_that_are_over_at_the_account(
    plane: Plane, agency: Agency
) -> None:
    start = dt.datetime(2026, 2, 28, 23, tzinfo=dt.UTC)  # midnight of the first day in Berlin
    for hour, covered in ((22, (None, None)), (23, (day(1), day(1)))):
        end = dt.datetime(2026, 3, 1, hour, 30, tzinfo=dt.UTC)
        sync_id = await plane.land(agency, [], (1, None), stream=ORDERS, cursor=(start, end))
        await plane.publisher.publish(await _loads(plane, sync_id), ["ads_daily"])
        state = await plane.coverage(agency, "orders")
        assert state is not None
        assert (state.covered_from, state.covered_to) == covered


@pytest.fixture
async def messages(plane: Plane, agency: Agency) -> AsyncIterator[AsyncIterator[bytes]]:
    listener = TenantRedis(plane.redis, agency.tenant_id)
    async with listener.subscribe(KeyKind.DATA_VERSION, "ads_daily") as received:
        yield received


async def test_listeners_are_told(
    plane: Plane, agency: Agency, messages: AsyncIterator[bytes]
) -> None:
    other = await plane.agency("other")
    await _publish(plane, other, (1, 1))
    sync_id = await _publish(plane, agency, (1, 1))
    version = (await plane.sync(agency, sync_id)).version
    assert orjson.loads(await anext(messages)) == {"fact": "ads_daily", "version": version}


async def test_without_redis_the_publication_counts(
    plane: Plane, agency: Agency, dead_redis: RedisServer
) -> None:
    publisher = Publisher(plane.database, dead_redis, lambda: NOW, plane.ids)
    sync_id = await plane.land(agency, [ad(1, "c1", "1")])
    await publisher.publish(await _loads(plane, sync_id), ["ads_daily"])
    assert (await plane.sync(agency, sync_id)).state is SyncState.PUBLISHED


async def test_a_failure_keeps_what_its_owner_can_mend(plane: Plane, agency: Agency) -> None:
    sync_id = await plane.plan(agency)
    error = ConflictError("the account is closed", hint="open it again")
    await plane.publisher.fail(agency.tenant_id, sync_id, error)
    sync = await plane.sync(agency, sync_id)
    assert (sync.state, sync.finished_at) == (SyncState.FAILED, NOW)
    assert (sync.error_code, sync.error_message) == (
        "CONFLICT",
        "the account is closed (open it again)",
    )


async def test_a_failure_of_ours_shows_no_details(plane: Plane, agency: Agency) -> None:
    sync_id = await plane.plan(agency)
    await plane.publisher.fail(agency.tenant_id, sync_id, InternalError("a secret detail"))
    sync = await plane.sync(agency, sync_id)
    assert (sync.error_code, sync.error_message) == (
        "INTERNAL",
        "an error of ours; it is in the log",
    )


async def test_what_is_published_cannot_fail(plane: Plane, agency: Agency) -> None:
    sync_id = await _publish(plane, agency, (1, 1))
    await plane.publisher.fail(agency.tenant_id, sync_id, InternalError("late"))
    assert (await plane.sync(agency, sync_id)).state is SyncState.PUBLISHED

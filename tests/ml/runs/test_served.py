"""What is served: the latest, at hand in Redis, and the same out of PostgreSQL."""

import datetime as dt
import uuid
from collections.abc import Sequence

import numpy as np
import pytest
from sqlalchemy import delete, select

from domain.ids import ClientId, TenantId
from domain.ports import TenantScope
from ml.ledger.entry import Entry, Maker
from ml.panel import Measure
from ml.runs.reasons import Reasons
from ml.runs.served import Served, ServedForecasts
from tenancy.cache import RedisAnswerCache
from tenancy.redis_server import RedisServer
from tenancy.redis_sweep import iter_stored, unlink_answers
from tenancy.session import Database
from tenancy.tables import ForecastLevel, ServedForecast
from tests.fixtures.database import FilledTenant

pytestmark = pytest.mark.anyio

MORNING = dt.datetime(2026, 4, 1, 6, tzinfo=dt.UTC)
NOON = MORNING.replace(hour=12)
QUANTILES = np.array([[1.0, 2.0, 3.0, 4.0, 5.0], [np.nan, np.nan, 6.0, np.nan, np.nan]])
DAYS = np.linspace(0.1, 4.5, 45).reshape(9, 5)


class World:
    def __init__(self, database: Database, redis: RedisServer, own: FilledTenant) -> None:
        self.database, self.redis = database, redis
        self.tenant_id = own.tenant_id
        self.client_id = ClientId(own.rows["clients"]["id"])
        self.cached = ServedForecasts(database, RedisAnswerCache(redis))
        self.plain = ServedForecasts(database, None)

    async def serve(
        self,
        made_at: dt.datetime,
        *keys: str,
        measure: Measure = Measure.REVENUE,
        level: ForecastLevel = ForecastLevel.CHANNEL,
        client_id: ClientId | None = None,
    ) -> None:
        served = [(self.entry(key, measure, level), Reasons(None, key, None)) for key in keys]
        await self.cached.replace(self.tenant_id, made_at, served, client_id)

    def entry(self, key: str, measure: Measure, level: ForecastLevel) -> Entry:
        return Entry(
            client_id=self.client_id,
            level=level,
            series=f"channel={key}",
            currency="EUR",
            measure=measure,
            origin=MORNING.date(),
            method=key,
            maker=Maker(uuid.UUID(int=7)),
            horizons=(7, 28),
            quantiles=QUANTILES,
            baselines={},
            is_planned=True,
            days=DAYS,
        )

    async def read(
        self,
        served: ServedForecasts,
        measure: Measure = Measure.REVENUE,
        level: ForecastLevel = ForecastLevel.CHANNEL,
    ) -> Sequence[Served]:
        return await served.read(self.tenant_id, self.client_id, measure, level, with_days=True)

    async def forget_rows(self) -> None:
        async with self.database.session(self.tenant_id) as session:
            await session.execute(delete(ServedForecast))


@pytest.fixture
async def world(
    database: Database,
    redis_server: RedisServer,
    two_tenants: tuple[FilledTenant, FilledTenant],
) -> World:
    made = World(database, redis_server, two_tenants[0])
    await made.forget_rows()
    return made


def same(one: Served, other: Served) -> bool:
    names = [name for name in Served.__slots__ if name not in {"quantiles", "days"}]
    plain = all(getattr(one, name) == getattr(other, name) for name in names)
    assert one.days is not None
    assert other.days is not None
    return (
        plain
        and np.array_equal(one.quantiles, other.quantiles, equal_nan=True)
        and np.array_equal(one.days, other.days, equal_nan=True)
    )


async def test_the_copy_at_hand_is_what_is_stored(world: World) -> None:
    await world.serve(MORNING, "search", "social")
    stored, at_hand = await world.read(world.plain), await world.read(world.cached)
    assert [one.method for one in at_hand] == ["search", "social"]
    assert all(map(same, stored, at_hand))
    first = at_hand[0]
    assert first.quantiles.shape == (2, 5)
    assert first.days is not None
    assert first.days.tolist() == DAYS.astype(np.float32).tolist()
    assert (first.version_id, first.made_at) == (uuid.UUID(int=7), MORNING)
    await world.forget_rows()
    assert [one.method for one in await world.read(world.cached)] == ["search", "social"]


async def test_days_are_read_when_they_are_asked_for(world: World) -> None:
    await world.serve(MORNING, "search")
    (one,) = await world.plain.read(
        world.tenant_id, world.client_id, Measure.REVENUE, ForecastLevel.CHANNEL
    )
    assert one.days is None


async def test_a_run_replaces_what_was_served_and_what_is_gone_is_gone(world: World) -> None:
    await world.serve(MORNING, "search", "social")
    await world.serve(MORNING, "orders", measure=Measure.ORDERS)
    for served in (world.plain, world.cached):
        assert await world.read(served) == []
        assert [one.method for one in await world.read(served, Measure.ORDERS)] == ["orders"]


async def test_what_was_made_later_stays(world: World) -> None:
    await world.serve(NOON, "later")
    await world.serve(MORNING, "later", "earlier")
    for served in (world.plain, world.cached):
        told = {one.method: one.made_at for one in await world.read(served)}
        assert told == {"later": NOON, "earlier": MORNING}


async def test_one_client_is_made_anew_by_itself(world: World) -> None:
    await world.serve(MORNING, "search")
    await world.serve(NOON, client_id=ClientId(uuid.UUID(int=1)))
    assert [one.method for one in await world.read(world.plain)] == ["search"]
    await world.serve(NOON, "social", client_id=world.client_id)
    assert [one.method for one in await world.read(world.cached)] == ["social"]


async def test_campaigns_are_read_where_they_are_stored(world: World) -> None:
    await world.serve(MORNING, "c1", level=ForecastLevel.CAMPAIGN)
    assert [one.method for one in await world.read(world.cached, level=ForecastLevel.CAMPAIGN)] == [
        "c1"
    ]
    assert [
        key async for key, _ in iter_stored(world.redis, world.tenant_id) if "answer" in key
    ] == []


async def test_an_erasure_forgets_the_copies_and_they_are_read_from_postgresql(
    world: World,
) -> None:
    await world.serve(MORNING, "search")
    gone = await unlink_answers(world.redis, [world.tenant_id])
    assert gone[world.tenant_id] == 1
    assert [one.method for one in await world.read(world.cached)] == ["search"]


async def test_without_redis_forecasts_are_kept_and_read_all_the_same(
    world: World, dead_redis: RedisServer
) -> None:
    lost = ServedForecasts(world.database, RedisAnswerCache(dead_redis))
    entry = world.entry("search", Measure.REVENUE, ForecastLevel.CHANNEL)
    await lost.replace(world.tenant_id, MORNING, [(entry, Reasons(None, None, None))])
    assert [one.method for one in await world.read(lost)] == ["search"]


async def test_another_agency_reads_nothing_of_it(
    world: World, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    await world.serve(MORNING, "search")
    other = TenantId(two_tenants[1].tenant_id)
    asked = (other, world.client_id, Measure.REVENUE, ForecastLevel.CHANNEL)
    assert await world.cached.read(*asked) == []
    async with world.database.session(other) as session:
        told = (await session.scalars(select(ServedForecast.method))).all()
    assert told == [f"{two_tenants[1].canary} served_forecasts.method"]
    key = f"forecast {world.client_id} revenue channel"
    assert await RedisAnswerCache(world.redis).get(TenantScope(other), key) is None

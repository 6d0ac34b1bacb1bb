"""A store that does not answer puts a run off; it goes on where it was, and nothing is left."""

import dataclasses
from pathlib import Path

import pytest
from sqlalchemy import select

from domain.errors import BoscoError, Transient
from domain.privacy.evidence import RescanMoment
from gdpr.erasure.run import Eraser
from gdpr.erasure.work import Run, Stores
from tenancy.landing_store import LandingError
from tenancy.redis_server import RedisServer, RedisUnavailableError
from tenancy.tables import ErasureRescan, ErasureRunRequest, ErasureStep, StepState
from tests.gdpr.erasure.twin import table_rows
from tests.gdpr.erasure.world import Agency, Shop, World, world

__all__ = ["world"]

pytestmark = pytest.mark.anyio

SHOP = Shop(people=3)
CHOSEN = frozenset({1})
NOWHERE = "redis://127.0.0.1:1"


async def begun(world: World) -> tuple[Agency, Run]:
    agency = await world.agency("shop")
    await world.ingest_shop(agency, SHOP)
    return agency, world.run(agency, await world.request_all(agency, CHOSEN))


async def run_in(world: World, stores: Stores, run: Run) -> None:
    whole = world.eraser()
    await Eraser(stores, whole.plan, whole.journal).run(run)


async def steps_done(world: World, agency: Agency) -> list[str]:
    query = select(ErasureStep).where(ErasureStep.state == StepState.DONE)
    async with world.database.session(agency.tenant_id) as session:
        return [one.name for one in await session.scalars(query.order_by(ErasureStep.number))]


async def check_put_off(world: World, agency: Agency, error: BoscoError) -> list[str]:
    """The run is open, and has found nothing out that it does not know; its steps that are done."""
    assert isinstance(error, Transient)
    async with world.database.session(agency.tenant_id) as session:
        (joined,) = await session.scalars(select(ErasureRunRequest))
        assert joined.finished_at is None
        assert (await session.scalars(select(ErasureRescan))).all() == []
    return await steps_done(world, agency)


async def check_erased(world: World, agency: Agency) -> None:
    tables = {table.qualified: table for table in world.tables}
    for name in ("raw.shopify__customers", "facts.customers", "marts.customers"):
        ids = {row["customer_id"] for row in await table_rows(world, agency, tables[name])}
        assert ids == {Shop.customer(0), Shop.customer(2)}, name
    async with world.database.session(agency.tenant_id) as session:
        (joined,) = await session.scalars(select(ErasureRunRequest))
        at_once = ErasureRescan.moment == RescanMoment.ERASURE
        (searched,) = await session.scalars(select(ErasureRescan).where(at_once))
    assert joined.finished_at is not None
    assert (searched.found, searched.findings) == (0, {})


async def test_redis_is_away(world: World) -> None:
    agency, run = await begun(world)
    nowhere = RedisServer(NOWHERE)
    stores = dataclasses.replace(world.stores, redis=nowhere)
    with pytest.raises(RedisUnavailableError) as stopped:
        await run_in(world, stores, run)
    await nowhere.close()
    done = await check_put_off(world, agency, stopped.value)
    assert "marts.customers" in done
    assert "answers" not in done
    await world.eraser().run(run)
    await check_erased(world, agency)


async def test_landing_objects_are_away(world: World, tmp_path: Path) -> None:
    """A folder that is not mounted holds nothing: that is no proof that nothing was there."""
    agency, run = await begun(world)
    (tmp_path / "land").rename(tmp_path / "elsewhere")
    with pytest.raises(LandingError) as stopped:
        await world.eraser().run(run)
    done = await check_put_off(world, agency, stopped.value)
    assert "landing" not in done
    (tmp_path / "elsewhere").rename(tmp_path / "land")
    await world.eraser().run(run)
    await check_erased(world, agency)

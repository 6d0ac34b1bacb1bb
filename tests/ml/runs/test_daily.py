"""Forecasts every morning, training when it is due: one job each, however many rounds."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from uuid_utils.compat import uuid7

from domain.ids import TenantId
from ml.open import open_models
from ml.runs.daily import FORECAST_JOB, TRAIN_JOB
from tenancy.jobs import JobEngine, JobStatus
from tenancy.model_store import ModelStore
from tenancy.session import Database
from tenancy.tables import MadeForecast
from tenancy.warehouse.port import Warehouse
from tests.fakes.fake_jobs import FakeJobs
from tests.feature_repo.conftest import MovableClock, account, facts, ledger
from tests.feature_repo.ledger import Account, Ledger, ad, day
from tests.fixtures.database import FilledTenant

__all__ = ["facts", "ledger"]

pytestmark = pytest.mark.anyio

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def local(hour: int, zone: str = BERLIN) -> dt.datetime:
    return dt.datetime.combine(day(5), dt.time(hour), ZoneInfo(zone)).astimezone(dt.UTC)


class World:
    """Two agencies, in Berlin and New York; only the first one's accounts tell anything."""

    def __init__(
        self,
        database: Database,
        warehouse: Warehouse,
        folder: Path,
        tenants: tuple[FilledTenant, FilledTenant],
    ) -> None:
        self.first, self.second = (one.tenant_id for one in tenants)
        self.database = database
        self.clock = MovableClock(local(7))
        self.jobs = FakeJobs()
        client_id = tenants[0].rows["clients"]["id"]
        self.account = Account(self.first, client_id, account(self.first, 1).connection_id)
        self.models = open_models(
            database,
            warehouse,
            ModelStore(folder.as_uri()),
            cast("JobEngine", self.jobs),
            self._agencies,
            self.clock,
            uuid7,
        )
        self.models.rounds.register()

    async def _agencies(self) -> Sequence[tuple[TenantId, str]]:
        return [(self.first, BERLIN), (self.second, NEW_YORK)]

    def queued(self, name: str) -> list[dict[str, object]]:
        return [job.arguments for job in self.jobs.jobs.values() if job.name == name]


@pytest.fixture
def world(
    database: Database,
    facts: Warehouse,
    two_tenants: tuple[FilledTenant, FilledTenant],
    tmp_path: Path,
) -> World:
    return World(database, facts, tmp_path, two_tenants)


async def test_each_agency_is_forecast_when_its_morning_has_come(world: World) -> None:
    await world.models.rounds.go_round()
    assert world.queued(FORECAST_JOB) == []
    for now in (local(8), local(8), local(8, NEW_YORK)):
        world.clock.now = now
        await world.models.rounds.go_round()
    asked = {(one["tenant_id"], one["time_zone"]) for one in world.queued(FORECAST_JOB)}
    assert asked == {(str(world.first), BERLIN), (str(world.second), NEW_YORK)}


async def test_a_job_forecasts_its_own_agency_once(world: World, ledger: Ledger) -> None:
    for back in range(30):
        number = 4 - back
        ledger.note(
            world.account, "ads_daily", local(6), [ad(number, "c1", "10")], (number, number)
        )
    await ledger.load()
    world.clock.now = local(9)
    await world.models.rounds.go_round()
    await world.jobs.work()
    for tenant_id, count in ((world.first, 3), (world.second, 0)):
        async with world.database.session(tenant_id) as session:
            made = (
                await session.scalars(select(MadeForecast).where(MadeForecast.origin == day(5)))
            ).all()
        assert len(made) == count
    queued = len(world.jobs.jobs)
    world.clock.now = local(11)
    await world.models.rounds.go_round()
    assert len([one for one in world.jobs.jobs.values() if str(world.first) in str(one)]) == 1
    assert len(world.jobs.jobs) == queued


async def test_training_is_tried_once_a_day_until_there_is_enough(world: World) -> None:
    for hours in range(0, 48, 6):
        world.clock.now = local(1) + dt.timedelta(hours=hours)
        await world.models.rounds.go_round()
    assert [one["as_of"] for one in world.queued(TRAIN_JOB)] == [
        "2026-03-05T00:00:00+00:00",
        "2026-03-06T00:00:00+00:00",
    ]
    await world.jobs.work()
    trained = [one.state for one in world.jobs.jobs.values() if one.name == TRAIN_JOB]
    assert trained == [JobStatus.SUCCEEDED] * 2  # too little to learn from is no failure

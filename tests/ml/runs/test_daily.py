"""Forecasts every morning, training when it is due: one job each, however many rounds."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from uuid_utils.compat import uuid7

from domain.ids import TenantId, public_id
from domain.time_window import DateRange
from ml.open import open_models
from ml.panel import Measure
from ml.plans.desk import LIFT, PlanDesk
from ml.registry.retraining import Retraining
from ml.runs.daily import CLIENT_JOB, FORECAST_JOB, TRAIN_JOB, WATCH_JOB
from tenancy import audit
from tenancy.jobs import JobEngine, JobStatus
from tenancy.model_store import ModelStore
from tenancy.session import Database
from tenancy.tables import (
    DataVersion,
    ForecastLevel,
    MadeForecast,
    ModelState,
    ModelVersion,
)
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
            None,
            self.clock,
            uuid7,
        )
        self.models.rounds.register()

    async def _agencies(self) -> Sequence[tuple[TenantId, str]]:
        return [(self.first, BERLIN), (self.second, NEW_YORK)]

    async def publish(self, *tenants: FilledTenant) -> None:
        """As if accounts had told something of advertising."""
        for one in tenants:
            async with self.database.session(one.tenant_id) as session:
                session.add(
                    DataVersion(
                        id=uuid7(),
                        fact="ads_daily",
                        version=1,
                        sync_id=one.rows["syncs"]["id"],
                        published_at=self.clock(),
                    )
                )

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


async def test_each_agency_is_forecast_when_its_morning_has_come(
    world: World, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    await world.publish(*two_tenants)
    await world.models.rounds.go_round()
    assert world.queued(FORECAST_JOB) == []
    for now in (local(8), local(8), local(8, NEW_YORK)):
        world.clock.now = now
        await world.models.rounds.go_round()
    asked = {(one["tenant_id"], one["time_zone"]) for one in world.queued(FORECAST_JOB)}
    assert asked == {(str(world.first), BERLIN), (str(world.second), NEW_YORK)}


async def test_an_agency_without_facts_is_left_alone(
    world: World, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    await world.publish(two_tenants[0])
    world.clock.now = local(8, NEW_YORK)
    await world.models.rounds.go_round()
    assert [one["tenant_id"] for one in world.queued(FORECAST_JOB)] == [str(world.first)]


async def spend_money(world: World, ledger: Ledger) -> None:
    """A month of one campaign, of the first agency."""
    for back in range(30):
        number = 4 - back
        ledger.note(
            world.account, "ads_daily", local(6), [ad(number, "c1", "10")], (number, number)
        )
    await ledger.load()


async def test_a_client_that_plans_is_forecast_anew_once_it_is_quiet(
    world: World, ledger: Ledger, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    await world.publish(*two_tenants)
    await spend_money(world, ledger)
    world.clock.now = local(9)
    await world.models.rounds.go_round()
    await world.jobs.work()
    client_id = world.account.client_id
    desk = PlanDesk(world.clock, uuid7)
    for minutes in (1, 3):
        world.clock.now = local(9) + dt.timedelta(minutes=minutes)
        async with world.database.session(world.first) as session:
            days = DateRange(day(40 + minutes), day(40 + minutes))
            await desk.plan_event(session, client_id, "sale", days, actor="user:ada")
    world.clock.now = local(9) + dt.timedelta(minutes=7)
    await world.models.rounds.go_round()
    assert world.queued(CLIENT_JOB) == []
    for minutes in (10, 20):
        world.clock.now = local(9) + dt.timedelta(minutes=minutes)
        await world.models.rounds.go_round()
    assert [one["client_id"] for one in world.queued(CLIENT_JOB)] == [str(client_id)]
    await world.jobs.work()
    served = await world.models.served.read(
        world.first, client_id, Measure.SPEND, ForecastLevel.CLIENT
    )
    assert {one.made_at for one in served} == {world.clock.now}
    async with world.database.session(world.first) as session:
        told = await session.scalars(
            select(MadeForecast.made_at).where(MadeForecast.origin == day(5))
        )
        assert set(told) == {local(9)}  # the ledger keeps what was told first
    world.clock.now = local(11)
    await world.models.rounds.go_round()
    assert len(world.queued(CLIENT_JOB)) == 1


async def test_a_lift_test_is_no_reason_to_forecast_anew(
    world: World, ledger: Ledger, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    await world.publish(*two_tenants)
    await spend_money(world, ledger)
    world.clock.now = local(9)
    await world.models.rounds.go_round()
    await world.jobs.work()
    async with world.database.session(world.first) as session:
        audit.record(
            session,
            clock=lambda: local(9) + dt.timedelta(minutes=1),
            ids=uuid7,
            actor="user:ada",
            action="plan.set",
            object_kind="plan",
            object_id=public_id(LIFT, uuid7()),
            details={"client_id": str(world.account.client_id)},
        )
    world.clock.now = local(10)
    await world.models.rounds.go_round()
    assert world.queued(CLIENT_JOB) == []


async def test_a_job_forecasts_its_own_agency_once(
    world: World, ledger: Ledger, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    await world.publish(*two_tenants)
    await spend_money(world, ledger)
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


async def register(world: World, as_of: dt.datetime, state: ModelState, number: int = 1) -> None:
    async with world.database.platform_session() as session:
        session.add(
            ModelVersion(
                id=uuid7(),
                kind="forecast",
                number=number,
                state=state,
                state_since=as_of,
                created_at=as_of,
                code="c0de",
                features="fea7",
                as_of=as_of,
                data_hash="da7a",
                agencies=1,
                figures=10,
                parameters={},
                metrics={"all": {}},
                inputs={},
                artefact_hash=f"a{number}",
                artefact_bytes=1,
            )
        )


async def test_a_champion_is_watched_once_a_day(world: World) -> None:
    await register(world, local(1), ModelState.CHAMPION)
    for _ in range(2):
        await world.models.rounds.go_round()
    assert len(world.queued(WATCH_JOB)) == 1
    await world.jobs.work()
    watched = [one.state for one in world.jobs.jobs.values() if one.name == WATCH_JOB]
    assert watched == [JobStatus.SUCCEEDED]
    assert world.queued(TRAIN_JOB) == []


async def test_a_reason_trains_anew_but_not_before_the_last_version_was_tried(
    world: World,
) -> None:
    await register(world, local(1) - dt.timedelta(days=20), ModelState.CHAMPION)
    await register(world, local(1) - dt.timedelta(days=6), ModelState.REJECTED, 2)
    found = Retraining(local(2), ("features have shifted: noise (PSI 0.30)",))
    await world.models.registry.note_retraining("forecast", found)
    await world.models.rounds.go_round()
    assert world.queued(TRAIN_JOB) == []
    world.clock.now += dt.timedelta(days=1)
    await world.models.rounds.go_round()
    assert len(world.queued(TRAIN_JOB)) == 1


async def test_a_version_says_why_it_was_trained(world: World) -> None:
    reasons = ("it has seen nothing since 2026-02-01", "features have shifted: noise (PSI 0.30)")
    await world.models.registry.note_retraining("forecast", Retraining(local(2), reasons))
    assert await world.models.registry.due_reasons("forecast") == reasons
    assert await world.models.registry.due_reasons("other") == ()

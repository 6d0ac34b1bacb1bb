"""The morning look: an incident becomes a row and an alert, once; late data becomes nothing."""

import datetime as dt
import random
from collections.abc import Sequence
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from uuid_utils.compat import uuid7

from domain.ids import TenantId
from ml.open import open_models
from ml.runs.mornings import MORNING_JOB
from tenancy.jobs import JobEngine
from tenancy.model_store import ModelStore
from tenancy.session import Database
from tenancy.tables import AlertSeverity, Anomaly, AnomalyStage, RaisedAlert, WatchedDay
from tenancy.warehouse.port import Warehouse
from tests.fakes.fake_jobs import FakeJobs
from tests.feature_repo.conftest import MovableClock, account, facts, ledger
from tests.feature_repo.ledger import Account, Ledger, ad, day, visits
from tests.fixtures.database import FilledTenant

__all__ = ["facts", "ledger"]

pytestmark = pytest.mark.anyio

BERLIN = "Europe/Berlin"
DAYS = 80
CAMPAIGNS = ("c1", "c2", "c3")


def local(number: int, hour: int = 8) -> dt.datetime:
    return dt.datetime.combine(day(number), dt.time(hour, 5), ZoneInfo(BERLIN)).astimezone(dt.UTC)


class World:
    """Two agencies; accounts of the first one's client tell each day in the next morning."""

    def __init__(
        self,
        database: Database,
        warehouse: Warehouse,
        ledger: Ledger,
        folder: Path,
        tenants: tuple[FilledTenant, FilledTenant],
    ) -> None:
        self.first, self.second = (one.tenant_id for one in tenants)
        self.client_id = tenants[0].rows["clients"]["id"]
        self.database, self.ledger = database, ledger
        self.clock = MovableClock(local(1))
        self.jobs = FakeJobs()
        ads, web = (account(self.first, number).connection_id for number in (1, 2))
        self.ads = Account(self.first, self.client_id, ads)
        self.web = Account(self.first, self.client_id, web, source="ga4", stream="web_day")
        self.chance = random.Random(5)  # noqa: S311  # figures, no secret
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
        self.models.mornings.register()

    async def _agencies(self) -> Sequence[tuple[TenantId, str]]:
        return [(self.first, BERLIN), (self.second, BERLIN)]

    def tell(self, number: int, landed: dt.datetime, factor: float = 1.0) -> None:
        """A day of all campaigns, and of the site."""
        around = [self.chance.uniform(0.95, 1.05) for _ in range(4)]
        rows = [
            ad(number, name, f"{100 * factor * one:.2f}")
            for name, one in zip(CAMPAIGNS, around, strict=False)
        ]
        self.ledger.note(self.ads, "ads_daily", landed, rows, (number, number))
        sites = [visits(number, int(900 * around[3]), 0)]
        self.ledger.note(self.web, "web_daily", landed, sites, (number, number))

    async def tell_days(self, last: int = 0) -> None:
        """All days until `last`, each in its next morning at six."""
        for number in range(last - DAYS + 1, last + 1):
            self.tell(number, local(number + 1, 6))
        await self.ledger.load()

    async def look(self, number: int) -> int:
        """Look on a morning; how many incidents are open then."""
        self.clock.now = local(number)
        return (await self.models.unusual.run(self.first, BERLIN)).going_on

    async def anomalies(self, tenant_id: TenantId | None = None) -> list[Anomaly]:
        """Those that were found, the tests' ready-made one left out."""
        async with self.database.session(tenant_id or self.first) as session:
            rows = await session.scalars(select(Anomaly).order_by(Anomaly.since))
            return [row for row in rows if not row.cause.startswith("canary")]

    async def alerts(self) -> list[RaisedAlert]:
        async with self.database.session(self.first) as session:
            rows = await session.scalars(
                select(RaisedAlert).where(RaisedAlert.subject.startswith("anomaly:"))
            )
            return list(rows)


@pytest.fixture
async def world(
    database: Database,
    facts: Warehouse,
    ledger: Ledger,
    two_tenants: tuple[FilledTenant, FilledTenant],
    tmp_path: Path,
) -> World:
    made = World(database, facts, ledger, tmp_path, two_tenants)
    for tenant_id in (made.first, made.second):
        async with database.session(tenant_id) as session:
            for table in (Anomaly, WatchedDay):
                for row in await session.scalars(select(table)):
                    await session.delete(row)
    return made


async def test_an_incident_is_a_row_and_an_alert_until_it_is_over(world: World) -> None:
    await world.tell_days()
    assert await world.look(1) == 0
    for number, factor in ((1, 4.0), (2, 4.0), (3, 1.0), (4, 1.0)):
        world.tell(number, local(number + 1, 6), factor)
    await world.ledger.load()

    assert await world.look(2) == 1
    (found,) = await world.anomalies()
    assert (found.client_id, found.cause) == (world.client_id, "spend_runaway")
    assert (found.stage, found.since, found.last_day) == (AnomalyStage.OPENED, day(1), day(1))
    (alert,) = await world.alerts()
    assert (alert.subject, alert.client_id) == (f"anomaly:{found.id}", world.client_id)
    assert (alert.severity, alert.cleared_at) == (AlertSeverity.CRITICAL, None)
    assert alert.title == "Spend runs away"
    assert alert.details.startswith("paid search: Since 1 March 2026. Spend 1,")
    assert alert.hint == "Check budgets and bids, and what was changed last; pause if unwanted."

    assert await world.look(3) == 1
    assert await world.look(4) == 1
    assert await world.look(5) == 0
    (found,) = await world.anomalies()
    assert (found.stage, found.since, found.last_day) == (AnomalyStage.OVER, day(1), day(2))
    (alert,) = await world.alerts()
    assert alert.cleared_at == world.clock.now


async def test_a_day_is_watched_once(world: World) -> None:
    await world.tell_days()
    world.tell(1, local(2, 6), 4.0)
    await world.ledger.load()
    assert await world.look(2) == 1
    again = await world.models.unusual.run(world.first, BERLIN)
    assert (again.watched, again.opened, again.going_on) == (0, 0, 1)
    assert len(await world.anomalies()) == 1
    assert len(await world.alerts()) == 1
    async with world.database.session(world.first) as session:
        (watched,) = await session.scalars(select(WatchedDay))
    assert watched.day == day(2)
    assert watched.as_of == world.clock.now
    assert watched.measures == {
        str(world.client_id): {
            "spend": {"days": DAYS + 1, "age": 1},
            "sessions": {"days": DAYS + 1, "age": 1},
        }
    }


async def test_an_account_that_is_late_alarms_nobody(world: World) -> None:
    await world.tell_days()
    assert await world.look(1) == 0
    for number in range(2, 12):
        assert await world.look(number) == 0
    for number in range(1, 12):
        world.tell(number, local(12, 6))
    await world.ledger.load()
    assert await world.look(12) == 0
    assert await world.anomalies() == []


async def test_a_day_that_was_read_while_it_went_on_is_no_fall(world: World) -> None:
    await world.tell_days()
    world.tell(1, local(1, 12), 0.4)  # at noon of the day itself
    await world.ledger.load()
    assert await world.look(2) == 0


async def test_mornings_that_were_missed_are_looked_at_and_what_is_over_alerts_nobody(
    world: World,
) -> None:
    await world.tell_days()
    for number, factor in ((1, 4.0), (2, 1.0), (3, 1.0), (4, 1.0)):
        world.tell(number, local(number + 1, 6), factor)
    await world.ledger.load()
    assert await world.look(5) == 0
    (found,) = await world.anomalies()
    assert (found.stage, found.since, found.found_on) == (AnomalyStage.OVER, day(1), day(5))
    assert await world.alerts() == []


async def test_days_that_were_read_with_the_first_sync_are_a_past_to_compare_with(
    world: World,
) -> None:
    for number in range(-DAYS, 1):
        world.tell(number, local(1, 6))
    for number in range(1, 5):
        world.tell(number, local(number + 1, 6), 4.0)
    await world.ledger.load()
    assert await world.look(3) == 0  # young figures were never told before
    assert await world.look(4) == 1  # the first one is three days old
    (found,) = await world.anomalies()
    assert (found.since, found.deviations[0]["age"]) == (day(1), 3)


async def test_an_acknowledged_anomaly_alerts_nobody_any_more(world: World) -> None:
    await world.tell_days()
    for number in (1, 2):
        world.tell(number, local(number + 1, 6), 4.0)
    await world.ledger.load()
    assert await world.look(2) == 1
    async with world.database.session(world.first) as session:
        row = (await session.scalars(select(Anomaly))).one()
        row.acknowledged_at = world.clock.now
        await world.models.unusual.tell(session, row)
    assert await world.look(3) == 1
    (alert,) = await world.alerts()
    assert alert.cleared_at == local(2)


async def test_an_agency_without_figures_is_watched_and_again_when_it_has_some(
    world: World,
) -> None:
    assert await world.look(1) == 0
    async with world.database.session(world.first) as session:
        (watched,) = await session.scalars(select(WatchedDay))
    assert watched.measures == {}
    await world.tell_days()
    assert (await world.models.unusual.run(world.first, BERLIN)).watched == 28
    assert await world.anomalies(world.second) == []


async def test_each_agency_is_watched_once_its_morning_has_come(world: World) -> None:
    for number, hour in ((1, 7), (2, 8), (2, 9)):
        world.clock.now = local(number, hour)
        await world.models.mornings.go_round()
    assert world.jobs.jobs == {}  # it is early, or forecasts of the day are not there yet
    for hour in (10, 10):
        world.clock.now = local(2, hour)
        await world.models.mornings.go_round()
    asked = [job.arguments["tenant_id"] for job in world.jobs.jobs.values()]
    assert sorted(map(str, asked)) == sorted([str(world.first), str(world.second)])
    await world.jobs.work()
    world.clock.now = local(2, 11)
    await world.models.mornings.go_round()
    assert {job.name for job in world.jobs.jobs.values()} == {MORNING_JOB}
    assert len(world.jobs.jobs) == 2


async def test_an_agency_is_watched_as_soon_as_it_is_forecast(world: World) -> None:
    world.clock.now = local(1)  # of this day the agencies have forecasts
    await world.models.mornings.go_round()
    assert len(world.jobs.jobs) == 2

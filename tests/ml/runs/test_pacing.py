"""Budgets of a month out of plans, and where they end: rows and alerts, brought up to date."""

import datetime as dt
import uuid
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import delete, select
from uuid_utils.compat import uuid7

from domain.ids import ClientId, TenantId
from ml.open import open_models
from ml.pacing.budget import Month
from ml.plans.planned import PlannedSpend
from ml.runs.pacing import Target, budgets_of
from tenancy.jobs import JobEngine
from tenancy.model_store import ModelStore
from tenancy.session import Database
from tenancy.tables import (
    BudgetPace,
    ForecastLevel,
    ForecastRole,
    MadeForecast,
    PaceVerdict,
    RaisedAlert,
    SpendPlan,
)
from tenancy.warehouse.port import Warehouse
from tests.fakes.fake_jobs import FakeJobs
from tests.feature_repo.conftest import MovableClock, account, facts, ledger
from tests.feature_repo.ledger import Account, Ledger, ad, day
from tests.fixtures.database import FilledTenant

__all__ = ["facts", "ledger"]

pytestmark = pytest.mark.anyio

BERLIN = "Europe/Berlin"
MARCH = Month(2026, 3)


def plan(first: str, last: str, amount: int, channel: str | None = None) -> PlannedSpend:
    days = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    return PlannedSpend("acme", channel, None, *days, Decimal(amount), "EUR")


def test_a_plan_across_months_gives_each_its_days_share() -> None:
    plans = [plan("2026-02-15", "2026-03-16", 3000), plan("2026-03-17", "2026-03-31", 900)]
    ((target, (budget, is_planned)),) = budgets_of(plans, MARCH).items()
    assert target == Target("acme", None, None, "EUR")
    assert budget.amount(MARCH) == Decimal("2500.00")  # 16 of 30 days, and all of the other
    assert is_planned.tolist() == [1.0] * 31
    ((_, (february, days)),) = budgets_of(plans, Month(2026, 2)).items()
    assert february.amount(Month(2026, 2)) == Decimal("1400.00")
    assert days.tolist() == [0.0] * 14 + [1.0] * 14


def test_each_target_has_a_budget_of_its_own() -> None:
    plans = [plan("2026-03-01", "2026-03-31", 100), plan("2026-03-01", "2026-03-31", 40, "email")]
    found = budgets_of(plans, MARCH)
    assert [(one.channel, found[one][0].amount(MARCH)) for one in found] == [
        (None, Decimal("100.00")),
        ("email", Decimal("40.00")),
    ]
    assert budgets_of(plans, Month(2026, 4)) == {}


class World:
    """A client that spends 100 a day, of which 105 to 110 are forecast a day from now on."""

    def __init__(
        self,
        database: Database,
        warehouse: Warehouse,
        ledger: Ledger,
        folder: Path,
        tenants: tuple[FilledTenant, FilledTenant],
    ) -> None:
        self.tenant_id = tenants[0].tenant_id
        self.client_id = ClientId(tenants[0].rows["clients"]["id"])
        self.database, self.ledger = database, ledger
        self.clock = MovableClock(self.morning(11))
        self.account = Account(
            self.tenant_id, self.client_id, account(self.tenant_id, 1).connection_id
        )
        self.models = open_models(
            database,
            warehouse,
            ModelStore(folder.as_uri()),
            cast("JobEngine", FakeJobs()),
            self._agencies,
            None,
            self.clock,
            uuid7,
        )

    async def _agencies(self) -> Sequence[tuple[TenantId, str]]:
        return [(self.tenant_id, BERLIN)]

    @staticmethod
    def morning(number: int) -> dt.datetime:
        return dt.datetime.combine(day(number), dt.time(8), ZoneInfo(BERLIN)).astimezone(dt.UTC)

    async def tell(self, first: int, last: int) -> None:
        for number in range(first, last + 1):
            rows = [ad(number, "c1", "60"), ad(number, "c2", "40")]
            self.ledger.note(
                self.account, "ads_daily", self.morning(number + 1), rows, (number, number)
            )
        await self.ledger.load()

    async def forecast(self, origin: int, a_day: float = 100.0) -> None:
        around = np.array([0.9, 0.95, 1.0, 1.05, 1.1])
        horizons = (7, 14, 28, 90)
        async with self.database.session(self.tenant_id) as session:
            session.add(
                MadeForecast(
                    id=uuid7(),
                    client_id=self.client_id,
                    level=ForecastLevel.CLIENT,
                    series="currency=EUR",
                    currency="EUR",
                    measure="spend",
                    origin=day(origin),
                    made_at=self.clock.now,
                    role=ForecastRole.SERVED,
                    is_planned=False,
                    method="mean_28",
                    version_id=None,
                    horizons=list(horizons),
                    quantiles=(np.outer(horizons, around) * a_day).ravel().tolist(),
                    baselines={},
                    actuals=None,
                    scored_at=None,
                )
            )

    async def plan(self, amount: int, first: int = 1, last: int = 31) -> uuid.UUID:
        row_id = uuid7()
        async with self.database.session(self.tenant_id) as session:
            await session.execute(delete(SpendPlan))
            session.add(
                SpendPlan(
                    id=row_id,
                    client_id=self.client_id,
                    channel=None,
                    campaign=None,
                    day_from=day(first),
                    day_to=day(last),
                    amount=Decimal(amount),
                    currency="EUR",
                    planned_at=self.clock.now,
                )
            )
        return row_id

    async def look(self, number: int) -> BudgetPace:
        self.clock.now = self.morning(number)
        assert await self.models.pacing.run(self.tenant_id, BERLIN) == 1
        async with self.database.session(self.tenant_id) as session:
            return (await session.scalars(select(BudgetPace))).one()

    async def alerts(self) -> list[RaisedAlert]:
        async with self.database.session(self.tenant_id) as session:
            rows = await session.scalars(
                select(RaisedAlert)
                .where(RaisedAlert.subject.startswith("pace:"))
                .order_by(RaisedAlert.raised_at)
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
    async with database.session(made.tenant_id) as session:
        for table in (BudgetPace, MadeForecast, SpendPlan):
            await session.execute(delete(table))
    await made.tell(-30, 10)
    return made


async def test_a_budget_that_will_be_overspent_is_told_until_it_is_planned_anew(
    world: World,
) -> None:
    await world.forecast(11)
    await world.plan(2000)
    pace = await world.look(11)
    assert (pace.month, pace.looked_on, pace.budget) == (day(1), day(11), Decimal(2000))
    assert (pace.spent, pace.days_left, pace.days_missing) == (1000.0, 21, 0)
    assert pace.landing == pytest.approx([2890, 2995, 3100, 3205, 3310])
    assert pace.planned == pytest.approx(2000 * 10 / 31)
    assert (pace.verdict, pace.left_to_spend) == (PaceVerdict.OVER, Decimal(1000))
    assert pace.change == pytest.approx(1000 / 2100)
    assert (pace.method, pace.version_id) == ("mean_28", None)
    (alert,) = await world.alerts()
    assert (alert.title, alert.client_id) == ("More than the budget will be spent", world.client_id)
    assert alert.details == f"all channels: {pace.words}"
    assert pace.words.startswith("Over budget (100% sure): March 2026 will end at 3,100.00 of")
    await world.plan(3100)
    pace = await world.look(11)
    assert (pace.verdict, pace.budget) == (PaceVerdict.ON_TRACK, Decimal(3100))
    (alert,) = await world.alerts()
    assert alert.cleared_at == world.clock.now


async def test_a_budget_that_will_not_be_spent_is_told(world: World) -> None:
    await world.forecast(11)
    await world.plan(5000)
    pace = await world.look(11)
    assert pace.verdict is PaceVerdict.UNDER
    (alert,) = await world.alerts()
    assert alert.title == "The budget will not be spent"


async def test_late_days_are_no_underspend(world: World) -> None:
    await world.forecast(16)
    await world.plan(3100)
    pace = await world.look(16)  # five days have not been told
    assert (pace.days_missing, pace.spent, pace.verdict) == (5, 1000.0, PaceVerdict.ON_TRACK)
    assert "5 days not told yet and taken as usual" in pace.words
    assert await world.alerts() == []


async def test_without_a_forecast_of_late_nothing_is_said(world: World) -> None:
    await world.forecast(7)
    await world.plan(2000)
    pace = await world.look(11)
    assert (pace.verdict, pace.method, pace.probability) == (
        PaceVerdict.TOO_LITTLE_KNOWN,
        None,
        None,
    )
    assert await world.alerts() == []


async def test_what_is_spent_already_is_over_without_a_forecast(world: World) -> None:
    await world.plan(500)
    assert (await world.look(11)).verdict is PaceVerdict.OVER


async def test_a_plan_of_some_days_is_a_budget_of_these(world: World) -> None:
    await world.forecast(11)
    await world.plan(1000, first=6, last=15)
    pace = await world.look(11)
    assert pace.spent == 500.0
    assert pace.landing[2] == pytest.approx(1000.0)
    assert pace.verdict is PaceVerdict.ON_TRACK


async def test_a_launch_is_not_judged_before_it_shows(world: World) -> None:
    await world.forecast(11)
    await world.plan(9000, first=9, last=31)
    assert (await world.look(11)).verdict is PaceVerdict.TOO_LITTLE_KNOWN
    await world.tell(11, 11)
    await world.forecast(12)
    assert (await world.look(12)).verdict is PaceVerdict.UNDER


async def test_a_month_that_is_over_is_told_once_more_and_alerts_nobody(world: World) -> None:
    await world.tell(11, 29)
    await world.forecast(30)
    await world.plan(2000)
    assert (await world.look(30)).verdict is PaceVerdict.OVER
    await world.tell(30, 31)
    await world.forecast(32)
    pace = await world.look(32)
    assert (pace.spent, pace.days_left) == (3100.0, 0)
    assert pace.words == "March 2026 ended at 3,100.00 of 2,000.00 EUR."
    (alert,) = await world.alerts()
    assert alert.cleared_at == world.clock.now


async def test_a_plan_that_is_taken_back_is_forgotten(world: World) -> None:
    await world.forecast(11)
    await world.plan(2000)
    await world.look(11)
    async with world.database.session(world.tenant_id) as session:
        await session.execute(delete(SpendPlan))
    assert await world.models.pacing.run(world.tenant_id, BERLIN) == 0
    async with world.database.session(world.tenant_id) as session:
        assert (await session.scalars(select(BudgetPace))).all() == []
    (alert,) = await world.alerts()
    assert alert.cleared_at == world.clock.now

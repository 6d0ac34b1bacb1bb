"""An agency is forecast every day: what was told is kept, and held against what came."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select
from uuid_utils.compat import uuid7

from domain.ids import TenantId
from domain.ports import AnswerCache
from ml.history.load import HistoryLoader
from ml.ledger.ledger import AccuracyLedger
from ml.panel import DAILY, Measure, Panel, Series
from ml.plans.planned import PlannedSpend
from ml.registry.registry import ModelRegistry
from ml.runs.forecasts import ForecastRun
from ml.runs.histories import AgencyHistories
from ml.runs.served import ServedForecasts
from ml.runs.spend_ahead import spend_ahead
from tenancy.cache import RedisAnswerCache
from tenancy.model_store import ModelStore
from tenancy.redis_server import RedisServer
from tenancy.session import Database
from tenancy.tables import Client, ForecastLevel, MadeForecast, SpendPlan
from tests.feature_repo.conftest import MovableClock, account, facts, ledger
from tests.feature_repo.ledger import Account, Ledger, ad, at, day
from tests.fixtures.database import FilledTenant

__all__ = ["facts", "ledger"]

pytestmark = pytest.mark.anyio

PANEL = Panel(
    DAILY,
    dt.date(2026, 3, 1),
    (
        Series("acme", "search", "a:1", "EUR"),
        Series("acme", "search", "a:2", "EUR"),
        Series("acme", "search", None, "EUR"),
        Series("acme", None, None, "EUR"),
    ),
    {Measure.SPEND: np.array([[30.0] * 7, [10.0] * 7, [40.0] * 7, [40.0] * 7])},
)


def plan(first: int, last: int, amount: int, campaign: str | None) -> PlannedSpend:
    begin = dt.date(2026, 3, 7)
    days = dt.timedelta(days=1)
    start, end = begin + first * days, begin + last * days
    return PlannedSpend("acme", "search", campaign, start, end, Decimal(amount), "EUR")


def test_a_plan_goes_on_at_its_pace_and_totals_are_planned_when_all_parts_are() -> None:
    ahead = spend_ahead(PANEL, [plan(1, 10, 100, "a:1")], 12)
    assert ahead[0].tolist() == [10.0] * 12
    assert np.isnan(ahead[1:]).all()
    ahead = spend_ahead(PANEL, [plan(1, 10, 100, "a:1"), plan(1, 7, 35, "a:2")], 12)
    assert ahead[1:].tolist() == [[5.0] * 12, [15.0] * 12, [15.0] * 12]


def test_a_plan_that_does_not_hold_for_a_week_is_none() -> None:
    assert np.isnan(spend_ahead(PANEL, [plan(1, 6, 60, "a:1"), plan(9, 9, 5, "a:2")], 12)).all()


class World:
    """An agency whose platform tells each day after it ended."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        answers: AnswerCache,
        folder: Path,
        own: FilledTenant,
    ) -> None:
        self.tenant_id = own.tenant_id
        self.database, self.ledger = database, ledger
        self.clock = MovableClock(at(1))
        self.served = ServedForecasts(database, answers)
        client_id = own.rows["clients"]["id"]
        like = account(self.tenant_id, 1)
        self.account = Account(self.tenant_id, client_id, like.connection_id)
        registry = ModelRegistry(
            database, ModelStore(folder.as_uri()), self._agencies, self.clock, uuid7
        )
        self.run = ForecastRun(
            database,
            AgencyHistories(HistoryLoader(ledger.warehouse)),
            registry,
            AccuracyLedger(database, self.clock, uuid7),
            self.served,
            self.clock,
        )

    async def _agencies(self) -> Sequence[TenantId]:
        return [self.tenant_id]

    async def tell(self, first: int, last: int) -> None:
        for number in range(first, last + 1):
            rows = [
                ad(number, "c1", "100", conversions=Decimal(4), attributed_revenue=Decimal(300)),
                ad(number, "c2", "50", conversions=Decimal(1), attributed_revenue=Decimal(50)),
            ]
            known_at = at(number + 1, 6)
            self.ledger.note(self.account, "ads_daily", known_at, rows, (number, number))
        await self.ledger.load()

    async def told(self, measure: Measure) -> dict[str, MadeForecast]:
        query = select(MadeForecast).where(
            MadeForecast.measure == measure.value, MadeForecast.client_id == self.account.client_id
        )
        async with self.database.session(self.tenant_id) as session:
            return {row.series: row for row in await session.scalars(query)}


@pytest.fixture
def world(
    database: Database,
    ledger: Ledger,
    redis_server: RedisServer,
    two_tenants: tuple[FilledTenant, FilledTenant],
    tmp_path: Path,
) -> World:
    return World(database, ledger, RedisAnswerCache(redis_server), tmp_path, two_tenants[0])


def _median(row: MadeForecast) -> list[float]:
    medians: list[float] = np.reshape(row.quantiles, (len(row.horizons), 5))[:, 2].tolist()
    return medians


async def test_without_a_model_the_baseline_is_served_and_says_so(world: World) -> None:
    await world.tell(-60, 0)
    done = await world.run.run(world.tenant_id, "Europe/Berlin")
    assert (done.origin, done.model) == (day(1), None)
    told = await world.told(Measure.REVENUE)
    own = {one for one in told if "currency=EUR" in one}
    levels = sorted(told[one].level.value for one in own)
    assert levels == ["campaign", "campaign", "channel", "client"]
    client = told["currency=EUR"]
    assert client.method == "mean of 28"
    assert _median(client) == pytest.approx([7 * 350, 14 * 350, 28 * 350, 90 * 350])
    assert client.baselines["mean of 28"] == pytest.approx(_median(client))


async def test_five_weeks_are_enough_for_bands_of_two_weeks(world: World) -> None:
    await world.tell(-34, 0)
    await world.run.run(world.tenant_id, "Europe/Berlin")
    (client,) = await world.served.read(
        world.tenant_id,
        world.account.client_id,
        Measure.REVENUE,
        ForecastLevel.CLIENT,
        with_days=True,
    )
    assert client.reasons["missing_days"] == [0, 0, 17, 79]
    assert np.isnan(client.quantiles).any(axis=1).tolist() == [False, False, True, True]
    assert client.days is not None
    assert client.days.shape == (90, 5)
    assert client.days[:, 2].tolist() == [350.0] * 90


async def test_the_same_day_again_changes_nothing(world: World) -> None:
    await world.tell(-60, 0)
    first = await world.run.run(world.tenant_id, "Europe/Berlin")
    again = await world.run.run(world.tenant_id, "Europe/Berlin")
    assert first.kept == 12
    assert again.kept == 0


async def test_planned_spend_is_forecast_with(world: World) -> None:
    await world.tell(-60, 0)
    async with world.database.session(world.tenant_id) as session:
        for row in await session.scalars(select(SpendPlan)):
            await session.delete(row)
        await session.flush()
        session.add(
            SpendPlan(
                id=uuid7(),
                client_id=world.account.client_id,
                channel=None,
                campaign=None,
                day_from=day(1),
                day_to=day(90),
                amount=Decimal(90 * 300),
                currency="EUR",
                planned_at=world.clock(),
            )
        )
    await world.run.run(world.tenant_id, "Europe/Berlin")
    client = (await world.told(Measure.REVENUE))["currency=EUR"]
    # Twice the spend of late at the return of late: 350 on 150.
    assert client.method == "spend x ROAS of 7"
    assert _median(client)[0] == pytest.approx(7 * 700)


async def test_what_came_is_held_against_what_was_told(world: World) -> None:
    await world.tell(-60, 0)
    await world.run.run(world.tenant_id, "Europe/Berlin")
    world.clock.now = at(12)
    await world.tell(1, 11)
    done = await world.run.run(world.tenant_id, "Europe/Berlin")
    assert done.scored > 0
    async with world.database.session(world.tenant_id) as session:
        query = select(MadeForecast).where(
            MadeForecast.origin == day(1),
            MadeForecast.measure == Measure.SPEND.value,
            MadeForecast.series == "currency=EUR",
        )
        spend = (await session.scalars(query)).one()
    assert spend.actuals is not None
    assert spend.actuals[0] == pytest.approx(7 * 150)
    assert np.isnan(spend.actuals[1:]).all()


async def test_an_agency_without_facts_is_told_nothing(
    world: World, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    await world.tell(-60, 0)
    done = await world.run.run(two_tenants[1].tenant_id, "Europe/Berlin")
    assert (done.kept, done.scored) == (0, 0)
    async with world.database.session(two_tenants[1].tenant_id) as session:
        clients = set((await session.scalars(select(Client.id))).all())
    assert world.account.client_id not in clients

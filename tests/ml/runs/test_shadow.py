"""A challenger serves when what it forecast in the shadow was better, and goes when it was not."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pytest
from uuid_utils.compat import uuid7

from domain.ids import TenantId
from ml.ledger.ledger import AccuracyLedger
from ml.registry.gate import Verdict
from ml.registry.registry import ModelRegistry
from ml.registry.training import EVERYBODY, Share, Snapshot, Training
from ml.runs.shadow import Judging
from ml.runs.training import FORECAST
from tenancy.model_store import ModelStore
from tenancy.session import Database
from tenancy.tables import (
    ForecastLevel,
    ForecastRole,
    MadeForecast,
    ModelState,
    ModelVersion,
)
from tests.feature_repo.conftest import MovableClock
from tests.feature_repo.ledger import at, day
from tests.fixtures.database import FilledTenant

pytestmark = pytest.mark.anyio

WON = Verdict((), -0.1, (-0.2, -0.05), None, 0.8, {})
SERIES = 5


class World:
    """One agency, and a model in the shadow since day 2."""

    def __init__(self, database: Database, folder: Path, own: FilledTenant) -> None:
        self.tenant_id = own.tenant_id
        self.client_id = own.rows["clients"]["id"]
        self.database, self.clock = database, MovableClock(at(2))
        self.registry = ModelRegistry(
            database, ModelStore(folder.as_uri()), self._agencies, self.clock, uuid7
        )
        ledger = AccuracyLedger(database, self.clock, uuid7)
        self.judging = Judging(self.registry, ledger, self._agencies, self.clock)

    async def _agencies(self) -> Sequence[TenantId]:
        return [self.tenant_id]

    async def challenge(self) -> ModelVersion:
        share = Share(self.tenant_id, 5, 500, "0" * 64)
        training = Training(
            FORECAST, "code", "features", Snapshot(at(2), (share,)), {}, 1, {EVERYBODY: {}}
        )
        version = await self.registry.register(training, b"trees", process="job:test")
        return await self.registry.start_shadow(version.id, WON, process="job:test")

    async def forecast(self, version: ModelVersion, origins: int, error: float) -> None:
        """What served was off by a tenth; four of five actuals are within the challenger's band."""
        async with self.database.session(self.tenant_id) as session:
            for number in range(2, origins + 2):
                for series in range(SERIES):
                    is_held = (number + series) % SERIES > 0
                    band = 20.0 if is_held else 0.1
                    mine = 100.0 * (1 + error)
                    session.add(self._row(number, series, 110.0, 20.0, None))
                    session.add(self._row(number, series, mine, band, version))

    def _row(
        self, number: int, series: int, median: float, band: float, version: ModelVersion | None
    ) -> MadeForecast:
        bounds = [median - 2 * band, median - band, median, median + band, median + 2 * band]
        return MadeForecast(
            id=uuid7(),
            client_id=self.client_id,
            level=ForecastLevel.CHANNEL,
            series=f"channel=c{series} currency=EUR",
            currency="EUR",
            measure="spend",
            origin=day(number),
            made_at=self.clock(),
            role=ForecastRole.SERVED if version is None else ForecastRole.SHADOW,
            method="mean",
            version_id=None if version is None else version.id,
            is_planned=False,
            horizons=[7],
            quantiles=bounds,
            baselines={},
            actuals=[100.0],
            scored_at=self.clock(),
        )

    async def state(self) -> ModelState:
        versions = await self.registry.list_versions(FORECAST)
        return next(one.state for one in versions if one.artefact_bytes == len(b"trees"))


@pytest.fixture
def world(
    database: Database, two_tenants: tuple[FilledTenant, FilledTenant], tmp_path: Path
) -> World:
    return World(database, tmp_path, two_tenants[0])


@pytest.mark.parametrize(
    ("error", "state"), [(0.02, ModelState.CHAMPION), (0.2, ModelState.REJECTED)]
)
async def test_what_it_forecast_decides(world: World, error: float, state: ModelState) -> None:
    version = await world.challenge()
    await world.forecast(version, 15, error)
    world.clock.now = at(30)
    assert await world.judging.judge() == 1
    assert await world.state() is state
    assert await world.judging.judge() == 0


async def test_too_little_is_waited_for_and_given_up_in_the_end(world: World) -> None:
    version = await world.challenge()
    await world.forecast(version, 10, 0.02)
    world.clock.now = at(30)
    assert await world.judging.judge() == 0
    assert await world.state() is ModelState.SHADOW
    world.clock.now = at(2) + dt.timedelta(days=60)
    assert await world.judging.judge() == 1
    assert await world.state() is ModelState.REJECTED

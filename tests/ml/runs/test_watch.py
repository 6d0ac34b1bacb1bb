"""The champion is watched: what speaks for a new one is noted, with its reason."""

import datetime as dt
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select
from uuid_utils.compat import uuid7

from domain.ids import TenantId
from ml.history.load import HistoryLoader
from ml.ledger.ledger import AccuracyLedger
from ml.registry.registry import ModelRegistry
from ml.runs.histories import AgencyHistories
from ml.runs.inputs import WATCHED, profile_of
from ml.runs.training import FORECAST, Agency
from ml.runs.watch import Watching
from tenancy.model_store import ModelStore
from tenancy.session import Database
from tenancy.tables import (
    ForecastLevel,
    ForecastRole,
    MadeForecast,
    ModelRetraining,
    ModelState,
    ModelVersion,
)
from tenancy.warehouse.port import Warehouse
from tests.feature_repo.conftest import MovableClock, account, facts, ledger
from tests.feature_repo.ledger import Account, Ledger, ad, at, day
from tests.fixtures.database import FilledTenant

__all__ = ["facts", "ledger"]

pytestmark = pytest.mark.anyio

CHAMPION = uuid.UUID(int=99)
NOW = at(60)


class World:
    def __init__(
        self, database: Database, warehouse: Warehouse, folder: Path, own: FilledTenant
    ) -> None:
        self.database, self.own = database, own
        self.clock = MovableClock(NOW)

        async def ids() -> Sequence[TenantId]:
            return [own.tenant_id]

        async def agencies() -> Sequence[Agency]:
            return [Agency(own.tenant_id, "Europe/Berlin")]

        store = ModelStore(folder.as_uri())
        self.registry = ModelRegistry(database, store, ids, self.clock, uuid7)
        self.watching = Watching(
            database,
            AgencyHistories(HistoryLoader(warehouse)),
            self.registry,
            AccuracyLedger(database, self.clock, uuid7),
            agencies,
            self.clock,
        )

    async def serve(self, **changed: Any) -> None:
        """A champion that was trained a week ago."""
        values: dict[str, Any] = {
            "id": CHAMPION,
            "kind": FORECAST,
            "number": 1,
            "state": ModelState.CHAMPION,
            "state_since": NOW,
            "created_at": NOW,
            "code": "c0de",
            "features": "fea7",
            "as_of": NOW - dt.timedelta(days=7),
            "data_hash": "da7a",
            "agencies": 1,
            "figures": 10,
            "parameters": {},
            "metrics": {"all": {}},
            "inputs": {},
            "artefact_hash": "a4",
            "artefact_bytes": 1,
        }
        async with self.database.platform_session() as session:
            session.add(ModelVersion(**{**values, **changed}))

    async def told(self, forecasts: int, held: int) -> None:
        """Forecasts of the champion, of which so many held."""
        async with self.database.session(self.own.tenant_id) as session:
            session.add_all(
                MadeForecast(
                    id=uuid7(),
                    client_id=self.own.rows["clients"]["id"],
                    level=ForecastLevel.CHANNEL,
                    series=f"channel=c{number // 10}",
                    currency="EUR",
                    measure="spend",
                    origin=day(40 + number % 10),
                    made_at=NOW,
                    role=ForecastRole.SERVED,
                    method="pooled",
                    version_id=CHAMPION,
                    is_planned=False,
                    horizons=[7],
                    quantiles=[80.0, 90.0, 100.0, 110.0, 120.0],
                    baselines={},
                    actuals=[100.0 if number < held else 200.0],
                    scored_at=NOW,
                )
                for number in range(forecasts)
            )

    async def noted(self) -> list[str]:
        query = select(ModelRetraining).where(
            ModelRetraining.kind == FORECAST, ModelRetraining.done_at.is_(None)
        )
        async with self.database.platform_session() as session:
            return [reason for one in await session.scalars(query) for reason in one.reasons]


@pytest.fixture
def world(
    database: Database,
    facts: Warehouse,
    two_tenants: tuple[FilledTenant, FilledTenant],
    tmp_path: Path,
) -> World:
    return World(database, facts, tmp_path, two_tenants[0])


async def test_without_a_champion_nothing_is_watched(world: World) -> None:
    assert await world.watching.look(with_inputs=True) is None


async def test_a_champion_that_fits_stays(world: World) -> None:
    await world.serve()
    await world.told(500, held=400)
    assert await world.watching.look(with_inputs=True) is None
    assert await world.noted() == []
    assert await world.registry.due_reasons(FORECAST) == ()


async def test_bands_that_do_not_hold_are_a_reason(world: World) -> None:
    await world.serve()
    await world.told(500, held=340)
    await world.watching.look(with_inputs=False)
    reason = "80 % intervals held 68.0% of 500 actuals in group medium"
    assert await world.noted() == [reason]
    await world.watching.look(with_inputs=False)
    assert await world.registry.due_reasons(FORECAST) == (reason,)


async def test_too_few_forecasts_are_none(world: World) -> None:
    await world.serve()
    await world.told(499, held=0)
    assert await world.watching.look(with_inputs=False) is None


async def test_inputs_that_have_moved_are_a_reason_when_they_are_looked_at(
    world: World, ledger: Ledger
) -> None:
    own = world.own
    one = Account(own.tenant_id, own.rows["clients"]["id"], account(own.tenant_id, 1).connection_id)
    for number in range(20, 60):
        rows = [ad(number, f"c{campaign}", "50") for campaign in range(120)]
        ledger.note(one, "ads_daily", at(number + 1, 6), rows, (number, number))
    await ledger.load()
    # Figures that have nothing to do with those that come.
    then = np.random.default_rng(1).normal(50, 1, (1_000, len(WATCHED))).astype(np.float32)
    await world.serve(inputs=profile_of(then))
    assert await world.watching.look(with_inputs=False) is None
    found = await world.watching.look(with_inputs=True)
    assert found is not None
    (reason,) = found.reasons
    assert reason.startswith("features have shifted: ")
    assert await world.noted() == [reason]


async def test_age_and_erasures_are_reasons(world: World) -> None:
    await world.serve(as_of=NOW - dt.timedelta(days=28), retrain_by=NOW + dt.timedelta(days=3))
    found = await world.watching.look(with_inputs=False)
    assert found is not None
    assert found.reasons == (
        f"it has seen nothing since {NOW - dt.timedelta(days=28):%Y-%m-%d}",
        "people were erased whose figures are part of what it saw",
    )

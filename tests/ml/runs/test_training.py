"""A training reads each agency by itself, tries the model on past days, and registers it."""

import datetime as dt
import uuid
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from uuid_utils.compat import uuid7

from domain.errors import InvalidInputError
from domain.ids import TenantId
from ml.forecast.model_file import from_bytes
from ml.history.load import HistoryLoader
from ml.registry.registry import ModelRegistry
from ml.registry.training import EVERYBODY
from ml.runs.calendars import country_of_zone, load_calendar
from ml.runs.histories import AgencyHistories
from ml.runs.training import Agency, ForecastTraining
from tenancy.model_store import ModelStore
from tenancy.session import Database
from tenancy.tables import ModelState
from tenancy.warehouse.port import Warehouse
from tests.feature_repo.conftest import account, facts, ledger
from tests.feature_repo.ledger import Ledger, ad, at
from tests.fixtures.database import FilledTenant

__all__ = ["facts", "ledger"]

pytestmark = pytest.mark.anyio

DAYS = 230
NOW = at(2)  # after the erasure that every filled agency has had


def training_of(
    database: Database, warehouse: Warehouse, folder: Path, agencies: Sequence[TenantId]
) -> ForecastTraining:
    async def list_ids() -> Sequence[TenantId]:
        return agencies

    async def list_agencies() -> Sequence[Agency]:
        return [Agency(one, "Europe/Berlin") for one in agencies]

    registry = ModelRegistry(database, ModelStore(folder.as_uri()), list_ids, lambda: NOW, uuid7)
    histories = AgencyHistories(HistoryLoader(warehouse))
    return ForecastTraining(database, histories, registry, list_agencies, lambda: NOW)


async def spend_money(ledger: Ledger, tenant_id: TenantId, chance: np.random.Generator) -> None:
    """A year of campaigns whose revenue follows their spend, told each day after it ended."""
    one = account(tenant_id, 1)
    for back in range(DAYS, 0, -1):
        number = 2 - back
        rows = []
        for campaign in range(6):
            spend = 50 + 10 * campaign + (20 if number % 7 in {0, 6} else 0)
            revenue = spend * 3 * float(chance.lognormal(0, 0.3))
            rows.append(
                ad(
                    number,
                    f"c{campaign}",
                    str(spend),
                    conversions=Decimal(5),
                    attributed_revenue=Decimal(f"{revenue:.2f}"),
                )
            )
        ledger.note(one, "ads_daily", at(number + 1, 6), rows, (number, number))
    await ledger.load()


async def test_what_was_learnt_is_registered_with_the_share_of_each_agency(
    database: Database,
    two_tenants: tuple[FilledTenant, FilledTenant],
    ledger: Ledger,
    tmp_path: Path,
) -> None:
    first, second = (one.tenant_id for one in two_tenants)
    chance = np.random.default_rng(5)
    await spend_money(ledger, first, chance)
    training = training_of(database, ledger.warehouse, tmp_path, [first, second])
    trained = await training.run(NOW)
    assert trained.version.agencies == 1  # the second has told nothing
    assert trained.verdict is not None
    assert trained.version.metrics[EVERYBODY]["change"] == trained.verdict.change
    state = ModelState.SHADOW if trained.verdict.has_passed else ModelState.REJECTED
    assert trained.version.state is state
    model = from_bytes(await training.registry.load(trained.version))
    assert model.horizons == (7, 14, 28, 90)
    versions = {share.version_id for share in await training.registry.list_shares(first)}
    assert trained.version.id in versions
    others = {share.version_id for share in await training.registry.list_shares(second)}
    assert trained.version.id not in others


async def test_without_any_past_nothing_is_learnt(
    database: Database, facts: Warehouse, tmp_path: Path
) -> None:
    training = training_of(database, facts, tmp_path, [TenantId(uuid.uuid4())])
    with pytest.raises(InvalidInputError, match="no agency has enough past"):
        await training.run(NOW)


async def test_a_client_s_calendar_is_that_of_its_zone_and_its_events(
    database: Database, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    own, _ = two_tenants
    async with database.session(own.tenant_id) as session:
        calendar = await load_calendar(session)
    client = str(own.rows["clients"]["id"])
    assert calendar.countries == {}  # of a zone that is none
    day = own.rows["planned_events"]["day_from"]
    assert calendar.events == {client: ((day, own.rows["planned_events"]["day_to"]),)}
    assert isinstance(day, dt.date)


@pytest.mark.parametrize(
    ("zone", "country"),
    [("Europe/Berlin", "DE"), ("America/New_York", "US"), ("UTC", None), ("nowhere", None)],
)
def test_a_zone_tells_its_country(zone: str, country: str | None) -> None:
    assert country_of_zone(zone) == country

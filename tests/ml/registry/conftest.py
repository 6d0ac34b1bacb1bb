"""Two agencies, a registry over real PostgreSQL and objects, and a clock that is set by hand."""

import datetime as dt
import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from domain.ids import TenantId
from ml.registry.gate import DieboldMariano, Verdict
from ml.registry.registry import ModelRegistry
from ml.registry.training import Share, Snapshot, Training
from tenancy.model_store import ModelStore
from tenancy.session import Database
from tenancy.tables import AuditEntry, ModelState, ModelVersion
from tests.fixtures.database import FilledTenant

__all__ = ["BAD", "GOOD", "JOB", "NOW", "Plant", "plant"]

NOW = dt.datetime(2026, 12, 1, 5, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
JOB = "job:training"
GOOD = Verdict((), -0.05, (-0.09, -0.01), DieboldMariano(-2.5, 0.99), 0.801, {"all": -0.05})
BAD = Verdict(
    ("its error is 3.0% larger",), 0.03, (0.01, 0.05), DieboldMariano(1.0, 0.2), 0.8, {"all": 0.03}
)


@dataclass(slots=True)
class Plant:
    """Where models are made."""

    database: Database
    store: ModelStore
    first: TenantId
    second: TenantId
    now: dt.datetime = NOW
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def ids(self) -> uuid.UUID:
        return uuid.UUID(int=0x0193 << 112 | next(self.numbers))

    @property
    def registry(self) -> ModelRegistry:
        async def agencies() -> list[TenantId]:
            return [self.first, self.second]

        return ModelRegistry(self.database, self.store, agencies, lambda: self.now, self.ids)

    def training(self, *tenants: TenantId, as_of: dt.datetime = NOW) -> Training:
        shares = [
            Share(tenant, 10 * place, 1_000 * place, f"{place:064x}")
            for place, tenant in enumerate(tenants or (self.first, self.second), start=1)
        ]
        metrics = {"all": {"wmape": 0.21}, "small": {"wmape": 0.3}}
        snapshot = Snapshot(as_of, tuple(shares))
        return Training("forecast", "c0de", "fea7", snapshot, {"max_depth": 4}, 7, metrics)

    async def candidate(self, artefact: bytes, as_of: dt.datetime = NOW) -> ModelVersion:
        return await self.registry.register(self.training(as_of=as_of), artefact, process=JOB)

    async def champion(self, artefact: bytes, as_of: dt.datetime = NOW) -> ModelVersion:
        version = await self.candidate(artefact, as_of)
        await self.registry.start_shadow(version.id, GOOD, process=JOB)
        self.now += 7 * DAY
        return await self.registry.promote(version.id, GOOD, process=JOB)

    async def states(self) -> dict[int, ModelState]:
        versions = await self.registry.list_versions("forecast")
        return {version.number: version.state for version in versions}

    async def trail(self, tenant_id: TenantId) -> list[tuple[str, int]]:
        async with self.database.session(tenant_id) as session:
            query = select(AuditEntry).where(AuditEntry.object_kind == "model")
            entries = await session.scalars(query.order_by(AuditEntry.sequence))
            return [(one.action, one.details["number"]) for one in entries]


@pytest.fixture
def plant(database: Database, two_tenants: tuple[FilledTenant, FilledTenant]) -> Plant:
    first, second = two_tenants
    return Plant(database, ModelStore("memory://"), first.tenant_id, second.tenant_id)

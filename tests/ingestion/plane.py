"""A control plane, a landing store and a warehouse for the steps of ingestion.

    agency() -> plan() -> land() or a writer of its own -> Loader -> rows(), sync()

Everything is real but the clock, which stands still, and the ids, which count.
"""

import datetime as dt
import itertools
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select
from sqlglot import exp, parse_one

from domain.ids import ClientId, ConnectionId, RunId, SyncId, TenantId
from domain.ports import Statement
from ingestion.connector.job import Page, RejectedRow
from ingestion.connector.spec import StreamSpec
from ingestion.landing.target import LandingServices, LandingTarget
from ingestion.landing.writer import LandingWriter
from ingestion.load import Loader
from ingestion.publish import Publisher
from ingestion.quality.gate import QualityGate
from tenancy.audited_tenants import AuditedTenants
from tenancy.exclusive import Exclusive
from tenancy.landing_store import LandingStore
from tenancy.redis_server import RedisServer
from tenancy.session import Database, DatabaseConfig
from tenancy.tables import (
    Client,
    Connection,
    ConnectionState,
    LandingObject,
    RunState,
    StreamState,
    Sync,
    SyncRun,
    SyncState,
)
from tenancy.unscoped import Doors, TenantProfile
from tenancy.vault import MasterKey, Vault
from tenancy.warehouse.duckdb import DuckDbWarehouse
from tenancy.warehouse.port import Warehouse
from tests.ingestion.unify.ledger import ADS, ORDERS, batch, day

__all__ = ["NOW", "VAULT", "Agency", "Plane", "page", "plane", "rejected"]

VAULT = Vault(MasterKey(b"m" * 32))
NOW = dt.datetime(2026, 3, 20, 9, 30, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Agency:
    """An agency with a client and its connection; the connection wants data from 1 March."""

    tenant_id: TenantId
    client_id: ClientId
    connection_id: ConnectionId
    run_id: RunId


def page(
    rows: Sequence[Mapping[str, Any]],
    stream: StreamSpec = ADS,
    *,
    first: int = 1,
    rejects: Sequence[RejectedRow] = (),
    checkpoint: str = "",
    last: bool = False,
) -> Page:
    """A page of three requests and 100 bytes."""
    return Page(
        batch=batch(stream, rows, first),
        rejected=tuple(rejects),
        drift=(),
        skipped=0,
        checkpoint={"at": checkpoint},
        requests=3,
        bytes_received=100,
        last=last,
    )


def rejected(row_number: int, raw: str, message: str = "is wrong") -> RejectedRow:
    """A row that could not be typed."""
    return RejectedRow(row_number, "cost", "not_a_number", message, raw)


@dataclass(slots=True)
class Plane:
    """The parts, and ways to fill them."""

    database: Database
    redis: RedisServer
    warehouse: DuckDbWarehouse
    store: LandingStore = field(default_factory=lambda: LandingStore("memory://"))
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def ids(self) -> uuid.UUID:
        return uuid.UUID(int=(0x0193 << 112) | next(self.numbers))

    @property
    def services(self) -> LandingServices:
        return LandingServices(self.database, self.store, lambda: NOW, self.ids, VAULT)

    @property
    def publisher(self) -> Publisher:
        return Publisher(self.database, self.redis, lambda: NOW, self.ids)

    def loader(self, **parts: Any) -> Loader:
        """A loader, with some parts replaced."""
        streams = parts.get("streams", {s.raw_table.qualified: s for s in (ADS, ORDERS)})
        warehouse = parts.get("warehouse", self.warehouse)
        gate = QualityGate.over(warehouse, streams.values(), self.database, lambda: NOW, self.ids)
        known: dict[str, Any] = {
            "exclusive": Exclusive(self.database, "loader"),
            "doors": Doors(self.database),
            "store": self.store,
            "warehouse": warehouse,
            "gate": gate,
            "publisher": self.publisher,
            "streams": streams,
        }
        return Loader(**{**known, **parts})

    async def agency(self, slug: str) -> Agency:
        """Make an agency; its time zone is Berlin's, its currency the euro."""
        tenant_id = TenantId(self.ids())
        agency = Agency(
            tenant_id,
            ClientId(self.ids()),
            ConnectionId(self.ids()),
            RunId(self.ids()),
        )
        wrapped = await VAULT.create_tenant_key(tenant_id)
        profile = TenantProfile(tenant_id, slug, slug, "EUR", "Europe/Berlin", NOW)
        await Doors(self.database).create_tenant(profile, wrapped_data_key=wrapped)
        async with self.database.session(tenant_id) as session:
            session.add(
                Client(
                    id=agency.client_id,
                    slug="acme",
                    name="Acme",
                    currency="EUR",
                    time_zone="Europe/Berlin",
                    created_at=NOW,
                )
            )
            run = SyncRun(
                id=agency.run_id, requested_by="test", state=RunState.RUNNING, started_at=NOW
            )
            session.add(run)
            await session.flush()
            session.add(
                Connection(
                    id=agency.connection_id,
                    client_id=agency.client_id,
                    source="web",
                    account_id="1",
                    label="",
                    settings={"currency": "EUR", "time_zone": "Europe/Berlin"},
                    credentials=None,
                    state=ConnectionState.ACTIVE,
                    start_date=day(1),
                    created_at=NOW,
                )
            )
        return agency

    async def plan(
        self,
        agency: Agency,
        days: tuple[int, int | None] | None = (1, 2),
        *,
        stream: StreamSpec = ADS,
        cursor: tuple[dt.datetime, dt.datetime] | None = None,
    ) -> SyncId:
        """A sync that is being extracted."""
        sync_id = SyncId(self.ids())
        async with self.database.session(agency.tenant_id) as session:
            session.add(
                Sync(
                    id=sync_id,
                    run_id=agency.run_id,
                    client_id=agency.client_id,
                    connection_id=agency.connection_id,
                    source=stream.source,
                    stream=stream.name,
                    fact=stream.fact,
                    slice_from=day(days[0]) if days else None,
                    slice_to=day(days[1]) if days and days[1] else None,
                    cursor_from=cursor[0] if cursor else None,
                    cursor_to=cursor[1] if cursor else None,
                    api_version="v1",
                    state=SyncState.EXTRACTING,
                )
            )
        return sync_id

    def writer(
        self, agency: Agency, sync_id: SyncId, stream: StreamSpec = ADS, *, next_part: int = 0
    ) -> LandingWriter:
        target = LandingTarget(
            tenant_id=agency.tenant_id,
            client_id=agency.client_id,
            connection_id=agency.connection_id,
            sync_id=sync_id,
            stream=stream,
            api_version="v1",
            currency="EUR",
            time_zone="Europe/Berlin",
        )
        return LandingWriter(self.services, target, next_part=next_part)

    async def land(
        self,
        agency: Agency,
        rows: Sequence[Mapping[str, Any]],
        days: tuple[int, int | None] | None = (1, 2),
        *,
        stream: StreamSpec = ADS,
        cursor: tuple[dt.datetime, dt.datetime] | None = None,
    ) -> SyncId:
        """A sync that has landed."""
        sync_id = await self.plan(agency, days, stream=stream, cursor=cursor)
        writer = self.writer(agency, sync_id, stream)
        await writer.add(page(rows, stream, last=True))
        await writer.finish()
        return sync_id

    async def sync(self, agency: Agency, sync_id: SyncId) -> Sync:
        async with self.database.session(agency.tenant_id) as session:
            return (await session.scalars(select(Sync).where(Sync.id == sync_id))).one()

    async def states(self, agency: Agency) -> list[SyncState]:
        """States of the agency's syncs, in the order of planning."""
        async with self.database.session(agency.tenant_id) as session:
            return list((await session.scalars(select(Sync.state).order_by(Sync.id))).all())

    async def objects(self, agency: Agency, sync_id: SyncId) -> list[LandingObject]:
        async with self.database.session(agency.tenant_id) as session:
            query = select(LandingObject).where(LandingObject.sync_id == sync_id)
            return list((await session.scalars(query.order_by(LandingObject.part))).all())

    async def coverage(self, agency: Agency, stream: str = "ads") -> StreamState | None:
        async with self.database.session(agency.tenant_id) as session:
            query = select(StreamState).where(StreamState.stream == stream)
            return (await session.scalars(query)).one_or_none()

    async def rows(
        self, agency: Agency, text: str, warehouse: Warehouse | None = None
    ) -> list[tuple[Any, ...]]:
        """Rows of a SELECT in BigQuery's dialect, of the agency alone."""
        tree = parse_one(text, dialect="bigquery")
        assert isinstance(tree, exp.Query)
        answer = await (warehouse or self.warehouse).run_for(
            AuditedTenants(frozenset({agency.tenant_id}), "test"), Statement(tree, frozenset()), {}
        )
        return [tuple(row.values()) for row in answer.to_pylist()]

    async def spend(self, agency: Agency) -> list[tuple[int, str, int]]:
        """The current view of `ads_daily`: day of the month, campaign, spend."""
        found = await self.rows(
            agency,
            "SELECT m.reporting_date, m.campaign_id, m.spend FROM marts.ads_daily AS m"
            " ORDER BY m.reporting_date, m.campaign_id, m.spend",
        )
        return [(date.day, campaign, int(spend)) for date, campaign, spend in found]


@pytest.fixture
async def plane(
    database_url: str, redis_server: RedisServer, duckdb_warehouse: DuckDbWarehouse
) -> AsyncIterator[Plane]:
    """An empty control plane, landing store and warehouse."""
    database = Database(DatabaseConfig(database_url))
    yield Plane(database, redis_server, duckdb_warehouse)
    await database.close()

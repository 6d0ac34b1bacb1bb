"""Two agencies with the same shop, but that the second one never saw some of the people.

    Shop -> pages of rows -> landing -> loader -> facts, marts -> features
    seen: everybody | unseen: the chosen people's customers are absent, their orders are guests'

Everything is real: PostgreSQL, Redis, DuckDB, a folder of landing objects. The clock stands still.
"""

import datetime as dt
import itertools
import secrets
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from domain.facts import FACTS
from domain.facts.tables import SUPPRESSED, SYNCS, Table, facts_table, marts_table
from domain.ids import ClientId, ConnectionId, RunId, SyncId, TenantId
from domain.privacy.identifiers import Identifier, email, platform_id
from domain.privacy.rights import (
    IdentityLevel,
    IntakeChannel,
    ProcessingRole,
    RequestState,
    Right,
)
from feature_repo.catalogue import Catalogues, none_registered
from feature_repo.compute import FeatureComputer
from feature_repo.materialise import FeatureRefresh
from feature_repo.online import OnlineFeatures
from gdpr.access.exports import Exports
from gdpr.erasure.erasable import find_erasables
from gdpr.erasure.journal import Journal
from gdpr.erasure.places import PLACES
from gdpr.erasure.plan import build_plan
from gdpr.erasure.run import Eraser
from gdpr.erasure.targets import TARGETS
from gdpr.erasure.work import Recipients, Run, RunRequest, Stores
from gdpr.requests.claim import make_claim, open_claim
from gdpr.requests.intake import Intake
from ingestion.connector.columns import batch_schema
from ingestion.connector.job import Page
from ingestion.connector.spec import StreamSpec
from ingestion.landing.target import LandingServices, LandingTarget
from ingestion.landing.writer import LandingWriter
from ingestion.load import RAW_SYNCS, Loader
from ingestion.publish import Publisher
from ingestion.quality.gate import QualityGate
from tenancy.exclusive import Exclusive
from tenancy.landing_store import LandingStore
from tenancy.privacy.pseudonyms import Pseudonyms, open_own_key, open_pseudonyms
from tenancy.privacy.subjects import match, observe
from tenancy.redis_server import RedisServer
from tenancy.session import Database, DatabaseConfig, TenantSession
from tenancy.tables import (
    Client,
    Connection,
    ConnectionState,
    RunState,
    SubjectRequest,
    Sync,
    SyncRun,
    SyncState,
)
from tenancy.unscoped import Doors, TenantProfile
from tenancy.vault import MasterKey, Vault
from tenancy.warehouse.port import SearchableWarehouse
from tests.gdpr.erasure.generated_shop import STREAMS, Shop

__all__ = ["NOW", "STREAMS", "VAULT", "Agency", "Shop", "World", "world"]

NOW = dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC)
VAULT = Vault(MasterKey(b"m" * 32))
TABLES: Sequence[Table] = [
    *(SYNCS, SUPPRESSED, RAW_SYNCS, TARGETS),
    *(stream.raw_table for stream in STREAMS.values()),
    *(make(fact) for make in (facts_table, marts_table) for fact in FACTS.values()),
]
ERASABLES = find_erasables(TABLES)
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Agency:
    """An agency with one client, whose shop is connected."""

    tenant_id: TenantId
    client_id: ClientId
    connection_id: ConnectionId
    run_id: RunId
    names: Pseudonyms


@dataclass(slots=True)
class World:
    """The parts, and ways to fill and to ask them."""

    database: Database
    redis: RedisServer
    warehouse: SearchableWarehouse
    landing: LandingStore
    recipients: tuple[Recipients, ...] = ()
    now: dt.datetime = NOW
    seed: int = 0x0193 << 112
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def ids(self) -> uuid.UUID:
        return uuid.UUID(int=self.seed | next(self.numbers))

    def clock(self) -> dt.datetime:
        return self.now

    @property
    def loading(self) -> Exclusive:
        return Exclusive(self.database, "loader")

    @property
    def services(self) -> LandingServices:
        return LandingServices(self.database, self.landing, self.clock, self.ids, VAULT)

    @property
    def features(self) -> FeatureRefresh:
        online = OnlineFeatures(self.redis, self.clock)

        async def nothing() -> bool:
            return True

        catalogues = Catalogues(none_registered, self.clock)
        computer = FeatureComputer(self.warehouse)
        return FeatureRefresh(self.database, catalogues, computer, online, self.clock, nothing)

    @property
    def stores(self) -> Stores:
        async def refresh(tenant_id: TenantId, client_id: ClientId) -> int:
            refreshed = await self.features.refresh_client(tenant_id, client_id)
            return sum(one.entities for one in refreshed)

        exports = Exports(
            self.database, self.landing, VAULT, self.clock, self.ids, secrets.token_bytes
        )

        async def forget_exports(session: TenantSession, subject_id: uuid.UUID) -> int:
            return await exports.revoke(session, subject_id, actor="test")

        return Stores(
            database=self.database,
            warehouse=self.warehouse,
            landing=self.landing,
            redis=self.redis,
            vault=VAULT,
            loading=self.loading,
            clock=self.clock,
            ids=self.ids,
            erasables=ERASABLES,
            open_claim=open_claim,
            refresh_features=refresh,
            forget_exports=forget_exports,
            recipients=self.recipients,
        )

    @property
    def tables(self) -> Sequence[Table]:
        return TABLES

    def eraser(self, journal: Journal | None = None) -> Eraser:
        stores = self.stores
        journal = journal or Journal(self.database, self.clock, "test")
        return Eraser(stores, build_plan(stores.erasables, PLACES), journal, PLACES)

    def loader(self) -> Loader:
        streams = {stream.raw_table.qualified: stream for stream in STREAMS.values()}
        gate = QualityGate.over(
            self.warehouse, streams.values(), self.database, self.clock, self.ids
        )
        return Loader(
            exclusive=self.loading,
            doors=Doors(self.database),
            store=self.landing,
            warehouse=self.warehouse,
            gate=gate,
            publisher=Publisher(self.database, self.redis, self.clock, self.ids),
            streams=streams,
        )

    async def agency(self, slug: str) -> Agency:
        tenant_id = TenantId(self.ids())
        client_id, connection_id = ClientId(self.ids()), ConnectionId(self.ids())
        run_id = RunId(self.ids())
        profile = TenantProfile(tenant_id, slug, slug, "EUR", "Europe/Berlin", self.now)
        key = await VAULT.create_tenant_key(tenant_id)
        await Doors(self.database).create_tenant(profile, wrapped_data_key=key)
        async with self.database.session(tenant_id) as session:
            session.add(
                Client(
                    id=client_id,
                    slug="acme",
                    name="Acme",
                    currency="EUR",
                    time_zone="Europe/Berlin",
                    created_at=self.now,
                )
            )
            session.add(
                SyncRun(
                    id=run_id,
                    requested_by="test",
                    state=RunState.RUNNING,
                    started_at=self.now,
                )
            )
            await session.flush()
            session.add(
                Connection(
                    id=connection_id,
                    client_id=client_id,
                    source="shopify",
                    account_id="acme",
                    label="",
                    settings={"currency": "EUR", "time_zone": "Europe/Berlin"},
                    credentials=None,
                    state=ConnectionState.ACTIVE,
                    start_date=dt.date(2026, 10, 1),
                    created_at=self.now,
                )
            )
            names = await open_pseudonyms(session, VAULT)
        return Agency(tenant_id, client_id, connection_id, run_id, names)

    async def land(self, agency: Agency, stream: StreamSpec, rows: Rows) -> SyncId:
        """A sync of a few rows that has landed."""
        return await self.land_pages(agency, stream, [_batch(stream, rows)])

    async def land_pages(
        self, agency: Agency, stream: StreamSpec, pages: Iterable[pa.RecordBatch]
    ) -> SyncId:
        """A sync that has landed, as the product's own writer lands it."""
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
                    cursor_from=self.now - dt.timedelta(days=60),
                    cursor_to=self.now,
                    api_version="test",
                    state=SyncState.EXTRACTING,
                )
            )
        target = LandingTarget(
            tenant_id=agency.tenant_id,
            client_id=agency.client_id,
            connection_id=agency.connection_id,
            sync_id=sync_id,
            stream=stream,
            api_version="test",
            currency="EUR",
            time_zone="Europe/Berlin",
        )
        writer = LandingWriter(self.services, target, next_part=0)
        for page in pages:
            await writer.add(
                Page(
                    batch=page,
                    rejected=(),
                    drift=(),
                    skipped=0,
                    checkpoint={},
                    requests=1,
                    bytes_received=1,
                    last=False,
                )
            )
        await writer.finish()
        return sync_id

    async def ingest(self, agency: Agency, rows: Mapping[str, Rows]) -> None:
        """Land rows of several streams and load them."""
        for stream, of_stream in rows.items():
            await self.land(agency, STREAMS[stream], of_stream)
        await self.loader().load_pending()

    async def ingest_shop(
        self, agency: Agency, shop: Shop, *, without: frozenset[int] = frozenset()
    ) -> None:
        """Land all that a shop holds, but for some people, and load it."""
        for name, stream in STREAMS.items():
            await self.land_pages(agency, stream, shop.pages(name, without=without))
        assert await self.loader().load_pending() == len(STREAMS)

    async def request(
        self, agency: Agency, identifiers: Sequence[Identifier], *known: Identifier
    ) -> RunRequest:
        """A person asks to be erased; a platform vouches for them.

        Args:
            agency: Whose client's data.
            identifiers: What the request gives.
            known: More that the identity graph knows of the person.
        """
        request_id = self.ids()
        async with self.database.session(agency.tenant_id) as session:
            person = [one for one in (*identifiers, *known) if one.kind.value != "order"]
            key = await open_own_key(session, VAULT)
            await observe(
                session, VAULT, key, agency.client_id, [person], ids=self.ids, now=self.now
            )
        intake = Intake(
            client_id=agency.client_id,
            right=Right.ERASURE,
            channel=IntakeChannel.SHOPIFY,
            identifiers=tuple(identifiers),
            received_at=self.now,
            requested_by="shopify",
            identity=IdentityLevel.VOUCHED,
        )
        async with self.database.session(agency.tenant_id) as session:
            claim = await make_claim(session, VAULT, intake, request_id)
            [subject_id] = await match(session, claim.pseudonyms)
            session.add(
                SubjectRequest(
                    id=request_id,
                    client_id=agency.client_id,
                    right=Right.ERASURE,
                    channel=IntakeChannel.SHOPIFY,
                    role=ProcessingRole.PROCESSOR,
                    state=RequestState.RUNNING,
                    identity=IdentityLevel.VOUCHED,
                    fingerprint=claim.fingerprint,
                    sealed_claim=claim.sealed,
                    pseudonyms=claim.pseudonyms,
                    subject_id=subject_id,
                    scope={},
                    policy="1",
                    received_at=self.now,
                    due_at=self.now,
                    requested_by="shopify",
                )
            )
        return RunRequest(request_id, agency.client_id, subject_id)

    async def request_all(self, agency: Agency, chosen: frozenset[int]) -> tuple[RunRequest, ...]:
        """Each of some customers of the shop asks."""
        return tuple(
            [
                await self.request(
                    agency,
                    [
                        platform_id(Shop.customer(number), agency.connection_id),
                        email(Shop.address(number)),
                    ],
                )
                for number in sorted(chosen)
            ]
        )

    def run(self, agency: Agency, requests: tuple[RunRequest, ...]) -> Run:
        return Run(self.ids(), {agency.tenant_id: requests})


def _batch(stream: StreamSpec, rows: Rows) -> pa.RecordBatch:
    schema = batch_schema(stream.fields)
    columns = {name: [row.get(name) for row in rows] for name in schema.names}
    columns["row_number"] = list(range(1, len(rows) + 1))
    return pa.RecordBatch.from_pydict(columns, schema=schema)


@pytest.fixture
async def world(
    database_url: str,
    redis_server: RedisServer,
    duckdb_warehouse: SearchableWarehouse,
    tmp_path: Path,
) -> AsyncIterator[World]:
    """Everything, and nothing in it."""
    database = Database(DatabaseConfig(database_url))
    made = World(database, redis_server, duckdb_warehouse, LandingStore(f"file://{tmp_path}/land"))
    await duckdb_warehouse.ensure_tables(made.tables)
    yield made
    await database.close()

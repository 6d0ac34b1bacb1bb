"""Two agencies behind a running edge: real PostgreSQL, real DuckDB, no network.

northwind: clients acme, bolt | southwind: client zeta; every text carries its agency's canary
"""

import datetime as dt
import hashlib
import io
import itertools
import secrets
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any, cast

import httpx
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import update
from starlette.types import ASGIApp

from api.app import EdgeServices, create_app
from api.edge.rules import EdgeRules
from api.features.endpoint import FeatureServices
from api.graphql.services import GraphQLServices
from api.identity.sessions import Sessions
from api.oauth.access_tokens import AccessTokens
from api.oauth.applications import Applications
from api.oauth.endpoint import OAuthServices
from api.oauth.revocation import Revocations
from api.oauth.signing_keys import KeyStore
from api.pages.services import PageServices, open_pages
from api.privacy.endpoint import PrivacyCallbacks
from api.webhooks.desk import WebhookDesk
from domain.facts import FACTS, METRIC_FACTS
from domain.facts.fact import ColumnType
from domain.facts.tables import SUPPRESSED, SYNCS, facts_table, marts_table
from domain.ids import ClientId, ConnectionId, RunId, SyncId, TenantId, public_id
from domain.ports import IdFactory
from domain.query.plan import PlanCache
from feature_repo.catalogue import Catalogues
from feature_repo.compute import FeatureComputer
from feature_repo.feature_views import CAMPAIGN_PERFORMANCE, CLIENT_PERFORMANCE, VIEWS
from feature_repo.materialise import FeatureRefresh
from feature_repo.online import OnlineFeatures
from feature_repo.read import FeatureReader
from feature_repo.registration.backfill import Backfills
from feature_repo.registration.book import FeatureBook, load_own_views
from feature_repo.registration.own_facts import OwnFacts
from feature_repo.registration.plan import Planner
from gdpr.consent.desk import ConsentDesk
from gdpr.consent.proof import ConsentProof
from gdpr.evidence.keys import EvidenceKeys
from ingestion.connector.source_file import load_all_sources
from ingestion.connector.spec_check import CANONICAL
from ingestion.quality.checks.unit_slip import UNIT_SLIP
from ml.history.load import HistoryLoader
from ml.spending.learning import Learning
from ml.spending.planner import BudgetPlanner
from tenancy.alerts import Alert, AlertKind, AlertSeverity, raise_alert
from tenancy.audited_tenants import AuditedTenants
from tenancy.jobs import JobEngine
from tenancy.rate_limits import RateLimit, RateLimits
from tenancy.redis_server import RedisServer
from tenancy.session import Database, TenantSession
from tenancy.tables import (
    AppKind,
    Client,
    Connection,
    ConnectionState,
    DeliveryState,
    EndpointState,
    Incident,
    IncidentEvent,
    IncidentEventKind,
    IncidentSeverity,
    IncidentState,
    Membership,
    MembershipClient,
    OAuthClient,
    OAuthClientSecret,
    QuarantinedRow,
    QuarantineState,
    Role,
    RunState,
    StreamState,
    Sync,
    SyncRun,
    SyncState,
    User,
    WebhookDelivery,
    WebhookEndpoint,
)
from tenancy.unscoped import Doors, TenantProfile
from tenancy.vault import MasterKey, Vault
from tenancy.warehouse.open import open_warehouse
from tenancy.warehouse.port import Warehouse
from tenancy.webhooks import Event, WebhookEventType, record_event
from tests.api.graphql.feature_rows import add_feature_day
from tests.api.graphql.model_rows import add_model_rows, add_rejected_model, watched_row
from tests.api.graphql.privacy_rows import add_privacy_rows
from tests.fakes.fake_jobs import FakeJobs
from tests.feature_repo.samples import feature_table
from tests.gdpr.desk.office import open_office

__all__ = [
    "Agency",
    "Edge",
    "FakeClock",
    "edge",
    "edge_warehouse",
    "make_agency",
    "northwind",
    "open_edge",
    "southwind",
]

ISSUER = "https://bosco.example"
RULES = EdgeRules(  # time stands still here, so a minute never ends
    ISSUER,
    is_production=False,
    calls_per_minute=1_000_000,
    failed_attempts=RateLimit("failed_attempts", 1_000_000, 60, guards_secrets=True),
)
VAULT = Vault(MasterKey(bytes(32)))
APPS = {"shopify": {"client_secret": "hush"}, "meta_ads": {"client_secret": "appsecret"}}
START = dt.datetime(2026, 3, 15, 9, 30, tzinfo=dt.UTC)
ALL_SCOPES = ("metrics:read", "metrics:write", "ingestion:read", "webhooks:manage")


@dataclass(slots=True)
class FakeClock:
    """A clock that moves only when told."""

    now: dt.datetime = START

    def __call__(self) -> dt.datetime:
        return self.now

    def advance(self, **delta: float) -> None:
        self.now += dt.timedelta(**delta)


@dataclass(frozen=True, slots=True)
class Agency:
    """An agency with its rows.

    Attributes:
        canary: Part of each of its names and of nobody else's.
        clients: Ids by slug.
        connections: Ids by the slug of their client.
        sync_id: Its only sync, of its first client.
    """

    tenant_id: TenantId
    slug: str
    canary: str
    clients: dict[str, ClientId]
    connections: dict[str, ConnectionId]
    sync_id: SyncId

    def client(self, slug: str) -> str:
        """Public id of a client."""
        return public_id("cli", self.clients[slug])

    def connection(self, slug: str) -> str:
        """Public id of a client's connection."""
        return public_id("con", self.connections[slug])


@dataclass(slots=True)
class Edge:
    """A running edge and ways to speak to it."""

    app: ASGIApp
    http: httpx.AsyncClient
    database: Database
    doors: Doors
    tokens: AccessTokens
    clock: FakeClock
    ids: Any
    services: GraphQLServices
    oauth: OAuthServices
    edge_services: EdgeServices
    online: OnlineFeatures
    _known: dict[Any, str] = field(default_factory=dict)

    @property
    def pages(self) -> PageServices:
        """What its pages run on."""
        return self.edge_services.pages

    def with_services(self, **changed: object) -> "Edge":
        """The same edge with other services."""
        services = replace(self.services, **changed)  # type: ignore[arg-type]  # by name
        return self._with(replace(self.edge_services, graphql=services))

    def with_rules(self, **changed: object) -> "Edge":
        """The same edge with other rules."""
        rules = replace(self.edge_services.rules, **changed)  # type: ignore[arg-type]  # by name
        return self._with(replace(self.edge_services, rules=rules))

    def _with(self, services: EdgeServices) -> "Edge":
        app = create_app(services)
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ISSUER)
        return replace(self, app=app, http=http, services=services.graphql, edge_services=services)

    async def register(  # noqa: PLR0913  # one for each thing that an app can be
        self,
        agency: Agency,
        *,
        client_id: str,
        secret: str = "s3cret",  # noqa: S107  # of a test
        scopes: tuple[str, ...] = ALL_SCOPES,
        clients: tuple[str, ...] | None = None,
        suspended: bool = False,
        public: bool = False,
        metrics: tuple[str, ...] | None = None,
        redirect_uris: tuple[str, ...] = (),
        **limits: Any,
    ) -> None:
        """Store an OAuth client; one with redirect addresses may act for people too."""
        limited = None if clients is None else [agency.clients[slug] for slug in clients]
        app_id = self.ids()
        async with self.database.session(agency.tenant_id) as session:
            session.add(
                OAuthClient(
                    id=app_id,
                    client_id=client_id,
                    kind=AppKind.PUBLIC if public else AppKind.CONFIDENTIAL,
                    name=f"{agency.canary} dashboard",
                    grants=[
                        *([] if public else ["client_credentials"]),
                        *(["authorization_code", "refresh_token"] if redirect_uris else []),
                    ],
                    scopes=list(scopes),
                    client_ids=limited,
                    metrics=None if metrics is None else list(metrics),
                    redirect_uris=list(redirect_uris),
                    origins=list(limits.get("origins", ())),
                    calls_per_minute=limits.get("calls_per_minute"),
                    created_at=self.clock(),
                    suspended_at=self.clock() if suspended else None,
                    last_used_at=None,
                )
            )
            await session.flush()
            if not public:
                session.add(
                    OAuthClientSecret(
                        id=self.ids(),
                        app_id=app_id,
                        secret_hash=hashlib.sha256(secret.encode()).digest(),
                        created_at=self.clock(),
                        retired_at=None,
                        last_used_at=None,
                    )
                )

    async def person(
        self, agency: Agency, role: Role = Role.ANALYST, clients: tuple[str, ...] = ()
    ) -> uuid.UUID:
        """Store a user with one role, at some clients or all of them."""
        user_id: uuid.UUID = self.ids()
        membership_id = self.ids()
        async with self.database.session(agency.tenant_id) as session:
            session.add(
                User(
                    id=user_id,
                    email=f"{user_id.hex}@{agency.slug}.example",
                    name=f"{agency.canary} person",
                    created_at=self.clock(),
                    deactivated_at=None,
                )
            )
            await session.flush()
            session.add(Membership(id=membership_id, user_id=user_id, role=role))
            await session.flush()
            session.add_all(
                MembershipClient(membership_id=membership_id, client_id=agency.clients[slug])
                for slug in clients
            )
        return user_id

    async def sign_in(self, agency: Agency, user_id: uuid.UUID) -> str:
        """Sign a browser in; gives the value of its cookie."""
        sessions = Sessions(self.database, self.clock, self.ids, secrets.token_bytes)
        async with self.database.session(agency.tenant_id) as session:
            return await sessions.start(session, user_id, methods=["pwd"], browser="Test")

    async def token(
        self,
        agency: Agency,
        *scopes: str,
        clients: tuple[str, ...] | None = None,
    ) -> str:
        """An access token, by the token endpoint."""
        key = (agency.slug, scopes, clients)
        if key not in self._known:
            client_id = f"app_{uuid.uuid4().hex}"
            await self.register(agency, client_id=client_id, scopes=scopes, clients=clients)
            reply = await self.http.post(
                "/oauth/token",
                data={
                    "grant_type": "client_credentials",
                    "client_id": client_id,
                    "client_secret": "s3cret",
                },
            )
            assert reply.status_code == 200, reply.text
            self._known[key] = reply.json()["access_token"]
        return self._known[key]

    async def ask(
        self,
        query: str,
        token: str | None,
        *,
        variables: dict[str, Any] | None = None,
        operation: str | None = None,
    ) -> httpx.Response:
        """POST an operation."""
        body = {"query": query, "variables": variables or {}, "operationName": operation}
        headers = {"content-type": "application/json"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return await self.http.post("/graphql", content=orjson.dumps(body), headers=headers)

    async def data(self, query: str, token: str, **variables: Any) -> Any:
        """The data of an operation that must succeed."""
        reply = await self.ask(query, token, variables=variables)
        body = reply.json()
        assert "errors" not in body, body["errors"]
        return body["data"]

    async def error(self, query: str, token: str, **variables: Any) -> dict[str, Any]:
        """The only error of an operation that must fail."""
        reply = await self.ask(query, token, variables=variables)
        errors = reply.json()["errors"]
        assert len(errors) == 1, errors
        found: dict[str, Any] = errors[0]
        return found


@pytest.fixture
async def edge_warehouse() -> AsyncIterator[Warehouse]:
    """An empty warehouse in memory, with the marts."""
    warehouse = open_warehouse("duckdb://")
    facts = [facts_table(fact) for fact in FACTS.values()]  # plans of feature views read them
    marts = [marts_table(fact) for fact in FACTS.values()]
    await warehouse.ensure_tables([SYNCS, SUPPRESSED, *facts, *marts])
    yield warehouse
    await warehouse.close()


def _features(
    database: Database,
    warehouse: Warehouse,
    catalogues: Catalogues,
    online: OnlineFeatures,
    clock: FakeClock,
    ids: IdFactory,
) -> Backfills:
    """Registration of views; their backfills are queued and not run."""

    async def nothing() -> bool:
        return False

    computer = FeatureComputer(warehouse)
    planner = Planner(database, OwnFacts(warehouse, computer), clock, FeatureComputer)
    book = FeatureBook(database, catalogues, planner, clock, ids)
    refresh = FeatureRefresh(database, catalogues, computer, online, clock, nothing)
    return Backfills(cast("JobEngine", FakeJobs()), refresh, book)


def pages_of(oauth: OAuthServices, redis: RedisServer) -> PageServices:
    """Pages over the same database."""
    return open_pages(
        oauth,
        doors=Doors(oauth.database),
        vault=VAULT,
        limits=RateLimits(redis, oauth.clock),
        apps=APPS,
        privacy=open_office(oauth.database, VAULT, oauth.clock, oauth.ids),
    )


def _budgets(
    database: Database, warehouse: Warehouse, clock: FakeClock, ids: IdFactory
) -> BudgetPlanner:
    loader = HistoryLoader(warehouse)
    return BudgetPlanner(database, loader, Learning(database, loader, clock, ids), clock)


def _oauth(
    database: Database, tokens: AccessTokens, clock: FakeClock, ids: IdFactory, issuer: str
) -> OAuthServices:
    return OAuthServices(
        applications=Applications(Doors(database), database, clock),
        database=database,
        tokens=tokens,
        issuer=issuer,
        clock=clock,
        ids=ids,
        random_bytes=secrets.token_bytes,
    )


@pytest.fixture
async def edge(
    database: Database, edge_warehouse: Warehouse, redis_server: RedisServer
) -> AsyncIterator[Edge]:
    """The application over that warehouse."""
    opened = open_edge(database, edge_warehouse, redis_server, ISSUER, FakeClock())
    async with opened.http:
        yield opened


def open_edge(
    database: Database,
    edge_warehouse: Warehouse,
    redis_server: RedisServer,
    issuer: str,
    clock: FakeClock,
) -> Edge:
    """The application, known by the address `issuer`."""
    numbers = itertools.count(1)

    def ids() -> uuid.UUID:
        return uuid.UUID(int=(0x0192 << 112) | next(numbers))

    keys = KeyStore(database, MasterKey(bytes(32)), clock)
    tokens = AccessTokens(keys, Revocations(database, clock), issuer=issuer, clock=clock, ids=ids)
    doors = Doors(database)
    online = OnlineFeatures(redis_server, clock)
    catalogues = Catalogues(partial(load_own_views, database, clock), clock)
    features = _features(database, edge_warehouse, catalogues, online, clock, ids)
    graphql = GraphQLServices(
        database=database,
        warehouse=edge_warehouse,
        answers=None,
        plans=PlanCache(),
        features=FeatureReader(online, catalogues),
        feature_book=features.book,
        feature_backfills=features,
        sources=load_all_sources(),
        tokens=tokens,
        webhooks=WebhookDesk(database, VAULT, clock, ids, secrets.token_bytes),
        privacy=open_office(database, VAULT, clock, ids),
        budgets=_budgets(database, edge_warehouse, clock, ids),
        consent=ConsentDesk(VAULT, clock, ids, secrets.token_bytes),
        consent_proof=ConsentProof(
            VAULT, EvidenceKeys(MasterKey(bytes(32)), clock, secrets.token_bytes)
        ),
        clock=clock,
        ids=ids,
        is_development=True,
    )
    oauth = _oauth(database, tokens, clock, ids, issuer)
    pages = pages_of(oauth, redis_server)
    services = EdgeServices(
        graphql=graphql,
        oauth=oauth,
        pages=pages,
        checks={},
        ids=ids,
        rules=replace(RULES, issuer=issuer),
        rate_limits=RateLimits(redis_server, clock),
        privacy=PrivacyCallbacks(pages.privacy_forms.inbox, APPS, issuer),
        features=FeatureServices(
            database, tokens, graphql.features, FeatureComputer(edge_warehouse), clock, ids
        ),
    )
    app = create_app(services)
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=issuer)
    return Edge(app, http, database, doors, tokens, clock, ids, graphql, oauth, services, online)


@pytest.fixture
async def northwind(edge: Edge, edge_warehouse: Warehouse) -> Agency:
    """Clients acme (30 days of ads and orders) and bolt (one day)."""
    agency = await make_agency(edge, "northwind", ("acme", "bolt"))
    days = [dt.date(2026, 2, 13) + dt.timedelta(days=number) for number in range(30)]
    ads = [
        *(_ad(agency, "acme", day, "paid_search", "c1", "Brand", "10.50", 100) for day in days),
        *(_ad(agency, "acme", day, "paid_social", "c2", "Spring", "4.25", 50) for day in days),
        _ad(agency, "bolt", days[-1], "email", None, None, "1.00", 7),
    ]
    orders = [_order(agency, "acme", day, "paid_search", "60.00") for day in days]
    await _load(edge_warehouse, agency, "ads_daily", ads)
    await _load(edge_warehouse, agency, "orders", orders)
    await _serve(edge, agency, "acme", {"c1": 73.5, "c2": 29.75})
    await _serve(edge, agency, "bolt", {"b1": 1.0})
    return agency


@pytest.fixture
async def southwind(edge: Edge, edge_warehouse: Warehouse) -> Agency:
    """Client zeta: one day of each fact, with texts that nobody else has."""
    agency = await make_agency(edge, "southwind", ("zeta",))
    name = f"{agency.canary} campaign"
    day = dt.date(2026, 3, 14)
    await _load(
        edge_warehouse,
        agency,
        "ads_daily",
        [_ad(agency, "zeta", day, "display", "z1", name, "777.77", 777)],
    )
    await _serve(edge, agency, "zeta", {"z1": 777.77})
    for fact in METRIC_FACTS:
        if fact != "ads_daily":
            await _load(edge_warehouse, agency, fact, [_row_with_canary(agency, "zeta", day, fact)])
    return agency


async def make_agency(edge: Edge, slug: str, clients: tuple[str, ...]) -> Agency:
    tenant_id = TenantId(edge.ids())
    agency = Agency(
        tenant_id=tenant_id,
        slug=slug,
        canary=f"canary{slug}",
        clients={client: ClientId(edge.ids()) for client in clients},
        connections={client: ConnectionId(edge.ids()) for client in clients},
        sync_id=SyncId(edge.ids()),
    )
    await edge.doors.create_tenant(
        TenantProfile(
            tenant_id, slug, f"{agency.canary} agency", "EUR", "Europe/Berlin", edge.clock()
        ),
        wrapped_data_key=await VAULT.create_tenant_key(tenant_id),
    )
    async with edge.database.session(tenant_id) as session:
        await _fill(edge, session, agency)
    return agency


async def _fill(edge: Edge, session: TenantSession, agency: Agency) -> None:
    now = edge.clock()
    run_id = RunId(edge.ids())
    for slug, client_id in agency.clients.items():
        session.add(
            Client(
                id=client_id,
                slug=slug,
                name=f"{agency.canary} {slug}",
                currency="EUR",
                time_zone="Europe/Berlin",
                created_at=now,
            )
        )
    await session.flush()
    for slug, connection_id in agency.connections.items():
        session.add(
            Connection(
                id=connection_id,
                client_id=agency.clients[slug],
                source="google_ads",
                account_id=f"{agency.canary} 123 {slug}",
                label=f"{agency.canary} ads of {slug}",
                settings={},
                credentials=None,
                state=ConnectionState.ACTIVE,
                start_date=dt.date(2026, 1, 1),
                created_at=now,
            )
        )
    session.add(
        SyncRun(
            id=run_id,
            requested_by="job:nightly",
            state=RunState.SUCCEEDED,
            started_at=now,
            finished_at=now,
        )
    )
    await session.flush()
    slug, connection_id = next(iter(agency.connections.items()))
    add_model_rows(session, agency.clients[slug], connection_id, agency.canary, edge.ids)
    await add_rejected_model(session)
    session.add(watched_row(agency.clients.values(), now))
    session.add(
        StreamState(
            connection_id=connection_id,
            stream="campaign_day",
            cursor=None,
            covered_from=dt.date(2026, 2, 13),
            covered_to=dt.date(2026, 3, 14),
            published_at=now,
        )
    )
    session.add(
        Sync(
            id=agency.sync_id,
            run_id=run_id,
            client_id=agency.clients[slug],
            connection_id=connection_id,
            source="google_ads",
            stream="campaign_day",
            fact="ads_daily",
            slice_from=dt.date(2026, 2, 13),
            slice_to=dt.date(2026, 3, 14),
            api_version="v25",
            version=7,
            known_at=now,
            state=SyncState.PUBLISHED,
            rows=60,
            quarantined=1,
            screened=4,
            requests=2,
            error_message=agency.canary,
            started_at=now,
            finished_at=now,
        )
    )
    await session.flush()
    incident = Incident(
        id=edge.ids(),
        client_id=agency.clients[slug],
        connection_id=connection_id,
        stream="campaign_day",
        check_name=UNIT_SLIP.name,
        severity=IncidentSeverity.CRITICAL,
        state=IncidentState.OPEN,
        message=f"{agency.canary} is 100, usually 1",
        hint=UNIT_SLIP.hint,
        run_id=run_id,
        sync_id=agency.sync_id,
        times_found=1,
        opened_at=now,
        last_found_at=now,
    )
    session.add(incident)
    await session.flush()
    session.add(
        IncidentEvent(
            id=edge.ids(),
            incident_id=incident.id,
            at=now,
            kind=IncidentEventKind.OPENED,
            actor="job:quality",
            reason=incident.message,
        )
    )
    session.add(
        QuarantinedRow(
            id=edge.ids(),
            sync_id=agency.sync_id,
            connection_id=connection_id,
            source="google_ads",
            stream="campaign_day",
            row_number=3,
            field="metrics.clicks",
            reason="not_a_number",
            message=f"{agency.canary}: 'many' is not a number",
            raw={"metrics": {"clicks": "many"}},
            state=QuarantineState.OPEN,
            created_at=now,
            resolved_at=None,
        )
    )
    await _tell_programs(edge, session, agency, slug)
    await add_privacy_rows(session, agency.slug, agency.clients[slug], agency.canary, now)
    add_feature_day(session, agency.connections[slug], now)
    await raise_alert(
        session,
        Alert(
            kind=AlertKind.SYNC_FAILED,
            severity=AlertSeverity.WARNING,
            subject=f"connection:{connection_id}",
            client_id=agency.clients[slug],
            title="Google Ads does not answer",
            text=f"{agency.canary}: 1 of 2 syncs failed",
        ),
        now=now,
        ids=edge.ids,
    )


async def _tell_programs(edge: Edge, session: TenantSession, agency: Agency, slug: str) -> None:
    """An endpoint that hears of everything, and an event that it could not be told of."""
    endpoint = WebhookEndpoint(
        id=edge.ids(),
        url=f"https://{agency.canary}.example/hook",
        description=f"{agency.canary} CRM",
        secrets=b"sealed",
        state=EndpointState.ACTIVE,
        created_at=edge.clock(),
    )
    session.add(endpoint)
    await session.flush()
    client_id = agency.clients[slug]
    data = {"clientId": public_id("cli", client_id), "syncId": public_id("syn", agency.sync_id)}
    kind = WebhookEventType.DATA_PUBLISHED
    event = Event(kind, f"sync:{agency.sync_id}", client_id, data)
    await record_event(session, event, now=edge.clock(), ids=edge.ids)
    await session.flush()
    await session.execute(
        update(WebhookDelivery).values(
            state=DeliveryState.FAILED,
            attempts=10,
            last_status=500,
            failure=f"{agency.canary} answered 500",
            ended_at=edge.clock(),
        )
    )


def _envelope(agency: Agency, client: str, day: dt.date, key: str) -> dict[str, Any]:
    return {
        "tenant_id": str(agency.tenant_id),
        "client_id": str(agency.clients[client]),
        "connection_id": str(agency.connections[client]),
        "reporting_date": day,
        "natural_key": key,
        "source": "google_ads",
        "stream": "campaign_day",
        "sync_id": str(agency.sync_id),
        "version": 7,
        "known_at": START,
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
    }


def _ad(
    agency: Agency,
    client: str,
    day: dt.date,
    channel: str,
    campaign_id: str | None,
    campaign_name: str | None,
    spend: str,
    clicks: int,
) -> dict[str, Any]:
    return {
        **_envelope(agency, client, day, f"{campaign_id}|{day}"),
        "channel": channel,
        "campaign_id": campaign_id,
        "campaign_name": campaign_name,
        "spend": Decimal(spend),
        "clicks": clicks,
        "impressions": clicks * 1_000_000_000,
        "attribution": f"{channel}:7d_click:{agency.canary} purchases",
        "conversions": Decimal("1.5"),
        "attributed_revenue": Decimal(spend) * 3,
    }


def _row_with_canary(agency: Agency, client: str, day: dt.date, fact: str) -> dict[str, Any]:
    """A row of any fact; every text that is not canonical carries the canary."""
    known = _envelope(agency, client, day, fact) | {
        name: words[0] for name, words in CANONICAL.items()
    }
    values: dict[ColumnType, Any] = {
        ColumnType.INT64: 777,
        ColumnType.NUMERIC: Decimal("777.77"),
        ColumnType.TIMESTAMP: START,
    }
    return {
        column.name: known.get(
            column.name, values.get(column.type, f"{agency.canary} {column.name}")
        )
        for column in FACTS[fact].all_columns
    }


def _order(agency: Agency, client: str, day: dt.date, channel: str, revenue: str) -> dict[str, Any]:
    return {
        **_envelope(agency, client, day, f"order {day}"),
        "order_id": f"order {day}",
        "ordered_at": dt.datetime.combine(day, dt.time(12), dt.UTC),
        "channel": channel,
        "order_status": "paid",
        "revenue": Decimal(revenue),
    }


async def _serve(edge: Edge, agency: Agency, client: str, campaigns: dict[str, float]) -> None:
    """Features of a client and its campaigns, by their media cost of 7 days."""
    client_id, owner = agency.clients[client], str(agency.connections[client])
    ads = {
        f"{owner}:{campaign}": {"currency": "EUR", "spend_7d": spend, "clicks_28d": 2_000}
        for campaign, spend in campaigns.items()
    }
    of_campaigns = feature_table(CAMPAIGN_PERFORMANCE, client_id, edge.clock(), ads)
    await edge.online.replace(agency.tenant_id, CAMPAIGN_PERFORMANCE, owner, of_campaigns)
    sales = {str(client_id): {"shop_currency": "EUR", "average_order_value_28d": 200 / 3}}
    of_client = feature_table(CLIENT_PERFORMANCE, client_id, edge.clock(), sales)
    await edge.online.replace(agency.tenant_id, CLIENT_PERFORMANCE, str(client_id), of_client)
    for view in VIEWS.values():
        if view not in {CAMPAIGN_PERFORMANCE, CLIENT_PERFORMANCE}:
            whose = str(client_id) if view.entity.is_of_client else owner
            table = feature_table(view, client_id, edge.clock(), {f"{whose}:one": {}})
            await edge.online.replace(agency.tenant_id, view, whose, table)


async def _load(
    warehouse: Warehouse, agency: Agency, fact: str, rows: list[dict[str, Any]]
) -> None:
    table = pa.Table.from_pylist(rows)
    for number, column in enumerate(table.schema):
        if pa.types.is_decimal(column.type):
            exact = table.column(number).cast(pa.decimal128(38, 9))
            table = table.set_column(number, column.name, exact)
    sink = io.BytesIO()
    pq.write_table(table, sink)
    await warehouse.load(
        f"{fact} {agency.slug}",
        marts_table(FACTS[fact]),
        [sink.getvalue()],
        AuditedTenants(frozenset({agency.tenant_id}), "load"),
    )

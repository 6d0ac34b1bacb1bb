"""The routes of consent over real parts: PostgreSQL, the vault, the extractor, simulated platforms.

link() -> open() -> consent() -> come_back() -> connections()

Only the clock stands still, and the person is an HTTP client that keeps cookies.
"""

import asyncio
import dataclasses
import functools
import itertools
import re
import secrets
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
from sqlalchemy import select
from starlette.applications import Starlette

from api.connect.endpoint import connect_routes
from domain.ids import ClientId, TenantId
from ingestion.connecting import ConnectionDesk, Invitation
from ingestion.connector.extract import Extractor
from ingestion.connector.source_file import load_source
from ingestion.connector.transport import RetryPolicy
from ingestion.credentials import CredentialStore, Kept
from ingestion.drift import DriftBoard
from ingestion.extraction import Extraction
from ingestion.landing.target import LandingServices
from ingestion.publish import Publisher
from ingestion.simulator.config import DEMO_AGENCIES
from ingestion.stored_tokens import StoredTokens, TokenKeeper
from tenancy.landing_store import LandingStore
from tenancy.session import Database, DatabaseConfig
from tenancy.tables import Client, Connection, PendingConnection, RaisedAlert
from tenancy.unscoped import Doors, TenantProfile
from tenancy.vault import MasterKey, Vault
from tests.api.graphql.edge import FakeClock
from tests.fakes.fake_call_budget import FakeCallBudget
from tests.fixtures.simulator import SIMULATED_NOW, RunningSimulator

HOME = "http://127.0.0.1:8080"
NORTHWIND = DEMO_AGENCIES[0]
SOURCES = ("ga4", "google_ads", "meta_ads", "shopify", "tiktok_ads")
APPS: Mapping[str, Mapping[str, str]] = {
    source: {
        "client_id": NORTHWIND.app(source, HOME).client_id,
        "client_secret": NORTHWIND.app(source, HOME).client_secret,
        "developer_token": NORTHWIND.google_developer_token,
    }
    for source in SOURCES
}
# The accounts of Acme Shoes.
ACCOUNTS = {
    "ga4": "111111111",
    "google_ads": "1111111111",
    "meta_ads": "111111111111111",
    "shopify": "acme-shoes",
    "tiktok_ads": "7111111111111111111",
}


@dataclass(frozen=True, slots=True)
class Agency:
    tenant_id: TenantId
    client_id: ClientId


async def at_once(_: float) -> None:
    """Waits for nothing."""
    await asyncio.sleep(0)


@dataclass
class FrontDesk:
    """Everything between a link and a stored connection."""

    database: Database
    simulator: RunningSimulator
    clock: FakeClock
    extraction: Extraction
    desk: ConnectionDesk
    http: httpx.AsyncClient
    ids: Any
    agencies: list[Agency] = field(default_factory=list)

    @property
    def store(self) -> CredentialStore:
        return self.extraction.credentials

    def use_apps(self, apps: Mapping[str, Mapping[str, str]]) -> None:
        """Go on with other apps at the platforms."""
        self.extraction = dataclasses.replace(self.extraction, apps=apps)
        self.desk = dataclasses.replace(self.desk, extraction=self.extraction)
        self.http._transport = _transport(self.desk)  # noqa: SLF001  # the cookies stay

    async def agency(self, slug: str = "northwind") -> Agency:
        """An agency with the client `acme`."""
        agency = Agency(TenantId(self.ids()), ClientId(self.ids()))
        key = await self.desk.vault.create_tenant_key(agency.tenant_id)
        profile = TenantProfile(agency.tenant_id, slug, slug, "EUR", "Europe/Berlin", self.clock())
        await Doors(self.database).create_tenant(profile, wrapped_data_key=key)
        async with self.database.session(agency.tenant_id) as session:
            session.add(
                Client(
                    id=agency.client_id,
                    slug="acme",
                    name="Acme",
                    currency="EUR",
                    time_zone="Europe/Berlin",
                    created_at=self.clock(),
                )
            )
        return agency

    def endpoint(self, source: str) -> str:
        if source == "shopify":
            return f"{self.simulator.url}/shopify/shops/{{account}}"
        return f"{self.simulator.url}/{source}"

    async def link(self, agency: Agency, source: str, **values: Any) -> str:
        """The path of a new link."""
        if source == "shopify":
            values = {"account_id": ACCOUNTS[source], **values}
        invitation = Invitation(
            client_id=agency.client_id,
            source=load_source(source),
            start=SIMULATED_NOW.date(),
            settings={"endpoint": self.endpoint(source), **values.pop("settings", {})},
            **values,
        )
        async with self.database.session(agency.tenant_id) as session:
            url = await self.desk.invite(session, invitation, requested_by="user:ann")
        assert url.startswith(f"{HOME}/connect/start/{agency.tenant_id.hex}.")
        return url.removeprefix(HOME)

    async def open(self, link: str) -> str:
        """The platform's URL that a link leads to."""
        answer = await self.http.get(link)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def consent(self, url: str, simulate: str = "") -> str:
        """Our URL that the platform leads back to."""
        more = f"&simulate={simulate}" if simulate else ""
        answer = await asyncio.to_thread(
            functools.partial(self.simulator.http.get, url + more, follow_redirects=False)
        )
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])

    async def walk(self, link: str, simulate: str = "") -> httpx.Response:
        """From a link to where it ends."""
        return await self.http.get(await self.consent(await self.open(link), simulate))

    async def choose(self, page: httpx.Response, account_id: str) -> httpx.Response:
        """Choose one of the accounts of a page."""
        return await self.post_choice(ticket_in(page), account_id)

    async def post_choice(self, ticket: str, account_id: str, origin: str = HOME) -> httpx.Response:
        form = urlencode({"ticket": ticket, "account": account_id})
        headers = {"content-type": "application/x-www-form-urlencoded", "origin": origin}
        return await self.http.post("/connect/choose", content=form, headers=headers)

    async def connected(self, agency: Agency, source: str) -> Connection:
        """Connect Acme's account."""
        link = await self.link(agency, source, account_id=ACCOUNTS[source])
        answer = await self.walk(link)
        assert answer.status_code == 200, answer.text
        (connection,) = [each for each in await self.connections(agency) if each.source == source]
        return connection

    async def connections(self, agency: Agency) -> list[Connection]:
        async with self.database.session(agency.tenant_id) as session:
            query = select(Connection).order_by(Connection.source, Connection.account_id)
            return list((await session.scalars(query)).all())

    async def pending(self, agency: Agency) -> list[PendingConnection]:
        async with self.database.session(agency.tenant_id) as session:
            return list((await session.scalars(select(PendingConnection))).all())

    async def alerts(self, agency: Agency) -> list[RaisedAlert]:
        async with self.database.session(agency.tenant_id) as session:
            query = select(RaisedAlert).where(RaisedAlert.cleared_at.is_(None))
            return list((await session.scalars(query)).all())

    async def kept(self, connection: Connection) -> Kept:
        return await self.store.load(connection.tenant_id, connection.id)

    def tokens(self, connection: Connection, keeper: TokenKeeper | None = None) -> StoredTokens:
        """The connection's tokens, as a process with that keeper sees them."""
        source = load_source(connection.source)
        path = source.auth.token_url.partition("://")[2].partition("/")[2]
        place = self.endpoint(connection.source).replace("{account}", connection.account_id)
        return StoredTokens(
            keeper or TokenKeeper(self.store, at_once),
            connection.tenant_id,
            connection.id,
            source,
            APPS[connection.source],
            f"{place}/{path}",
        )

    def advance(self, **delta: float) -> None:
        """Let time pass here and at the platforms."""
        self.clock.advance(**delta)
        self.simulator.move_clock(self.clock())

    def token_requests(self) -> dict[int, int]:
        """How often a token endpoint was asked, by the status of its answer."""
        counts: dict[int, int] = {}
        for each in self.simulator.requests()["requests"]:
            if each["path"].rstrip("/").endswith(("/token", "/access_token")):
                counts[each["status"]] = counts.get(each["status"], 0) + each["count"]
        return counts


def _transport(desk: ConnectionDesk) -> httpx.ASGITransport:
    return httpx.ASGITransport(Starlette(routes=connect_routes(desk)))


def ticket_in(page: httpx.Response) -> str:
    """The hidden ticket of a page of choices."""
    found = re.search(r'name="ticket" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return found[1]


@asynccontextmanager
async def front_desk(
    database_url: str, redis: Any, simulator: RunningSimulator, master: bytes = bytes(32)
) -> AsyncIterator[FrontDesk]:
    """Open one, as a process of its own."""
    clock = FakeClock()
    clock.now = SIMULATED_NOW
    numbers = itertools.count(1)

    def ids() -> uuid.UUID:
        return uuid.UUID(int=(0x0193 << 112) | next(numbers))

    database = Database(DatabaseConfig(database_url, pool_size=10, overflow=10))
    vault = Vault(MasterKey(master))
    store = CredentialStore(database, vault, clock, ids)
    async with (
        httpx.AsyncClient(timeout=20) as outward,
        _opened(database, store, vault, clock, ids, outward, redis) as (extraction, desk),
        httpx.AsyncClient(transport=_transport(desk), base_url=HOME) as http,
    ):
        yield FrontDesk(database, simulator, clock, extraction, desk, http, ids)
    await database.close()


@asynccontextmanager
async def _opened(
    database: Database,
    store: CredentialStore,
    vault: Vault,
    clock: FakeClock,
    ids: Any,
    outward: httpx.AsyncClient,
    redis: Any,
) -> AsyncIterator[tuple[Extraction, ConnectionDesk]]:
    @functools.cache
    def make_extractor(places: tuple[tuple[str, str], ...]) -> Extractor:
        budget = FakeCallBudget(clock)
        policy = RetryPolicy(attempts=3)
        return Extractor(
            outward, budget, clock, at_once, dict(places), jitter=lambda: 0.5, policy=policy
        )

    landing = LandingServices(database, LandingStore("memory://"), clock, ids, vault)
    extraction = Extraction(
        landing=landing,
        publisher=Publisher(database, redis, clock, ids),
        credentials=store,
        tokens=TokenKeeper(store, at_once),
        sources={name: load_source(name) for name in SOURCES},
        apps=APPS,
        make_extractor=make_extractor,
        waiting={},
        drift=DriftBoard(),
    )
    yield (
        extraction,
        ConnectionDesk(
            database=database,
            extraction=extraction,
            vault=vault,
            clock=clock,
            ids=ids,
            random_bytes=secrets.token_bytes,
            home=HOME,
        ),
    )

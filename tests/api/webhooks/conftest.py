"""Agencies with webhooks: real PostgreSQL, a receiver on loopback, a clock of ours."""

import asyncio
import datetime as dt
import hashlib
import itertools
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select

from api.webhooks.delivery import WebhookDeliverer
from api.webhooks.desk import Operator, WebhookDesk, Wish
from api.webhooks.endpoints import public_endpoint_id
from api.webhooks.sender import WebhookSender
from domain.ids import ClientId, TenantId
from tenancy.session import Database
from tenancy.tables import (
    Client,
    RaisedAlert,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookEventType,
)
from tenancy.unscoped import Doors, TenantProfile
from tenancy.vault import MasterKey, Secret, Vault
from tenancy.webhooks import Event, record_event
from tests.api.alerts.conftest import another_process
from tests.ingestion.connector.scripted_server import Reply, Request, ScriptedServer, serve

__all__ = ["ACME", "ME", "NOON", "Mailroom", "Receiver", "another_process"]

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
ACME, BOLT = ClientId(uuid.UUID(int=1)), ClientId(uuid.UUID(int=2))
ME = Operator("user:anna")


@dataclass(slots=True)
class Receiver:
    """Takes webhooks; answers as told.

    Attributes:
        replies: The next answers; then 200.
        broken: Paths that answer 500, whatever comes.
    """

    replies: list[Reply] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    server: ScriptedServer = field(default_factory=lambda: ScriptedServer(""))
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def answer(self, request: Request) -> Reply:
        self.arrived.set()
        if request.path in self.broken:
            return Reply(status=500)
        return self.replies.pop(0) if self.replies else Reply()

    def requests(self, path: str = "/hook") -> list[Request]:
        return [request for request in self.server.requests if request.path == path]

    async def wait_for(self, number: int, path: str = "/hook") -> None:
        """Until so many requests have come."""
        while len(self.requests(path)) < number:
            self.arrived.clear()
            await self.arrived.wait()

    def subjects(self, path: str = "/hook") -> list[str]:
        """The number of each event that came, in order."""
        return [request.json["data"]["number"] for request in self.requests(path)]


@dataclass(slots=True)
class Mailroom:
    """Agencies, their endpoints and events, and the delivery."""

    database: Database
    receiver: Receiver
    now: dt.datetime = NOON
    vault: Vault = field(default_factory=lambda: Vault(MasterKey(b"m" * 32)))
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1000))

    def clock(self) -> dt.datetime:
        return self.now

    def ids(self) -> uuid.UUID:
        return uuid.UUID(int=next(self.numbers))

    def random_bytes(self, size: int) -> bytes:
        return hashlib.shake_256(str(next(self.numbers)).encode()).digest(size)

    @property
    def desk(self) -> WebhookDesk:
        return WebhookDesk(self.database, self.vault, self.clock, self.ids, self.random_bytes)

    def deliverer(self, **parts: Any) -> WebhookDeliverer:
        """The delivery of one process, without jitter."""
        known: dict[str, Any] = {
            "database": self.database,
            "doors": Doors(self.database),
            "vault": self.vault,
            "sender": WebhookSender(public_only=False, clock=self.clock),
            "clock": self.clock,
            "ids": self.ids,
            "jitter": lambda: 0.0,
        }
        return WebhookDeliverer(**{**known, **parts})

    async def deliver_after(self, **later: float) -> int:
        """Let time pass, then deliver what is due."""
        self.now += dt.timedelta(**later)
        return await self.deliverer().deliver_due()

    async def agency(self, slug: str = "northwind") -> TenantId:
        """An agency with the clients Acme and Bolt."""
        tenant_id = TenantId(self.ids())
        profile = TenantProfile(tenant_id, slug, slug.title(), "EUR", "Europe/Berlin", NOON)
        key = await self.vault.create_tenant_key(tenant_id)
        await Doors(self.database).create_tenant(profile, wrapped_data_key=key)
        async with self.database.session(tenant_id) as session:
            session.add_all(
                Client(
                    id=client_id,
                    slug=slug,
                    name=slug.title(),
                    currency="EUR",
                    time_zone="Europe/Berlin",
                    created_at=NOON,
                )
                for slug, client_id in (("acme", ACME), ("bolt", BOLT))
            )
        return tenant_id

    async def endpoint(
        self, agency: TenantId, path: str = "hook", **changed: Any
    ) -> tuple[str, Secret]:
        """An endpoint that leads to a path of the receiver: its public id and its secret."""
        given = {"description": "", "event_types": (), "clients": (), **changed}
        given.setdefault("url", f"{self.receiver.server.url}/{path}")
        endpoint, secret = await self.desk.add(agency, Wish(**given), ME)
        return public_endpoint_id(endpoint), secret

    async def happen(
        self,
        agency: TenantId,
        number: str = "1",
        kind: WebhookEventType = WebhookEventType.DATA_PUBLISHED,
        client: ClientId = ACME,
    ) -> None:
        """Something happens, and is committed."""
        event = Event(kind, f"sync:{number}", client, {"number": number})
        async with self.database.session(agency) as session:
            await record_event(session, event, now=self.now, ids=self.ids)

    async def deliveries(self, agency: TenantId) -> list[WebhookDelivery]:
        """All deliveries, by event and endpoint."""
        async with self.database.session(agency) as session:
            query = select(WebhookDelivery).order_by(
                WebhookDelivery.event_id, WebhookDelivery.endpoint_id
            )
            return list(await session.scalars(query))

    async def stored(self, agency: TenantId) -> WebhookEndpoint:
        """The only endpoint."""
        async with self.database.session(agency) as session:
            return (await session.scalars(select(WebhookEndpoint))).one()

    async def events(self, agency: TenantId) -> list[WebhookEvent]:
        async with self.database.session(agency) as session:
            query = select(WebhookEvent).order_by(WebhookEvent.occurred_at, WebhookEvent.id)
            return list(await session.scalars(query))

    async def alerts(self, agency: TenantId) -> list[tuple[str, str, bool]]:
        """Severity, title and openness of the alerts about webhooks, the first first."""
        async with self.database.session(agency) as session:
            rows = await session.scalars(select(RaisedAlert).order_by(RaisedAlert.raised_at))
            return [(row.severity.value, row.title, row.cleared_at is None) for row in rows]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    async with serve(made.answer) as server:
        made.server = server
        yield made


@pytest.fixture
async def mailroom(another_process: Callable[[], Database], receiver: Receiver) -> Mailroom:
    return Mailroom(another_process(), receiver)

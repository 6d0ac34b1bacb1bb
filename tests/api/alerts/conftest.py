"""Agencies whose alerts are delivered: real PostgreSQL, a receiver on loopback, a clock of ours."""

import datetime as dt
import itertools
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select

from api.alerts.channels import seal_target
from api.alerts.delivery import AlertDelivery
from api.alerts.sender import AlertSender
from api.alerts.target import Target, WebhookTarget
from domain.ids import ClientId, TenantId
from tenancy.alerts import Alert, AlertKind, AlertSeverity, clear_alert, raise_alert
from tenancy.exclusive import Exclusive
from tenancy.session import Database, DatabaseConfig
from tenancy.tables import AlertChannel, AlertMessage, Client, RaisedAlert
from tenancy.unscoped import Doors, TenantProfile
from tenancy.vault import MasterKey, Secret, Vault
from tests.api.alerts.samples import NOON
from tests.ingestion.connector.scripted_server import Reply, Request, ScriptedServer, serve

__all__ = ["Post", "Receiver"]


@dataclass(slots=True)
class Receiver:
    """Takes webhooks; answers as told.

    Attributes:
        statuses: Of the next answers; then 200.
    """

    statuses: list[int] = field(default_factory=list)
    server: ScriptedServer = field(default_factory=lambda: ScriptedServer(""))

    def answer(self, _: Request) -> Reply:
        return Reply(status=self.statuses.pop(0) if self.statuses else 200)

    def told(self, path: str = "/ops") -> list[str]:
        """What was sent to a path, each as phases and subjects."""
        return [
            ", ".join(f"{alert['phase']} {alert['subject']}" for alert in request.json["alerts"])
            for request in self.server.requests
            if request.path == path
        ]


@dataclass(slots=True)
class Post:
    """Agencies, their alerts and channels, and the delivery."""

    database: Database
    receiver: Receiver
    now: dt.datetime = NOON
    vault: Vault = field(default_factory=lambda: Vault(MasterKey(b"m" * 32)))
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1000))

    def ids(self) -> uuid.UUID:
        return uuid.UUID(int=next(self.numbers))

    def delivery(self, **parts: Any) -> AlertDelivery:
        """The delivery of one process."""
        known: dict[str, Any] = {
            "database": self.database,
            "doors": Doors(self.database),
            "vault": self.vault,
            "exclusive": Exclusive(self.database, "alerts"),
            "sender": AlertSender(public_only=False),
            "clock": lambda: self.now,
            "ids": self.ids,
        }
        return AlertDelivery(**{**known, **parts})

    async def pass_time(self, *, every: dt.timedelta, **later: float) -> None:
        """Let time pass, and deliver every so often."""
        until = self.now + dt.timedelta(**later)
        while self.now < until:
            self.now = min(self.now + every, until)
            await self.delivery().deliver_due()

    async def deliver_after(self, **later: float) -> int:
        """Let time pass, then deliver once."""
        self.now += dt.timedelta(**later)
        return await self.delivery().deliver_due()

    async def agency(self, slug: str = "northwind", clients: int = 2) -> TenantId:
        """An agency; the client of number n has the id n and the name `Client n`."""
        tenant_id = TenantId(self.ids())
        profile = TenantProfile(tenant_id, slug, slug.title(), "EUR", "Europe/Berlin", NOON)
        key = await self.vault.create_tenant_key(tenant_id)
        await Doors(self.database).create_tenant(profile, wrapped_data_key=key)
        async with self.database.session(tenant_id) as session:
            session.add_all(
                Client(
                    id=ClientId(uuid.UUID(int=number)),
                    slug=f"client-{number}",
                    name=f"Client {number}",
                    currency="EUR",
                    time_zone="Europe/Berlin",
                    created_at=NOON,
                )
                for number in range(1, clients + 1)
            )
        return tenant_id

    async def channel(
        self, agency: TenantId, name: str = "ops", target: Target | None = None, **changed: Any
    ) -> uuid.UUID:
        """A channel; without a target it leads to the receiver's path of that name."""
        url = f"{self.receiver.server.url}/{name}"
        leads_to = target or WebhookTarget("receiver", Secret(url), Secret(""))
        channel_id = self.ids()
        async with self.database.session(agency) as session:
            settings, sealed = await seal_target(self.vault, session, channel_id, leads_to)
            given: dict[str, Any] = {
                "alert_kinds": None,
                "lowest_severity": AlertSeverity.INFO,
                "client_ids": None,
                "secrets": sealed,
            }
            session.add(
                AlertChannel(
                    id=channel_id,
                    kind=leads_to.kind,
                    name=name,
                    settings=settings,
                    created_at=self.now,
                    **{**given, **changed},
                )
            )
        return channel_id

    async def raise_(self, agency: TenantId, subject: str = "a", **changed: Any) -> None:
        """Google Ads does not answer, for client 1."""
        words: dict[str, Any] = {
            "kind": AlertKind.SYNC_FAILED,
            "severity": AlertSeverity.WARNING,
            "subject": subject,
            "client_id": ClientId(uuid.UUID(int=1)),
            "title": "Google Ads does not answer",
            "text": "",
        }
        async with self.database.session(agency) as session:
            alert = Alert(**{**words, **changed})
            await raise_alert(session, alert, now=self.now, ids=self.ids)

    async def clear(self, agency: TenantId, subject: str = "a") -> None:
        async with self.database.session(agency) as session:
            assert await clear_alert(session, AlertKind.SYNC_FAILED, subject, now=self.now)

    async def messages(self, agency: TenantId) -> list[AlertMessage]:
        """All messages, oldest first."""
        async with self.database.session(agency) as session:
            query = select(AlertMessage).order_by(AlertMessage.composed_at, AlertMessage.id)
            return list((await session.scalars(query)).all())

    async def unsettled(self, agency: TenantId) -> list[str]:
        """Subjects of alerts of which more may have to be told."""
        async with self.database.session(agency) as session:
            query = select(RaisedAlert.subject).where(RaisedAlert.settled_at.is_(None))
            return list((await session.scalars(query.order_by(RaisedAlert.subject))).all())


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    async with serve(made.answer) as server:
        made.server = server
        yield made


@pytest.fixture
async def another_process(database_url: str) -> AsyncIterator[Callable[[], Database]]:
    """The same control plane, as other processes see it."""
    opened: list[Database] = []

    def open_database() -> Database:
        opened.append(Database(DatabaseConfig(database_url, pool_size=6, overflow=0)))
        return opened[-1]

    yield open_database
    for database in opened:
        await database.close()


@pytest.fixture
async def post(another_process: Callable[[], Database], receiver: Receiver) -> Post:
    return Post(another_process(), receiver)

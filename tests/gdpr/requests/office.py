"""An agency with a client and a shop, whose people can be known, and a desk with a clock."""

import datetime as dt
import hashlib
import itertools
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import select

from domain.ids import ClientId, ConnectionId, TenantId
from domain.privacy.identifiers import Identifier, email
from domain.privacy.rights import IdentityLevel, IntakeChannel, Right
from gdpr.requests.book import RequestBook
from gdpr.requests.decisions import DecisionDesk
from gdpr.requests.desk import ReceivedRequest, RequestDesk
from gdpr.requests.holds import HoldDesk
from gdpr.requests.identity import IdentityDesk
from gdpr.requests.intake import Intake
from gdpr.requests.letters import Letter, Letters
from gdpr.requests.services import RequestServices
from tenancy.privacy.subjects import match, observe
from tenancy.session import Database, DatabaseConfig
from tenancy.tables import (
    AuditEntry,
    Client,
    Connection,
    ConnectionState,
    RequestEvent,
    SubjectRequest,
    Tenant,
)
from tenancy.vault import MasterKey, TenantKey, Vault
from tests.fakes.fake_messenger import FakeMessenger

__all__ = ["ACME", "ADA", "ANN", "BEN", "MONDAY", "OTHER", "SHOP", "Office", "office"]

AGENCY, OTHER = TenantId(uuid.UUID(int=1)), TenantId(uuid.UUID(int=2))
ACME, SHOP = ClientId(uuid.UUID(int=3)), ConnectionId(uuid.UUID(int=4))
MONDAY = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
ANN, BEN = "user:ann", "user:ben"
ADA = email("ada@northwind.example")


@dataclass(slots=True)
class Office:
    """The desk's parts over a real database.

    Attributes:
        now: What its clock says.
        mail: Takes what is sent.
    """

    services: RequestServices
    key: TenantKey
    now: dt.datetime = MONDAY
    tenant_id: TenantId = AGENCY
    mail: FakeMessenger = field(default_factory=FakeMessenger)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1000))

    @property
    def database(self) -> Database:
        return self.services.database

    @property
    def desk(self) -> RequestDesk:
        return RequestDesk(self.services)

    @property
    def book(self) -> RequestBook:
        return RequestBook(self.services)

    @property
    def decisions(self) -> DecisionDesk:
        return DecisionDesk(self.services)

    @property
    def identity(self) -> IdentityDesk:
        return IdentityDesk(self.services, self.mail)

    @property
    def holds(self) -> HoldDesk:
        return HoldDesk(self.services)

    @property
    def letters(self) -> Letters:
        return Letters(self.services, self.mail)

    async def letters_of(self, request_id: uuid.UUID) -> list[Letter]:
        async with self.database.session(self.tenant_id) as session:
            return await self.letters.list_of(session, request_id)

    def clock(self) -> dt.datetime:
        return self.now

    def ids(self) -> uuid.UUID:
        return uuid.UUID(int=next(self.numbers))

    def random_bytes(self, count: int) -> bytes:
        return hashlib.shake_128(str(next(self.numbers)).encode()).digest(count)

    def wait(self, **delta: float) -> None:
        self.now += dt.timedelta(**delta)

    def intake(self, right: Right = Right.ACCESS, *identifiers: Identifier, **more: Any) -> Intake:
        """Something that a person asks for by the form, now."""
        plain = Intake(
            client_id=ACME,
            right=right,
            channel=IntakeChannel.FORM,
            identifiers=identifiers or (ADA,),
            received_at=self.now,
            requested_by="person",
        )
        return replace(plain, **more)

    def redact(self, *identifiers: Identifier, **more: Any) -> Intake:
        """What Shopify signs."""
        signed = {
            "channel": IntakeChannel.SHOPIFY,
            "identity": IdentityLevel.VOUCHED,
            "requested_by": "shopify",
        }
        return self.intake(Right.ERASURE, *identifiers, **{**signed, **more})

    async def receive(self, intake: Intake) -> ReceivedRequest:
        return await self.desk.receive(self.tenant_id, intake)

    async def know(self, *identifiers: Identifier) -> uuid.UUID:
        """Let a record show a person."""
        async with self.database.session(self.tenant_id) as session:
            await observe(
                session,
                self.services.vault,
                self.key,
                ACME,
                [identifiers],
                ids=self.ids,
                now=self.now,
            )
        async with self.database.session(self.tenant_id) as session:
            names = self.names(*identifiers)
            (found,) = await match(session, names)
        return found

    def names(self, *identifiers: Identifier) -> list[str]:
        from tenancy.privacy.pseudonyms import Pseudonyms  # noqa: PLC0415

        return [Pseudonyms.under(self.key).of(ACME, one) for one in identifiers]

    async def row(self, request_id: uuid.UUID) -> SubjectRequest:
        async with self.database.session(self.tenant_id) as session:
            return await session.get_one(SubjectRequest, (self.tenant_id, request_id))

    async def events(self, request_id: uuid.UUID) -> list[str]:
        """Kinds of what happened, oldest first; the audit trail tells the same."""
        async with self.database.session(self.tenant_id) as session:
            events = (
                await session.scalars(
                    select(RequestEvent)
                    .where(RequestEvent.request_id == request_id)
                    .order_by(RequestEvent.at, RequestEvent.id)
                )
            ).all()
            audited = (
                await session.execute(
                    select(AuditEntry.action, AuditEntry.actor, AuditEntry.details)
                    .where(AuditEntry.object_id == str(request_id))
                    .order_by(AuditEntry.sequence)
                )
            ).all()
        told = [(f"subject_request.{one.kind}", one.actor, one.details) for one in events]
        assert [tuple(one) for one in audited] == told
        return [one.kind for one in events]


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    """An agency of the name North with the client Acme, and another agency."""
    database = Database(DatabaseConfig(database_url, pool_size=8, overflow=8))
    vault = Vault(MasterKey(b"m" * 32))
    wrapped = {one: await vault.create_tenant_key(one) for one in (AGENCY, OTHER)}
    for tenant_id, slug in ((AGENCY, "north"), (OTHER, "south")):
        async with database.session(tenant_id) as session:
            session.add(
                Tenant(
                    id=tenant_id,
                    slug=slug,
                    name=slug.title(),
                    currency="EUR",
                    time_zone="Europe/Berlin",
                    wrapped_data_key=wrapped[tenant_id],
                    created_at=MONDAY,
                )
            )
    async with database.session(AGENCY) as session:
        session.add(
            Client(
                id=ACME,
                slug="acme",
                name="Acme",
                currency="EUR",
                time_zone="Europe/Berlin",
                created_at=MONDAY,
            )
        )
        await session.flush()
        session.add(
            Connection(
                id=SHOP,
                client_id=ACME,
                source="shopify",
                account_id="acme.myshopify.com",
                label="",
                settings={},
                credentials=None,
                state=ConnectionState.ACTIVE,
                start_date=MONDAY.date(),
                created_at=MONDAY,
            )
        )
    key = await vault.open_tenant_key(AGENCY, wrapped[AGENCY])
    opened = Office(None, key)  # type: ignore[arg-type]  # made of the office's own clock, below
    opened.services = RequestServices(
        database, vault, opened.clock, opened.ids, opened.random_bytes
    )
    yield opened
    await database.close()

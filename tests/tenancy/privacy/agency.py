"""An agency with two clients and three shops, and what opens its people."""

import datetime as dt
import itertools
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from domain.ids import ClientId, ConnectionId, TenantId
from domain.privacy.identifiers import Identifier
from domain.privacy.rights import (
    IdentityLevel,
    IntakeChannel,
    ProcessingRole,
    RequestState,
    Right,
)
from tenancy.privacy.pseudonyms import Pseudonyms
from tenancy.privacy.subjects import observe
from tenancy.session import Database, DatabaseConfig, TenantSession
from tenancy.tables import Client, Connection, ConnectionState, SubjectRequest, Tenant
from tenancy.vault import MasterKey, TenantKey, Vault

__all__ = [
    "ACME",
    "BOLT",
    "BOLT_SHOP",
    "NOON",
    "OTHER_SHOP",
    "REQUEST",
    "SHOP",
    "People",
    "people",
]

AGENCY = TenantId(uuid.UUID(int=1))
ACME, BOLT = ClientId(uuid.UUID(int=2)), ClientId(uuid.UUID(int=3))
SHOP, OTHER_SHOP, BOLT_SHOP = (ConnectionId(uuid.UUID(int=number)) for number in (4, 5, 6))
REQUEST = uuid.UUID(int=7)
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
VAULT = Vault(MasterKey(b"m" * 32))


@dataclass(slots=True)
class People:
    """The people of the agency, and the parts that work on them."""

    database: Database
    key: TenantKey
    vault: Vault = VAULT
    tenant_id: TenantId = AGENCY
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(100))

    @property
    def names(self) -> Pseudonyms:
        return Pseudonyms.under(self.key)

    def ids(self) -> uuid.UUID:
        return uuid.UUID(int=next(self.numbers))

    async def observe(
        self,
        *groups: Iterable[Identifier],
        client_id: ClientId = ACME,
        now: dt.datetime = NOON,
    ) -> None:
        """Note what records showed, in a transaction of its own."""
        async with self.database.session(self.tenant_id) as session:
            await self.observe_in(session, *groups, client_id=client_id, now=now)

    async def observe_in(
        self,
        session: TenantSession,
        *groups: Iterable[Identifier],
        client_id: ClientId = ACME,
        now: dt.datetime = NOON,
    ) -> None:
        """Note what records showed, in a transaction that is under way."""
        shown = [tuple(group) for group in groups]
        await observe(session, self.vault, self.key, client_id, shown, ids=self.ids, now=now)


@pytest.fixture
async def people(database_url: str) -> AsyncIterator[People]:
    """The agency, with a request for erasure, and connections for four at once."""
    opened = Database(DatabaseConfig(database_url, pool_size=4, overflow=0))
    wrapped = await VAULT.create_tenant_key(AGENCY)
    async with opened.session(AGENCY) as session:
        session.add(
            Tenant(
                id=AGENCY,
                slug="north",
                name="North",
                currency="EUR",
                time_zone="Europe/Berlin",
                wrapped_data_key=wrapped,
                created_at=NOON,
            )
        )
        await session.flush()
        for client_id, slug in ((ACME, "acme"), (BOLT, "bolt")):
            session.add(
                Client(
                    id=client_id,
                    slug=slug,
                    name=slug,
                    currency="EUR",
                    time_zone="Europe/Berlin",
                    created_at=NOON,
                )
            )
        await session.flush()
        session.add_all(
            _shop(*one) for one in ((SHOP, ACME), (OTHER_SHOP, ACME), (BOLT_SHOP, BOLT))
        )
        session.add(_request())
    yield People(opened, await VAULT.open_tenant_key(AGENCY, wrapped))
    await opened.close()


def _shop(connection_id: ConnectionId, client_id: ClientId) -> Connection:
    return Connection(
        id=connection_id,
        client_id=client_id,
        source="shopify",
        account_id=str(connection_id),
        label="",
        settings={},
        credentials=None,
        state=ConnectionState.ACTIVE,
        start_date=NOON.date(),
        created_at=NOON,
    )


def _request() -> SubjectRequest:
    return SubjectRequest(
        id=REQUEST,
        client_id=ACME,
        right=Right.ERASURE,
        channel=IntakeChannel.DESK,
        role=ProcessingRole.PROCESSOR,
        state=RequestState.RUNNING,
        identity=IdentityLevel.VOUCHED,
        fingerprint=b"f",
        pseudonyms=[],
        scope={},
        policy="1",
        received_at=NOON,
        due_at=NOON,
        requested_by="user:ann",
    )

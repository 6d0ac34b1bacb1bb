"""Two agencies with people in them: real PostgreSQL, a vault, a clock that moves when told."""

import datetime as dt
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from api.identity.sessions import Sessions
from domain.ids import ClientId, TenantId
from tenancy.session import Database
from tenancy.tables import AuditEntry, Client, Membership, MembershipClient, Role, User
from tenancy.unscoped import Doors, TenantProfile
from tenancy.vault import MasterKey, Vault

__all__ = ["ISSUER", "START", "Agency", "FakeClock", "World", "northwind", "southwind", "world"]

ISSUER = "https://bosco.example"
START = dt.datetime(2026, 3, 16, 9, 30, tzinfo=dt.UTC)


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
    """An agency.

    Attributes:
        clients: Ids by slug.
    """

    tenant_id: TenantId
    slug: str
    clients: dict[str, ClientId]


@dataclass(slots=True)
class World:
    """What people live in."""

    database: Database
    doors: Doors
    vault: Vault
    clock: FakeClock
    ids: Callable[[], uuid.UUID]
    random_bytes: Callable[[int], bytes]
    sessions: Sessions
    _people: dict[str, uuid.UUID] = field(default_factory=dict)

    async def add_agency(self, slug: str, *clients: str) -> Agency:
        """An agency and its clients."""
        tenant_id = TenantId(self.ids())
        await self.doors.create_tenant(
            TenantProfile(
                tenant_id, slug, f"{slug.title()} & Co", "EUR", "Europe/Berlin", self.clock()
            ),
            wrapped_data_key=await self.vault.create_tenant_key(tenant_id),
        )
        made = {client: ClientId(self.ids()) for client in clients}
        async with self.database.session(tenant_id) as session:
            for client, client_id in made.items():
                session.add(
                    Client(
                        id=client_id,
                        slug=client,
                        name=client.title(),
                        currency="EUR",
                        time_zone="Europe/Berlin",
                        created_at=self.clock(),
                    )
                )
        return Agency(tenant_id, slug, made)

    async def add_person(
        self,
        agency: Agency,
        email: str,
        *roles: Role,
        clients: tuple[str, ...] = (),
        name: str = "Ada Lovelace",
    ) -> uuid.UUID:
        """A person with these roles, each at those clients (none: at all)."""
        user_id = self.ids()
        async with self.database.session(agency.tenant_id) as session:
            session.add(
                User(
                    id=user_id,
                    email=email,
                    name=name,
                    created_at=self.clock(),
                    deactivated_at=None,
                )
            )
            await session.flush()
            for role in roles:
                membership_id = self.ids()
                session.add(Membership(id=membership_id, user_id=user_id, role=role))
                await session.flush()
                for client in clients:
                    session.add(
                        MembershipClient(
                            membership_id=membership_id, client_id=agency.clients[client]
                        )
                    )
        return user_id

    async def sign_in(
        self,
        agency: Agency,
        user_id: uuid.UUID,
        *,
        methods: tuple[str, ...] = ("pwd",),
        browser: str = "Firefox on Linux",
    ) -> str:
        """A cookie of a person."""
        async with self.database.session(agency.tenant_id) as session:
            return await self.sessions.start(session, user_id, methods=methods, browser=browser)

    async def deactivate(self, agency: Agency, user_id: uuid.UUID) -> None:
        """Put a person out, and nothing else."""
        async with self.database.session(agency.tenant_id) as session:
            user = await session.get_one(User, (agency.tenant_id, user_id))
            user.deactivated_at = self.clock()

    async def audited(self, agency: Agency) -> list[tuple[str, str, str]]:
        """Actor, action and object of every entry, in order."""
        async with self.database.session(agency.tenant_id) as session:
            entries = await session.scalars(select(AuditEntry).order_by(AuditEntry.id))
            return [(one.actor, one.action, one.object_id) for one in entries]


@pytest.fixture
def world(database: Database) -> World:
    """Nobody is in it."""
    numbers, secrets = itertools.count(1), itertools.count(1)

    def ids() -> uuid.UUID:
        return uuid.UUID(int=(0x0193 << 112) | next(numbers))

    def random_bytes(count: int) -> bytes:
        return next(secrets).to_bytes(count)

    clock = FakeClock()
    return World(
        database=database,
        doors=Doors(database),
        vault=Vault(MasterKey(bytes(32))),
        clock=clock,
        ids=ids,
        random_bytes=random_bytes,
        sessions=Sessions(database, clock, ids, random_bytes),
    )


@pytest.fixture
async def northwind(world: World) -> Agency:
    """An agency with the clients acme and bolt."""
    return await world.add_agency("northwind", "acme", "bolt")


@pytest.fixture
async def southwind(world: World) -> Agency:
    """Another agency, with the client zeta."""
    return await world.add_agency("southwind", "zeta")

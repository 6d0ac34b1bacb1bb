"""An inbox of two agencies that have the same shop: real PostgreSQL, a clock of ours."""

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from domain.errors import BoscoError
from domain.ids import ConnectionId, TenantId
from domain.privacy.rights import ProcessingRole, RequestState
from gdpr.inbound.filing import Filing
from gdpr.inbound.inbox import Inbox
from gdpr.requests.desk import ReceivedRequest
from gdpr.requests.intake import Intake
from tenancy.session import TenantSession
from tenancy.tables import (
    Connection,
    ConnectionState,
    PrivacyMessage,
    RaisedAlert,
    SubjectRequest,
)
from tests.api.identity.world import Agency, World, northwind, southwind, world

__all__ = ["FakeDesk", "Post", "northwind", "post", "southwind", "world"]


@dataclass(slots=True)
class FakeDesk:
    """Keeps what it is given, as rows and as intakes.

    Attributes:
        failures: Raised by the next calls, before anything is kept.
        crash: Raised by the next call, after the request was kept.
    """

    ids: Callable[[], uuid.UUID]
    taken: list[tuple[TenantId, Intake]] = field(default_factory=list)
    failures: list[BoscoError] = field(default_factory=list)
    crash: Exception | None = None

    async def receive_in(self, session: TenantSession, intake: Intake) -> ReceivedRequest:
        if self.failures:
            raise self.failures.pop(0)
        request_id = self.ids()
        session.add(request_row(request_id, intake))
        await session.flush()
        if self.crash is not None:
            crash, self.crash = self.crash, None
            raise crash
        self.taken.append((session.tenant_id, intake))
        return ReceivedRequest(request_id, "req_1", RequestState.RECEIVED, is_new=True)


def request_row(request_id: uuid.UUID, intake: Intake) -> SubjectRequest:
    return SubjectRequest(
        id=request_id,
        client_id=intake.client_id,
        right=intake.right,
        channel=intake.channel,
        role=ProcessingRole.PROCESSOR,
        state=RequestState.RECEIVED,
        identity=intake.identity,
        fingerprint=request_id.bytes,
        external_ref=intake.external_ref,
        pseudonyms=[],
        scope=dict(intake.scope),
        policy="test",
        received_at=intake.received_at,
        due_at=intake.received_at + dt.timedelta(days=30),
        requested_by=intake.requested_by,
    )


@dataclass(slots=True)
class Post:
    """The inbox, and what is behind it."""

    world: World
    desk: FakeDesk

    @property
    def inbox(self) -> Inbox:
        world = self.world
        return Inbox(world.database, world.doors, world.vault, world.clock, world.ids)

    @property
    def filing(self) -> Filing:
        world = self.world
        return Filing(world.database, world.doors, world.vault, self.desk, world.clock, world.ids)

    async def connect(
        self,
        agency: Agency,
        client: str,
        source: str,
        account_id: str,
        granted_by: str | None = None,
    ) -> ConnectionId:
        """A connection whose credentials work."""
        connection_id = ConnectionId(self.world.ids())
        async with self.world.database.session(agency.tenant_id) as session:
            session.add(
                Connection(
                    id=connection_id,
                    client_id=agency.clients[client],
                    source=source,
                    account_id=account_id,
                    label=account_id,
                    settings={},
                    credentials=b"sealed",
                    credentials_version=1,
                    connected_at=self.world.clock(),
                    granted_by=granted_by,
                    state=ConnectionState.ACTIVE,
                    start_date=self.world.clock().date(),
                    created_at=self.world.clock(),
                )
            )
        return connection_id

    async def connection(self, agency: Agency, connection_id: ConnectionId) -> Connection:
        async with self.world.database.session(agency.tenant_id) as session:
            return await session.get_one(Connection, (agency.tenant_id, connection_id))

    async def messages(self, agency: Agency) -> list[PrivacyMessage]:
        async with self.world.database.session(agency.tenant_id) as session:
            return list(await session.scalars(select(PrivacyMessage).order_by(PrivacyMessage.id)))

    async def alerts(self, agency: Agency) -> list[tuple[str, str, bool]]:
        """Title, text and openness."""
        async with self.world.database.session(agency.tenant_id) as session:
            rows = await session.scalars(select(RaisedAlert).order_by(RaisedAlert.id))
            return [(row.title, row.details, row.cleared_at is None) for row in rows]


@pytest.fixture
def post(world: World) -> Post:
    return Post(world, FakeDesk(world.ids))

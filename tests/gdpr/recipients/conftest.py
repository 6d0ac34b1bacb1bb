"""An agency whose client has given data to others: real PostgreSQL, a scripted notifier."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from domain.ids import ConnectionId
from domain.privacy.identifiers import Identifier, IdentifierKind
from domain.privacy.recipients import Answered, RecipientAnswer, RecipientKind, Telling
from domain.privacy.rights import IdentityLevel, IntakeChannel, Right
from gdpr.recipients.delivery import NoticeDelivery
from gdpr.recipients.desk import NewRecipient, RecipientDesk
from gdpr.recipients.outbox import tell_recipients
from gdpr.requests.intake import Intake
from tenancy.tables import NoticeState, RaisedAlert, RecipientNotice
from tests.api.identity.world import Agency, World, northwind, southwind, world
from tests.gdpr.inbound.conftest import request_row

__all__ = ["ADA", "Office", "ScriptedNotifier", "northwind", "office", "southwind", "world"]

CONNECTION = ConnectionId(uuid.UUID(int=5))
ADA = (
    Identifier(IdentifierKind.EMAIL, "ada@example.com"),
    Identifier(IdentifierKind.PHONE, "+4930901820"),
    Identifier(IdentifierKind.PLATFORM, "191167", CONNECTION),
    Identifier(IdentifierKind.ORDER, "299938", CONNECTION),
)
INPUTS: Mapping[RecipientKind, tuple[dict[str, str], dict[str, str]]] = {
    RecipientKind.WEBHOOK: ({"url": "https://p.example/"}, {"signing_secret": "whsec_AAAA"}),
    RecipientKind.KLAVIYO: ({}, {"api_key": "pk_1"}),
    RecipientKind.HUBSPOT: ({}, {"access_token": "pat-1"}),
    RecipientKind.META_AUDIENCE: ({"audience": "120208749119170125"}, {"access_token": "EAA"}),
    RecipientKind.TIKTOK_AUDIENCE: (
        {"advertiser": "7012345678901234567", "audience": "167290896"},
        {"access_token": "tt-1"},
    ),
    RecipientKind.GOOGLE_AUDIENCE: (
        {"account": "1234567890", "audience": "9876543210"},
        {"client_id": "c", "client_secret": "s", "refresh_token": "r"},
    ),
    RecipientKind.GA4: (
        {"property": "123", "id_type": "USER_ID"},
        {"client_id": "c", "client_secret": "s", "refresh_token": "r"},
    ),
}


@dataclass(slots=True)
class ScriptedNotifier:
    """Remembers what it is told to tell.

    Attributes:
        answers: The next ones; then `CONFIRMED`.
        crash: Raised by the next call, after it was told.
    """

    told: list[Telling] = field(default_factory=list)
    answers: list[RecipientAnswer] = field(default_factory=list)
    crash: BaseException | None = None

    async def tell(self, telling: Telling) -> RecipientAnswer:
        self.told.append(telling)
        if self.crash is not None:
            crash, self.crash = self.crash, None
            raise crash
        if self.answers:
            return self.answers.pop(0)
        return RecipientAnswer(Answered.CONFIRMED, 204)


@dataclass(slots=True)
class Office:
    """Who tells."""

    world: World
    notifier: ScriptedNotifier = field(default_factory=ScriptedNotifier)
    kinds: dict[uuid.UUID, RecipientKind] = field(default_factory=dict)

    @property
    def desk(self) -> RecipientDesk:
        world = self.world
        return RecipientDesk(world.database, world.vault, world.clock, world.ids)

    @property
    def delivery(self) -> NoticeDelivery:
        world = self.world
        return NoticeDelivery(
            world.database, world.doors, world.vault, self.notifier, world.clock, world.ids
        )

    async def add(
        self, agency: Agency, client: str, kind: RecipientKind, name: str = ""
    ) -> uuid.UUID:
        settings, secrets = INPUTS[kind]
        new = NewRecipient(agency.clients[client], kind, name or kind.value, settings, secrets)
        recipient_id = await self.desk.add(agency.tenant_id, new, actor="cli:ops")
        self.kinds[recipient_id] = kind
        return recipient_id

    async def request(self, agency: Agency, client: str, right: Right = Right.ERASURE) -> uuid.UUID:
        """A request that stands."""
        request_id = self.world.ids()
        intake = Intake(
            client_id=agency.clients[client],
            right=right,
            channel=IntakeChannel.DESK,
            identifiers=ADA,
            received_at=self.world.clock(),
            requested_by="cli:ops",
            identity=IdentityLevel.VOUCHED,
        )
        async with self.world.database.session(agency.tenant_id) as session:
            session.add(request_row(request_id, intake))
        return request_id

    async def tell(self, agency: Agency, request_id: uuid.UUID) -> list[uuid.UUID]:
        async with self.world.database.session(agency.tenant_id) as session:
            return await tell_recipients(
                session,
                request_id,
                ADA,
                vault=self.world.vault,
                now=self.world.clock(),
                ids=self.world.ids,
            )

    async def notice(self, agency: Agency, notice_id: uuid.UUID) -> RecipientNotice:
        async with self.world.database.session(agency.tenant_id) as session:
            return await session.get_one(RecipientNotice, (agency.tenant_id, notice_id))

    async def deliver_to_the_end(
        self, agency: Agency, notice_id: uuid.UUID
    ) -> tuple[RecipientNotice, list[dt.timedelta], list[int], set[str | None]]:
        """Go from attempt to attempt until a notice has ended.

        Returns:
            The notice, and of every attempt that did not end it: how long until the next one, how
            many alerts there were, and each failure.
        """
        waits: list[dt.timedelta] = []
        alerts: list[int] = []
        failures: set[str | None] = set()
        while True:
            await self.delivery.deliver_due()
            notice = await self.notice(agency, notice_id)
            if notice.state is not NoticeState.WAITING:
                return notice, waits, alerts, failures
            failures.add(notice.failure)
            waits.append(notice.next_attempt_at - self.world.clock())
            alerts.append(len(await self.alerts(agency)))
            self.world.clock.now = notice.next_attempt_at

    async def alerts(self, agency: Agency) -> list[tuple[str, str, bool]]:
        """Severity, text and openness."""
        async with self.world.database.session(agency.tenant_id) as session:
            rows = await session.scalars(select(RaisedAlert).order_by(RaisedAlert.id))
            return [(row.severity.value, row.details, row.cleared_at is None) for row in rows]


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)

"""Rounds in the background do not wait for recipients, and outlive bugs that one of them meets."""

import asyncio
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from api.privacy.rounds import PrivacyRounds
from domain.privacy.recipients import Answered, RecipientAnswer, RecipientKind, Telling
from gdpr.inbound.filing import Filing
from gdpr.recipients.delivery import NoticeDelivery
from tests.api.identity.world import Agency
from tests.gdpr.inbound.conftest import FakeDesk
from tests.gdpr.recipients.conftest import Office, northwind, office, world

__all__ = ["northwind", "office", "world"]

pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class Odd:
    """Meets a bug at one recipient, gets no answer of another one, and tells the third."""

    told: asyncio.Queue[RecipientKind] = field(default_factory=asyncio.Queue)

    async def tell(self, telling: Telling) -> RecipientAnswer:
        await self.told.put(telling.kind)
        if telling.kind is RecipientKind.HUBSPOT:
            raise ZeroDivisionError
        if telling.kind is RecipientKind.WEBHOOK:
            await asyncio.Event().wait()
        return RecipientAnswer(Answered.CONFIRMED, 204)


async def test_no_round_waits_for_a_recipient(office: Office, northwind: Agency) -> None:
    world = office.world
    for kind in (RecipientKind.WEBHOOK, RecipientKind.HUBSPOT, RecipientKind.KLAVIYO):
        await office.add(northwind, "acme", kind)
    await office.tell(northwind, await office.request(northwind, "acme"))
    notifier, further = Odd(), asyncio.Event()
    parts = (world.database, world.doors, world.vault)
    rounds = PrivacyRounds(
        Filing(*parts, FakeDesk(world.ids), world.clock, world.ids),
        NoticeDelivery(*parts, notifier, world.clock, world.ids),
    )

    async def sleep(seconds: float) -> None:
        assert seconds == 3.0
        await further.wait()

    with capture_logs() as lines:
        async with asyncio.timeout(20), rounds.running(sleep):
            assert {await notifier.told.get() for _ in range(3)} == {
                RecipientKind.WEBHOOK,
                RecipientKind.HUBSPOT,
                RecipientKind.KLAVIYO,
            }
            await office.tell(northwind, await office.request(northwind, "acme"))
            further.set()
            assert await notifier.told.get() is RecipientKind.KLAVIYO
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        "recipient_lane_failed"
    ]

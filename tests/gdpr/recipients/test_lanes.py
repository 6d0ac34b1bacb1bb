"""A recipient that does not answer keeps nobody else waiting; each is told in order."""

import asyncio
import uuid
from collections import Counter
from dataclasses import dataclass, field

import pytest

from domain.privacy.recipients import Answered, RecipientAnswer, RecipientKind, Telling
from gdpr.recipients.delivery import NoticeDelivery
from tenancy.tables import NoticeState
from tests.api.identity.world import Agency
from tests.gdpr.recipients.conftest import Office

pytestmark = pytest.mark.anyio

DOWN = RecipientAnswer(Answered.UNREACHED, 503, "it answered 503")
KIND = RecipientKind.KLAVIYO


@dataclass(slots=True)
class SlowHere:
    """Does not get done with recipients of one kind before it is released."""

    slow: RecipientKind
    entered: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    release: asyncio.Event = field(default_factory=asyncio.Event)
    others: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    told: list[uuid.UUID] = field(default_factory=list)

    async def tell(self, telling: Telling) -> RecipientAnswer:
        if telling.kind is self.slow:
            self.entered.release()
            await self.release.wait()
        self.told.append(telling.key)
        if telling.kind is not self.slow:
            self.others.release()
        return RecipientAnswer(Answered.CONFIRMED, 204)


def delivery_by(office: Office, notifier: SlowHere) -> NoticeDelivery:
    world = office.world
    return NoticeDelivery(
        world.database, world.doors, world.vault, notifier, world.clock, world.ids
    )


async def told_of(office: Office, agency: Agency, kinds: dict[uuid.UUID, RecipientKind]) -> None:
    """One more request of which all recipients are told."""
    request_id = await office.request(agency, "acme")
    notices = await office.tell(agency, request_id)
    for notice_id in notices:
        notice = await office.notice(agency, notice_id)
        kinds[notice_id] = office.kinds[notice.recipient_id]
    office.world.clock.advance(seconds=1)


async def test_a_slow_recipient_keeps_nobody_waiting_and_is_told_in_order(
    office: Office, northwind: Agency
) -> None:
    for kind in (RecipientKind.WEBHOOK, KIND, RecipientKind.HUBSPOT):
        await office.add(northwind, "acme", kind)
    kinds: dict[uuid.UUID, RecipientKind] = {}
    await told_of(office, northwind, kinds)
    await told_of(office, northwind, kinds)
    notifier = SlowHere(RecipientKind.WEBHOOK)
    delivery = delivery_by(office, notifier)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        lanes = await delivery.open_lanes(lambda lane: group.create_task(lane()))
        assert len(lanes) == 3
        await notifier.entered.acquire()
        for _ in range(4):
            await notifier.others.acquire()
        await told_of(office, northwind, kinds)
        await asyncio.gather(*(lane for lane in lanes if not lane.done() and lane is not lanes[0]))
        again = await delivery.open_lanes(lambda lane: group.create_task(lane()))
        assert len(again) == 2  # none for the slow one
        for _ in range(2):
            await notifier.others.acquire()
        assert Counter(kinds[one] for one in notifier.told) == {KIND: 3, RecipientKind.HUBSPOT: 3}
        assert await delivery_by(office, notifier).deliver_due() == 0  # nor in another process
        assert notifier.entered.locked()
        notifier.release.set()
    assert sum(lane.result() for lane in (*lanes, *again)) == 9
    for kind in set(kinds.values()):
        in_order = [one for one in kinds if kinds[one] is kind]
        assert [one for one in notifier.told if kinds[one] is kind] == in_order
    for notice_id in kinds:
        notice = await office.notice(northwind, notice_id)
        assert (notice.state, notice.attempts) == (NoticeState.ACKNOWLEDGED, 1)


async def test_one_agency_does_not_take_all_lanes(
    office: Office, northwind: Agency, southwind: Agency
) -> None:
    for number in range(9):
        await office.add(northwind, "acme", RecipientKind.WEBHOOK, f"slow {number}")
    await office.tell(northwind, await office.request(northwind, "acme"))
    await office.add(southwind, "zeta", KIND)
    await office.tell(southwind, await office.request(southwind, "zeta"))
    notifier = SlowHere(RecipientKind.WEBHOOK)
    delivery = delivery_by(office, notifier)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        lanes = await delivery.open_lanes(lambda lane: group.create_task(lane()))
        assert len(lanes) == 9  # eight of one, one of the other
        for _ in range(8):
            await notifier.entered.acquire()
        await notifier.others.acquire()
        again = await delivery.open_lanes(lambda lane: group.create_task(lane()))
        assert again == []
        notifier.release.set()
    assert await delivery.deliver_due() == 1  # the ninth
    assert len(notifier.told) == 10


async def test_the_round_goes_on_elsewhere_after_one_that_is_down(
    office: Office, northwind: Agency
) -> None:
    await office.add(northwind, "acme", KIND)
    kinds: dict[uuid.UUID, RecipientKind] = {}
    await told_of(office, northwind, kinds)
    await told_of(office, northwind, kinds)
    office.notifier.answers = [DOWN, DOWN]
    first, second = kinds
    for told in ([first], [first, second]):
        assert await office.delivery.deliver_due() == 0
        assert [one.key for one in office.notifier.told] == told
    assert await office.delivery.deliver_due() == 0
    assert len(office.notifier.told) == 2
    office.world.clock.advance(minutes=1)
    assert await office.delivery.deliver_due() == 2
    assert [one.key for one in office.notifier.told[2:]] == [first, second]

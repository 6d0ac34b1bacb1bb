"""Recipients that accept what they are told, and get it done later."""

import asyncio
import datetime as dt

import pytest

from domain.privacy.recipients import Answered, RecipientAnswer, RecipientKind
from gdpr.recipients.schedule import next_look
from tenancy.tables import NoticeState
from tests.api.identity.world import START, Agency
from tests.gdpr.recipients.conftest import Office

pytestmark = pytest.mark.anyio

KIND = RecipientKind.GOOGLE_AUDIENCE
AT_WORK = RecipientAnswer(Answered.ACCEPTED, 200, "it is at work", receipt="job-1")
DOWN = RecipientAnswer(Answered.UNREACHED, 503, "it answered 503")
NO = RecipientAnswer(Answered.REFUSED, 200, "it did not do it", receipt="job-1")


async def test_who_does_not_get_done_is_asked_ever_later_and_given_up(
    office: Office, northwind: Agency
) -> None:
    await office.add(northwind, "acme", KIND)
    (notice_id,) = await office.tell(northwind, await office.request(northwind, "acme"))
    office.notifier.answers = [AT_WORK] * 40
    notice, waits, alerts, _ = await office.deliver_to_the_end(northwind, notice_id)
    half_an_hour = dt.timedelta(minutes=30)
    assert waits[:7] == [half_an_hour * times for times in (1, 1, 2, 4, 8, 16, 32)]
    assert set(waits[7:]) == {dt.timedelta(days=1)}
    assert notice.state is NoticeState.FAILED
    assert dt.timedelta(days=14) <= office.world.clock() - START < dt.timedelta(days=15)
    assert alerts.index(1) == 8  # after two days
    assert [one.receipt for one in office.notifier.told[:2]] == ["", "job-1"]
    assert {one.receipt for one in office.notifier.told[2:]} == {"job-1"}


async def test_after_a_retry_it_is_told_anew_and_gets_its_full_time(
    office: Office, northwind: Agency
) -> None:
    await office.add(northwind, "acme", KIND)
    (notice_id,) = await office.tell(northwind, await office.request(northwind, "acme"))
    office.notifier.answers = [AT_WORK, NO, AT_WORK]
    await office.delivery.deliver_due()
    office.world.clock.advance(days=20)
    await office.delivery.deliver_due()
    assert (await office.notice(northwind, notice_id)).state is NoticeState.REFUSED
    assert await office.alerts(northwind) == [
        ("critical", "google_audience: it did not do it", True)
    ]
    async with office.world.database.session(northwind.tenant_id) as session:
        await office.desk.retry(session, notice_id, actor="cli:ops")
    await office.delivery.deliver_due()
    notice = await office.notice(northwind, notice_id)
    assert (notice.state, notice.receipt, notice.sent_at) == (
        NoticeState.WAITING,
        "job-1",
        office.world.clock(),
    )
    assert await office.alerts(northwind) == [
        ("critical", "google_audience: it did not do it", False)
    ]
    assert [one.receipt for one in office.notifier.told] == ["", "job-1", ""]


async def test_what_failed_at_the_platform_is_told_anew(office: Office, northwind: Agency) -> None:
    await office.add(northwind, "acme", KIND)
    (notice_id,) = await office.tell(northwind, await office.request(northwind, "acme"))
    office.notifier.answers = [AT_WORK, DOWN]
    await office.delivery.deliver_due()
    office.world.clock.advance(minutes=30)
    await office.delivery.deliver_due()
    notice = await office.notice(northwind, notice_id)
    assert (notice.state, notice.receipt) == (NoticeState.WAITING, None)
    assert notice.next_attempt_at - office.world.clock() == dt.timedelta(minutes=10)
    office.world.clock.advance(minutes=10)
    assert await office.delivery.deliver_due() == 1
    assert [one.receipt for one in office.notifier.told] == ["", "job-1", ""]


async def test_after_a_crash_it_is_asked_again(office: Office, northwind: Agency) -> None:
    await office.add(northwind, "acme", KIND)
    (notice_id,) = await office.tell(northwind, await office.request(northwind, "acme"))
    office.notifier.answers = [AT_WORK]
    await office.delivery.deliver_due()
    office.world.clock.advance(minutes=30)
    office.notifier.crash = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await office.delivery.deliver_due()
    office.world.clock.advance(minutes=2)
    assert await office.delivery.deliver_due() == 1
    assert [one.receipt for one in office.notifier.told] == ["", "job-1", "job-1"]
    assert (await office.notice(northwind, notice_id)).receipt is None  # the scripted one gave none


@pytest.mark.parametrize(
    ("elapsed", "wait"),
    [
        (dt.timedelta(), dt.timedelta(minutes=30)),
        (dt.timedelta(hours=3), dt.timedelta(hours=3)),
        (dt.timedelta(days=3), dt.timedelta(days=1)),
    ],
)
def test_the_time_between_two_looks_doubles(elapsed: dt.timedelta, wait: dt.timedelta) -> None:
    assert next_look(elapsed) == wait

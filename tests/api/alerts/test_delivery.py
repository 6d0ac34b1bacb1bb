"""From an alert to its channels: together, once, again when it fails, and quiet when it flaps."""

import asyncio
import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from api.alerts.outgoing import Outcome, Outgoing
from api.alerts.sender import AlertSender
from api.alerts.target import EmailTarget, MailSecurity, SlackTarget, Target
from domain.ids import ClientId
from tenancy.alerts import AlertKind, AlertSeverity
from tenancy.exclusive import Exclusive
from tenancy.session import Database, DatabaseConfig
from tenancy.tables import AlertChannel, AlertNotice, MessageState, NoticePhase
from tenancy.unscoped import Doors
from tenancy.vault import Secret
from tests.api.alerts.conftest import Post, Receiver
from tests.api.alerts.mail_server import MailRules, serve_mail
from tests.api.alerts.samples import NOON, at

pytestmark = pytest.mark.anyio

MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)


async def test_alerts_that_arise_together_are_one_message(post: Post, receiver: Receiver) -> None:
    agency = await post.agency(clients=12)
    await post.channel(agency)
    for number in range(1, 13):
        await post.raise_(agency, f"c{number}", client_id=ClientId(uuid.UUID(int=number)))
        assert await post.deliver_after(seconds=9) == 0
    assert await post.deliver_after(seconds=12) == 1
    (request,) = receiver.server.requests
    assert request.json["headline"] == (
        "Google Ads does not answer: Client 1, Client 10 and 10 more"
    )
    assert len(request.json["alerts"]) == 12
    assert await post.deliver_after(hours=3) == 0


async def test_what_is_over_within_the_window_is_not_told(post: Post, receiver: Receiver) -> None:
    agency = await post.agency()
    await post.channel(agency)
    await post.raise_(agency)
    post.now += MINUTE
    await post.clear(agency)
    assert await post.unsettled(agency) == ["a"]
    assert await post.deliver_after(minutes=5) == 0
    assert receiver.told() == []
    assert await post.unsettled(agency) == []


async def test_reminders_then_the_all_clear(post: Post, receiver: Receiver) -> None:
    agency = await post.agency()
    await post.channel(agency)
    await post.raise_(agency)
    await post.pass_time(every=MINUTE, minutes=3)
    await post.pass_time(every=HOUR, hours=40)
    await post.clear(agency)
    await post.pass_time(every=5 * MINUTE, minutes=30)
    messages = await post.messages(agency)
    assert receiver.told() == ["OPENED a", "REMINDER a", "REMINDER a", "REMINDER a", "CLEARED a"]
    assert [message.composed_at - NOON for message in messages] == [
        2 * MINUTE,
        4 * HOUR + 3 * MINUTE,  # four hours after the first, at the next round
        12 * HOUR + 3 * MINUTE,
        28 * HOUR + 3 * MINUTE,
        40 * HOUR + 18 * MINUTE,
    ]
    assert await post.unsettled(agency) == []
    assert await Doors(post.database).agencies_with_alerts() == []


async def test_what_flaps_is_told_once_until_it_is_quiet(post: Post, receiver: Receiver) -> None:
    agency = await post.agency()
    await post.channel(agency)
    for _ in range(9):
        await post.raise_(agency)
        await post.deliver_after(minutes=5)
        await post.clear(agency)
        await post.deliver_after(minutes=5)
    assert receiver.told() == ["OPENED a"]
    await post.pass_time(every=HOUR, minutes=234)
    assert receiver.told() == ["OPENED a"]
    await post.deliver_after(minutes=1)
    assert receiver.told() == ["OPENED a", "CLEARED a"]
    assert receiver.server.requests[-1].json["alerts"][0]["relapses"] == 8


async def test_a_relapse_after_the_all_clear_is_told_again(post: Post, receiver: Receiver) -> None:
    agency = await post.agency()
    await post.channel(agency)
    await post.raise_(agency)
    await post.deliver_after(minutes=2)
    await post.clear(agency)
    await post.deliver_after(minutes=15)
    await post.deliver_after(minutes=1)
    assert await post.unsettled(agency) == []
    await post.raise_(agency)
    await post.deliver_after(minutes=2)
    assert receiver.told() == ["OPENED a", "CLEARED a", "OPENED a"]


async def test_what_grows_worse_is_told_at_once(post: Post, receiver: Receiver) -> None:
    agency = await post.agency()
    await post.channel(agency)
    await post.channel(agency, "night", lowest_severity=AlertSeverity.CRITICAL)
    await post.raise_(agency)
    await post.deliver_after(minutes=2)
    await post.raise_(agency, severity=AlertSeverity.CRITICAL)
    await post.deliver_after(seconds=15)
    await post.deliver_after(minutes=5)
    assert receiver.told() == ["OPENED a", "OPENED a"]
    assert receiver.told("/night") == ["OPENED a"]


async def test_channels_hear_what_they_ask_for(post: Post, receiver: Receiver) -> None:
    agency = await post.agency()
    second = ClientId(uuid.UUID(int=2))
    await post.channel(agency)
    await post.channel(agency, "grave", lowest_severity=AlertSeverity.CRITICAL)
    await post.channel(agency, "quality", alert_kinds=["quality_incident"])
    await post.channel(agency, "second", client_ids=[second])
    await post.channel(agency, "gone", removed_at=NOON)
    await post.raise_(agency, "a")
    await post.raise_(agency, "b", severity=AlertSeverity.CRITICAL, client_id=second)
    await post.raise_(agency, "c", kind=AlertKind.QUALITY_INCIDENT, client_id=None)
    assert await post.deliver_after(minutes=2) == 4
    assert receiver.told() == ["OPENED a, OPENED b, OPENED c"]
    assert receiver.told("/grave") == ["OPENED b"]
    assert receiver.told("/quality") == ["OPENED c"]
    assert receiver.told("/second") == ["OPENED b"]
    assert receiver.told("/gone") == []


async def test_agencies_hear_of_their_own_alerts_only(post: Post, receiver: Receiver) -> None:
    northwind, southwind = await post.agency("northwind"), await post.agency("southwind")
    await post.channel(northwind, "north")
    await post.channel(southwind, "south")
    await post.raise_(northwind, "a")
    assert await post.deliver_after(minutes=2) == 1
    assert (receiver.told("/north"), receiver.told("/south")) == (["OPENED a"], [])


async def test_a_new_channel_hears_of_what_is_open(post: Post, receiver: Receiver) -> None:
    agency = await post.agency()
    await post.raise_(agency)
    assert await post.deliver_after(hours=1) == 0
    await post.channel(agency)
    assert await post.deliver_after(seconds=15) == 1
    assert receiver.told() == ["OPENED a"]


async def test_a_failing_channel_is_tried_again_at_growing_distances(
    post: Post, receiver: Receiver
) -> None:
    agency = await post.agency()
    await post.channel(agency)
    await post.raise_(agency)
    receiver.statuses = [500, 429, 500]
    for number, seconds in enumerate([120, 30, 60, 120]):
        await post.deliver_after(seconds=seconds - 1)
        assert len(receiver.server.requests) == number
        await post.deliver_after(seconds=1)
    assert [request.json["id"] for request in receiver.server.requests] == [
        receiver.server.requests[0].json["id"]
    ] * 4
    (message,) = await post.messages(agency)
    assert (message.state, message.attempts, message.failure) == (MessageState.SENT, 4, None)
    waited = dt.timedelta(seconds=30 + 60 + 120)
    assert message.ended_at == NOON + 2 * MINUTE + waited


async def test_a_message_is_given_up_and_the_next_one_tells_what_is_true_then(
    post: Post, receiver: Receiver
) -> None:
    agency = await post.agency()
    await post.channel(agency)
    await post.raise_(agency, "a")
    await post.raise_(agency, "b")
    receiver.statuses = [503] * 6
    for seconds in (120, 30, 60, 120, 240, 480):
        await post.deliver_after(seconds=seconds)
    (given_up,) = await post.messages(agency)
    assert (given_up.state, given_up.attempts, given_up.failure) == (
        MessageState.FAILED,
        6,
        "it answered 503",
    )
    assert given_up.ended_at == NOON + 17 * MINUTE + dt.timedelta(seconds=30)
    await post.clear(agency, "a")
    await post.raise_(agency, "c")
    await post.pass_time(every=10 * MINUTE, seconds=1799)
    assert len(receiver.server.requests) == 6
    await post.deliver_after(seconds=1)
    assert receiver.told()[5:] == ["OPENED a, OPENED b", "OPENED b, OPENED c"]


async def test_what_is_over_while_its_message_waits_gets_its_all_clear(
    post: Post, receiver: Receiver
) -> None:
    agency = await post.agency()
    await post.channel(agency)
    await post.raise_(agency)
    receiver.statuses = [500]
    await post.deliver_after(minutes=2)
    await post.clear(agency)
    await post.deliver_after(seconds=30)
    assert await post.unsettled(agency) == ["a"]
    await post.deliver_after(minutes=15)
    assert receiver.told() == ["OPENED a", "OPENED a", "CLEARED a"]
    await post.deliver_after(minutes=1)
    assert await post.unsettled(agency) == []


@dataclass(frozen=True, slots=True)
class _KilledAfterSending(AlertSender):
    """The process dies between sending a message and noting it."""

    async def send(self, target: Target, outgoing: Outgoing) -> Outcome:
        await AlertSender.send(self, target, outgoing)
        raise asyncio.CancelledError


async def test_a_crash_after_sending_repeats_it_once(post: Post, receiver: Receiver) -> None:
    agency = await post.agency()
    await post.channel(agency)
    await post.raise_(agency)
    post.now += 2 * MINUTE
    killed = post.delivery(sender=_KilledAfterSending(public_only=False))
    with pytest.raises(asyncio.CancelledError):
        await killed.deliver_due()
    assert len(receiver.server.requests) == 1
    assert await post.deliver_after(seconds=119) == 0  # it may still be on its way
    assert await post.deliver_after(seconds=1) == 1
    await post.pass_time(every=20 * MINUTE, hours=1)
    first, second = receiver.server.requests
    assert first.json == second.json
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    (message,) = await post.messages(agency)
    assert (message.state, message.attempts) == (MessageState.SENT, 2)


@pytest.mark.parametrize("locks", [("alerts", "alerts"), ("one", "two")])
async def test_two_senders_at_once_send_once(
    post: Post,
    receiver: Receiver,
    another_process: Callable[[], Database],
    locks: tuple[str, str],
) -> None:
    # With one lock they take turns; even without, a claimed message is nobody else's.
    agency = await post.agency()
    await post.channel(agency)
    await post.channel(agency, "other")
    await post.raise_(agency)
    post.now += 2 * MINUTE
    databases = [another_process(), another_process()]
    rounds = [
        post.delivery(database=database, exclusive=Exclusive(database, lock)).deliver_due()
        for database, lock in zip(databases, locks, strict=True)
    ]
    async with asyncio.timeout(20):
        assert sum(await asyncio.gather(*rounds)) == 2
    assert (receiver.told(), receiver.told("/other")) == (["OPENED a"], ["OPENED a"])


async def test_unreadable_secrets_hold_up_that_channel_only(post: Post, receiver: Receiver) -> None:
    agency = await post.agency()
    await post.channel(agency, "broken", secrets=b"sealed elsewhere, and long enough to be read")
    await post.channel(agency)
    await post.raise_(agency)
    assert await post.deliver_after(minutes=2) == 1
    assert receiver.told() == ["OPENED a"]
    broken, _ = await post.messages(agency)
    assert broken.failure == (
        f"the stored secret of alert channel {broken.channel_id} cannot be opened"
        " (remove it, and add it again)"
    )


async def test_an_agency_that_fails_holds_up_nobody(post: Post, receiver: Receiver) -> None:
    northwind, southwind = await post.agency("northwind"), await post.agency("southwind")
    for agency in (northwind, southwind):
        await post.channel(agency)
        await post.raise_(agency, str(agency))
    async with post.database.session(northwind) as session:
        await session.execute(update(AlertChannel).values(settings={}))
    with capture_logs() as lines:
        assert await post.deliver_after(minutes=2) == 1
    assert receiver.told() == [f"OPENED {southwind}"]
    assert [line["tenant_id"] for line in lines if line["event"] == "alerts_not_delivered"] == [
        str(northwind)
    ]


async def test_messages_to_a_removed_channel_are_dropped(post: Post, receiver: Receiver) -> None:
    agency = await post.agency()
    await post.channel(agency)
    await post.raise_(agency)
    receiver.statuses = [500]
    await post.deliver_after(minutes=2)
    async with post.database.session(agency) as session:
        await session.execute(update(AlertChannel).values(removed_at=post.now, secrets=None))
    await post.deliver_after(minutes=5)
    (message,) = await post.messages(agency)
    assert (message.state, message.failure) == (MessageState.FAILED, "the channel was removed")
    assert len(receiver.server.requests) == 1


async def test_what_was_sent_is_kept(post: Post) -> None:
    agency = await post.agency()
    channel = await post.channel(agency)
    await post.raise_(agency)
    await post.deliver_after(minutes=2)
    (message,) = await post.messages(agency)
    assert (message.channel_id, message.composed_at, message.ended_at) == (
        channel,
        at(minutes=2),
        at(minutes=2),
    )
    assert message.content["body"]["headline"] == "Google Ads does not answer: Client 1"
    async with post.database.session(agency) as session:
        (notice,) = (await session.scalars(select(AlertNotice))).all()
    assert (notice.message_id, notice.phase, notice.severity) == (
        message.id,
        NoticePhase.OPENED,
        AlertSeverity.WARNING,
    )


async def test_each_kind_of_channel_is_told_in_its_way(post: Post, receiver: Receiver) -> None:
    agency = await post.agency()
    url = receiver.server.url
    await post.channel(agency)
    await post.channel(agency, "team", SlackTarget(f"{url}/services", Secret("T1/B1/x")))
    async with serve_mail(MailRules()) as mailing:
        target = EmailTarget(
            server="127.0.0.1",
            port=mailing.port,
            security=MailSecurity.NONE,
            sender="bosco@northwind.example",
            recipients=("ops@northwind.example",),
            user="",
            password=Secret(""),
        )
        await post.channel(agency, "mail", target)
        await post.raise_(agency)
        await post.deliver_after(minutes=2)
    (mail,) = mailing.mails
    assert mail.message["Subject"] == "Google Ads does not answer: Client 1"
    by_path = {request.path: request.json for request in receiver.server.requests}
    assert by_path["/ops"]["alerts"][0]["subject"] == "a"
    assert by_path["/services/T1/B1/x"]["text"].startswith("*Google Ads does not answer: Client 1")


async def test_rounds_go_on_after_one_that_failed(post: Post, receiver: Receiver) -> None:
    agency = await post.agency()
    await post.channel(agency)
    await post.raise_(agency)
    nowhere = Database(DatabaseConfig("postgresql+psycopg://nobody@127.0.0.1:1/none"))
    slept: list[float] = []
    second_round_is_over = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            second_round_is_over.set()
            await asyncio.Event().wait()
        exclusive._database = post.database  # noqa: SLF001  # PostgreSQL is back

    post.now += 2 * MINUTE
    exclusive = Exclusive(nowhere, "alerts")
    with capture_logs() as lines:
        async with asyncio.timeout(20), post.delivery(exclusive=exclusive).running(sleep):
            await second_round_is_over.wait()
    assert slept == [15.0, 15.0]
    assert receiver.told() == ["OPENED a"]
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        "alert_round_failed"
    ]
    await nowhere.close()

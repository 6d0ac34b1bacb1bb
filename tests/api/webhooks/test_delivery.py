"""From an event to its endpoints: signed, at least once, again when it fails, replayed."""

import asyncio
import base64
import datetime as dt
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from sqlalchemy import update
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from api.outbound.answer import Answer
from api.webhooks.message import Message
from api.webhooks.sender import WebhookSender
from domain.ids import public_id
from tenancy.session import Database, DatabaseConfig
from tenancy.tables import DeliveryState, EndpointState, WebhookEndpoint, WebhookEventType
from tenancy.unscoped import Doors
from tenancy.vault import Secret
from tests.api.webhooks.conftest import BOLT, ME, NOON, Mailroom, Receiver
from tests.ingestion.connector.scripted_server import Reply, Request

pytestmark = pytest.mark.anyio

DAY = dt.timedelta(days=1)
WAITS = [5, 300, 1800, *(3600 * hours for hours in (2, 5, 10, 14, 20, 24))]  # seconds


def verify(secret: Secret, request: Request) -> bool:
    """Whether a receiver that knows the secret takes the request for ours."""
    message_id, timestamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    at = dt.datetime.fromtimestamp(int(timestamp), dt.UTC)
    expected = Webhook(secret.reveal()).sign(message_id, at, request.body.decode())
    return expected in request.headers["webhook-signature"].split(" ")


async def test_an_event_arrives_signed(mailroom: Mailroom, receiver: Receiver) -> None:
    agency = await mailroom.agency()
    _, secret = await mailroom.endpoint(agency)
    await mailroom.happen(agency)
    mailroom.now += dt.timedelta(seconds=3)
    assert await mailroom.deliver_after() == 1
    (request,) = receiver.server.requests
    (event,) = await mailroom.events(agency)
    assert request.method == "POST"
    assert request.body == (
        b'{"type":"data.published","timestamp":"2026-03-01T12:00:00.000000Z","data":{"number":"1"}}'
    )
    message_id = public_id("msg", event.id)
    assert (request.headers["content-type"], request.headers["user-agent"]) == (
        "application/json",
        "Bosco",
    )
    assert (request.headers["webhook-id"], request.headers["webhook-timestamp"]) == (
        message_id,
        "1772366403",
    )
    key = base64.b64decode(secret.reveal().removeprefix("whsec_"))
    mac = hmac.digest(key, f"{message_id}.1772366403.".encode() + request.body, "sha256")
    assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
    (delivery,) = await mailroom.deliveries(agency)
    assert (delivery.state, delivery.attempts, delivery.last_status, delivery.failure) == (
        DeliveryState.DELIVERED,
        1,
        200,
        None,
    )
    assert delivery.ended_at == mailroom.now
    assert await mailroom.deliver_after(days=5) == 0


async def test_the_independent_library_takes_it(mailroom: Mailroom, receiver: Receiver) -> None:
    # It holds the timestamp against the clock of the machine.
    mailroom.now = dt.datetime.now(dt.UTC)
    agency = await mailroom.agency()
    _, secret = await mailroom.endpoint(agency)
    await mailroom.happen(agency)
    assert await mailroom.deliver_after() == 1
    (request,) = receiver.server.requests
    told = Webhook(secret.reveal()).verify(request.body, dict(request.headers))
    assert (told["type"], told["data"]) == ("data.published", {"number": "1"})


async def test_endpoints_of_an_agency_have_secrets_of_their_own(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    agency = await mailroom.agency()
    _, one = await mailroom.endpoint(agency, "one")
    _, two = await mailroom.endpoint(agency, "two")
    await mailroom.happen(agency)
    assert await mailroom.deliver_after() == 2
    (first,), (second,) = receiver.requests("/one"), receiver.requests("/two")
    assert (verify(one, first), verify(two, first)) == (True, False)
    assert (verify(one, second), verify(two, second)) == (False, True)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


async def test_endpoints_hear_what_they_ask_for(mailroom: Mailroom, receiver: Receiver) -> None:
    agency = await mailroom.agency()
    await mailroom.endpoint(agency, "all")
    await mailroom.endpoint(agency, "late", event_types=(WebhookEventType.FRESHNESS_MISSED,))
    await mailroom.endpoint(agency, "bolt", clients=(BOLT,))
    await mailroom.happen(agency, "1")
    await mailroom.happen(agency, "2", WebhookEventType.FRESHNESS_MISSED)
    await mailroom.happen(agency, "3", client=BOLT)
    assert await mailroom.deliver_after() == 5
    assert sorted(receiver.subjects("/all")) == ["1", "2", "3"]
    assert receiver.subjects("/late") == ["2"]
    assert receiver.subjects("/bolt") == ["3"]


async def test_agencies_hear_of_their_own_events_only(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    northwind, southwind = await mailroom.agency("northwind"), await mailroom.agency("southwind")
    await mailroom.endpoint(northwind, "north")
    await mailroom.endpoint(southwind, "south")
    await mailroom.happen(northwind, "n")
    assert await mailroom.deliver_after() == 1
    await mailroom.happen(southwind, "s")
    assert await mailroom.deliver_after() == 1
    assert (receiver.subjects("/north"), receiver.subjects("/south")) == (["n"], ["s"])
    assert len(await mailroom.events(northwind)) == len(await mailroom.events(southwind)) == 1


async def test_a_failing_endpoint_is_tried_again_by_the_schedule_and_given_up(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    agency = await mailroom.agency()
    _, secret = await mailroom.endpoint(agency)
    await mailroom.happen(agency)
    receiver.broken = {"/hook"}
    assert await mailroom.deliver_after() == 0
    for number, seconds in enumerate(WAITS, start=1):
        await mailroom.deliver_after(seconds=seconds - 1)
        assert len(receiver.server.requests) == number
        assert await mailroom.alerts(agency) == []
        await mailroom.deliver_after(seconds=1)
        assert len(receiver.server.requests) == number + 1
    (delivery,) = await mailroom.deliveries(agency)
    assert (delivery.state, delivery.attempts, delivery.last_status, delivery.failure) == (
        DeliveryState.FAILED,
        10,
        500,
        "it answered 500",
    )
    assert delivery.ended_at == mailroom.now
    assert await mailroom.alerts(agency) == [("warning", "a webhook does not take events", True)]
    requests = receiver.server.requests
    assert len({request.headers["webhook-id"] for request in requests}) == 1
    assert len({request.body for request in requests}) == 1
    assert len({request.headers["webhook-timestamp"] for request in requests}) == 10
    assert all(verify(secret, request) for request in requests)
    await mailroom.deliver_after(days=10)
    assert len(requests) == 10


async def test_jitter_makes_the_next_attempt_later(mailroom: Mailroom, receiver: Receiver) -> None:
    agency = await mailroom.agency()
    await mailroom.endpoint(agency)
    await mailroom.happen(agency)
    receiver.broken = {"/hook"}
    await mailroom.deliverer(jitter=lambda: 0.5).deliver_due()
    (delivery,) = await mailroom.deliveries(agency)
    assert delivery.next_attempt_at == NOON + dt.timedelta(seconds=5.5)


async def test_an_event_that_is_taken_after_all_clears_what_was_wrong(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    agency = await mailroom.agency()
    await mailroom.endpoint(agency)
    await mailroom.happen(agency, "1")
    receiver.broken = {"/hook"}
    for seconds in (0, *WAITS):
        await mailroom.deliver_after(seconds=seconds)
    assert (await mailroom.stored(agency)).failing_since == NOON
    receiver.broken = set()
    await mailroom.happen(agency, "2")
    assert await mailroom.deliver_after() == 1
    assert (await mailroom.stored(agency)).failing_since is None
    assert await mailroom.alerts(agency) == [("warning", "a webhook does not take events", False)]


@pytest.mark.parametrize("status", [429, 503])
async def test_an_endpoint_is_left_alone_as_long_as_it_asks(
    mailroom: Mailroom, receiver: Receiver, status: int
) -> None:
    agency = await mailroom.agency()
    await mailroom.endpoint(agency)
    await mailroom.happen(agency, "1")
    receiver.replies = [Reply(status=status, headers={"Retry-After": "90"})]
    assert await mailroom.deliver_after() == 0
    await mailroom.happen(agency, "2")  # nothing else is sent to it meanwhile
    assert await mailroom.deliver_after(seconds=89) == 0
    assert len(receiver.server.requests) == 1
    assert await mailroom.deliver_after(seconds=1) == 2
    assert (await mailroom.stored(agency)).not_before is None


async def test_an_endpoint_that_is_gone_is_switched_off(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    agency = await mailroom.agency()
    await mailroom.endpoint(agency)
    await mailroom.happen(agency, "1")
    await mailroom.deliver_after()
    await mailroom.happen(agency, "2")
    await mailroom.happen(agency, "3")
    receiver.replies = [Reply(status=410)] * 2
    assert await mailroom.deliver_after() == 0
    endpoint = await mailroom.stored(agency)
    assert (endpoint.state, endpoint.disabled_because) == (
        EndpointState.DISABLED,
        "it answered 410: it is gone",
    )
    assert await mailroom.alerts(agency) == [("critical", "a webhook was switched off", True)]
    await mailroom.happen(agency, "4")
    seen = len(receiver.server.requests)
    assert await mailroom.deliver_after(days=1) == 0
    assert len(receiver.server.requests) == seen
    assert len(await mailroom.events(agency)) == 3


async def test_what_still_waits_for_an_endpoint_that_was_switched_off_is_given_up(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    agency = await mailroom.agency()
    await mailroom.endpoint(agency)
    receiver.broken = {"/hook"}
    await mailroom.happen(agency, "1")
    await mailroom.deliver_after()
    async with mailroom.database.session(agency) as session:
        await session.execute(update(WebhookEndpoint).values(state=EndpointState.DISABLED))
    await mailroom.deliver_after(seconds=5)
    (delivery,) = await mailroom.deliveries(agency)
    assert (delivery.state, delivery.failure) == (
        DeliveryState.FAILED,
        "the endpoint was switched off",
    )
    assert await Doors(mailroom.database).agencies_with_webhooks(mailroom.now + DAY) == []
    assert len(receiver.server.requests) == 1


async def test_five_days_of_failures_switch_an_endpoint_off(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    agency = await mailroom.agency()
    public, _ = await mailroom.endpoint(agency)
    receiver.broken = {"/hook"}
    for number in ("1", "2"):  # each is given up after 75 hours
        await mailroom.happen(agency, number)
        for seconds in (0, *WAITS):
            assert (await mailroom.stored(agency)).state is EndpointState.ACTIVE
            await mailroom.deliver_after(seconds=seconds)
    endpoint = await mailroom.stored(agency)
    assert (endpoint.state, endpoint.disabled_because) == (
        EndpointState.DISABLED,
        "it took nothing since 2026-03-01: it answered 500",
    )
    assert await mailroom.alerts(agency) == [("critical", "a webhook was switched off", True)]

    receiver.broken = set()
    await mailroom.desk.resume(agency, public, ME)
    assert await mailroom.alerts(agency) == [("critical", "a webhook was switched off", False)]
    assert await mailroom.desk.replay_failed(agency, public, NOON, ME) == 2
    assert await mailroom.deliver_after() == 2
    assert sorted(receiver.subjects()[-2:]) == ["1", "2"]  # two lanes: no order is promised


async def test_a_success_in_between_keeps_an_endpoint_on(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    agency = await mailroom.agency()
    await mailroom.endpoint(agency)
    for number in ("1", "2", "3"):
        receiver.broken = {"/hook"}
        await mailroom.happen(agency, number)
        for seconds in (0, *WAITS):
            await mailroom.deliver_after(seconds=seconds)
        receiver.broken = set()
        await mailroom.happen(agency, f"{number} later")
        assert await mailroom.deliver_after() == 1
    assert (await mailroom.stored(agency)).state is EndpointState.ACTIVE


async def test_both_secrets_sign_for_a_day_after_rotation(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    agency = await mailroom.agency()
    public, old = await mailroom.endpoint(agency)
    new = await mailroom.desk.rotate(agency, public, ME)
    taken = []
    for later in (dt.timedelta(), DAY - dt.timedelta(seconds=1), dt.timedelta(seconds=1)):
        mailroom.now += later
        await mailroom.happen(agency, str(mailroom.now))
        assert await mailroom.deliver_after() == 1
        request = receiver.server.requests[-1]
        taken.append((verify(new, request), verify(old, request)))
    assert taken == [(True, True), (True, True), (True, False)]


async def test_a_secret_that_others_know_signs_nothing_any_more(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    agency = await mailroom.agency()
    public, old = await mailroom.endpoint(agency)
    new = await mailroom.desk.rotate(agency, public, ME, at_once=True)
    await mailroom.happen(agency)
    assert await mailroom.deliver_after() == 1
    (request,) = receiver.server.requests
    assert (verify(new, request), verify(old, request)) == (True, False)


async def test_a_second_rotation_ends_the_oldest_secret(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    agency = await mailroom.agency()
    public, first = await mailroom.endpoint(agency)
    second = await mailroom.desk.rotate(agency, public, ME)
    third = await mailroom.desk.rotate(agency, public, ME)
    await mailroom.happen(agency)
    assert await mailroom.deliver_after() == 1
    (request,) = receiver.server.requests
    assert [verify(secret, request) for secret in (first, second, third)] == [False, True, True]


async def test_a_replay_has_the_id_that_it_had(mailroom: Mailroom, receiver: Receiver) -> None:
    agency = await mailroom.agency()
    public, _ = await mailroom.endpoint(agency)
    await mailroom.happen(agency)
    assert await mailroom.deliver_after() == 1
    (event,) = await mailroom.events(agency)
    message = public_id("msg", event.id)
    mailroom.now += DAY
    assert await mailroom.desk.replay_message(agency, public, message, ME) == 1
    assert await mailroom.desk.replay_message(agency, public, message, ME) == 0  # on its way
    assert await mailroom.deliver_after() == 1
    first, second = receiver.server.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == message
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == (
        24 * 3600
    )


@dataclass(frozen=True, slots=True)
class _KilledAfterSending(WebhookSender):
    """The process dies between sending a message and noting it."""

    async def send(self, url: str, secrets: Sequence[Secret], message: Message) -> Answer:
        await WebhookSender.send(self, url, secrets, message)
        raise asyncio.CancelledError


async def test_a_crash_after_sending_repeats_it_with_the_same_id(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    agency = await mailroom.agency()
    await mailroom.endpoint(agency)
    await mailroom.happen(agency)
    killed = mailroom.deliverer(sender=_KilledAfterSending(public_only=False, clock=mailroom.clock))
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        (lane,) = await killed._open_lanes(group.create_task)  # noqa: SLF001  # one round
    assert lane.cancelled()
    assert len(receiver.server.requests) == 1
    assert await mailroom.deliver_after(seconds=119) == 0  # it may still be on its way
    assert await mailroom.deliver_after(seconds=1) == 1
    first, second = receiver.server.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    (delivery,) = await mailroom.deliveries(agency)
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 2)


async def test_two_processes_share_the_work(
    mailroom: Mailroom, receiver: Receiver, another_process: Callable[[], Database]
) -> None:
    agency = await mailroom.agency()
    await mailroom.endpoint(agency, "one")
    await mailroom.endpoint(agency, "two")
    for number in range(10):
        await mailroom.happen(agency, str(number))
    deliverers = [mailroom.deliverer(database=another_process()) for _ in range(2)]
    async with asyncio.timeout(20):
        taken = await asyncio.gather(*(deliverer.deliver_due() for deliverer in deliverers))
    assert sum(taken) == 20
    everything = [str(number) for number in range(10)]
    assert sorted(receiver.subjects("/one")) == sorted(receiver.subjects("/two")) == everything


@dataclass(frozen=True, slots=True, kw_only=True)
class _SlowHere(WebhookSender):
    """Waits at the slow endpoint until told."""

    entered: asyncio.Semaphore
    release: asyncio.Event

    async def send(self, url: str, secrets: Sequence[Secret], message: Message) -> Answer:
        if url.endswith("/slow"):
            self.entered.release()
            await self.release.wait()
        return await WebhookSender.send(self, url, secrets, message)


async def test_a_slow_endpoint_blocks_no_other(mailroom: Mailroom, receiver: Receiver) -> None:
    agency = await mailroom.agency()
    await mailroom.endpoint(agency, "slow")
    await mailroom.endpoint(agency, "fast")
    for number in range(10):
        await mailroom.happen(agency, str(number))
    entered, release = asyncio.Semaphore(0), asyncio.Event()
    sender = _SlowHere(public_only=False, clock=mailroom.clock, entered=entered, release=release)
    deliverer = mailroom.deliverer(sender=sender)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        lanes = await deliverer._open_lanes(group.create_task)  # noqa: SLF001  # a round
        assert len(lanes) == 8
        for _ in range(4):  # no more than its own lanes wait there
            await entered.acquire()
        await receiver.wait_for(10, "/fast")
        assert receiver.subjects("/slow") == []
        again = await deliverer._open_lanes(group.create_task)  # noqa: SLF001  # the next round
        assert again == []  # all lanes of the slow one are taken
        release.set()
    assert sum(lane.result() for lane in lanes) == 20
    assert sorted(receiver.subjects("/slow")) == [str(number) for number in range(10)]


async def test_unreadable_secrets_hold_up_that_endpoint_only(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    agency = await mailroom.agency()
    await mailroom.endpoint(agency, "broken")
    async with mailroom.database.session(agency) as session:
        await session.execute(update(WebhookEndpoint).values(secrets=b"sealed elsewhere" * 4))
    await mailroom.endpoint(agency)
    await mailroom.happen(agency)
    assert await mailroom.deliver_after() == 1
    assert receiver.subjects() == ["1"]
    failed = next(d for d in await mailroom.deliveries(agency) if d.failure)
    assert failed.failure == (
        f"the stored secret of webhook {failed.endpoint_id} cannot be opened"
        " (remove it, and add it again)"
    )


@dataclass(frozen=True, slots=True)
class _Buggy(WebhookSender):
    """Meets a bug of ours at one endpoint."""

    async def send(self, url: str, secrets: Sequence[Secret], message: Message) -> Answer:
        if url.endswith("/odd"):
            raise ZeroDivisionError
        return await WebhookSender.send(self, url, secrets, message)


async def test_a_bug_that_one_endpoint_meets_stays_with_it(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    agency = await mailroom.agency()
    await mailroom.endpoint(agency, "odd")
    await mailroom.endpoint(agency)
    await mailroom.happen(agency)
    buggy = _Buggy(public_only=False, clock=mailroom.clock)
    with capture_logs() as lines:
        assert await mailroom.deliverer(sender=buggy).deliver_due() == 1
    assert receiver.subjects() == ["1"]
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        "webhook_lane_failed"
    ]
    odd = next(d for d in await mailroom.deliveries(agency) if d.attempts and not d.ended_at)
    assert odd.next_attempt_at == NOON + dt.timedelta(minutes=2)


async def test_what_is_older_than_a_month_is_forgotten(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    agency = await mailroom.agency()
    await mailroom.endpoint(agency)
    await mailroom.happen(agency, "old")
    await mailroom.deliver_after()
    mailroom.now = NOON + 30 * DAY
    await mailroom.happen(agency, "new")
    await mailroom.deliver_after()
    assert [event.subject for event in await mailroom.events(agency)] == ["sync:old", "sync:new"]
    await mailroom.happen(agency, "newest")
    await mailroom.deliver_after(seconds=1)
    assert [event.subject for event in await mailroom.events(agency)] == [
        "sync:new",
        "sync:newest",
    ]
    assert len(await mailroom.deliveries(agency)) == 2
    assert receiver.subjects() == ["old", "new", "newest"]


async def test_secrets_are_never_in_the_log(mailroom: Mailroom, receiver: Receiver) -> None:
    agency = await mailroom.agency()
    public, first = await mailroom.endpoint(agency)
    receiver.broken = {"/hook"}
    with capture_logs() as lines:
        second = await mailroom.desk.rotate(agency, public, ME)
        await mailroom.happen(agency)
        for seconds in (0, *WAITS):
            await mailroom.deliver_after(seconds=seconds)
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == [
        "webhook_not_delivered"
    ] * 10
    shown = repr(lines)
    for secret in (first, second):
        assert secret.reveal().removeprefix("whsec_") not in shown
    assert receiver.server.url not in shown


async def test_rounds_go_on_after_one_that_failed(mailroom: Mailroom, receiver: Receiver) -> None:
    agency = await mailroom.agency()
    await mailroom.endpoint(agency)
    await mailroom.happen(agency)
    nowhere = Database(DatabaseConfig("postgresql+psycopg://nobody@127.0.0.1:1/none"))
    doors = Doors(nowhere)
    slept: list[float] = []
    is_delivered = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        doors._database = mailroom.database  # noqa: SLF001  # PostgreSQL is back
        if len(slept) == 2:
            await receiver.wait_for(1)
            is_delivered.set()
            await asyncio.Event().wait()

    with capture_logs() as lines:
        async with asyncio.timeout(20), mailroom.deliverer(doors=doors).running(sleep):
            await is_delivered.wait()
    assert slept == [2.0, 2.0]
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        "webhook_round_failed"
    ]
    await nowhere.close()


async def test_what_was_claimed_and_taken_elsewhere_stays_taken(mailroom: Mailroom) -> None:
    """A process that slept for longer than its claim comes back with bad news."""
    agency = await mailroom.agency()
    await mailroom.endpoint(agency)
    await mailroom.happen(agency)
    entered, release = asyncio.Semaphore(0), asyncio.Event()

    @dataclass(frozen=True, slots=True)
    class _Sleepy(WebhookSender):
        async def send(self, url: str, secrets: Sequence[Secret], message: Message) -> Answer:
            del url, secrets, message
            entered.release()
            await release.wait()
            return Answer(500, "", "it answered 500")

    sleepy = mailroom.deliverer(sender=_Sleepy(public_only=False, clock=mailroom.clock))
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(sleepy.deliver_due())
        await entered.acquire()
        assert await mailroom.deliver_after(minutes=2) == 1
        release.set()
    (delivery,) = await mailroom.deliveries(agency)
    assert (delivery.state, delivery.failure) == (DeliveryState.DELIVERED, None)
    assert (await mailroom.stored(agency)).failing_since is None

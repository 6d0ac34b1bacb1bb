"""What people do about endpoints: audited, limited to what they may see, refused with a hint."""

import uuid
from typing import Any

import pytest
from sqlalchemy import select

from api.webhooks.desk import Operator, Wish, read_wish
from api.webhooks.endpoints import endpoints_for, open_secrets, public_endpoint_id
from domain.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
)
from domain.ids import ClientId, TenantId, public_id
from tenancy.tables import AuditEntry, EndpointState, WebhookEventType
from tests.api.webhooks.conftest import ACME, BOLT, ME, NOON, Mailroom, Receiver
from tests.ingestion.connector.scripted_server import Reply

pytestmark = pytest.mark.anyio

URL = "https://hooks.example.com/bosco"
ALL = Wish(URL, "", (), ())
UNKNOWN = ClientId(uuid.UUID(int=77))


async def _audited(mailroom: Mailroom, agency: TenantId) -> list[tuple[str, str, dict[str, Any]]]:
    async with mailroom.database.session(agency) as session:
        rows = await session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        return [(row.actor, row.action, row.details) for row in rows]


async def test_every_change_is_audited_without_secrets(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    agency = await mailroom.agency()
    public, secret = await mailroom.endpoint(agency)
    await mailroom.desk.rotate(agency, public, ME)
    await mailroom.desk.resume(agency, public, ME)
    await mailroom.desk.replay_failed(agency, public, NOON, ME)
    await mailroom.desk.remove(agency, public, ME)
    audited = await _audited(mailroom, agency)
    assert audited == [
        ("user:anna", "webhook.created", {"endpoint": public}),
        ("user:anna", "webhook.secret_rotated", {"endpoint": public}),
        ("user:anna", "webhook.resumed", {"endpoint": public}),
        ("user:anna", "webhook.replayed", {"endpoint": public, "events": 0}),
        ("user:anna", "webhook.removed", {"endpoint": public}),
    ]
    assert secret.reveal() not in repr(audited)
    assert receiver.server.requests == []


async def test_stored_secrets_are_sealed(mailroom: Mailroom) -> None:
    agency = await mailroom.agency()
    endpoint, secret = await mailroom.desk.add(agency, ALL, ME)
    stored = await mailroom.stored(agency)
    assert stored.secrets is not None
    assert secret.reveal().encode() not in stored.secrets
    async with mailroom.database.session(agency) as session:
        opened = await open_secrets(mailroom.vault, session, endpoint, now=NOON)
    assert opened == (secret,)


async def test_a_removed_endpoint_is_forgotten(mailroom: Mailroom, receiver: Receiver) -> None:
    agency = await mailroom.agency()
    public, _ = await mailroom.endpoint(agency)
    receiver.replies = [Reply(status=500)]
    await mailroom.happen(agency)
    await mailroom.deliver_after()
    await mailroom.desk.remove(agency, public, ME)
    stored = await mailroom.stored(agency)
    assert (stored.secrets, stored.removed_at) == (None, NOON)
    assert await mailroom.deliver_after(days=1) == 0
    assert len(receiver.server.requests) == 1
    with pytest.raises(NotFoundError):
        await mailroom.desk.remove(agency, public, ME)


async def test_an_endpoint_of_another_agency_is_as_unknown_as_a_random_one(
    mailroom: Mailroom,
) -> None:
    northwind, southwind = await mailroom.agency("northwind"), await mailroom.agency("southwind")
    foreign, _ = await mailroom.endpoint(southwind)
    desk = mailroom.desk
    for unknown in (foreign, public_id("whk", mailroom.ids())):
        for attempt in (
            desk.remove(northwind, unknown, ME),
            desk.resume(northwind, unknown, ME),
            desk.rotate(northwind, unknown, ME),
            desk.replay_failed(northwind, unknown, NOON, ME),
            desk.replay_message(northwind, unknown, public_id("msg", mailroom.ids()), ME),
        ):
            with pytest.raises(NotFoundError) as error:
                await attempt
            assert error.value.message == f"{unknown!r} is not a webhook endpoint of this agency"
    assert (await mailroom.stored(southwind)).removed_at is None
    assert await _audited(mailroom, northwind) == []


async def test_a_message_of_another_agency_is_not_replayed(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    northwind, southwind = await mailroom.agency("northwind"), await mailroom.agency("southwind")
    own, _ = await mailroom.endpoint(northwind, "north")
    await mailroom.endpoint(southwind, "south")
    await mailroom.happen(southwind)
    await mailroom.deliver_after()
    (event,) = await mailroom.events(southwind)
    message = public_id("msg", event.id)
    with pytest.raises(NotFoundError) as error:
        await mailroom.desk.replay_message(northwind, own, message, ME)
    assert error.value.message == f"the endpoint was not told of a message {message!r}"
    assert await mailroom.deliver_after(days=1) == 0
    assert receiver.requests("/north") == []


async def test_who_sees_some_clients_sees_endpoints_of_no_others(mailroom: Mailroom) -> None:
    agency = await mailroom.agency()
    everything, _ = await mailroom.endpoint(agency)
    both, _ = await mailroom.endpoint(agency, clients=(ACME, BOLT))
    acme, _ = await mailroom.endpoint(agency, clients=(ACME,))
    limited = Operator("client:app", {ACME})
    for unseen in (everything, both):
        with pytest.raises(NotFoundError):
            await mailroom.desk.remove(agency, unseen, limited)
    async with mailroom.database.session(agency) as session:
        seen = list(await session.scalars(endpoints_for(limited.clients)))
    assert [public_endpoint_id(endpoint) for endpoint in seen] == [acme]
    await mailroom.desk.remove(agency, acme, limited)


async def test_who_sees_some_clients_is_told_of_no_others(mailroom: Mailroom) -> None:
    agency = await mailroom.agency()
    limited = Operator("client:app", {ACME})
    endpoint, _ = await mailroom.desk.add(agency, ALL, limited)
    assert endpoint.client_ids == [ACME]
    for wish in (Wish(URL, "", (), (BOLT,)), Wish(URL, "", (), (ACME, UNKNOWN))):
        with pytest.raises(NotFoundError) as error:
            await mailroom.desk.add(agency, wish, limited)
        assert error.value.message == "1 of the clients are not clients of this agency"
    with pytest.raises(PermissionDeniedError):
        await mailroom.desk.add(agency, ALL, Operator("client:app", frozenset()))


async def test_an_agency_has_at_most_twenty(mailroom: Mailroom) -> None:
    agency = await mailroom.agency()
    made = [await mailroom.desk.add(agency, ALL, ME) for _ in range(20)]
    with pytest.raises(ConflictError) as error:
        await mailroom.desk.add(agency, ALL, ME)
    assert str(error.value) == (
        "the agency has 20 webhook endpoints already (remove one that is not needed any more)"
    )
    await mailroom.desk.remove(agency, public_endpoint_id(made[0][0]), ME)
    await mailroom.desk.add(agency, ALL, ME)


async def test_nothing_is_replayed_to_an_endpoint_that_is_switched_off(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    agency = await mailroom.agency()
    public, _ = await mailroom.endpoint(agency)
    await mailroom.happen(agency)
    receiver.replies = [Reply(status=410)]
    await mailroom.deliver_after()
    (event,) = await mailroom.events(agency)
    for attempt in (
        mailroom.desk.replay_failed(agency, public, NOON, ME),
        mailroom.desk.replay_message(agency, public, public_id("msg", event.id), ME),
    ):
        with pytest.raises(ConflictError) as error:
            await attempt
        assert str(error.value) == (
            "the endpoint is switched off: it answered 410: it is gone"
            f" (bosco webhooks resume AGENCY {public}, then replay)"
        )
    await mailroom.desk.resume(agency, public, ME)
    assert (await mailroom.stored(agency)).state is EndpointState.ACTIVE
    assert await mailroom.desk.replay_failed(agency, public, NOON, ME) == 1
    assert await mailroom.deliver_after() == 1


async def test_only_what_failed_since_then_is_replayed(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    agency = await mailroom.agency()
    public, _ = await mailroom.endpoint(agency)
    for number in ("early", "late"):
        receiver.broken = set()
        await mailroom.happen(agency, f"before {number}")
        await mailroom.deliver_after()
        receiver.broken = {"/hook"}
        await mailroom.happen(agency, number)
        for hours in (0, 1, 1, 1, 3, 6, 11, 15, 21, 25):
            await mailroom.deliver_after(hours=hours)
    receiver.broken = set()
    _, early, _, late = await mailroom.events(agency)
    since = early.occurred_at + (late.occurred_at - early.occurred_at) / 2
    assert await mailroom.desk.replay_failed(agency, public, since, ME) == 1
    assert await mailroom.deliver_after() == 1
    assert receiver.subjects()[-1] == "late"


def test_a_wish_is_read() -> None:
    given: dict[str, Any] = {"is_production": True, "event_types": (), "clients": (ACME, ACME)}
    wish = read_wish(URL, description="  CRM ", **given)
    assert wish == Wish(URL, "CRM", (), (ACME,))
    kinds = (WebhookEventType.SYNC_FAILED, WebhookEventType.SYNC_FAILED)
    wish = read_wish(URL, description="", **{**given, "event_types": kinds})
    assert wish.event_types == (WebhookEventType.SYNC_FAILED,)
    plain = read_wish("http://127.0.0.1:1/", description="", **{**given, "is_production": False})
    assert plain.url == "http://127.0.0.1:1/"


@pytest.mark.parametrize(
    ("url", "description", "message"),
    [
        ("http://hooks.example.com/S3CRET", "", "the URL is no https:// URL"),
        ("ftp://hooks.example.com/S3CRET", "", "the URL is no https:// URL"),
        ("https:///S3CRET", "", "the URL is no https:// URL"),
        ("https://hooks.example.com/S3CRET\n", "", "the URL is no https:// URL"),
        ("https://a:S3CRET@hooks.example.com/", "", "the URL holds a login or a fragment"),
        ("https://hooks.example.com/#S3CRET", "", "the URL holds a login or a fragment"),
        ("https://hooks.example.com/#", "", "the URL holds a login or a fragment"),
        (f"{URL}/{'x' * 2000}", "", "the URL has more than 2000 characters"),
        (URL, "x" * 201, "the description cannot be used"),
        (URL, "a\nb", "the description cannot be used"),
    ],
)
def test_a_wish_that_cannot_be_used_is_refused(url: str, description: str, message: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        read_wish(url, description=description, event_types=(), clients=(), is_production=True)
    assert error.value.message == message
    assert "S3CRET" not in str(error.value)

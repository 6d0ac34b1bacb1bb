"""`bosco webhooks`: endpoints from the first to the last word, on a platform that syncs."""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook

from api.logs import log_file
from domain.ids import public_id
from tenancy.tables import AuditEntry, Connection, Sync, WebhookEventType
from tenancy.unscoped import TenantProfile
from tenancy.webhooks import Event, record_event
from tests.e2e.conftest import Trouble
from tests.e2e.platform import Platform, Told
from tests.e2e.world import CLIENT, google_credentials
from tests.ingestion.connector.scripted_server import Reply, Request, ScriptedServer, serve

pytestmark = pytest.mark.anyio


@pytest.fixture
async def receiver() -> AsyncIterator[ScriptedServer]:
    """Takes events; refuses those to /broken."""
    async with serve(lambda r: Reply(status=500 if "broken" in r.path else 202)) as server:
        yield server


def _error(told: Told) -> tuple[str, str, str]:
    (error,) = told.errors
    assert told.exit_code == 1
    return error.code, error.message, error.hint


async def _add(platform: Platform, url: str, **changed: Any) -> Told:
    given = {"tenant": "northwind", "description": "", "events": [], "clients": [], **changed}
    return await platform.command("webhooks.add", url=url, **given)


def _made(told: Told) -> tuple[str, str]:
    """Id and secret of an endpoint that was added."""
    endpoint, secret, *_ = told.lines
    return endpoint.removeprefix("endpoint  "), secret.removeprefix("secret    ")


def _is_signed(secret: str, request: Request) -> bool:
    headers = request.headers
    at = dt.datetime.fromtimestamp(int(headers["webhook-timestamp"]), dt.UTC)
    signature = Webhook(secret).sign(headers["webhook-id"], at, request.body.decode())
    return signature in headers["webhook-signature"].split()


async def test_an_endpoint_from_the_first_to_the_last_word(
    platform: Platform, northwind: TenantProfile, receiver: ScriptedServer
) -> None:
    url = f"{receiver.url}/hook"
    added = await _add(
        platform, url, description="CRM", events=["data.published"], clients=["acme-shoes"]
    )
    public, secret = _made(added)
    assert added.lines == [
        f"endpoint  {public}",
        f"secret    {secret}",
        "the secret is not shown again",
        f"next: bosco webhooks test northwind {public}",
    ]
    given = {"tenant": "northwind", "endpoint": public}
    row = (public, url, "CRM", "data.published", "acme-shoes", "active")
    assert row in (await platform.command("webhooks.list", tenant="northwind")).table

    tried = await platform.command("webhooks.test", **given)
    (request,) = receiver.requests
    message = request.headers["webhook-id"]
    assert tried.lines == [f"sent  {message} to {url}  it answered 202"]
    assert request.json["type"] == "webhook.test"
    assert request.json["data"] == {"endpointId": public}
    assert _is_signed(secret, request)

    rotated = await platform.command("webhooks.rotate", **given, at_once=False)
    new = rotated.lines[0].removeprefix("secret    ")
    assert rotated.lines[1:] == [
        "the secret is not shown again",
        "for 24 hours the old one signs too: give the receiver the new one",
    ]
    await platform.command("webhooks.test", **given)
    assert [_is_signed(one, receiver.requests[1]) for one in (secret, new)] == [True, True]
    ended = await platform.command("webhooks.rotate", **given, at_once=True)
    assert ended.lines[2] == "the old one signs nothing any more"
    await platform.command("webhooks.test", **given)
    assert [_is_signed(one, receiver.requests[2]) for one in (secret, new)] == [False, False]

    resumed = await platform.command("webhooks.resume", **given)
    assert resumed.lines == [
        f"{public} is told of new events again",
        f"earlier ones: bosco webhooks replay northwind {public} --failed-since DAY",
    ]
    removed = await platform.command("webhooks.remove", **given)
    assert removed.lines == [f"{public} of northwind removed: {url}"]
    assert public not in repr((await platform.command("webhooks.list", tenant="northwind")).table)

    async with platform.runtime.database.session(northwind.tenant_id) as session:
        audited = select(AuditEntry).where(AuditEntry.object_kind == "webhook_endpoint")
        entries = (await session.scalars(audited.order_by(AuditEntry.id))).all()
    mine = [(e.actor, e.action) for e in entries if e.details["endpoint"] == public]
    assert mine == [
        ("test", f"webhook.{done}")
        for done in ("created", "secret_rotated", "secret_rotated", "resumed", "removed")
    ]
    log = log_file(platform.runtime.settings).read_text(encoding="utf-8")
    assert not any(one.removeprefix("whsec_") in log for one in (secret, new))


async def test_what_is_synced_is_told_shown_and_replayed(
    platform: Platform, northwind: TenantProfile, receiver: ScriptedServer, trouble: Trouble
) -> None:
    public, secret = _made(await _add(platform, f"{receiver.url}/hook"))
    connection = {
        "tenant": "northwind",
        "client": CLIENT.shop,
        "source": "google_ads",
        "account": CLIENT.google_customer_id,
        "credentials": google_credentials(),
        "settings": ["manager_id=9000000001"],
        "endpoint": f"{trouble.url}/google_ads/",
        "start": None,
    }
    assert (await platform.command("connections.add", **connection)).exit_code == 0
    only = {"tenant": "northwind", "client": CLIENT.shop, "source": "google_ads"}
    assert (await platform.command("sync", **only)).exit_code == 0
    async with platform.runtime.database.session(northwind.tenant_id) as session:
        syncs = (await session.scalars(select(Sync))).all()
        owner = (await session.scalars(select(Connection))).one()
    assert await platform.runtime.webhooks.deliver_due() == len(syncs)
    requests = receiver.requests
    assert {request.json["data"]["syncId"] for request in requests} == {
        public_id("syn", sync.id) for sync in syncs
    }
    assert {request.json["data"]["connectionId"] for request in requests} == {
        public_id("con", owner.id)
    }
    assert all(_is_signed(secret, request) for request in requests)

    given = {"tenant": "northwind", "endpoint": public}
    told = await platform.command("webhooks.deliveries", **given, failed=False, limit=1000)
    assert len(told.table) == len(syncs)
    (message, kind, _, client, *rest) = told.table[0]
    assert (kind, client, *rest) == (
        "data.published",
        CLIENT.shop,
        "delivered",
        1,
        "it answered 202",
    )
    told = await platform.command("webhooks.deliveries", **given, failed=True, limit=1000)
    assert told.table == []
    replay = {**given, "message": message, "failed_since": None}
    told = await platform.command("webhooks.replay", **replay)
    assert told.lines == ["1 event is on the way again"]
    assert await platform.runtime.webhooks.deliver_due() == 1
    assert requests[-1].headers["webhook-id"] == message
    replay = {**given, "message": None, "failed_since": "2026-01-01"}
    told = await platform.command("webhooks.replay", **replay)
    assert told.lines == ["0 events are on the way again"]


async def test_failures_are_shown(
    platform: Platform, northwind: TenantProfile, receiver: ScriptedServer
) -> None:
    url = f"{receiver.url}/broken"
    public, _ = _made(await _add(platform, url, events=["sync.failed"]))
    given = {"tenant": "northwind", "endpoint": public}
    tried = await platform.command("webhooks.test", **given)
    message = receiver.requests[0].headers["webhook-id"]
    assert (tried.lines, tried.exit_code) == (
        [f"FAILED  {message} to {url}  it answered 500"],
        1,
    )
    async with platform.runtime.database.session(northwind.tenant_id) as session:
        client_id = (await session.scalars(select(Connection.client_id))).first()
        assert client_id is not None
        event = Event(WebhookEventType.SYNC_FAILED, "run:7", client_id, {})
        await record_event(session, event, now=platform.clock(), ids=platform.runtime.ids)
    await platform.runtime.webhooks.deliver_due()
    told = await platform.command("webhooks.deliveries", **given, failed=False, limit=10)
    ((*_, state, attempts, answer),) = told.table
    assert (state, attempts) == ("pending", 1)
    assert answer.startswith("it answered 500; again at ")
    (row,) = [
        row
        for row in (await platform.command("webhooks.list", tenant="northwind")).table
        if row[0] == public
    ]
    assert row[-1].startswith("failing since ")
    await platform.command("webhooks.remove", **given)


@pytest.mark.usefixtures("northwind")
@pytest.mark.parametrize(
    ("url", "changed", "told"),
    [
        (
            "ftp://x.example/",
            {},
            (
                "INVALID_INPUT",
                "the URL is no https:// URL",
                "write one like https://hooks.example.com/bosco",
            ),
        ),
        (
            "https://x.example/",
            {"events": ["sync.fail"]},
            (
                "INVALID_INPUT",
                "--event is 'sync.fail': there is no such event",
                "did you mean sync.failed?",
            ),
        ),
        (
            "https://x.example/",
            {"clients": ["acme-shoe"]},
            (
                "NOT_FOUND",
                "the agency has no client 'acme-shoe'",
                "did you mean acme-shoes?",
            ),
        ),
    ],
)
async def test_wrong_endpoints_are_explained(
    platform: Platform, url: str, changed: dict[str, Any], told: tuple[str, str, str]
) -> None:
    assert _error(await _add(platform, url, **changed)) == told


@pytest.mark.usefixtures("northwind")
@pytest.mark.parametrize(
    ("message", "failed_since", "told"),
    [
        (None, None, "nothing says what to replay"),
        ("msg_1", "2026-01-01", "nothing says what to replay"),
        ("msg_1", None, "'msg_1' is not an id of this kind"),
        (None, "yesterday", "--failed-since is 'yesterday': that is no day or instant"),
    ],
)
async def test_wrong_replays_are_explained(
    platform: Platform, message: str | None, failed_since: str | None, told: str
) -> None:
    public, _ = _made(await _add(platform, "https://x.example/"))
    given = {"tenant": "northwind", "endpoint": public}
    replayed = await platform.command(
        "webhooks.replay", **given, message=message, failed_since=failed_since
    )
    assert _error(replayed)[:2] == ("INVALID_INPUT", told)
    await platform.command("webhooks.remove", **given)


@pytest.mark.usefixtures("northwind", "southwind")
async def test_another_agencys_endpoint_is_not_found(
    platform: Platform, receiver: ScriptedServer
) -> None:
    public, _ = _made(await _add(platform, receiver.url))
    given = {"tenant": "southwind", "endpoint": public}
    more: dict[str, dict[str, Any]] = {
        "test": {},
        "remove": {},
        "resume": {},
        "rotate": {"at_once": False},
        "deliveries": {"failed": False, "limit": 10},
        "replay": {"message": None, "failed_since": "2026-01-01"},
    }
    for verb, arguments in more.items():
        told = await platform.command(f"webhooks.{verb}", **given, **arguments)
        assert _error(told)[:2] == (
            "NOT_FOUND",
            f"{public!r} is not a webhook endpoint of this agency",
        )
    told = await platform.command("webhooks.list", tenant="southwind")
    assert (told.table, told.lines) == ([], ["make one with: bosco webhooks add southwind URL"])
    assert receiver.requests == []

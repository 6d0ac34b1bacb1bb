"""`bosco alerts`: channels that are made, tried and removed without showing a secret."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from api.logs import log_file
from tenancy.alerts import Alert, AlertKind, AlertSeverity, clear_alert, raise_alert
from tenancy.tables import AlertChannel, AuditEntry, Connection, ConnectionState
from tenancy.unscoped import TenantProfile
from tests.api.alerts.mail_server import MailRules, serve_mail
from tests.e2e.conftest import Trouble
from tests.e2e.platform import Platform, Told
from tests.e2e.world import CLIENT, NOW, google_credentials
from tests.ingestion.connector.scripted_server import Reply, ScriptedServer, serve

pytestmark = pytest.mark.anyio

KEY = "S3CRETpath"
NAMES = (f"channel-{number}" for number in itertools.count())


@pytest.fixture
async def receiver() -> AsyncIterator[ScriptedServer]:
    """Takes webhooks; refuses those to /broken."""
    async with serve(lambda r: Reply(status=500 if "broken" in r.path else 200)) as server:
        yield server


def _webhook(url: str, **changed: Any) -> dict[str, Any]:
    given = {
        "tenant": "northwind",
        "kind": "webhook",
        "name": next(NAMES),
        "credentials": {"url": url, "token": "S3CRETtoken"},
        "about": [],
        "severity": "info",
        "clients": [],
    }
    return {**given, **changed}


def _error(told: Told) -> tuple[str, str, str]:
    (error,) = told.errors
    assert told.exit_code == 1
    return error.code, error.message, error.hint


async def _listed(platform: Platform, name: str) -> tuple[Any, ...]:
    told = await platform.command("alerts.channels.list", tenant="northwind")
    return next(row for row in told.table if row[0] == name)


async def test_a_webhook_is_made_tried_and_removed(
    platform: Platform, northwind: TenantProfile, receiver: ScriptedServer
) -> None:
    host = receiver.url.removeprefix("http://")
    given = _webhook(
        f"{receiver.url}/{KEY}",
        about=["sync_failed", "freshness_missed"],
        severity="critical",
        clients=["acme-shoes"],
    )
    name = given["name"]
    told = [await platform.command("alerts.channels.add", **given)]
    assert told[0].lines == [
        f"channel {name} of northwind made: webhook to {host}",
        f"next: bosco alerts channels test northwind {name}",
    ]
    row = (name, "webhook", host, "sync_failed, freshness_missed", "critical", "acme-shoes")
    assert await _listed(platform, name) == (*row, "nothing sent yet")
    told.append(await platform.command("alerts.channels.test", tenant="northwind", name=name))
    assert (told[1].lines, told[1].exit_code) == ([f"sent  {name}  {host}"], 0)
    (request,) = receiver.requests
    assert (request.path, request.json["type"]) == (f"/{KEY}", "TEST")
    told.append(await platform.command("alerts.channels.remove", tenant="northwind", name=name))
    assert told[2].lines == [f"channel {name} of northwind removed"]
    told.append(await platform.command("alerts.channels.list", tenant="northwind"))
    assert name not in repr(told[3].table)

    async with platform.runtime.database.session(northwind.tenant_id) as session:
        channel = await session.scalar(select(AlertChannel).where(AlertChannel.name == name))
        audited = select(AuditEntry).where(AuditEntry.object_kind == "alert_channel")
        entries = (await session.scalars(audited.order_by(AuditEntry.id))).all()
    assert channel is not None
    assert (channel.removed_at, channel.secrets, channel.settings) == (NOW, None, {})
    mine = [(e.actor, e.action, e.details) for e in entries if e.object_id == str(channel.id)]
    details = {"kind": "webhook", "name": name}
    assert mine == [
        ("test", "alert_channel.created", details),
        ("test", "alert_channel.removed", details),
    ]
    shown = repr([one.events for one in told])
    log = log_file(platform.runtime.settings).read_text(encoding="utf-8")
    assert "S3CRET" not in f"{shown}{mine}{log}"


@pytest.mark.usefixtures("northwind")
async def test_a_trial_that_fails_says_why(platform: Platform, receiver: ScriptedServer) -> None:
    given = _webhook(f"{receiver.url}/broken/{KEY}")
    await platform.command("alerts.channels.add", **given)
    name, host = given["name"], receiver.url.removeprefix("http://")
    told = await platform.command("alerts.channels.test", tenant="northwind", name=name)
    assert (told.lines, told.exit_code) == ([f"FAILED  {name}  {host}  it answered 500"], 1)


@pytest.mark.usefixtures("northwind")
async def test_slack_and_mail_are_tried_for_real(
    platform: Platform, receiver: ScriptedServer
) -> None:
    slack = _webhook(
        "",
        kind="slack",
        credentials={"url": f"https://hooks.slack.com/services/T1/B1/{KEY}"},
        endpoint=receiver.url,
    )
    async with serve_mail(MailRules(refused=frozenset({"x@n.example"}))) as mailing:
        mail = _webhook(
            "",
            kind="email",
            credentials={},
            to=["ops@n.example", "x@n.example"],
            sender="bosco@n.example",
            server=f"127.0.0.1:{mailing.port}",
            security="none",
        )
        told = []
        for given in (slack, mail):
            await platform.command("alerts.channels.add", **given)
            name = given["name"]
            trial = await platform.command("alerts.channels.test", tenant="northwind", name=name)
            told += trial.lines
    # The stand-in answers 200 without Slack's "ok".
    assert told[0].startswith(f"FAILED  {slack['name']}  {receiver.url.removeprefix('http://')}  ")
    assert receiver.requests[0].path == f"/services/T1/B1/{KEY}"
    assert told[1] == (
        f"sent  {mail['name']}  ops@n.example, x@n.example by 127.0.0.1"
        "  the server refuses x@n.example"
    )
    assert [one.recipients for one in mailing.mails] == [["ops@n.example"]]


@pytest.mark.usefixtures("northwind")
@pytest.mark.parametrize(
    ("changed", "code", "message", "hint"),
    [
        (
            {"about": ["sync_fail"]},
            "INVALID_INPUT",
            "--about is 'sync_fail': there is no such word",
            (
                "there are freshness_predicted_miss, freshness_missed, sync_failed,"
                " credentials_refused, credentials_expiring, quality_incident, webhook_failed,"
                " recipient_not_told, privacy_message_stuck, request_at_risk, help_at_risk,"
                " request_stuck, features_late, features_unusual, features_drifted,"
                " features_differ, model_not_retrained, anomaly, budget_pace"
            ),
        ),
        (
            {"severity": "high"},
            "INVALID_INPUT",
            "--severity is 'high': there is no such word",
            "there are info, warning, critical",
        ),
        (
            {"clients": ["acme-shoe"]},
            "NOT_FOUND",
            "the agency has no client 'acme-shoe'",
            "did you mean acme-shoes?",
        ),
        ({"name": "a\nb"}, "INVALID_INPUT", "'a\\nb' cannot be a name", "use letters and digits"),
        (
            {"credentials": {"url": "ftp://x/S3CRET"}},
            "INVALID_INPUT",
            "url in the credentials is no https:// URL",
            "write one like https://hooks.example.com/alerts",
        ),
    ],
)
async def test_wrong_channels_are_explained(
    platform: Platform, changed: dict[str, Any], code: str, message: str, hint: str
) -> None:
    given = _webhook("https://x.example/", **changed)
    told = await platform.command("alerts.channels.add", **given)
    assert _error(told) == (code, message, hint)


@pytest.mark.usefixtures("northwind")
async def test_names_are_taken_once_and_free_after_removal(platform: Platform) -> None:
    given = _webhook("https://x.example/")
    await platform.command("alerts.channels.add", **given)
    again = await platform.command("alerts.channels.add", **given)
    assert _error(again) == (
        "CONFLICT",
        f"the agency has a channel {given['name']!r} already",
        "choose another name",
    )
    await platform.command("alerts.channels.remove", tenant="northwind", name=given["name"])
    assert (await platform.command("alerts.channels.add", **given)).exit_code == 0


@pytest.mark.usefixtures("northwind")
async def test_another_agencys_channel_is_not_found(
    platform: Platform, southwind: TenantProfile
) -> None:
    given = _webhook("https://x.example/")
    await platform.command("alerts.channels.add", **given)
    for verb in ("test", "remove"):
        told = await platform.command(
            f"alerts.channels.{verb}", tenant="southwind", name=given["name"]
        )
        assert _error(told) == (
            "NOT_FOUND",
            f"the agency has no alert channel {given['name']!r}",
            "make one with: bosco alerts channels add",
        )
    told = await platform.command("alerts.channels.list", tenant=southwind.slug)
    assert (told.table, told.lines) == (
        [],
        ["make one with: bosco alerts channels add email southwind NAME"],
    )


async def _raise(platform: Platform, tenant: TenantProfile, alert: Alert) -> None:
    async with platform.runtime.database.session(tenant.tenant_id) as session:
        await raise_alert(session, alert, now=platform.clock(), ids=platform.runtime.ids)


async def test_alerts_are_listed_gravest_first(
    platform: Platform, southwind: TenantProfile
) -> None:
    words = ("title", "details", "hint")
    for severity in AlertSeverity:
        alert = Alert(AlertKind.SYNC_FAILED, severity, severity.value, None, *words, due_at=NOW)
        await _raise(platform, southwind, alert)
    async with platform.runtime.database.session(southwind.tenant_id) as session:
        await clear_alert(session, AlertKind.SYNC_FAILED, "warning", now=NOW)
    given = {"tenant": "southwind", "client": None, "limit": 50}
    at = "2026-11-02 10:30"
    told = await platform.command("alerts.list", **given, all=False)
    assert told.table == [
        (severity, "title", "all", "details", at, at, "hint") for severity in ("critical", "info")
    ]
    everything = (await platform.command("alerts.list", **given, all=True)).table
    over = ("warning", "title", "all", "details", f"{at} to {at}", at, "")
    assert sorted(everything) == sorted([*told.table, over])
    of_client = {**given, "client": "acme-shoes", "all": True}
    told = await platform.command("alerts.list", **of_client)
    assert (told.table, told.lines) == ([], ["none"])


async def test_a_connection_that_is_renewed_or_paused_has_no_alerts(
    platform: Platform, southwind: TenantProfile, trouble: Trouble
) -> None:
    connection = {
        "tenant": "southwind",
        "client": CLIENT.shop,
        "source": "google_ads",
        "account": CLIENT.google_customer_id,
        "credentials": google_credentials(),
        "settings": ["manager_id=9000000001"],
        "endpoint": f"{trouble.url}/google_ads/",
        "start": None,
    }

    async def open_alerts() -> int:
        given = {"tenant": "southwind", "client": CLIENT.shop, "limit": 50, "all": False}
        return len((await platform.command("alerts.list", **given)).table)

    assert (await platform.command("connections.add", **connection)).exit_code == 0
    only = {"tenant": "southwind", "client": CLIENT.shop, "source": "google_ads"}
    for verb, more in (("connections.add", connection), ("connections.pause", only)):
        await _fail(platform, southwind)
        assert await open_alerts() == 1
        await platform.command(verb, **more)
        assert await open_alerts() == 0


async def _fail(platform: Platform, tenant: TenantProfile) -> None:
    async with platform.runtime.database.session(tenant.tenant_id) as session:
        connection = (await session.scalars(select(Connection))).one()
        assert connection.state is ConnectionState.ACTIVE
    subject = f"connection:{connection.id}"
    await _raise(
        platform,
        tenant,
        Alert(
            AlertKind.CREDENTIALS_REFUSED,
            AlertSeverity.CRITICAL,
            subject,
            connection.client_id,
            "Google Ads refuses the credentials",
            "",
        ),
    )

"""Agencies, clients, apps and connections by command: what is said, stored, audited and hidden."""

import hashlib
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from api.commands.connections import check_connections
from api.commands.lookup import find_agency
from api.control.protocol import Arguments, DoneEvent, ErrorEvent, LineEvent
from api.http import serve_http
from api.logs import log_file
from domain.ids import public_id
from tenancy.tables import AuditEntry, Connection, ConnectionState, OAuthClientSecret
from tenancy.unscoped import TenantProfile
from tests.e2e.conftest import Trouble
from tests.e2e.platform import Platform, Told
from tests.e2e.world import AGENCY, CLIENT, google_credentials

pytestmark = pytest.mark.anyio


def _error(told: Told) -> tuple[str, str, str]:
    (error,) = told.errors
    assert told.exit_code == 1
    return error.code, error.message, error.hint


async def _audited(platform: Platform, tenant: TenantProfile, action: str) -> list[dict[str, Any]]:
    async with platform.runtime.database.session(tenant.tenant_id) as session:
        query = select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id)
        entries = (await session.scalars(query)).all()
    assert {entry.actor for entry in entries} <= {"test"}
    return [entry.details for entry in entries]


async def _add_tenant(platform: Platform, **more: str) -> Told:
    given = {"name": "New", "currency": "EUR", "time_zone": "Europe/Berlin", **more}
    return await platform.command("tenants.add", **given)


@pytest.mark.usefixtures("northwind")
async def test_makes_and_lists_agencies(platform: Platform) -> None:
    told = await _add_tenant(platform, slug="eastwind", currency="USD", time_zone="Asia/Tokyo")
    assert told.events[:2] == [
        LineEvent("agency eastwind made: USD, Asia/Tokyo"),
        LineEvent("next: bosco clients add eastwind CLIENT --name NAME"),
    ]
    listed = (await platform.command("tenants.list")).table
    assert ("eastwind", "New", "USD", "Asia/Tokyo") in listed
    assert ("northwind", "Northwind", "EUR", "Europe/Berlin") in listed


@pytest.mark.usefixtures("northwind")
@pytest.mark.parametrize(
    ("given", "code", "message", "hint"),
    [
        (
            {"slug": "northwind"},
            "CONFLICT",
            "there is already an agency 'northwind'",
            "choose another slug",
        ),
        (
            {"slug": "North Wind"},
            "INVALID_INPUT",
            "'North Wind' cannot be a short name",
            "use up to 63 small letters, digits and inner hyphens, for example acme-shoes",
        ),
        (
            {"slug": "x", "time_zone": "Berlin"},
            "INVALID_INPUT",
            "'Berlin' is not a time zone",
            "use an IANA name, for example Europe/Berlin",
        ),
        (
            {"slug": "x", "time_zone": "../../etc/passwd"},
            "INVALID_INPUT",
            "'../../etc/passwd' is not a time zone",
            "use an IANA name, for example Europe/Berlin",
        ),
    ],
)
async def test_wrong_agencies_are_explained(
    platform: Platform,
    given: dict[str, str],
    code: str,
    message: str,
    hint: str,
) -> None:
    assert _error(await _add_tenant(platform, **given)) == (code, message, hint)


async def test_an_unknown_currency_is_explained(platform: Platform) -> None:
    code, message, _ = _error(await _add_tenant(platform, slug="x", currency="EURO"))
    assert code == "INVALID_INPUT"
    assert "EURO" in message


@pytest.mark.usefixtures("northwind")
async def test_typos_get_the_nearest_name(platform: Platform) -> None:
    assert _error(await platform.command("clients.list", tenant="nortwind")) == (
        "NOT_FOUND",
        "there is no agency 'nortwind'",
        "did you mean northwind?",
    )


async def test_makes_and_lists_clients(platform: Platform, northwind: TenantProfile) -> None:
    told = await platform.command("clients.add", tenant="northwind", slug="bolt", name="Bolt")
    assert told.lines == [
        "client bolt of northwind made",
        "next: bosco connections add northwind bolt SOURCE ACCOUNT --credentials FILE",
        "or a file: bosco import northwind bolt FILE --map FILE",
    ]
    again = await platform.command("clients.add", tenant="northwind", slug="bolt", name="Bolt")
    assert _error(again) == (
        "CONFLICT",
        "the agency has a client 'bolt' already",
        "choose another slug",
    )
    listed = await platform.command("clients.list", tenant="northwind")
    assert listed.table == [("acme-shoes", "Acme"), ("bolt", "Bolt")]
    assert {"slug": "bolt"} in await _audited(platform, northwind, "client.created")


async def test_an_apps_secret_is_shown_once(platform: Platform, southwind: TenantProfile) -> None:
    told = await platform.command(
        "apps.add", tenant="southwind", name="Board", scopes=[], clients=["acme-shoes"]
    )
    words = dict(line.split(maxsplit=1) for line in told.lines[:2])
    client_id, secret = words["client_id"], words["client_secret"]
    assert client_id.startswith("app_")
    assert len(secret) == 64
    assert told.lines[2] == "the secret is not shown again"
    listed = await platform.command("apps.list", tenant="southwind")
    assert listed.table == [
        (
            client_id,
            "Board",
            "secret",
            "ingestion:read ingestion:write metrics:read metrics:write",
            "acme-shoes",
            "never",
            "live",
        )
    ]
    assert secret not in repr(listed.events)
    async with platform.runtime.database.session(southwind.tenant_id) as session:
        stored = (await session.scalars(select(OAuthClientSecret))).one()
    assert stored.secret_hash == hashlib.sha256(secret.encode()).digest()
    assert secret not in repr(await _audited(platform, southwind, "app.created"))
    assert secret not in log_file(platform.runtime.settings).read_text(encoding="utf-8")


@pytest.mark.usefixtures("northwind")
@pytest.mark.parametrize(
    ("scopes", "clients", "message", "hint"),
    [
        (["metric:read"], [], "there is no scope 'metric:read'", "did you mean metrics:read?"),
        ([], ["acme-shoe"], "the agency has no client 'acme-shoe'", "did you mean acme-shoes?"),
    ],
)
async def test_wrong_apps_are_explained(
    platform: Platform,
    scopes: list[str],
    clients: list[str],
    message: str,
    hint: str,
) -> None:
    told = await platform.command(
        "apps.add", tenant="northwind", name="Board", scopes=scopes, clients=clients
    )
    assert _error(told)[1:] == (message, hint)
    assert (await platform.command("apps.list", tenant="northwind")).table == []


async def test_an_app_is_suspended_and_resumed(
    platform: Platform, northwind: TenantProfile, southwind: TenantProfile
) -> None:
    made = await platform.command(
        "apps.add", tenant="northwind", name="Board", scopes=[], clients=[]
    )
    app = made.lines[0].split()[1]

    async def state() -> str:
        listed = await platform.command("apps.list", tenant="northwind")
        return str(listed.table[0][-1])

    for _ in range(2):  # again changes nothing
        told = await platform.command("apps.suspend", tenant="northwind", app=app)
        assert told.lines == ["Board is suspended: it gets no tokens, and those it has are refused"]
        assert await state() == "suspended"
    told = await platform.command("apps.resume", tenant="northwind", app=app)
    assert told.lines == ["Board is live again"]
    assert await state() == "live"
    for action in ("app.suspended", "app.resumed"):
        assert await _audited(platform, northwind, action) == [{"client_id": app}]

    foreign = await platform.command("apps.suspend", tenant=southwind.slug, app=app)
    assert _error(foreign)[1:] == (
        f"southwind has no app '{app}'",
        "bosco apps list southwind",
    )
    assert await state() == "live"


async def _connect(platform: Platform, trouble: Trouble, tenant: str, **more: Any) -> Told:
    given: dict[str, Any] = {
        "tenant": tenant,
        "client": CLIENT.shop,
        "source": "google_ads",
        "account": CLIENT.google_customer_id,
        "credentials": google_credentials(),
        "settings": ["manager_id=9000000001"],
        "endpoint": f"{trouble.url}/google_ads/",
        "start": None,
    }
    return await platform.command("connections.add", **{**given, **more})


@pytest.mark.usefixtures("southwind")
async def test_connects_checks_and_lists_an_account(
    platform: Platform, trouble: Trouble, northwind: TenantProfile
) -> None:
    told = await _connect(platform, trouble, "northwind", start="2026-10-01")
    assert told.lines == [
        "google_ads account 1111111111 (Acme Shoes) connected: EUR, Europe/Berlin",
        "next: bosco sync northwind --client acme-shoes",
    ]
    listed = await platform.command("connections.list", tenant="northwind")
    row = ("acme-shoes", "google_ads", "1111111111", "Acme Shoes", "EUR", "Europe/Berlin")
    assert listed.table == [(*row, "2026-10-01", "", "active")]
    assert (await platform.command("connections.list", tenant="southwind")).table == []
    checked = await platform.command("connections.check", tenant="northwind")
    assert checked.lines == [
        "ok  acme-shoes  google_ads  1111111111  Acme Shoes  EUR  Europe/Berlin"
    ]
    async with platform.runtime.database.session(northwind.tenant_id) as session:
        first = (await session.scalars(select(Connection))).one()
    again = await _connect(platform, trouble, "northwind")
    assert again.lines == told.lines  # new credentials for the same connection
    async with platform.runtime.database.session(northwind.tenant_id) as session:
        renewed = (await session.scalars(select(Connection))).one()
    assert (renewed.id, renewed.start_date) == (first.id, first.start_date)
    assert renewed.credentials != first.credentials
    assert len(await _audited(platform, northwind, "connection.renewed")) == 1
    shown = repr([told.events, listed.events, checked.events])
    stored = repr(await _audited(platform, northwind, "connection.created"))
    log = log_file(platform.runtime.settings).read_text(encoding="utf-8")
    for secret in google_credentials().values():
        assert secret not in shown + stored + log
    async with platform.runtime.database.session(northwind.tenant_id) as session:
        sealed = (await session.scalars(select(Connection.credentials))).one()
    assert sealed is not None
    assert b"refresh-token" not in sealed


async def test_the_history_starts_90_days_ago(platform: Platform, trouble: Trouble) -> None:
    await _add_tenant(platform, slug="historic")
    await platform.command("clients.add", tenant="historic", slug=CLIENT.shop, name="Acme")
    await _connect(platform, trouble, "historic")
    (row,) = (await platform.command("connections.list", tenant="historic")).table
    assert row[6] == "2026-08-04"


async def test_history_that_the_platform_no_longer_keeps_is_told(
    platform: Platform, trouble: Trouble
) -> None:
    await _add_tenant(platform, slug="social")
    await platform.command("clients.add", tenant="social", slug=CLIENT.shop, name="Acme")
    meta: dict[str, Any] = {
        "source": "meta_ads",
        "account": f"act_{CLIENT.meta_account_id}",
        "credentials": {"access_token": AGENCY.meta_access_token},
        "settings": [],
        "endpoint": f"{trouble.url}/meta_ads",
    }
    told = await _connect(platform, trouble, "social", **meta, start="2020-01-01")
    assert told.lines == [
        "meta_ads account 111111111111111 (Acme Shoes) connected: EUR, Europe/Berlin",
        (
            "from 2023-10-09, not 2020-01-01: account_day, campaign_day, ad_day, "
            "campaign_country_day (Meta keeps 37 months)"
        ),
        "next: bosco sync social --client acme-shoes",
    ]


async def test_a_refused_account_does_not_hide_the_others(
    platform: Platform, trouble: Trouble
) -> None:
    await _add_tenant(platform, slug="checked")
    await platform.command("clients.add", tenant="checked", slug=CLIENT.shop, name="Acme")
    await _connect(platform, trouble, "checked")
    shop = f"{trouble.url}/shopify/shops/{{account}}"
    await _connect(
        platform,
        trouble,
        "checked",
        source="shopify",
        account=CLIENT.shop,
        credentials={"access_token": CLIENT.shopify_token},
        settings=[],
        endpoint=shop,
    )
    trouble.simulator.fault("server_error", times=1, status=402, operation="", path="google_ads")
    told = await platform.command("connections.check", tenant="checked")
    failed, fine = sorted(told.lines)  # each is told when it has answered
    assert failed.startswith("FAILED  acme-shoes  google_ads  1111111111  Google Ads refused")
    assert fine == "ok  acme-shoes  shopify  acme-shoes  Acme Shoes  EUR  Europe/Berlin"
    assert told.exit_code == 1


async def test_a_platform_that_is_silent_keeps_no_other_waiting(
    platform: Platform, trouble: Trouble
) -> None:
    await _add_tenant(platform, slug="silent")
    await platform.command("clients.add", tenant="silent", slug=CLIENT.shop, name="Acme")
    await _connect(platform, trouble, "silent")
    await _connect(
        platform,
        trouble,
        "silent",
        source="shopify",
        account=CLIENT.shop,
        credentials={"access_token": CLIENT.shopify_token},
        settings=[],
        endpoint=f"{trouble.url}/shopify/shops/{{account}}",
    )
    tenant = await find_agency(platform.runtime, "silent")
    with socket.create_server(("127.0.0.1", 0)) as silence:  # takes connections, answers none
        url = f"http://127.0.0.1:{silence.getsockname()[1]}"
        async with platform.runtime.database.session(tenant.tenant_id) as session:
            settings = Connection.settings.op("||")({"endpoint": url})
            google = Connection.source == "google_ads"
            await session.execute(update(Connection).where(google).values(settings=settings))
        events = check_connections(platform.runtime, Arguments({"tenant": "silent"}, Path("/")))
        assert await anext(events) == LineEvent(
            "ok  acme-shoes  shopify  acme-shoes  Acme Shoes  EUR  Europe/Berlin"
        )
    host = url.removeprefix("http://")
    assert [event async for event in events] == [
        LineEvent(
            "FAILED  acme-shoes  google_ads  1111111111  Google Ads did not answer usably 2 times"
            f" in a row: {host} does not answer (ConnectError)"
            " (check the network, or --endpoint, and try again)"
        ),
        DoneEvent(1),
    ]


async def test_a_refused_discovery_says_why(platform: Platform, trouble: Trouble) -> None:
    told = await platform.command(
        "connections.discover",
        source="google_ads",
        credentials={**google_credentials(), "refresh_token": "1//revoked"},
        settings=[],
        endpoint=f"{trouble.url}/google_ads",
    )
    assert _error(told) == (
        "CREDENTIALS_REJECTED",
        "Google Ads refused the request: Bad Request (invalid_grant)",
        "connect the account again; the permission was withdrawn or has run out",
    )


@pytest.mark.usefixtures("southwind")
@pytest.mark.parametrize(
    ("more", "code", "message", "hint"),
    [
        (
            {"source": "googleads"},
            "NOT_FOUND",
            "there is no source 'googleads'",
            "did you mean google_ads?",
        ),
        (
            {"client": "acme-shoe"},
            "NOT_FOUND",
            "the agency has no client 'acme-shoe'",
            "did you mean acme-shoes?",
        ),
        (
            {"start": "01.10.2026"},
            "INVALID_INPUT",
            "--start is '01.10.2026': that is not a day",
            "write it as 2026-10-01",
        ),
        (
            {"settings": ["manager_id"]},
            "INVALID_INPUT",
            "--set 'manager_id' has no value",
            "write --set manager_id=1234567890",
        ),
        (
            {"endpoint": "file:///etc/passwd"},
            "INVALID_INPUT",
            "--endpoint is 'file:///etc/passwd': that is no http:// or https:// URL",
            "",
        ),
    ],
)
async def test_wrong_connections_are_explained(
    platform: Platform,
    trouble: Trouble,
    more: dict[str, Any],
    code: str,
    message: str,
    hint: str,
) -> None:
    trouble.simulator.http.delete("/_control/requests").raise_for_status()
    assert _error(await _connect(platform, trouble, "southwind", **more)) == (code, message, hint)
    assert trouble.simulator.requests()["total"] == 0
    assert (await platform.command("connections.list", tenant="southwind")).table == []


@pytest.mark.parametrize("state", [ConnectionState.PAUSED, ConnectionState.BROKEN])
async def test_a_connection_that_rests_is_not_synced(
    platform: Platform, trouble: Trouble, state: ConnectionState
) -> None:
    slug = f"resting-{state.value}"
    await _add_tenant(platform, slug=slug)
    await platform.command("clients.add", tenant=slug, slug=CLIENT.shop, name="Acme")
    await _connect(platform, trouble, slug)
    tenant = await platform.runtime.doors.find_tenant(slug)
    assert tenant is not None
    async with platform.runtime.database.session(tenant.tenant_id) as session:
        (await session.scalars(select(Connection))).one().state = state
    assert _error(await platform.command("sync", tenant=slug)) == (
        "NOT_FOUND",
        "there is no active connection to sync",
        f"bosco connections resume {slug}"
        if state is ConnectionState.PAUSED
        else f"connect them again: bosco alerts list {slug}",
    )


async def test_a_paused_connection_is_left_out_until_resumed(
    platform: Platform, trouble: Trouble
) -> None:
    slug = "pausing"
    await _add_tenant(platform, slug=slug)
    await platform.command("clients.add", tenant=slug, slug=CLIENT.shop, name="Acme")
    await _connect(platform, trouble, slug)
    account = "acme-shoes  google_ads  1111111111"
    nothing = ["nothing to do: no such connection of pausing is in another state"]
    for verb, done, state in (("pause", "paused", "paused"), ("resume", "resumed", "active")):
        told = await platform.command(f"connections.{verb}", tenant=slug)
        assert told.lines == [f"{done}  {account}"]
        assert (await platform.command("connections.list", tenant=slug)).table[0][-1] == state
        assert (await platform.command(f"connections.{verb}", tenant=slug)).lines == nothing
        tenant = await platform.runtime.doors.find_tenant(slug)
        assert tenant is not None
        assert len(await _audited(platform, tenant, f"connection.{done}")) == 1
    other = await platform.command("connections.pause", tenant=slug, source="shopify")
    assert other.lines == nothing


async def test_unknown_commands_are_told(platform: Platform) -> None:
    told = await platform.command("tenant.add")
    assert told.events[0] == ErrorEvent(
        "UNKNOWN_COMMAND", "there is no command 'tenant.add'", "did you mean 'tenants.add'?"
    )


LINK = "http://127.0.0.1:8080/connect/start/"


async def _link(platform: Platform, tenant: str, **more: Any) -> Told:
    given: dict[str, Any] = {"tenant": tenant, "client": CLIENT.shop, "source": "google_ads"}
    rest: dict[str, Any] = {
        "account": None,
        "reconnect": None,
        "start": None,
        "settings": [],
        "endpoint": None,
    }
    return await platform.command("connections.link", **{**given, **rest, **more})


async def test_a_link_connects_an_account_again(platform: Platform, trouble: Trouble) -> None:
    slug = "linking"
    await _add_tenant(platform, slug=slug)
    await platform.command("clients.add", tenant=slug, slug=CLIENT.shop, name="Acme")
    await _connect(platform, trouble, slug)
    tenant = await find_agency(platform.runtime, slug)
    async with platform.runtime.database.session(tenant.tenant_id) as session:
        connection = (await session.scalars(select(Connection))).one()
    public = public_id("con", connection.id)
    link = ""
    for name in (public, CLIENT.google_customer_id):
        told = await _link(platform, slug, reconnect=name)
        link, advice = told.lines
        assert link.startswith(f"{LINK}{tenant.tenant_id.hex}.")
        assert advice == (
            "it connects account 1111111111 again at Google Ads for acme-shoes, and is good for 24 "
            "hours: send it to somebody who may see the account, and to nobody else"
        )
    sent = await platform.runtime.connecting.open_link(link.removeprefix(f"{LINK}"))
    assert sent.url.startswith(f"{trouble.url}/google_ads/o/oauth2/v2/auth?")
    async with serve_http(platform.runtime, port=0) as url, httpx.AsyncClient() as http:
        opened = await http.get(f"{url}{link.removeprefix('http://127.0.0.1:8080')}")
    assert opened.status_code == 303
    assert opened.headers["location"].partition("?")[0] == sent.url.partition("?")[0]
    entries = await _audited(platform, tenant, "connection.link_made")
    assert len(entries) == 2
    assert link.rpartition(".")[2] not in repr(entries)


async def test_a_link_that_cannot_be_made_says_why(
    platform: Platform, trouble: Trouble, northwind: TenantProfile
) -> None:
    slug = "unlinked"
    await _add_tenant(platform, slug=slug)
    await platform.command("clients.add", tenant=slug, slug=CLIENT.shop, name="Acme")
    code, _, hint = _error(await _link(platform, slug))
    assert (code, "BOSCO_PROVIDER_APPS_FILE" in hint) == ("CONSENT_REFUSED", True)
    assert _error(await _link(platform, slug, reconnect="1111111111")) == (
        "NOT_FOUND",
        "acme-shoes has no connection '1111111111' at google_ads",
        "bosco connections list unlinked --client acme-shoes",
    )
    both = await _link(platform, slug, reconnect="1", account="2")
    assert _error(both)[0] == "INVALID_INPUT"
    assert _error(await _link(platform, slug, client="nobody"))[0] == "NOT_FOUND"
    del trouble, northwind

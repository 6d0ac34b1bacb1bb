"""From a link to a connection at each platform, and everything that can stop it on the way."""

import datetime as dt
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import update

from api.connect.pages import show_choice
from domain.errors import InvalidInputError
from ingestion.connecting import Choosing, ConsentRefusedError
from ingestion.connector.job import DiscoveredAccount
from ingestion.connector.source_file import load_source
from tenancy.tables import Connection, ConnectionState, ConsentStep
from tests.api.connect.front_desk import (
    ACCOUNTS,
    APPS,
    SOURCES,
    Agency,
    FrontDesk,
    ticket_in,
)
from tests.fixtures.simulator import SIMULATED_NOW

pytestmark = pytest.mark.anyio

KEPT = {"ga4": "refresh_token", "google_ads": "refresh_token", "shopify": "refresh_token"}
ENDS = {
    "ga4": None,
    "google_ads": None,
    "meta_ads": dt.timedelta(days=60),
    "shopify": dt.timedelta(days=90),
    "tiktok_ads": None,
}
SCOPES = {
    "ga4": "https://www.googleapis.com/auth/analytics.readonly",
    "google_ads": "https://www.googleapis.com/auth/adwords",
    "meta_ads": "ads_read",
}


@pytest.mark.parametrize("source", SOURCES)
async def test_a_consent_connects_the_account_that_is_wanted(
    front: FrontDesk, agency: Agency, source: str
) -> None:
    link = await front.link(agency, source, account_id=ACCOUNTS[source])
    answer = await front.walk(link)
    assert answer.status_code == 200, answer.text
    assert "is connected" in answer.text
    (connection,) = await front.connections(agency)
    assert (connection.source, connection.account_id) == (source, ACCOUNTS[source])
    assert connection.label == "Acme Shoes"
    assert (connection.settings["currency"], connection.state) == ("EUR", ConnectionState.ACTIVE)
    assert connection.connected_at == SIMULATED_NOW
    lasts = ENDS[source]
    assert connection.credentials_expire_at == (SIMULATED_NOW + lasts if lasts else None)
    kept = await front.kept(connection)
    assert list(kept.credentials) == [KEPT.get(source, "access_token")]
    assert (kept.access is not None) == (source in KEPT)
    checked = await front.extraction.check_connection(connection)
    assert checked.account_id == ACCOUNTS[source]
    (pending,) = await front.pending(agency)
    assert (pending.step, pending.sealed, pending.state_hash) == (
        ConsentStep.CONNECTED,
        None,
        None,
    )


@pytest.mark.parametrize("source", [source for source in SOURCES if source != "shopify"])
async def test_a_person_who_reaches_several_accounts_chooses_one(
    front: FrontDesk, agency: Agency, source: str
) -> None:
    page = await front.walk(await front.link(agency, source))
    assert page.status_code == 200
    assert "Acme Shoes" in page.text
    assert "Bluebird Coffee" in page.text
    assert await front.connections(agency) == []
    done = await front.choose(page, ACCOUNTS[source])
    assert done.status_code == 200, done.text
    assert [each.account_id for each in await front.connections(agency)] == [ACCOUNTS[source]]
    again = await front.choose(page, ACCOUNTS[source])
    assert again.status_code == 404
    (connection,) = await front.connections(agency)
    # Meta alone names a person later, by the id within our app.
    assert (connection.granted_by is not None) == (source == "meta_ads")


async def test_only_accounts_of_the_consent_can_be_chosen(front: FrontDesk, agency: Agency) -> None:
    page = await front.walk(await front.link(agency, "tiktok_ads"))
    wrong = await front.choose(page, "7333333333333333333")
    assert wrong.status_code == 400
    assert "does not show advertiser id 7333333333333333333" in wrong.text
    assert await front.connections(agency) == []


async def test_a_choice_runs_out(front: FrontDesk, agency: Agency) -> None:
    page = await front.walk(await front.link(agency, "meta_ads"))
    front.clock.advance(minutes=30, seconds=1)
    assert (await front.choose(page, ACCOUNTS["meta_ads"])).status_code == 404
    assert await front.connections(agency) == []


@pytest.mark.parametrize("source", SOURCES)
async def test_the_url_asks_for_what_the_platform_documents(
    front: FrontDesk, agency: Agency, source: str
) -> None:
    url = urlsplit(await front.open(await front.link(agency, source)))
    given = {name: values[0] for name, values in parse_qs(url.query).items()}
    state = given.pop("state")
    assert state.startswith(f"{agency.tenant_id.hex}.")
    home = f"http://127.0.0.1:8080/connect/{source}/callback"
    assert given.pop("redirect_uri") == home
    challenge = given.pop("code_challenge", "")
    google = {
        "access_type": "offline",
        "client_id": "northwind.apps.googleusercontent.com",
        "code_challenge_method": "S256",
        "prompt": "consent",
        "response_type": "code",
    }
    assert (len(challenge) == 43) == (source in {"ga4", "google_ads"})
    assert (
        given
        == {
            "ga4": {**google, "scope": SCOPES["ga4"]},
            "google_ads": {**google, "scope": SCOPES["google_ads"]},
            "meta_ads": {
                "client_id": "100000000000001",
                "response_type": "code",
                "return_scopes": "true",
                "scope": "ads_read",
            },
            "shopify": {
                "client_id": "northwind-shopify-client",
                "scope": "read_orders,read_all_orders,read_customers,read_products",
            },
            "tiktok_ads": {"app_id": "7000000000000000001"},
        }[source]
    )


@pytest.mark.parametrize("source", SOURCES)
async def test_a_person_who_declines_can_think_again(
    front: FrontDesk, agency: Agency, source: str
) -> None:
    link = await front.link(agency, source, account_id=ACCOUNTS[source])
    declined = await front.walk(link, "deny")
    assert declined.status_code == 400
    assert "access was declined" in declined.text
    assert await front.connections(agency) == []
    assert (await front.walk(link)).status_code == 200
    assert len(await front.connections(agency)) == 1


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("ga4", SCOPES["ga4"]),
        ("google_ads", SCOPES["google_ads"]),
        ("meta_ads", "ads_read"),
        ("shopify", "read_all_orders, read_customers, read_products"),
    ],
)
async def test_a_permission_that_was_not_ticked_is_named(
    front: FrontDesk, agency: Agency, source: str, missing: str
) -> None:
    answer = await front.walk(await front.link(agency, source), "partial")
    assert answer.status_code == 400
    assert f"was not allowed to show us: {missing}." in answer.text
    assert await front.connections(agency) == []


async def test_a_state_counts_once(front: FrontDesk, agency: Agency) -> None:
    link = await front.link(agency, "ga4", account_id=ACCOUNTS["ga4"])
    back = await front.consent(await front.open(link))
    assert (await front.http.get(back)).status_code == 200
    replayed = await front.http.get(back)
    assert replayed.status_code == 404
    assert "is not known, was used, or has run out" in replayed.text
    assert len(await front.connections(agency)) == 1
    assert (await front.http.get(link)).status_code == 404  # it has connected something


async def test_a_state_counts_for_ten_minutes_and_a_link_for_a_day(
    front: FrontDesk, agency: Agency
) -> None:
    link = await front.link(agency, "meta_ads", account_id=ACCOUNTS["meta_ads"])
    back = await front.consent(await front.open(link))
    front.clock.advance(minutes=10, seconds=1)
    assert (await front.http.get(back)).status_code == 404
    front.clock.advance(hours=23)
    await front.open(link)
    front.clock.advance(hours=1)
    assert (await front.http.get(link)).status_code == 404


async def test_opening_a_link_again_ends_the_state_before(front: FrontDesk, agency: Agency) -> None:
    link = await front.link(agency, "meta_ads", account_id=ACCOUNTS["meta_ads"])
    first = await front.consent(await front.open(link))
    second = await front.consent(await front.open(link))
    assert (await front.http.get(first)).status_code == 404
    assert (await front.http.get(second)).status_code == 200


async def test_links_that_are_open_at_once_connect_their_own_account(
    front: FrontDesk, agency: Agency
) -> None:
    links = {
        source: await front.link(agency, source, account_id=ACCOUNTS[source])
        for source in ("meta_ads", "tiktok_ads")
    }
    for source, link in links.items():
        back = await front.consent(await front.open(link))
        assert f"/{source}/callback" in back
        assert (await front.http.get(back)).status_code == 200
    assert [one.source for one in await front.connections(agency)] == list(links)


async def test_a_state_counts_in_the_browser_that_opened_the_link(
    front: FrontDesk, agency: Agency
) -> None:
    link = await front.link(agency, "meta_ads", account_id=ACCOUNTS["meta_ads"])
    back = await front.consent(await front.open(link))
    front.http.cookies.clear()
    assert (await front.http.get(back)).status_code == 404
    assert await front.connections(agency) == []


async def test_a_state_counts_for_its_own_source(front: FrontDesk, agency: Agency) -> None:
    link = await front.link(agency, "meta_ads", account_id=ACCOUNTS["meta_ads"])
    back = await front.consent(await front.open(link))
    assert (await front.http.get(back.replace("meta_ads", "ga4"))).status_code == 404


async def test_another_agency_knows_no_state_and_no_link(front: FrontDesk, agency: Agency) -> None:
    other = await front.agency("southwind")
    link = await front.link(agency, "meta_ads", account_id=ACCOUNTS["meta_ads"])
    foreign = link.replace(agency.tenant_id.hex, other.tenant_id.hex)
    unknown = await front.http.get(foreign)
    nobody = await front.http.get(link.replace(agency.tenant_id.hex, "0" * 32))
    assert (unknown.status_code, unknown.text) == (nobody.status_code, nobody.text)
    assert unknown.status_code == 404
    back = await front.consent(await front.open(link))
    moved = await front.http.get(back.replace(agency.tenant_id.hex, other.tenant_id.hex))
    assert moved.status_code == 404
    assert (await front.http.get(back)).status_code == 200  # nothing of it was lost
    assert await front.connections(other) == []
    page = await front.walk(await front.link(agency, "tiktok_ads"))
    ticket = ticket_in(page).replace(agency.tenant_id.hex, other.tenant_id.hex)
    assert (await front.post_choice(ticket, ACCOUNTS["tiktok_ads"])).status_code == 404


@pytest.mark.parametrize("ticket", ["", "x", "0" * 32, f"{'0' * 32}.short", "a" * 5000])
async def test_what_is_no_link_is_told_like_an_unknown_one(front: FrontDesk, ticket: str) -> None:
    answer = await front.http.get(f"/connect/start/{ticket or '-'}")
    assert answer.status_code == 404
    assert (
        await front.http.get("/connect/ga4/callback", params={"state": ticket})
    ).status_code == (404)
    assert (await front.http.get("/connect/ga4/callback")).status_code == 404


async def test_shopify_signs_what_it_sends(front: FrontDesk, agency: Agency) -> None:
    link = await front.link(agency, "shopify")
    for old, new in (
        ("shop=acme-shoes", "shop=evil-shoes"),
        ("&hmac=", "&mac="),
        ("&hmac=", "&extra=1&hmac="),
        ("&hmac=", "&code=again&hmac="),
    ):
        back = await front.consent(await front.open(link))
        answer = await front.http.get(back.replace(old, new))
        assert answer.status_code in {400, 404}, answer.text
    assert await front.connections(agency) == []
    assert (await front.walk(link)).status_code == 200


@pytest.mark.parametrize("source", SOURCES)
async def test_a_code_that_the_platform_does_not_take_changes_nothing(
    front: FrontDesk, agency: Agency, source: str
) -> None:
    link = await front.link(agency, source, account_id=ACCOUNTS[source])
    back = await front.consent(await front.open(link))
    front.simulator.http.post("/_control/reset").raise_for_status()  # it forgets the code
    answer = await front.http.get(back)
    assert answer.status_code == 400
    assert "refused the request" in answer.text
    assert await front.connections(agency) == []
    assert (await front.walk(link)).status_code == 200


@pytest.mark.parametrize("source", SOURCES)
async def test_an_app_that_the_platform_refuses_is_the_operators_matter(
    front: FrontDesk, agency: Agency, source: str
) -> None:
    link = await front.link(agency, source, account_id=ACCOUNTS[source])
    wrong = {source: {**APPS[source], "client_secret": "guessed"}}
    front.use_apps(wrong)
    answer = await front.walk(link)
    if source == "shopify":  # whose callback is signed with the secret
        assert "does not carry Shopify&#39;s signature" in answer.text
    elif source == "tiktok_ads":  # which tells by no code of its own
        assert "app_id or secret is invalid" in answer.text
    else:
        assert "Tell the operator of the platform" in answer.text
    assert answer.status_code == 400
    assert "guessed" not in answer.text
    assert await front.connections(agency) == []


async def test_a_platform_that_is_away_is_told_and_nothing_is_lost(
    front: FrontDesk, agency: Agency
) -> None:
    link = await front.link(agency, "meta_ads", account_id=ACCOUNTS["meta_ads"])
    back = await front.consent(await front.open(link))
    front.simulator.fault("server_error", times=None, match={"operation": "token"})
    answer = await front.http.get(back)
    assert answer.status_code == 503
    front.simulator.http.delete("/_control/faults").raise_for_status()
    assert (await front.walk(link)).status_code == 200


async def test_an_answer_that_is_lost_costs_a_second_visit(
    front: FrontDesk, agency: Agency
) -> None:
    link = await front.link(agency, "shopify")
    back = await front.consent(await front.open(link))
    front.simulator.fault("failed_after", match={"operation": "token"})
    assert (await front.http.get(back)).status_code == 400  # the code was used up
    assert (await front.walk(link)).status_code == 200
    assert len(await front.connections(agency)) == 1


async def test_an_account_that_the_person_does_not_see_is_not_connected(
    front: FrontDesk, agency: Agency
) -> None:
    link = await front.link(agency, "meta_ads", account_id="333333333333333")
    answer = await front.walk(link)
    assert answer.status_code == 400
    assert "Meta Ads does not show ad account id 333333333333333 to this user." in answer.text
    assert await front.connections(agency) == []


async def test_connecting_again_keeps_the_connection_and_its_settings(
    front: FrontDesk, agency: Agency
) -> None:
    old = await front.connected(agency, "google_ads")
    before = await front.kept(old)
    async with front.database.session(agency.tenant_id) as session:
        await session.execute(update(Connection).values(state=ConnectionState.BROKEN))
    front.advance(days=3)
    link = await front.link(
        agency,
        "google_ads",
        account_id=old.account_id,
        connection_id=old.id,
        settings=old.settings,
    )
    answer = await front.walk(link)
    assert "is connected again" in answer.text
    (new,) = await front.connections(agency)
    assert (new.id, new.state, new.start_date) == (old.id, ConnectionState.ACTIVE, old.start_date)
    assert new.settings == old.settings
    assert new.credentials_version == old.credentials_version + 1
    assert (await front.kept(new)).credentials != before.credentials


async def test_an_app_that_a_connection_brought_along_stays_with_it(
    front: FrontDesk, agency: Agency
) -> None:
    old = await front.connected(agency, "meta_ads")
    brought = {
        "app.client_id": "100000000000001",
        "app.client_secret": "northwind-meta-secret",
    }
    kept = await front.kept(old)
    assert await front.store.replace(
        agency.tenant_id,
        old.id,
        kept.version,
        {**kept.credentials, **brought},
        expire_at=kept.expire_at,
    )
    front.use_apps({})
    link = await front.link(
        agency, "meta_ads", account_id=old.account_id, connection_id=old.id, settings=old.settings
    )
    assert (await front.walk(link)).status_code == 200
    (new,) = await front.connections(agency)
    credentials = (await front.kept(new)).credentials
    assert {name: credentials[name] for name in brought} == brought
    assert credentials["access_token"] != kept.credentials["access_token"]


async def test_a_link_needs_an_app_a_consent_and_a_shop(front: FrontDesk, agency: Agency) -> None:
    front.use_apps({})
    with pytest.raises(ConsentRefusedError, match="our app at Meta Ads is not known"):
        await front.link(agency, "meta_ads")
    front.use_apps(APPS)
    with pytest.raises(ConsentRefusedError, match="one shop name at a time"):
        await front.link(agency, "shopify", account_id="")
    with pytest.raises(InvalidInputError, match="is no shop name of Shopify"):
        await front.link(agency, "shopify", account_id="evil.example/x")
    assert await front.pending(agency) == []


async def test_no_secret_is_stored_in_the_clear(front: FrontDesk, agency: Agency) -> None:
    link = await front.link(agency, "ga4", account_id=ACCOUNTS["ga4"])
    url = await front.open(link)
    (pending,) = await front.pending(agency)
    state = parse_qs(urlsplit(url).query)["state"][0]
    stored = repr(sorted(vars(pending).items(), key=str))
    assert state not in stored
    assert link.rpartition("/")[2] not in stored


async def test_pages_are_closed_to_frames_scripts_and_caches(
    front: FrontDesk, agency: Agency
) -> None:
    answer = await front.http.get("/connect/start/unknown")
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "same-origin"
    started = await front.http.get(await front.link(agency, "ga4"))
    assert started.headers["referrer-policy"] == "no-referrer"
    cookie = started.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/connect" in cookie


async def test_programs_get_json(front: FrontDesk) -> None:
    answer = await front.http.get("/connect/start/unknown", headers={"accept": "application/json"})
    assert answer.json() == {
        "code": "LINK_REFUSED",
        "title": "The account is not connected",
        "text": "This link is not known, was used, or has run out. "
        "Ask for a new one: bosco connections link.",
    }


async def test_a_form_that_is_too_large_is_refused(front: FrontDesk) -> None:
    assert (await front.post_choice("x" * 70_000, "1")).status_code == 413


async def test_a_form_of_another_site_is_refused(front: FrontDesk, agency: Agency) -> None:
    page = await front.walk(await front.link(agency, "meta_ads"))
    ticket = ticket_in(page)
    foreign = await front.post_choice(ticket, ACCOUNTS["meta_ads"], "https://elsewhere.example")
    assert foreign.status_code == 403
    assert await front.connections(agency) == []
    assert (await front.post_choice(ticket, ACCOUNTS["meta_ads"])).status_code == 200


def test_names_of_accounts_are_text() -> None:
    account = DiscoveredAccount('1"><b>', "<script>alert(1)</script>")
    page = show_choice(Choosing("ticket", load_source("meta_ads"), [account]))
    text = bytes(page.body).decode()
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<b>" not in text.partition("<form")[2]

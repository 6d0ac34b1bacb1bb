"""The consent page, as a browser sees it."""

import re
import uuid
from html import unescape
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import select

from api.identity.caller import Scope
from api.identity.sessions import SignedIn
from api.pages.consent import SCOPES_IN_WORDS
from tenancy.tables import AppGrant, AuditEntry, AuthorizationCode, Role
from tests.api.graphql.edge import ISSUER, Agency, Edge
from tests.api.oauth.conformance import MUST, SHOULD, requirement
from tests.api.oauth.flow import REDIRECT, App, parameters, register

pytestmark = pytest.mark.anyio

COOKIE = "__Host-bosco"


@pytest.fixture
async def board(edge: Edge, northwind: Agency) -> App:
    return await register(edge, northwind, "board")


@pytest.fixture
async def ann(edge: Edge, northwind: Agency) -> uuid.UUID:
    return await edge.person(northwind)


class Browser:
    """A browser that may be signed in."""

    def __init__(self, edge: Edge, cookie: str | None = None) -> None:
        self._edge = edge
        self._headers = {} if cookie is None else {"cookie": f"{COOKIE}={cookie}"}

    async def open(self, app: App, **changed: str | None) -> httpx.Response:
        query = urlencode(app.request(**changed))
        return await self._edge.http.get(f"/oauth/authorize?{query}", headers=self._headers)

    async def press(
        self, page: httpx.Response, decision: str, site: str = "same-origin", **changed: str
    ) -> httpx.Response:
        fields = {**_hidden(page.text), "decision": decision, **changed}
        return await self._edge.http.post(
            "/oauth/authorize", data=fields, headers={**self._headers, "sec-fetch-site": site}
        )


def _hidden(html: str) -> dict[str, str]:
    form = html.partition('action="/oauth/authorize"')[2]
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form)
    return {name: unescape(value) for name, value in found}


def _text(html: str) -> str:
    main = html.partition("<main")[2].partition(">")[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


async def signed_in(edge: Edge, agency: Agency, user_id: uuid.UUID) -> Browser:
    return Browser(edge, await edge.sign_in(agency, user_id))


async def stored(edge: Edge, agency: Agency) -> list[AuthorizationCode]:
    async with edge.database.session(agency.tenant_id) as session:
        return list(await session.scalars(select(AuthorizationCode)))


def test_every_scope_has_words() -> None:
    assert SCOPES_IN_WORDS.keys() == set(Scope)


async def test_nobody_signed_in_is_sent_to_sign_in_and_back(edge: Edge, board: App) -> None:
    reply = await Browser(edge).open(board)
    assert reply.status_code == 303
    path, _, query = reply.headers["location"].partition("?")
    assert path == "/sign-in"
    given = parameters(f"?{query}")
    assert given["agency"] == "northwind"
    back, _, request = given["return_to"].partition("?")
    assert back == "/oauth/authorize"
    assert parameters(f"?{request}") == board.request()


async def test_person_of_another_agency_signs_in_at_this_one(
    edge: Edge, southwind: Agency, board: App
) -> None:
    browser = await signed_in(edge, southwind, await edge.person(southwind, Role.OWNER))
    reply = await browser.open(board)
    assert (reply.status_code, reply.headers["location"].partition("?")[0]) == (303, "/sign-in")


@requirement(6749, "4.1", MUST, "the person learns who asks, and for what, before it is granted")
@requirement(6819, "5.2.4.3", SHOULD, "the page names the application, the scope and the person")
@requirement(6749, "10.13", SHOULD, "the page cannot be framed")
@requirement(9700, "4.16", MUST, "the page is guarded against clickjacking by a policy")
@requirement(9700, "4.2.4", SHOULD, "the page does not tell its address to others")
async def test_page_names_application_agency_scopes_and_clients(
    edge: Edge, northwind: Agency, board: App, ann: uuid.UUID
) -> None:
    page = await (await signed_in(edge, northwind, ann)).open(board, scope="metrics:read")
    assert page.status_code == 200
    text = _text(page.text)
    name = f"{northwind.canary} dashboard"
    assert f"Allow {name} to act for you?" in text
    assert f"{northwind.canary} person ({ann.hex}@northwind.example) at" in text
    assert "It will be able to See metrics, clients and definitions For these clients" in text
    assert "also those that come later. You go back to board.example." in text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "same-origin"
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://board.example;" in policy
    assert "access-control-allow-origin" not in page.headers
    assert await stored(edge, northwind) == []


async def test_page_names_the_clients_that_are_reached(edge: Edge, northwind: Agency) -> None:
    app = await register(edge, northwind, "acme-only", clients=("acme",))
    viewer = await edge.person(northwind, Role.CLIENT_VIEWER, ("acme", "bolt"))
    page = await (await signed_in(edge, northwind, viewer)).open(app, scope=None)
    text = _text(page.text)
    assert f"{northwind.canary} acme" in text
    assert f"{northwind.canary} bolt" not in text
    assert "See connected accounts" not in text  # the role does not bring it


@requirement(9700, "4.12", MUST, "the browser goes on with GET: 303, not 307")
@requirement(6749, "4.1.2", MUST, "consent gives a code that the application can redeem")
async def test_allowing_gives_a_code(
    edge: Edge, northwind: Agency, board: App, ann: uuid.UUID
) -> None:
    browser = await signed_in(edge, northwind, ann)
    page = await browser.open(board)
    reply = await browser.press(page, "allow")
    assert reply.status_code == 303
    location = reply.headers["location"]
    assert location.startswith(f"{REDIRECT}?")
    assert reply.headers["referrer-policy"] == "no-referrer"
    answer = parameters(location)
    assert (answer["state"], answer["iss"]) == ("st&te= %2F", ISSUER)
    assert (await board.redeem(answer["code"])).status_code == 200
    async with edge.database.session(northwind.tenant_id) as session:
        grant = (await session.scalars(select(AppGrant))).one()
        entry = (
            await session.scalars(select(AuditEntry).where(AuditEntry.action == "app.allowed"))
        ).one()
    assert (grant.user_id, grant.scopes) == (ann, ["metrics:read"])
    assert (entry.actor, entry.details["scopes"]) == (f"user:{ann}", ["metrics:read"])


async def test_what_was_allowed_is_not_asked_again(
    edge: Edge, northwind: Agency, board: App, ann: uuid.UUID
) -> None:
    browser = await signed_in(edge, northwind, ann)
    await browser.press(await browser.open(board), "allow")
    again = await browser.open(board)
    assert again.status_code == 303
    assert "code" in parameters(again.headers["location"])
    assert (await browser.open(board, prompt="consent")).status_code == 200
    assert (await browser.open(board, scope=None)).status_code == 200  # it is more


async def test_refusing_tells_the_application(
    edge: Edge, northwind: Agency, board: App, ann: uuid.UUID
) -> None:
    browser = await signed_in(edge, northwind, ann)
    reply = await browser.press(await browser.open(board), "refuse")
    answer = parameters(reply.headers["location"])
    assert (answer["error"], answer["state"]) == ("access_denied", "st&te= %2F")
    assert await stored(edge, northwind) == []


@requirement(6749, "10.12", MUST, "the authorization endpoint is guarded against forged requests")
@pytest.mark.parametrize("how", ["no token", "other token", "other site", "no cookie"])
async def test_consent_cannot_be_forged(
    edge: Edge, northwind: Agency, board: App, ann: uuid.UUID, how: str
) -> None:
    browser = await signed_in(edge, northwind, ann)
    page = await browser.open(board)
    if how == "no token":
        reply = await browser.press(page, "allow", form_token="")
    elif how == "other token":
        reply = await browser.press(page, "allow", form_token="0" * 64)
    elif how == "other site":
        reply = await browser.press(page, "allow", site="cross-site")
    else:
        reply = await Browser(edge).press(page, "allow")
    assert reply.status_code == (303 if how == "no cookie" else 403)
    assert "code=" not in reply.headers.get("location", "")
    assert await stored(edge, northwind) == []


async def test_changed_request_is_checked_again(
    edge: Edge, northwind: Agency, southwind: Agency, board: App, ann: uuid.UUID
) -> None:
    browser = await signed_in(edge, northwind, ann)
    page = await browser.open(board)
    foreign = await register(edge, southwind, "foreign")
    for changed in (
        urlencode(board.request(redirect_uri="https://evil.example/")),
        urlencode(foreign.request()),
        "",
    ):
        reply = await browser.press(page, "allow", request=changed)
        assert reply.status_code == 400
        assert "location" not in reply.headers
    wider = urlencode(board.request(scope="metrics:read metrics:write"))
    reply = await browser.press(page, "allow", request=wider)
    assert parameters(reply.headers["location"])["error"] == "invalid_scope"
    for agency in (northwind, southwind):
        assert await stored(edge, agency) == []


async def test_role_that_allows_nothing_can_only_go_back(edge: Edge, northwind: Agency) -> None:
    app = await register(edge, northwind, "writer", scopes=("metrics:write",))
    viewer = await edge.person(northwind, Role.CLIENT_VIEWER, ("acme",))
    browser = await signed_in(edge, northwind, viewer)
    page = await browser.open(app, scope="metrics:write")
    assert "allows nothing of what it asks for" in _text(page.text)
    assert 'value="allow"' not in page.text
    reply = await browser.press(page, "allow")
    assert parameters(reply.headers["location"])["error"] == "access_denied"


async def test_person_gets_no_more_than_its_roles_bring(
    edge: Edge, northwind: Agency, board: App
) -> None:
    viewer = await edge.person(northwind, Role.CLIENT_VIEWER, ("acme",))
    browser = await signed_in(edge, northwind, viewer)
    reply = await browser.press(await browser.open(board, scope=None), "allow")
    tokens = await board.redeem(parameters(reply.headers["location"])["code"])
    assert tokens.json()["scope"] == "metrics:read"


async def test_prompt_none_asks_nobody(
    edge: Edge, northwind: Agency, board: App, ann: uuid.UUID
) -> None:
    reply = await Browser(edge).open(board, prompt="none")
    assert parameters(reply.headers["location"])["error"] == "login_required"
    browser = await signed_in(edge, northwind, ann)
    reply = await browser.open(board, prompt="none")
    assert parameters(reply.headers["location"])["error"] == "consent_required"
    await browser.press(await browser.open(board), "allow")
    reply = await browser.open(board, prompt="none")
    assert "code" in parameters(reply.headers["location"])


@requirement(6749, "4.1.2.1", MUST, "what cannot go back to the application is told on a page")
async def test_unusable_request_is_a_page(edge: Edge, board: App) -> None:
    page = await Browser(edge).open(board, redirect_uri="https://evil.example/")
    assert page.status_code == 400
    assert "location" not in page.headers
    text = _text(page.text)
    assert "This request cannot be answered" in text
    assert "evil.example" not in text


async def test_what_the_request_holds_cannot_break_the_page(
    edge: Edge, northwind: Agency, board: App, ann: uuid.UUID
) -> None:
    state = '"><script>alert(1)</script>'
    browser = await signed_in(edge, northwind, ann)
    page = await browser.open(board, state=state)
    assert "<script" not in page.text
    reply = await browser.press(page, "allow")
    assert parameters(reply.headers["location"])["state"] == state


@requirement(6749, "3.1", MUST, "the authorization endpoint is asked by GET")
async def test_other_methods_are_refused(edge: Edge, board: App) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        reply = await edge.http.request(method, f"/oauth/authorize?{urlencode(board.request())}")
        assert reply.status_code == 405


async def test_signed_in_person_is_told_by_the_visit(
    edge: Edge, northwind: Agency, ann: uuid.UUID
) -> None:
    sessions = edge.pages.sessions
    found = await sessions.find(await edge.sign_in(northwind, ann))
    assert isinstance(found, SignedIn)
    assert (found.user_id, found.agency_slug) == (ann, "northwind")

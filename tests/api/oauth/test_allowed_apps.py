"""What a person has allowed apps, and how it is taken back."""

import re
import uuid
from html import unescape

import httpx
import pytest
from sqlalchemy import select

from tenancy.tables import AppGrant, AuditEntry, RevocationCause, TokenFamily
from tests.api.graphql.edge import Agency, Edge
from tests.api.oauth.conformance import SHOULD, requirement
from tests.api.oauth.flow import App, register

pytestmark = pytest.mark.anyio


@pytest.fixture
async def board(edge: Edge, northwind: Agency) -> App:
    return await register(edge, northwind, "board")


@pytest.fixture
async def ann(edge: Edge, northwind: Agency) -> uuid.UUID:
    return await edge.person(northwind)


class Account:
    """A signed-in person's pages."""

    def __init__(self, edge: Edge, cookie: str) -> None:
        self._edge = edge
        self._headers = {"cookie": f"__Host-bosco={cookie}", "sec-fetch-site": "same-origin"}

    async def text(self) -> str:
        page = await self._edge.http.get("/account/apps", headers=self._headers)
        assert page.status_code == 200
        return page.text

    async def withdraw(self, **changed: str) -> httpx.Response:
        found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', await self.text())
        fields = {name: unescape(value) for name, value in found} | changed
        return await self._edge.http.post(
            "/account/apps/withdraw", data=fields, headers=self._headers
        )


async def account(edge: Edge, agency: Agency, user_id: uuid.UUID) -> Account:
    return Account(edge, await edge.sign_in(agency, user_id))


async def status(edge: Edge, token: str) -> int:
    return (await edge.ask("{ me { application } }", token)).status_code


@requirement(6819, "5.1.5.4", SHOULD, "people can take back what they allowed an app")
async def test_what_was_allowed_is_listed_and_taken_back(
    edge: Edge, northwind: Agency, board: App, ann: uuid.UUID
) -> None:
    pages = await account(edge, northwind, ann)
    assert "None. An app that wants to act for you asks you first." in await pages.text()
    body, other = await board.tokens(ann), await board.tokens(ann)
    text = await pages.text()
    assert f"<h2>{northwind.canary} dashboard</h2>" in text
    assert "See metrics, clients and definitions." in text
    assert await status(edge, body["access_token"]) == 200

    done = await pages.withdraw()
    assert (done.status_code, done.headers["location"]) == (303, "/account/apps?done=withdrawn")
    assert "None." in await pages.text()
    edge.clock.advance(seconds=3)
    for one in (body, other):
        assert await status(edge, one["access_token"]) == 401
        assert (await board.refresh(one["refresh_token"])).json()["error"] == "invalid_grant"
    async with edge.database.session(northwind.tenant_id) as session:
        causes = (await session.scalars(select(TokenFamily.revoked_because))).all()
        entry = (
            await session.scalars(select(AuditEntry).where(AuditEntry.action == "app.withdrawn"))
        ).one()
    assert causes == [RevocationCause.CONSENT_WITHDRAWN] * 2
    assert (entry.actor, entry.details) == (f"user:{ann}", {"client_id": "board"})


async def test_app_asks_again_after_it_was_taken_back(
    edge: Edge, northwind: Agency, board: App, ann: uuid.UUID
) -> None:
    pages = await account(edge, northwind, ann)
    await board.tokens(ann)
    await pages.withdraw()
    body = await board.tokens(ann)
    assert await status(edge, body["access_token"]) == 200
    async with edge.database.session(northwind.tenant_id) as session:
        grants = (await session.scalars(select(AppGrant.revoked_at))).all()
    assert sorted(at is None for at in grants) == [False, True]


@pytest.mark.parametrize("whose", ["colleague", "other agency"])
async def test_what_others_allowed_is_not_found(
    edge: Edge, northwind: Agency, southwind: Agency, board: App, ann: uuid.UUID, whose: str
) -> None:
    body = await board.tokens(ann)
    text = await (await account(edge, northwind, ann)).text()
    (grant,) = re.findall(r'name="grant" value="([^"]*)"', text)
    agency = northwind if whose == "colleague" else southwind
    if agency is southwind:
        await (await register(edge, southwind, "own")).tokens(await edge.person(southwind))
    pages = await account(edge, agency, await edge.person(agency))
    assert northwind.canary not in await pages.text() or whose == "colleague"
    fields = re.findall(r'name="form_token" value="([^"]*)"', await pages.text())
    replies = [
        await pages.withdraw(grant=one, form_token=fields[0])
        for one in (grant, "grant_00000000000000000000000000", "nonsense", "")
    ]
    assert {reply.status_code for reply in replies} == {404}
    assert len({reply.text for reply in replies[:2]}) == 1
    edge.clock.advance(seconds=3)
    assert await status(edge, body["access_token"]) == 200

"""The page where people take the copy of their data."""

import base64
import zipfile
from collections.abc import AsyncIterator
from io import BytesIO

import httpx
import pytest
from starlette.applications import Starlette

from api.identity.sessions import Sessions
from api.pages.exports import ExportPages
from api.pages.visits import Visits
from domain.privacy.rights import Right
from tests.gdpr.access.test_export import Shop, shop
from tests.gdpr.requests.office import OTHER, office

__all__ = ["office", "shop"]

pytestmark = pytest.mark.anyio

HOME = "https://bosco.example"


@pytest.fixture
async def http(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    one = shop.office
    visits = Visits(Sessions(one.database, one.clock, one.ids, one.random_bytes), HOME)
    app = Starlette(routes=ExportPages(visits, shop.exports).routes())
    transport = httpx.ASGITransport(app)
    headers = {"origin": HOME, "sec-fetch-site": "same-origin"}
    async with httpx.AsyncClient(transport=transport, base_url=HOME, headers=headers) as client:
        yield client


async def _path(shop: Shop) -> str:
    request_id = await shop.request(Right.ACCESS)
    await shop.fulfil(request_id)
    return f"/privacy/export/{await shop.link(request_id)}"


async def test_a_look_uses_nothing_up_and_the_button_does(
    shop: Shop, http: httpx.AsyncClient
) -> None:
    path = await _path(shop)
    for _ in range(3):  # a mail program's preview, and the person
        page = await http.get(path)
        assert page.status_code == 200
        assert "Your data at Acme" in page.text
        assert "This link works once, until 2026-03-09 09:00 UTC." in page.text
        assert page.headers["cache-control"] == "no-store"
    taken = await http.post(path, data={"take": "1"})
    assert taken.status_code == 200
    assert taken.headers["content-type"] == "application/zip"
    assert taken.headers["content-disposition"] == 'attachment; filename="your-data.zip"'
    assert taken.headers["cache-control"] == "no-store"
    assert taken.headers["referrer-policy"] == "no-referrer"
    assert "README.html" in zipfile.ZipFile(BytesIO(taken.content)).namelist()
    for again in (await http.post(path, data={"take": "1"}), await http.get(path)):
        assert again.status_code == 404
        assert "This link was used, has run out, or was never good." in again.text


async def test_a_form_of_another_site_takes_nothing(shop: Shop, http: httpx.AsyncClient) -> None:
    path = await _path(shop)
    headers = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert (await http.post(path, data={"take": "1"}, headers=headers)).status_code == 403
    assert (await http.get(path)).status_code == 200


async def test_a_link_opens_nothing_of_another_agency(shop: Shop, http: httpx.AsyncClient) -> None:
    """The agency's id is in a link; with another one the rest of it is worth nothing."""
    path = await _path(shop)
    raw = base64.urlsafe_b64decode(path.rpartition("/")[2])
    foreign = base64.urlsafe_b64encode(OTHER.bytes + raw[16:]).decode()
    unknown = base64.urlsafe_b64encode(bytes(16) + raw[16:]).decode()
    answers = []
    for token in (foreign, unknown, "x"):
        page = await http.get(f"/privacy/export/{token}")
        taken = await http.post(f"/privacy/export/{token}", data={"take": "1"})
        answers.append((page.status_code, page.text, taken.status_code, taken.text))
    assert len(set(answers)) == 1
    assert answers[0][0] == answers[0][2] == 404
    assert (await http.get(path)).status_code == 200

"""A page of another origin, in a real browser: sign in, consent, ask, refresh, be cut off."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from api.edge.rules import RequestLimits
from api.http import serve_app
from domain.ids import public_id
from tests.api.oauth.conformance import MUST, requirement
from tests.api.oauth.serving import Served

pytestmark = pytest.mark.anyio

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
APP = Path(__file__).parent / "browser" / "app.html"
CLIENT_ID = "dashboard"
# What `--no-first-run` and the like are for: a browser that asks nobody but us.
QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


@pytest.fixture
async def elsewhere() -> AsyncIterator[str]:
    """The origin of a page that is not ours."""

    async def app(_: Request) -> Response:
        return FileResponse(APP)

    site = Starlette(routes=[Route("/app", app)])
    async with serve_app(site, "127.0.0.1", 0, RequestLimits()) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def page(served: Served) -> AsyncIterator[Page]:
    """A browser in which the person is signed in at Bosco."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        context = await browser.new_context()
        name, _, value = served.cookie.partition("=")
        await context.add_cookies(
            [{"name": name, "value": value, "url": served.issuer, "httpOnly": True}]
        )
        yield await context.new_page()
        await browser.close()


async def seen(page: Page, name: str) -> str:
    """What the page noted, as soon as it did."""
    await page.wait_for_function(f"document.body.dataset.{name} || document.body.dataset.failed")
    text: str | None = await page.evaluate(f"document.body.dataset.{name}")
    assert text is not None, await page.evaluate("document.body.dataset.failed")
    return text


async def allow(page: Page, served: Served, elsewhere: str, *, origins: tuple[str, ...]) -> None:
    """Register the page's app, open it, and press "Allow" by keyboard."""
    await served.edge.register(
        served.agency,
        client_id=CLIENT_ID,
        public=True,
        redirect_uris=(f"{elsewhere}/app",),
        origins=origins,
        scopes=("metrics:read",),
    )
    await page.goto(f"{elsewhere}/app?issuer={served.issuer}&client={CLIENT_ID}")
    button = page.get_by_role("button", name="Allow", exact=True)
    await button.focus()
    await page.keyboard.press("Enter")


@requirement(9700, "2.6", MUST, "an app in a browser uses the code flow, across origins")
async def test_page_of_another_origin(page: Page, served: Served, elsewhere: str) -> None:
    await allow(page, served, elsewhere, origins=(elsewhere,))
    person = public_id("usr", served.user_id)
    answer = {"data": {"me": {"application": CLIENT_ID, "person": person}}}
    assert json.loads(await seen(page, "answer")) == answer
    assert await seen(page, "refreshed") == "200"
    await page.evaluate("revoke()")
    assert await seen(page, "revoked") == "200"
    await page.evaluate("untilCutOff()")
    assert int(await seen(page, "cutOffAfter")) < 5_000  # what we promise


async def test_page_of_an_origin_that_is_not_registered_cannot_ask(
    page: Page, served: Served, elsewhere: str
) -> None:
    await allow(page, served, elsewhere, origins=("https://board.example",))
    await page.wait_for_function("document.body.dataset.failed")
    assert await page.evaluate("document.body.dataset.failed") == "Failed to fetch"

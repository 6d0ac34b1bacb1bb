"""A browser without a screen: keeps cookies, and sends our forms as browsers do.

open(path) -> page; send(path, ...) -> answer, with the form token of the page that was open
"""

import html
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import httpx
import pytest
from starlette.applications import Starlette

from api.oauth.access_tokens import AccessTokens
from api.oauth.applications import Applications
from api.oauth.endpoint import OAuthServices
from api.oauth.revocation import Revocations
from api.oauth.signing_keys import KeyStore
from api.pages.services import PageServices, open_pages
from api.pages.site import site_routes
from tenancy.rate_limits import RateLimits
from tenancy.redis_server import RedisServer
from tenancy.vault import MasterKey
from tests.api.identity.world import ISSUER, World
from tests.gdpr.desk.office import open_office

__all__ = ["Browser", "NewBrowser", "new_browser", "pages"]

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Browser:
    """One browser. `text` is the page that it shows."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.text = ""

    async def open(self, path: str) -> httpx.Response:
        """Go to a page."""
        reply = await self.http.get(path)
        self.text = html.unescape(reply.text)
        return reply

    async def send(self, path: str, **fields: str) -> httpx.Response:
        """Send a form of the page that is open."""
        found = re.search(r'name="form_token" value="(\w+)"', self.text)
        token = {} if found is None else {"form_token": found[1]}
        headers = {"sec-fetch-site": "same-origin"}
        reply = await self.http.post(path, data=token | fields, headers=headers)
        if reply.status_code != 303:
            self.text = html.unescape(reply.text)
        return reply

    async def follow(self, reply: httpx.Response) -> httpx.Response:
        """Go where an answer says."""
        assert reply.status_code == 303, reply.text
        return await self.open(reply.headers["location"])

    async def sign_in(self, agency: str, email: str, password: str) -> httpx.Response:
        """Fill in the form and send it."""
        await self.open("/sign-in")
        return await self.send("/sign-in", agency=agency, email=email, password=password)

    def keep(self, cookie: str) -> None:
        """Be signed in."""
        self.http.cookies.set("__Host-bosco", cookie, domain="bosco.example", path="/")

    @property
    def cookie(self) -> str | None:
        """Of ours."""
        return self.http.cookies.get("__Host-bosco")

    @property
    def alert(self) -> str:
        """What is wrong, as the page says it."""
        found = re.search(r'role="alert".*?<h2>(.*?)</h2>', self.text, re.DOTALL)
        return "" if found is None else found[1]


NewBrowser = Callable[[], Browser]


@pytest.fixture
def pages(world: World, redis_server: RedisServer) -> PageServices:
    """The pages' services, over `world`."""
    keys = KeyStore(world.database, MasterKey(bytes(32)), world.clock)
    tokens = AccessTokens(
        keys,
        Revocations(world.database, world.clock),
        issuer=ISSUER,
        clock=world.clock,
        ids=world.ids,
    )
    oauth = OAuthServices(
        applications=Applications(world.doors, world.database, world.clock),
        database=world.database,
        tokens=tokens,
        issuer=ISSUER,
        clock=world.clock,
        ids=world.ids,
        random_bytes=world.random_bytes,
    )
    limits = RateLimits(redis_server, world.clock)
    return open_pages(
        oauth,
        doors=world.doors,
        vault=world.vault,
        limits=limits,
        privacy=open_office(world.database, world.vault, world.clock, world.ids),
    )


@pytest.fixture
async def new_browser(pages: PageServices) -> AsyncIterator[NewBrowser]:
    """Makes browsers, each with cookies of its own and all at one address."""
    app = Starlette(routes=site_routes(pages))
    async with AsyncExitStack() as stack:

        def make() -> Browser:
            http = httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url=ISSUER,
                headers={"user-agent": FIREFOX},
            )
            stack.push_async_callback(http.aclose)
            return Browser(http)

        yield make

"""Pages, forms and cookies: policies, whose forms are read, and where a browser may be sent."""

import hashlib
import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.pages.forms import FormError, read_form, refuse_form
from api.pages.rendering import page_routes, render
from api.pages.visits import Visits, checked_path
from tenancy.tables import Role
from tests.api.identity.world import ISSUER, Agency, World

pytestmark = pytest.mark.anyio

STYLE = Path(__file__).parents[3] / "api/pages/bosco.css"
OURS = {"sec-fetch-site": "same-origin"}


def _app(visits: Visits) -> Starlette:
    async def page(request: Request) -> Response:
        visitor = await visits.current(request)
        if visitor is None:
            return visits.to_sign_in(request, agency="northwind")
        return render("message.html", title="Hi", message="<b>", hint="", visitor=visitor)

    async def form(request: Request) -> Response:
        visitor = await visits.current(request)
        token = None if visitor is None else visitor.form_token
        try:
            return JSONResponse(dict(await read_form(request, visits.issuer, token)))
        except FormError as error:
            return refuse_form(error)

    async def come(request: Request) -> Response:
        response = Response()
        visits.set_cookie(response, request.query_params["value"])
        return response

    async def leave(_: Request) -> Response:
        response = Response()
        visits.clear_cookie(response)
        return response

    routes = [
        Route("/page", page, methods=["GET", "POST"]),
        Route("/form", form, methods=["POST"]),
        Route("/come", come),
        Route("/leave", leave),
        *page_routes(),
    ]
    return Starlette(routes=routes)


def _client(world: World, issuer: str = ISSUER) -> httpx.AsyncClient:
    app = _app(Visits(world.sessions, issuer))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=issuer)


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with _client(world) as client:
        yield client


@pytest.fixture
async def ada(world: World, northwind: Agency) -> uuid.UUID:
    return await world.add_person(northwind, "ada@northwind.example", Role.ANALYST)


async def test_a_page_may_load_and_send_nothing_but_ours(
    world: World, northwind: Agency, ada: uuid.UUID, http: httpx.AsyncClient
) -> None:
    cookie = await world.sign_in(northwind, ada)
    reply = await http.get("/page", headers={"cookie": f"__Host-bosco={cookie}"})
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    assert reply.headers["referrer-policy"] == "same-origin"
    assert reply.headers["cache-control"] == "no-store"
    assert "<p>&lt;b&gt;.</p>" in reply.text
    assert "Northwind &amp; Co" in reply.text
    assert cookie.partition(".")[2] not in reply.text
    assert "<script" not in reply.text


def test_a_form_may_end_up_where_a_page_says() -> None:
    reply = render(
        "message.html",
        title="",
        message="",
        hint="",
        form_targets=[
            "https://app.example/back?x=1;script-src *",
            "http://127.0.0.1:7777/cb",
            "http://[::1]:7777/cb",
            "com.example.app:/back",
        ],
    )
    assert (
        "form-action 'self' https://app.example http://127.0.0.1:7777 http: com.example.app:;"
        in reply.headers["content-security-policy"]
    )


async def test_the_stylesheet_is_kept_under_the_hash_of_its_content(
    http: httpx.AsyncClient,
) -> None:
    page = bytes(render("message.html", title="", message="", hint="").body).decode()
    found = re.search(r'href="(/static/bosco\.css\?v=(\w+))"', page)
    assert found is not None
    reply = await http.get(found[1])
    assert reply.headers["content-type"] == "text/css; charset=utf-8"
    assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert reply.content == STYLE.read_bytes()
    assert found[2] == hashlib.sha256(reply.content).hexdigest()[:16]


async def test_sends_a_stranger_to_sign_in_and_back(http: httpx.AsyncClient) -> None:
    reply = await http.get("/page?a=1&b=/x y")
    assert reply.status_code == 303
    assert reply.headers["location"] == (
        "/sign-in?agency=northwind&return_to=%2Fpage%3Fa%3D1%26b%3D%2Fx%2520y"
    )
    posted = await http.post("/page")
    assert posted.headers["location"] == "/sign-in?agency=northwind&return_to=%2Faccount"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "account",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/x\r\nset-cookie: a=b",
        "/\u00e4",
        "/" + "x" * 8_000,
    ],
)
def test_goes_on_to_a_path_of_ours_alone(text: str) -> None:
    assert checked_path(text) == "/account"


@pytest.mark.parametrize("text", ["/", "/oauth/authorize?redirect_uri=https://a.example//b"])
def test_goes_on_to_where_one_came_from(text: str) -> None:
    assert checked_path(text) == text


async def test_the_cookie_is_for_our_encrypted_host_alone(http: httpx.AsyncClient) -> None:
    reply = await http.get("/come?value=v")
    assert reply.headers["set-cookie"] == ("__Host-bosco=v; HttpOnly; Path=/; SameSite=lax; Secure")
    left = await http.get("/leave")
    assert left.headers["set-cookie"].startswith('__Host-bosco=""; expires=')
    assert left.headers["set-cookie"].endswith(
        "; HttpOnly; Max-Age=0; Path=/; SameSite=lax; Secure"
    )


async def test_on_a_laptop_the_cookie_works_without_encryption(world: World) -> None:
    async with _client(world, "http://127.0.0.1:8080") as http:
        reply = await http.get("/come?value=v")
    assert reply.headers["set-cookie"] == "bosco=v; HttpOnly; Path=/; SameSite=lax"


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-origin", "origin": "null"},
        {"origin": ISSUER},
    ],
)
async def test_reads_a_form_of_our_own_page(
    http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    reply = await http.post("/form", data={"a": "1", "b": "\u00e4 &=", "c": ""}, headers=headers)
    assert reply.json() == {"a": "1", "b": "\u00e4 &=", "c": ""}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": "http://bosco.example"},
        {"origin": f"{ISSUER}.evil.example"},
        {"origin": ISSUER, "sec-fetch-site": "cross-site"},
        {"origin": ISSUER, "sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ],
)
async def test_refuses_a_form_of_another_site(
    http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    reply = await http.post("/form", data={"a": "1"}, headers=headers)
    assert reply.status_code == 403
    assert "This form was not sent by a page of Bosco." in reply.text


async def test_a_form_of_a_signed_in_person_carries_the_token_of_that_session(
    world: World, northwind: Agency, ada: uuid.UUID, http: httpx.AsyncClient
) -> None:
    cookie, other = [await world.sign_in(northwind, ada) for _ in range(2)]
    visitor, elsewhere = [await world.sessions.find(one) for one in (cookie, other)]
    assert visitor is not None
    assert elsewhere is not None
    headers = OURS | {"cookie": f"__Host-bosco={cookie}"}
    for token, status in [
        (visitor.form_token, 200),
        (elsewhere.form_token, 403),
        ("\u00e4", 403),
        ("", 403),
    ]:
        data = {"a": "1", "form_token": token}
        reply = await http.post("/form", data=data, headers=headers)
        assert reply.status_code == status
    assert (await http.post("/form", data={"a": "1"}, headers=headers)).status_code == 403
    data = {"a": "1", "form_token": visitor.form_token}
    assert (await http.post("/form", data=data, headers=headers)).json() == {"a": "1"}


@pytest.mark.parametrize(
    ("content", "content_type", "status", "told"),
    [
        (b"{}", "application/json", 415, "its content type is not"),
        (b"a=1&a=2", "application/x-www-form-urlencoded", 400, "a field more than once"),
        (b"a=%FF", "application/x-www-form-urlencoded", 400, "not a form in UTF-8"),
        (b"a=1%00", "application/x-www-form-urlencoded", 400, "a character that is no text"),
        (b"\xff=1", "application/x-www-form-urlencoded", 400, "not a form in UTF-8"),
        (b"a", "application/x-www-form-urlencoded", 400, "not a form in UTF-8"),
        (b"a=" + b"x" * 65_536, "application/x-www-form-urlencoded", 413, "too large"),
        (b"&".join(b"%d=" % n for n in range(501)), "application/x-www-form-urlencoded", 400, ""),
    ],
)
async def test_refuses_what_is_no_form(
    http: httpx.AsyncClient, content: bytes, content_type: str, status: int, told: str
) -> None:
    headers = OURS | {"content-type": content_type}
    reply = await http.post("/form", content=content, headers=headers)
    assert reply.status_code == status
    assert told in reply.text

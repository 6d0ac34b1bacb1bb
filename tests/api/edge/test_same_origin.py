"""What another site makes a browser send is refused by pages; the rest comes through."""

import json

import pytest

from api.edge.rules import EdgeRules
from api.edge.same_origin import WITHOUT_COOKIES, SameOrigin
from tests.api.edge.echo import ISSUER, ask_through

pytestmark = pytest.mark.anyio

RULES = EdgeRules(ISSUER, is_production=True)
ELSEWHERE = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}


async def ask(
    method: str, path: str, *headers: tuple[str, str], rules: EdgeRules = RULES
) -> tuple[int, str]:
    async with ask_through(lambda app: SameOrigin(app, rules)) as http:
        reply = await http.request(method, path, headers=list(headers), content=b"done")
    return reply.status_code, reply.text


@pytest.mark.parametrize(
    "headers",
    [
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("sec-fetch-site", "cross-site"), ("origin", ISSUER)],
        [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-origin, cross-site")],
        [("sec-fetch-site", "")],
        [("origin", "https://evil.example")],
        [("origin", "null")],
        [("origin", "")],
        [("origin", "https://bosco.example.evil.example")],
        [("origin", "http://bosco.example")],
        [("origin", "https://bosco.example:444")],
        [("origin", ISSUER), ("origin", "https://evil.example")],
        [("referer", "https://evil.example/?https://bosco.example/")],
        [("referer", "https://bosco.example@evil.example/")],
        [("referer", "https://[evil/")],
        [("referer", "")],
    ],
)
async def test_change_that_another_site_asks_for_is_refused(
    headers: list[tuple[str, str]],
) -> None:
    status, text = await ask("POST", "/sign-in", *headers)
    assert status == 403
    assert text == (
        '{"errors":[{"message":"the request comes from another site","extensions":{"code":'
        '"CROSS_SITE_REQUEST","hint":"open the page itself and send its form from there"}}]}'
    )


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("sec-fetch-site", "same-origin")],
        [("sec-fetch-site", "same-origin"), ("origin", "null")],
        [("sec-fetch-site", "none")],
        [("origin", ISSUER)],
        [("origin", ISSUER), ("referer", "https://evil.example/")],
        [("referer", f"{ISSUER}/sign-in?next=x")],
    ],
)
async def test_change_that_our_own_page_asks_for_passes(headers: list[tuple[str, str]]) -> None:
    assert await ask("POST", "/sign-in", *headers) == (200, "done")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_every_method_that_changes_something_is_guarded(method: str) -> None:
    assert (await ask(method, "/apps", *ELSEWHERE.items()))[0] == 403


async def test_reading_is_free() -> None:
    assert (await ask("GET", "/sign-in", *ELSEWHERE.items()))[0] == 200


@pytest.mark.parametrize("path", sorted(WITHOUT_COOKIES))
async def test_routes_without_cookies_are_open_to_other_sites(path: str) -> None:
    assert await ask("POST", path, *ELSEWHERE.items()) == (200, "done")


async def test_refusal_of_an_oauth_page_is_worded_as_oauth_does() -> None:
    status, text = await ask("POST", "/oauth/authorize", *ELSEWHERE.items())
    assert status == 403
    assert json.loads(text) == {
        "error": "invalid_request",
        "error_description": "the request comes from another site; "
        "open the page itself and send its form from there",
    }

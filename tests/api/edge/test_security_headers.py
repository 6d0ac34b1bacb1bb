"""Headers that browsers obey: on every answer, and left alone where a page has its own."""

import httpx
import pytest

from api.edge.rules import EdgeRules
from api.edge.security_headers import SECURITY_HEADERS, STRICT_TRANSPORT, SecurityHeaders
from tests.api.edge.echo import ISSUER, ask_through
from tests.api.graphql.edge import Edge

pytestmark = pytest.mark.anyio


def through(issuer: str, *, is_production: bool) -> httpx.AsyncClient:
    rules = EdgeRules(issuer, is_production=is_production)
    return ask_through(lambda app: SecurityHeaders(app, rules))


async def test_answer_without_headers_gets_all() -> None:
    async with through(ISSUER, is_production=False) as http:
        reply = await http.get("/")
    assert {name: reply.headers.get(name) for name in SECURITY_HEADERS} == {
        "content-security-policy": (
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "cross-origin-embedder-policy": "require-corp",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": (
            "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
            "microphone=(), midi=(), payment=(), publickey-credentials-get=(), "
            "screen-wake-lock=(), usb=(), xr-spatial-tracking=()"
        ),
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "cache-control": "no-store",
    }


@pytest.mark.parametrize("name", sorted(SECURITY_HEADERS))
async def test_header_of_the_answer_itself_stays(name: str) -> None:
    async with through(ISSUER, is_production=False) as http:
        reply = await http.get("/", params={name: "own"})
    assert reply.headers.get_list(name) == ["own"]


@pytest.mark.parametrize(
    ("issuer", "is_production", "expected"),
    [
        ("https://bosco.example", True, STRICT_TRANSPORT),
        ("https://bosco.example", False, None),
        ("http://bosco.example", True, None),
    ],
)
async def test_https_is_demanded_in_production_of_an_https_address(
    issuer: str, expected: str | None, *, is_production: bool
) -> None:
    async with through(issuer, is_production=is_production) as http:
        assert (await http.get("/")).headers.get("strict-transport-security") == expected


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/nowhere", 404),
        ("PUT", "/healthz", 405),
        ("POST", "/graphql", 415),
        ("POST", "/oauth/token", 415),
        ("GET", "/oauth/jwks.json", 200),
        ("GET", "/", 307),
    ],
)
async def test_every_answer_of_the_application_has_them(
    edge: Edge, method: str, path: str, status: int
) -> None:
    reply = await edge.http.request(method, path)
    assert reply.status_code == status
    assert set(SECURITY_HEADERS) - set(reply.headers) == set()
    assert reply.headers["x-content-type-options"] == "nosniff"


async def test_failure_that_nobody_expected_has_them_too(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(edge.tokens, "key_ring", fail)
    reply = await edge.http.get("/oauth/jwks.json")
    assert reply.status_code == 500
    assert set(SECURITY_HEADERS) - set(reply.headers) == set()


async def test_explorer_keeps_a_policy_that_lets_its_own_script_run(edge: Edge) -> None:
    reply = await edge.http.get("/graphql")
    (policy,) = reply.headers.get_list("content-security-policy")
    assert "script-src 'sha256-" in policy
    assert "connect-src 'self'" in policy
    assert reply.headers["cross-origin-opener-policy"] == "same-origin"

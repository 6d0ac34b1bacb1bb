"""Pages of other origins: which may ask, which may read, and which are refused."""

import httpx
import pytest
from sqlalchemy import text

from api.edge.cors import FOR_APPS, OPEN
from tests.api.graphql.edge import ISSUER, Agency, Edge

pytestmark = pytest.mark.anyio

LISTED = "https://app.example"
OF_ANOTHER_APP = "https://other.example"
UNKNOWN = "https://evil.example"
REFUSED = {
    "message": "the application does not list the origin of this page",
    "extensions": {
        "code": "ORIGIN_NOT_ALLOWED",
        "hint": "the agency adds the origin to the application: bosco apps",
    },
}
FORM = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "s3cret"}


@pytest.fixture
async def token(edge: Edge, northwind: Agency, southwind: Agency) -> str:
    """Of an app that lists `LISTED`; an app of another agency lists `OF_ANOTHER_APP`."""
    await edge.register(northwind, client_id="app", origins=(LISTED,))
    await edge.register(southwind, client_id="other", origins=(OF_ANOTHER_APP,))
    reply = await edge.http.post("/oauth/token", data=FORM)
    return str(reply.json()["access_token"])


async def preflight(edge: Edge, path: str, origin: str) -> httpx.Response:
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, content-type",
    }
    return await edge.http.options(path, headers=headers)


async def ask(edge: Edge, token: str, origin: str | None, **headers: str) -> httpx.Response:
    given = {"authorization": f"Bearer {token}", **headers}
    if origin is not None:
        given["origin"] = origin
    body = {"query": "{ me { application } }"}
    return await edge.http.post("/graphql", json=body, headers=given)


def cors_headers(reply: httpx.Response) -> dict[str, str]:
    return {
        name: value
        for name, value in reply.headers.items()
        if name.startswith("access-control-") or name == "vary"
    }


@pytest.mark.parametrize("path", sorted(FOR_APPS))
@pytest.mark.usefixtures("token")
async def test_preflight_of_an_origin_that_some_app_lists_is_allowed(edge: Edge, path: str) -> None:
    reply = await preflight(edge, path, LISTED)
    assert reply.status_code == 204
    assert cors_headers(reply) == {
        "access-control-allow-origin": LISTED,
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "authorization, content-type",
        "access-control-max-age": "600",
        "vary": "Origin",
    }


@pytest.mark.parametrize("path", sorted(FOR_APPS))
@pytest.mark.parametrize(
    "origin",
    [UNKNOWN, "null", "", "https://APP.example", f"{LISTED}/", f"{LISTED}:443", "x" * 400, "%00"],
)
@pytest.mark.usefixtures("token")
async def test_preflight_of_any_other_origin_is_refused(edge: Edge, path: str, origin: str) -> None:
    reply = await preflight(edge, path, origin)
    assert reply.status_code == 403
    assert cors_headers(reply) == {"vary": "Origin"}


@pytest.mark.usefixtures("token")
async def test_origin_of_a_suspended_app_is_not_known(edge: Edge, northwind: Agency) -> None:
    origin = "https://gone.example"
    await edge.register(northwind, client_id="gone", origins=(origin,), suspended=True)
    assert (await preflight(edge, "/graphql", origin)).status_code == 403


async def test_new_origin_is_known_within_seconds(edge: Edge, northwind: Agency) -> None:
    assert (await preflight(edge, "/graphql", LISTED)).status_code == 403
    await edge.register(northwind, client_id="app", origins=(LISTED,))
    assert (await preflight(edge, "/graphql", LISTED)).status_code == 403
    edge.clock.advance(seconds=3)
    assert (await preflight(edge, "/graphql", LISTED)).status_code == 204


async def test_page_of_the_token_s_app_reads_its_answer(edge: Edge, token: str) -> None:
    reply = await ask(edge, token, LISTED)
    assert (reply.status_code, reply.json()) == (200, {"data": {"me": {"application": "app"}}})
    assert cors_headers(reply) == {
        "access-control-allow-origin": LISTED,
        "access-control-expose-headers": (
            "retry-after, ratelimit, ratelimit-policy, www-authenticate"
        ),
        "vary": "authorization, accept, Origin",
    }


@pytest.mark.parametrize("origin", [OF_ANOTHER_APP, UNKNOWN, "null"])
async def test_page_that_the_token_s_app_does_not_list_is_refused(
    edge: Edge, token: str, origin: str
) -> None:
    reply = await ask(edge, token, origin)
    assert (reply.status_code, reply.json()) == (403, {"errors": [REFUSED]})
    assert cors_headers(reply) == {"vary": "Origin"}


async def test_origin_taken_from_an_app_is_refused_within_seconds(
    edge: Edge, northwind: Agency, token: str
) -> None:
    assert (await ask(edge, token, LISTED)).status_code == 200
    async with edge.database.session(northwind.tenant_id) as session:
        await session.execute(text("UPDATE oauth_clients SET origins = '{}'"))
    edge.clock.advance(seconds=3)
    assert (await ask(edge, token, LISTED)).status_code == 403


async def test_program_without_a_page_needs_no_origin(edge: Edge, token: str) -> None:
    reply = await ask(edge, token, None)
    assert reply.status_code == 200
    assert cors_headers(reply) == {"vary": "authorization, accept, Origin"}


@pytest.mark.parametrize("host", ["bosco.example", "localhost:8080"])
async def test_page_of_this_server_needs_no_origin(edge: Edge, token: str, host: str) -> None:
    reply = await ask(edge, token, f"http://{host}", host=host)
    assert reply.status_code == 200
    assert cors_headers(reply) == {"vary": "authorization, accept, Origin"}


@pytest.mark.usefixtures("token")
async def test_page_can_read_that_its_token_is_no_longer_good(edge: Edge) -> None:
    reply = await ask(edge, "stale", LISTED)
    assert reply.status_code == 401
    assert reply.headers["access-control-allow-origin"] == LISTED


async def test_page_asks_for_a_token_and_revokes_it(edge: Edge, token: str) -> None:
    for path, form in (("/oauth/token", FORM), ("/oauth/revoke", FORM | {"token": token})):
        reply = await edge.http.post(path, data=form, headers={"origin": LISTED})
        assert reply.status_code == 200
        assert reply.headers["access-control-allow-origin"] == LISTED


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke"])
@pytest.mark.parametrize("origin", [OF_ANOTHER_APP, UNKNOWN])
async def test_page_of_another_app_neither_gets_nor_revokes_a_token(
    edge: Edge, token: str, path: str, origin: str
) -> None:
    form = FORM | {"token": token}
    reply = await edge.http.post(path, data=form, headers={"origin": origin})
    assert (reply.status_code, reply.json()["error"]) == (403, "invalid_request")
    assert cors_headers(reply) == {"vary": "Origin"}
    assert (await ask(edge, token, None)).status_code == 200


@pytest.mark.parametrize("path", sorted(OPEN))
async def test_public_documents_are_open_to_every_page(edge: Edge, path: str) -> None:
    reply = await edge.http.get(path, headers={"origin": UNKNOWN})
    assert (reply.status_code, reply.headers["access-control-allow-origin"]) == (200, "*")
    asked = await preflight(edge, path, UNKNOWN)
    assert (asked.status_code, asked.headers["access-control-allow-methods"]) == (204, "GET")


@pytest.mark.parametrize("path", ["/oauth/introspect", "/oauth/authorize", "/healthz", "/"])
@pytest.mark.usefixtures("token")
async def test_other_routes_are_open_to_none(edge: Edge, path: str) -> None:
    for reply in (
        await preflight(edge, path, LISTED),
        await edge.http.get(path, headers={"origin": LISTED}),
    ):
        assert not [name for name in reply.headers if name.startswith("access-control-")]


async def test_no_answer_takes_cookies(edge: Edge, token: str) -> None:
    for reply in (
        await preflight(edge, "/graphql", LISTED),
        await ask(edge, token, LISTED),
        await edge.http.get("/oauth/jwks.json"),
    ):
        assert "access-control-allow-credentials" not in reply.headers


async def test_several_origins_are_nobody_s(edge: Edge, token: str) -> None:
    headers = [("origin", LISTED), ("origin", ISSUER), ("authorization", f"Bearer {token}")]
    reply = await edge.http.post(
        "/graphql", json={"query": "{ me { application } }"}, headers=headers
    )
    assert reply.status_code == 403

"""Revocation and introspection, spoken to as RFC 7009 and RFC 7662 say."""

from typing import Any

import httpx
import pytest

from tests.api.graphql.edge import ISSUER, Agency, Edge
from tests.api.oauth.conformance import MUST, SHOULD, requirement
from tests.api.oauth.test_token_endpoint import GRANT, WRONG, basic

pytestmark = pytest.mark.anyio

SECRET = "s3cret"  # of every application that the edge registers


@pytest.fixture
async def dashboard(edge: Edge, northwind: Agency) -> dict[str, str]:
    """The header of an application."""
    await edge.register(northwind, client_id="dashboard", scopes=("metrics:read",))
    return basic("dashboard", SECRET)


@pytest.fixture
async def reporter(edge: Edge, northwind: Agency) -> dict[str, str]:
    """The header of another one of the same agency."""
    await edge.register(northwind, client_id="reporter", scopes=("metrics:read",))
    return basic("reporter", SECRET)


@pytest.fixture
async def foreigner(edge: Edge, southwind: Agency) -> dict[str, str]:
    """The header of one of another agency, that may ask about all of its agency's."""
    scopes = ("metrics:read", "tokens:introspect")
    await edge.register(southwind, client_id="foreigner", scopes=scopes)
    return basic("foreigner", SECRET)


async def issue(edge: Edge, header: dict[str, str]) -> str:
    reply = await edge.http.post("/oauth/token", data=GRANT, headers=header)
    token: str = reply.json()["access_token"]
    return token


async def revoke(edge: Edge, header: dict[str, str], token: str, **more: str) -> httpx.Response:
    return await edge.http.post("/oauth/revoke", data={"token": token, **more}, headers=header)


async def introspect(edge: Edge, header: dict[str, str], token: str) -> Any:
    reply = await edge.http.post("/oauth/introspect", data={"token": token}, headers=header)
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    return reply.json()


async def status(edge: Edge, token: str) -> int:
    reply = await edge.ask("{ agency { name } }", token)
    return reply.status_code


@requirement(7009, "2.1", MUST, "revocation is asked for by POST of a form with the token")
@requirement(7009, "2.2", MUST, "the answer to a valid request is 200")
@requirement(7009, "2", MUST, "a revoked token cannot be used any more")
async def test_a_revoked_token_is_refused(edge: Edge, dashboard: dict[str, str]) -> None:
    token, other = await issue(edge, dashboard), await issue(edge, dashboard)
    assert await status(edge, token) == 200
    reply = await revoke(edge, dashboard, token)
    assert (reply.status_code, reply.content) == (200, b"")
    assert reply.headers["cache-control"] == "no-store"
    assert await status(edge, token) == 401
    assert await status(edge, other) == 200
    assert (await revoke(edge, dashboard, token)).status_code == 200  # again: nothing to do


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "anything"])
@requirement(7009, "2.1", MUST, "a token is found although token_type_hint is wrong")
async def test_the_hint_is_but_a_hint(edge: Edge, dashboard: dict[str, str], hint: str) -> None:
    token = await issue(edge, dashboard)
    reply = await revoke(edge, dashboard, token, token_type_hint=hint)
    assert reply.status_code == 200
    assert await status(edge, token) == 401


@pytest.mark.parametrize("token", ["x", "a.b.c", "\u00e9", "y" * 9_000])
@requirement(7009, "2.2", MUST, "a token that is invalid is answered with 200")
@requirement(7662, "2.2", MUST, "a token that is no token is answered with active false alone")
async def test_what_is_no_token_needs_no_revoking(
    edge: Edge, dashboard: dict[str, str], token: str
) -> None:
    assert (await revoke(edge, dashboard, token)).status_code == 200
    assert await introspect(edge, dashboard, token) == {"active": False}


@requirement(
    7009,
    "2.1",
    MUST,
    "a token that was issued to another client is not revoked, and the client is told",
)
async def test_another_application_s_token_is_refused(
    edge: Edge, dashboard: dict[str, str], reporter: dict[str, str]
) -> None:
    token = await issue(edge, dashboard)
    reply = await revoke(edge, reporter, token)
    assert (reply.status_code, reply.json()) == (
        400,
        {
            "error": "invalid_grant",
            "error_description": "the token was issued to another application",
        },
    )
    assert await status(edge, token) == 200


@requirement(
    7662, "2.2", SHOULD, "a resource server learns nothing of tokens that are not meant for it"
)
async def test_another_agency_s_token_does_not_exist(
    edge: Edge, dashboard: dict[str, str], foreigner: dict[str, str]
) -> None:
    token = await issue(edge, dashboard)
    reply = await revoke(edge, foreigner, token)
    assert (reply.status_code, reply.content) == (200, b"")
    assert await status(edge, token) == 200
    assert await introspect(edge, foreigner, token) == {"active": False}


@requirement(7662, "2.2", MUST, "the answer is JSON with the boolean active")
@requirement(7662, "2.2", SHOULD, "scope, client_id, exp, iat, sub, aud, iss and jti are told")
@requirement(7662, "4", MUST, "an expired token is not active")
async def test_introspection_tells_an_application_of_its_own_token(
    edge: Edge, dashboard: dict[str, str]
) -> None:
    token = await issue(edge, dashboard)
    now = int(edge.clock().timestamp())
    told = await introspect(edge, dashboard, token)
    assert isinstance(told.pop("jti"), str)
    assert told.pop("tenant").startswith("ten_")
    assert told == {
        "active": True,
        "token_type": "Bearer",
        "iss": ISSUER,
        "aud": f"{ISSUER}/graphql",
        "sub": "dashboard",
        "client_id": "dashboard",
        "iat": now,
        "exp": now + 600,
        "scope": "metrics:read",
    }
    edge.clock.advance(minutes=10)
    assert await introspect(edge, dashboard, token) == {"active": False}


@requirement(7662, "4", MUST, "a revoked token is not active")
@requirement(7662, "4", SHOULD, "who asks needs to be authorised for it")
async def test_introspecting_others_needs_a_scope(
    edge: Edge, northwind: Agency, dashboard: dict[str, str], reporter: dict[str, str]
) -> None:
    token = await issue(edge, dashboard)
    assert await introspect(edge, reporter, token) == {"active": False}
    await edge.register(northwind, client_id="server", scopes=("tokens:introspect",))
    server = basic("server", SECRET)
    assert (await introspect(edge, server, token))["client_id"] == "dashboard"
    await revoke(edge, dashboard, token)
    assert await introspect(edge, server, token) == {"active": False}


@pytest.mark.parametrize("path", ["/oauth/revoke", "/oauth/introspect"])
class TestBothRefuse:
    @requirement(7009, "2.1", MUST, "the client authenticates for revocation")
    @requirement(7662, "2.1", MUST, "introspection asks for authorization")
    @requirement(7662, "2.3", MUST, "wrong credentials are answered with 401")
    async def test_wrong_credentials(
        self, edge: Edge, dashboard: dict[str, str], path: str
    ) -> None:
        token = await issue(edge, dashboard)
        for header in (basic("dashboard", "wrong"), basic("nobody", SECRET)):
            reply = await edge.http.post(path, data={"token": token}, headers=header)
            assert (reply.status_code, reply.json()) == (
                401,
                {"error": "invalid_client", "error_description": WRONG},
            )
            assert reply.headers["www-authenticate"].startswith("Basic ")
        assert await status(edge, token) == 200

    async def test_no_credentials(self, edge: Edge, dashboard: dict[str, str], path: str) -> None:
        reply = await edge.http.post(path, data={"token": await issue(edge, dashboard)})
        assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")

    async def test_a_suspended_application(self, edge: Edge, northwind: Agency, path: str) -> None:
        await edge.register(northwind, client_id="sleeper", suspended=True)
        reply = await edge.http.post(path, data={"token": "x"}, headers=basic("sleeper", SECRET))
        assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")

    @requirement(7009, "2.2.1", MUST, "a request without the token is invalid_request")
    @requirement(7662, "2.1", MUST, "introspection is asked for by POST of a form with the token")
    async def test_malformed_requests(
        self, edge: Edge, dashboard: dict[str, str], path: str
    ) -> None:
        missing = await edge.http.post(path, data={"tokens": "x"}, headers=dashboard)
        assert (missing.status_code, missing.json()) == (
            400,
            {
                "error": "invalid_request",
                "error_description": "the parameter token is missing",
            },
        )
        twice = await edge.http.post(
            path,
            content="token=a&token=b",
            headers={"content-type": "application/x-www-form-urlencoded", **dashboard},
        )
        assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
        in_query = await edge.http.post(f"{path}?token=x", data={"token": "x"}, headers=dashboard)
        assert (in_query.status_code, in_query.json()["error"]) == (400, "invalid_request")
        by_get = await edge.http.get(path, headers=dashboard)
        assert (by_get.status_code, by_get.headers["allow"]) == (405, "POST")


@requirement(9728, "2", MUST, "resource is the address of the protected resource")
@requirement(9728, "2", SHOULD, "authorization_servers names who issues its tokens")
@requirement(9728, "3.1", MUST, "the path of the resource follows the well-known one")
@requirement(9728, "5.1", SHOULD, "a 401 names the document in resource_metadata")
@requirement(6750, "3", MUST, "a request without a token is refused with WWW-Authenticate: Bearer")
@requirement(6750, "3.1", SHOULD, "a request that has no token is told no error code")
@requirement(8414, "2", SHOULD, "the revocation and introspection endpoints are named")
async def test_the_resource_names_its_authorization_server(edge: Edge) -> None:
    """RFC 9728: section 3.1 puts the path of the resource behind the well-known one."""
    refused = await edge.http.post("/graphql", json={"query": "{ agency { name } }"})
    address = f"{ISSUER}/.well-known/oauth-protected-resource/graphql"
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == (
        f'Bearer realm="bosco", resource_metadata="{address}"'
    )
    document = (await edge.http.get(address)).json()
    assert document["resource"] == f"{ISSUER}/graphql"
    assert document["authorization_servers"] == [ISSUER]
    assert document["bearer_methods_supported"] == ["header"]
    server = await edge.http.get(f"{ISSUER}/.well-known/oauth-authorization-server")
    told = server.json()
    assert told["revocation_endpoint"] == f"{ISSUER}/oauth/revoke"
    assert told["introspection_endpoint"] == f"{ISSUER}/oauth/introspect"

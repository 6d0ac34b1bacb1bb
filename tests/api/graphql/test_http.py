"""The route as a protocol: what is taken, what is refused, and how."""

from typing import Any

import orjson
import pytest

from tests.api.graphql.edge import ISSUER, Agency, Edge

pytestmark = pytest.mark.anyio

CHALLENGE = (
    'Bearer realm="bosco", '
    f'resource_metadata="{ISSUER}/.well-known/oauth-protected-resource/graphql"'
)
ME = {"query": "{ me { application } }"}


async def post(edge: Edge, token: str | None, content: bytes, **headers: str) -> Any:
    given = {"content-type": "application/json", **headers}
    if token is not None:
        given["authorization"] = f"Bearer {token}"
    return await edge.http.post("/graphql", content=content, headers=given)


def only_error(reply: Any) -> tuple[str, str]:
    (error,) = reply.json()["errors"]
    return error["extensions"]["code"], error["message"]


async def test_without_a_token(edge: Edge) -> None:
    reply = await post(edge, None, orjson.dumps(ME))
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == CHALLENGE
    assert only_error(reply) == ("UNAUTHENTICATED", "the request has no access token")


async def test_with_a_forged_token(edge: Edge) -> None:
    reply = await post(edge, "abc.def.ghi", orjson.dumps(ME))
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == (
        f'{CHALLENGE}, error="invalid_token", '
        'error_description="the access token is malformed or not signed by this server"'
    )


async def test_a_token_in_the_query_is_not_looked_at(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    reply = await edge.http.post(f"/graphql?access_token={token}", json=ME)
    assert reply.status_code == 401


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
async def test_content_types_that_a_foreign_page_can_send(
    edge: Edge, northwind: Agency, content_type: str
) -> None:
    token = await edge.token(northwind, "metrics:read")
    reply = await post(edge, token, orjson.dumps(ME), **{"content-type": content_type})
    assert reply.status_code == 415
    assert only_error(reply) == ("INVALID_INPUT", "the content type must be application/json")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_other_methods(edge: Edge, method: str) -> None:
    reply = await edge.http.request(method, "/graphql")
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


async def test_a_get_never_runs_a_query(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    reply = await edge.http.get("/graphql", params=ME, headers={"authorization": f"Bearer {token}"})
    assert reply.headers["content-type"] == "text/html; charset=utf-8"


async def test_the_explorer_loads_nothing_from_elsewhere(edge: Edge) -> None:
    reply = await edge.http.get("/graphql")
    assert reply.status_code == 200
    assert "http://" not in reply.text
    assert "https://" not in reply.text
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; connect-src 'self'; script-src 'sha256-")
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "the body is not JSON"),
        (b'"text"', "the body is not a JSON object"),
        (b"[]", "several operations in one request are not taken"),
        (orjson.dumps([ME, ME]), "several operations in one request are not taken"),
        (b"{}", "query must be a text"),
        (b'{"query": 1}', "query must be a text"),
        (b'{"query": "{me{scopes}}", "variables": []}', "variables must be an object"),
        (b'{"query": "{me{scopes}}", "operationName": 1}', "operationName must be a text"),
        (b'{"query": "\\ud800"}', "the body is not JSON"),
    ],
)
async def test_malformed_bodies(
    edge: Edge, northwind: Agency, content: bytes, message: str
) -> None:
    token = await edge.token(northwind, "metrics:read")
    reply = await post(edge, token, content)
    assert reply.status_code == 400
    code, told = only_error(reply)
    assert code == "INVALID_INPUT"
    assert told.startswith(message)


async def test_a_huge_body_is_not_read(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    reply = await post(edge, token, b" " * 1_000_001)
    assert reply.status_code == 413

    async def endless() -> Any:
        while True:
            yield b" " * 100_000

    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    reply = await edge.http.post("/graphql", content=endless(), headers=headers)
    assert reply.status_code == 413
    assert only_error(reply) == ("INVALID_INPUT", "the body is larger than 1,000,000 bytes")


async def test_the_newer_media_type_says_400(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    body = orjson.dumps({"query": "{ nothing }"})
    newer = await post(edge, token, body, accept="application/graphql-response+json")
    older = await post(edge, token, body)
    assert (newer.status_code, older.status_code) == (400, 200)
    assert newer.headers["content-type"] == "application/graphql-response+json"
    assert only_error(newer) == only_error(older)
    assert "data" not in newer.json()


async def test_answers_are_kept_by_no_cache(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    reply = await post(edge, token, orjson.dumps(ME))
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["vary"] == "authorization, accept, Origin"


async def test_one_of_several_operations(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    query = "query A { me { scopes } } query B { me { tenant { slug } } }"
    reply = await edge.ask(query, token, operation="B")
    assert reply.json() == {"data": {"me": {"tenant": {"slug": "northwind"}}}}
    assert await edge.error(query, token) == {
        "message": "the document has several operations",
        "extensions": {
            "code": "INVALID_INPUT",
            "hint": "name one of them in operationName",
        },
    }
    reply = await edge.ask(query, token, operation="C")
    assert only_error(reply) == ("INVALID_INPUT", "the document has no operation 'C'")


async def test_unknown_metric_suggests_the_known_one(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    error = await edge.error('{ metrics(period: {month: "2026-03"}) { rows { roass } } }', token)
    assert error == {
        "message": "Cannot query field 'roass' on type 'MetricsRow'. Did you mean 'roas'?",
        "locations": [{"line": 1, "column": 48}],
        "extensions": {"code": "GRAPHQL_VALIDATION_FAILED", "hint": ""},
    }


async def test_alias_bombs_are_refused(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    query = "{" + " ".join(f"a{n}: me {{ scopes }}" for n in range(300)) + "}"
    error = await edge.error(query, token)
    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert error["message"] == "the document is 300 aliases long, the limit is 250"


async def test_a_variable_that_does_not_fit(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    reply = await edge.ask(
        "query Q($p: Period!) { metrics(period: $p) { rows { spend { amount } } } }",
        token,
        variables={"p": {"last": "many"}},
    )
    assert "data" not in reply.json()
    code, message = only_error(reply)
    assert code == "INVALID_INPUT"
    assert "Int cannot represent non-integer value" in message


async def test_introspection_needs_a_token_and_shows_the_own_schema(
    edge: Edge, northwind: Agency
) -> None:
    query = '{ __type(name: "MetricsRow") { fields { name } } }'
    assert (await edge.ask(query, None)).status_code == 401
    token = await edge.token(northwind)
    fields = (await edge.data(query, token))["__type"]["fields"]
    assert {"name": "spend"} in fields


async def test_health(edge: Edge) -> None:
    alive = await edge.http.get("/healthz")
    ready = await edge.http.get("/readyz")
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "parts": {}})

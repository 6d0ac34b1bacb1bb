"""Calls that an app has left, and addresses that fail too often, at the routes themselves."""

import dataclasses
from ipaddress import ip_network

import pytest
from sqlalchemy import text
from starlette.datastructures import Headers

from api.edge.admission import Admission
from api.edge.app_policies import AppPolicies
from tenancy.rate_limits import RateLimit, RateLimits
from tenancy.redis_server import RedisServer
from tests.api.graphql.edge import Agency, Edge

pytestmark = pytest.mark.anyio

QUERY = "{ me { application } }"
THREE = RateLimit("failed_attempts", 3, 60, guards_secrets=True)
WRONG = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "guess"}
RIGHT = WRONG | {"client_secret": "s3cret"}


async def token_of(edge: Edge, agency: Agency, client_id: str, calls: int | None) -> str:
    await edge.register(agency, client_id=client_id, calls_per_minute=calls)
    reply = await edge.http.post("/oauth/token", data=RIGHT | {"client_id": client_id})
    return str(reply.json()["access_token"])


async def statuses(edge: Edge, token: str, times: int) -> list[int]:
    return [(await edge.ask(QUERY, token)).status_code for _ in range(times)]


async def fail(edge: Edge, times: int, **headers: str) -> list[int]:
    asked = [
        await edge.http.post("/oauth/token", data=WRONG, headers=headers) for _ in range(times)
    ]
    return [reply.status_code for reply in asked]


async def test_answer_tells_the_calls_that_are_left(edge: Edge, northwind: Agency) -> None:
    token = await token_of(edge, northwind, "app", 3)
    replies = [await edge.ask(QUERY, token) for _ in range(3)]
    assert [reply.headers["ratelimit"] for reply in replies] == [
        '"app";r=2;t=60',
        '"app";r=1;t=60',
        '"app";r=0;t=60',
    ]
    assert {reply.headers["ratelimit-policy"] for reply in replies} == {'"app";q=3;w=60'}
    assert "retry-after" not in replies[0].headers


async def test_app_without_calls_left_is_told_how_long_to_wait(
    edge: Edge, northwind: Agency
) -> None:
    token = await token_of(edge, northwind, "app", 1)
    await edge.ask(QUERY, token)
    edge.clock.advance(seconds=20)
    reply = await edge.ask(QUERY, token)
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "40")
    assert reply.headers["ratelimit"] == '"app";r=0;t=40'
    assert reply.json() == {
        "errors": [
            {
                "message": "the application has used up its 1 calls a minute",
                "extensions": {
                    "code": "RATE_LIMITED",
                    "hint": "try again in 40 s; the agency can raise the limit",
                },
            }
        ]
    }
    edge.clock.advance(seconds=40.5)
    assert await statuses(edge, token, 2) == [200, 429]


async def test_apps_do_not_use_up_each_other_s_calls(
    edge: Edge, northwind: Agency, southwind: Agency
) -> None:
    busy = await token_of(edge, northwind, "busy", 1)
    sibling = await token_of(edge, northwind, "sibling", 1)
    other = await token_of(edge, southwind, "other", 1)
    assert await statuses(edge, busy, 3) == [200, 429, 429]
    assert await statuses(edge, sibling, 1) == [200]
    assert await statuses(edge, other, 1) == [200]


async def test_refused_questions_count_too(edge: Edge, northwind: Agency) -> None:
    token = await token_of(edge, northwind, "app", 1)
    assert (await edge.ask("{ nothing }", token)).json()["errors"]
    assert await statuses(edge, token, 1) == [429]


async def test_usual_limit_holds_where_the_agency_has_not_said(
    edge: Edge, northwind: Agency
) -> None:
    strict = edge.with_rules(calls_per_minute=2)
    token = await token_of(strict, northwind, "app", None)
    assert await statuses(strict, token, 3) == [200, 200, 429]


async def test_raised_limit_counts_within_seconds(edge: Edge, northwind: Agency) -> None:
    token = await token_of(edge, northwind, "app", 1)
    assert await statuses(edge, token, 2) == [200, 429]
    async with edge.database.session(northwind.tenant_id) as session:
        await session.execute(text("UPDATE oauth_clients SET calls_per_minute = 2"))
    edge.clock.advance(seconds=3)
    assert await statuses(edge, token, 2) == [200, 429]


async def test_app_that_is_gone_has_the_usual_limit_and_no_pages(
    edge: Edge, northwind: Agency
) -> None:
    caller = await edge.tokens.verify(await token_of(edge, northwind, "app", 7))
    policies = AppPolicies(edge.database, edge.clock, calls_per_minute=5)
    assert (await policies.of(caller)).calls_per_minute == 7
    policy = await policies.of(dataclasses.replace(caller, client_id="gone"))
    assert (policy.calls_per_minute, policy.origins) == (5, frozenset())


async def test_without_redis_good_tokens_are_answered(
    edge: Edge, northwind: Agency, dead_redis: RedisServer
) -> None:
    token = await token_of(edge, northwind, "app", 1)
    caller = await edge.tokens.verify(token)
    policies = AppPolicies(edge.database, edge.clock, calls_per_minute=1)
    admission = Admission(policies, RateLimits(dead_redis, edge.clock))
    for _ in range(3):
        headers = await admission.admit(caller, Headers())
        assert headers["ratelimit"] == '"app";r=1;t=0'


async def test_address_that_fails_too_often_waits(edge: Edge, northwind: Agency) -> None:
    strict = edge.with_rules(failed_attempts=THREE)
    await strict.register(northwind, client_id="app")
    assert await fail(strict, 5) == [401, 401, 401, 429, 429]
    reply = await strict.http.post("/oauth/token", data=RIGHT)
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "60")
    assert reply.headers["ratelimit-policy"] == '"failed_attempts";q=3;w=60'
    assert reply.json() == {
        "error": "temporarily_unavailable",
        "error_description": "too many requests of this address have failed; "
        "try again in 60 s with the right credentials",
    }
    strict.clock.advance(seconds=61)
    assert (await strict.http.post("/oauth/token", data=RIGHT)).status_code == 200


async def test_successes_are_not_counted(edge: Edge, northwind: Agency) -> None:
    strict = edge.with_rules(failed_attempts=THREE)
    await strict.register(northwind, client_id="app")
    for _ in range(5):
        assert (await strict.http.post("/oauth/token", data=RIGHT)).status_code == 200


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect"])
async def test_failures_of_all_three_endpoints_count_together(
    edge: Edge, northwind: Agency, path: str
) -> None:
    strict = edge.with_rules(failed_attempts=THREE)
    await strict.register(northwind, client_id="app")
    for _ in range(3):
        assert (await strict.http.post(path, data=WRONG | {"token": "x"})).status_code == 401
    assert await fail(strict, 1) == [429]


async def test_addresses_are_counted_apart_where_a_proxy_is_trusted(edge: Edge) -> None:
    proxy = ip_network("127.0.0.1/32")  # as the in-process client comes
    strict = edge.with_rules(failed_attempts=THREE, trusted_proxies=(proxy,))
    first, second = {"x-forwarded-for": "198.51.100.1"}, {"x-forwarded-for": "198.51.100.2"}
    assert await fail(strict, 4, **first) == [401, 401, 401, 429]
    assert await fail(strict, 1, **second) == [401]


async def test_made_up_addresses_do_not_help(edge: Edge) -> None:
    strict = edge.with_rules(failed_attempts=THREE)
    made_up = [{"x-forwarded-for": f"198.51.100.{number}"} for number in range(4)]
    assert [(await fail(strict, 1, **headers))[0] for headers in made_up] == [401, 401, 401, 429]

"""The application around the routes: readiness, and errors that nobody expected."""

import dataclasses
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.app import EdgeServices, ReadinessCheck, create_app
from api.oauth.applications import Applications
from domain.errors import InternalError, Transient
from tests.api.graphql.edge import ISSUER, RULES, Edge

pytestmark = pytest.mark.anyio


class BrokenPartError(InternalError):
    code = "BROKEN_PART"


class BusyPartError(InternalError, Transient):
    code = "BUSY_PART"


class FailingDoors:
    """Doors whose every question ends in one error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def tenant_of_client(self, _client_id: str) -> None:
        raise self.error


async def ready() -> str:
    return "17 rows"


async def broken() -> None:
    raise BrokenPartError("password=hunter2")


async def client(edge: Edge, error: Exception, **checks: ReadinessCheck) -> httpx.AsyncClient:
    doors: Any = FailingDoors(error)
    applications = Applications(doors, edge.database, edge.clock)
    oauth = dataclasses.replace(edge.oauth, applications=applications)
    services = EdgeServices(
        graphql=dataclasses.replace(edge.services, is_development=False),
        oauth=oauth,
        pages=edge.pages,
        checks=checks,
        ids=lambda: uuid.UUID(int=7),
        rules=RULES,
        rate_limits=edge.edge_services.rate_limits,
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(services)), base_url=ISSUER)


@pytest.fixture
async def broken_app(edge: Edge) -> AsyncIterator[httpx.AsyncClient]:
    error = BrokenPartError("SELECT secret FROM tenants")
    async with await client(edge, error, postgres=ready, redis=broken) as http:
        yield http


FORM = {"grant_type": "client_credentials", "client_id": "a", "client_secret": "b"}


async def test_an_unexpected_error_shows_a_trace_id_only(broken_app: httpx.AsyncClient) -> None:
    reply = await broken_app.post("/oauth/token", data=FORM)
    assert reply.status_code == 500
    assert reply.json() == {
        "errors": [
            {
                "message": "something went wrong on our side",
                "extensions": {
                    "code": "BROKEN_PART",
                    "hint": "try again; if it stays, tell support the trace id",
                    "traceId": "00000000-0000-0000-0000-000000000007",
                },
            }
        ]
    }


async def test_a_passing_failure_asks_to_try_again(edge: Edge) -> None:
    async with await client(edge, BusyPartError("x")) as http:
        reply = await http.post("/oauth/token", data=FORM)
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")


async def test_not_ready_while_a_part_fails(broken_app: httpx.AsyncClient) -> None:
    reply = await broken_app.get("/readyz")
    assert reply.status_code == 503
    assert reply.json() == {
        "status": "not ready",
        "parts": {"postgres": "ready", "redis": "fails"},
    }
    assert (await broken_app.get("/healthz")).status_code == 200


async def test_production_has_no_explorer(broken_app: httpx.AsyncClient) -> None:
    reply = await broken_app.get("/graphql")
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
    assert (await broken_app.get("/")).status_code == 404
    assert (await broken_app.get("/docs")).status_code == 404
    assert (await broken_app.get("/openapi.json")).status_code == 404


async def test_in_development_the_root_leads_to_the_explorer(edge: Edge) -> None:
    assert edge.services.is_development
    reply = await edge.http.get("/")
    assert (reply.status_code, reply.headers["location"]) == (307, "/graphql")
    assert (await edge.http.get("/", follow_redirects=True)).headers["content-type"] == (
        "text/html; charset=utf-8"
    )

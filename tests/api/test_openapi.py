"""docs/openapi.json describes every REST operation, as it is now."""

from pathlib import Path

import orjson
import pytest
from fastapi import FastAPI
from starlette.routing import Route

from api.openapi import DESCRIBED_ELSEWHERE, describe
from api.pages.site import site_routes
from tests.api.graphql.edge import Edge, edge, edge_warehouse

__all__ = ["edge", "edge_warehouse"]

FILE = Path(__file__).parents[2] / "docs" / "openapi.json"
EXAMPLE = "https://bosco.example"

# They answer these to say in the words of OAuth that they want a POST.
ANSWERED_TO_REFUSE = {"GET", "PUT", "PATCH", "DELETE"}


def routes_of(edge: Edge) -> list[Route]:
    assert isinstance(edge.app, FastAPI)
    return [route for route in edge.app.routes if isinstance(route, Route)]


def test_the_file_is_current() -> None:
    """If not: write what stands below into it."""
    current = orjson.dumps(describe(EXAMPLE), option=orjson.OPT_INDENT_2).decode() + "\n"
    assert FILE.read_text(encoding="utf-8") == current


@pytest.mark.anyio
async def test_every_route_is_described_or_a_page(edge: Edge) -> None:
    paths = describe(EXAMPLE)["paths"]
    routes = routes_of(edge)
    served = {route.path for route in routes}
    pages = {route.path for route in site_routes(edge.edge_services.pages)}
    decided = paths.keys() | DESCRIBED_ELSEWHERE | pages
    assert served - decided == set(), "describe it in api/openapi.py, or it is a page of the site"
    assert decided - served == set()
    assert paths.keys() & pages == set()


@pytest.mark.anyio
async def test_every_method_is_described(edge: Edge) -> None:
    paths = describe(EXAMPLE)["paths"]
    for route in routes_of(edge):
        if route.path not in paths:
            continue
        described = {method.upper() for method in paths[route.path]}
        taken = set(route.methods or ()) - {"HEAD"}
        if described == {"POST"}:
            taken -= ANSWERED_TO_REFUSE
        assert taken == described, route.path

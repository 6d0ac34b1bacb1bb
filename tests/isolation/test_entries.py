"""Every way in is classified, and what is said of it is so."""

import ast
from typing import cast

import pytest

from api.connect.endpoint import connect_routes
from api.pages.exports import ExportPages
from api.pages.visits import Visits
from gdpr.access.exports import Exports
from ingestion.connecting import ConnectionDesk
from tests.api.graphql.edge import Edge, edge, edge_warehouse
from tests.isolation.entries import (
    CLASSIFIED,
    ROOT,
    Attacked,
    Entry,
    Kind,
    find_entries,
    routes_of,
)

__all__ = ["edge", "edge_warehouse"]


def _classified(*kinds: Kind) -> set[Entry]:
    return {Entry(kind, name) for kind in kinds for name in CLASSIFIED[kind]}


def test_every_entry_is_classified() -> None:
    others = [kind for kind in Kind if kind is not Kind.ROUTE]
    found, known = find_entries(), _classified(*others)
    names = {entry.name for entry in found}  # none of the ways to find them finds nothing
    assert {"sync_connection", "apps.add", "me", "tenants", "pending_loads", "answer"} <= names
    assert sorted(entry.name for entry in found - known) == [], "say how they are attacked"
    assert sorted(entry.name for entry in known - found) == [], "they are gone"


@pytest.mark.anyio
async def test_every_route_is_classified(edge: Edge) -> None:
    beside = connect_routes(cast("ConnectionDesk", None))
    beside += ExportPages(cast("Visits", None), cast("Exports", None)).routes()
    found = set(routes_of(edge.app)) | {route.path for route in beside}
    assert found == set(CLASSIFIED[Kind.ROUTE])
    strange = [route for route in edge.app.routes if type(route).__name__ != "Route"]  # type: ignore[attr-defined]
    assert strange == []  # a mount or a socket would not be seen


def test_every_attack_exists() -> None:
    named = {
        verdict.test
        for verdicts in CLASSIFIED.values()
        for verdict in verdicts.values()
        if isinstance(verdict, Attacked)
    }
    missing = []
    for test in sorted(named):
        path, _, function = test.partition("::")
        tree = ast.parse((ROOT / "tests" / f"{path}.py").read_text(encoding="utf-8"))
        functions = {node.name for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)}
        if function not in functions:
            missing.append(test)
    assert missing == []


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

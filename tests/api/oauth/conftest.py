"""Fixtures of the authorization server's tests; the agencies have no facts, which take time."""

import pytest

from tests.api.graphql.edge import Agency, Edge, edge, edge_warehouse, make_agency
from tests.api.oauth.serving import served

__all__ = ["edge", "edge_warehouse", "northwind", "served", "southwind"]


@pytest.fixture
async def northwind(edge: Edge) -> Agency:
    """Clients acme and bolt."""
    return await make_agency(edge, "northwind", ("acme", "bolt"))


@pytest.fixture
async def southwind(edge: Edge) -> Agency:
    """Client zeta."""
    return await make_agency(edge, "southwind", ("zeta",))

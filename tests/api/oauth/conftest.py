"""Fixtures of the authorization server's tests."""

from tests.api.graphql.edge import edge, edge_warehouse, northwind, southwind
from tests.api.oauth.serving import served

__all__ = ["edge", "edge_warehouse", "northwind", "served", "southwind"]

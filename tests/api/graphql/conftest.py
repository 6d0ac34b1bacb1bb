"""Fixtures of the gateway's tests."""

from tests.api.graphql.edge import edge, edge_warehouse, northwind, southwind

__all__ = ["edge", "edge_warehouse", "northwind", "southwind"]

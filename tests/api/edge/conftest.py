"""The whole application, and two agencies behind it."""

from tests.api.graphql.edge import edge, edge_warehouse, northwind, southwind

__all__ = ["edge", "edge_warehouse", "northwind", "southwind"]

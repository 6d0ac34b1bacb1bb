"""Fixtures of people's tests."""

from tests.api.identity.world import northwind, southwind, world

__all__ = ["northwind", "southwind", "world"]

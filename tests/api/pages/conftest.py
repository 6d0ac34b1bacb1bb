"""Fixtures of the pages' tests."""

from tests.api.identity.world import northwind, southwind, world
from tests.api.pages.browser import new_browser, pages

__all__ = ["new_browser", "northwind", "pages", "southwind", "world"]

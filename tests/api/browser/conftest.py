"""Fixtures of the tests in a real browser: a served agency, and Chromium where there is one."""

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

from tests.api.graphql.edge import edge_warehouse
from tests.api.oauth.serving import served

__all__ = ["edge_warehouse", "served"]

_CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    if _CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_CHROMIUM, args=list(_QUIET))
        yield browser
        await browser.close()

"""A person who has no mouse, and what is wrong with the pages that they come by."""

from pathlib import Path

import pytest
from playwright.async_api import Page

__all__ = ["Keyboard"]

INSPECTION = (Path(__file__).with_name("inspection.js")).read_text(encoding="utf-8")
FOCUSED = """() => {
    const one = document.activeElement, style = getComputedStyle(one);
    const label = one.labels && one.labels.length ? one.labels[0].textContent : "";
    const name = one.getAttribute("aria-label") || label || one.textContent || "";
    const place = [...document.querySelectorAll("*")].indexOf(one);
    return {name: name.trim(), seen: style.outlineStyle !== "none", place};
}"""


class Keyboard:
    """A person who has no mouse."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        self._folder = folder

    async def reach(self, name: str) -> None:
        """Press Tab until something of that name has the focus; each stop shows that it has it."""
        place = -1
        for _ in range(60):
            await self.page.keyboard.press("Tab")
            focused = await self.page.evaluate(FOCUSED)
            assert focused["seen"], focused
            assert focused["place"] >= place, focused  # the order is that of reading
            if focused["name"] == name:
                return
            place = focused["place"]
        pytest.fail(f"{name!r} is not reached")

    async def fill(self, name: str, text: str) -> None:
        """Type into a field."""
        await self.reach(name)
        await self.page.keyboard.type(text)

    async def press(self, name: str, key: str = "Enter") -> None:
        """Press a button or follow a link."""
        await self.reach(name)
        async with self.page.expect_navigation():
            await self.page.keyboard.press(key)

    async def begin(self) -> None:
        """Start over at the top of the page."""
        await self.page.evaluate("() => document.activeElement.blur()")
        await self.page.evaluate("() => getSelection().removeAllRanges()")

    async def look(self, name: str) -> None:
        """Inspect and picture what is shown."""
        assert await self.page.evaluate(INSPECTION) == [], name
        await self.page.screenshot(path=self._folder / f"{name}.png", full_page=True)

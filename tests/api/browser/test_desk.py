"""The officers' pages in a real browser, by keyboard alone: light and dark, on a desk and a phone.

A date field takes several stops of the keyboard, one for each of its parts.
"""

from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser

from tenancy.tables import Role
from tests.api.browser.keyboard import Keyboard
from tests.api.oauth.serving import Served

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("scheme", "width", "height"), [("light", 1280, 900), ("dark", 390, 844)], ids=["desk", "phone"]
)
async def test_an_officer_works_by_keyboard(  # noqa: PLR0915  # one way through all pages
    served: Served,
    chromium: Browser,
    tmp_path: Path,
    scheme: Literal["light", "dark"],
    width: int,
    height: int,
) -> None:
    user_id = await served.edge.person(served.agency, Role.DATA_PROTECTION_OFFICER)
    cookie = await served.edge.sign_in(served.agency, user_id)
    context = await chromium.new_context(
        color_scheme=scheme, viewport={"width": width, "height": height}
    )
    await context.add_cookies([{"name": "bosco", "value": cookie, "url": served.issuer}])
    page = await context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    keys = Keyboard(page, tmp_path)

    await page.goto(f"{served.issuer}/account")
    await keys.press("Privacy")
    await keys.look("01 queue")
    await keys.press("Erasure for canarynorthwind acme")
    await keys.look("02 person to be chosen")
    await keys.press("Choose person 1")
    assert await page.get_by_role("status").inner_text() == "The person is chosen."
    await keys.look("03 chosen")
    await keys.reach("Vouch for the person")
    await page.keyboard.press("Enter")
    await keys.reach("They were signed in to their account at the shop")
    await page.keyboard.press("Space")
    await keys.look("04 vouching")
    await keys.press("Vouch for them")
    await keys.look("05 approving")
    await keys.reach(await page.locator("summary", has_text="Is kept").inner_text())
    await page.keyboard.press("Enter")
    await keys.look("06 plan")
    await keys.reach("Keep a note")
    await page.keyboard.press("Enter")
    await keys.fill("Note", "Called back.")
    await keys.press("Keep it")
    await page.goto(f"{served.issuer}/desk/privacy")

    await keys.press("Take in a request")
    await keys.look("07 new")
    await keys.reach("Whose data: the client")
    await page.keyboard.type("canarynorthwind bolt")
    await keys.reach("What the person asks for")
    await page.keyboard.type("Access")
    await keys.fill("E-mail address", "cleo@customer.example")
    await keys.press("Take it in")
    await keys.look("08 taken in")
    await keys.press("Nobody fits")
    await keys.look("09 nobody")

    await keys.press("Legal holds")
    await keys.look("10 holds")
    await keys.press("Release the hold: canarynorthwind tax audit")
    await keys.look("11 released")
    await keys.press("Statistics")
    await keys.look("12 statistics")
    await keys.press("Record of processing")
    await keys.look("13 record")
    assert errors == []
    await context.close()

"""The pages in a real browser, by keyboard alone: in light and dark, on a desk and on a phone.

Every page that is come by is inspected (labels, headings, names, contrast, width) and pictured into
the folder of the test.
"""

from pathlib import Path
from typing import Literal

import pyotp
import pytest
from playwright.async_api import Browser

from api.identity.people import Manager
from tenancy.approvals import Deed
from tenancy.tables import Role
from tests.api.browser.keyboard import Keyboard
from tests.api.oauth.serving import Served

pytestmark = pytest.mark.anyio

PASSWORD = "crisp otter violin"


@pytest.mark.parametrize(
    ("scheme", "width", "height"),
    [
        pytest.param("light", 1280, 900, id="desk"),
        pytest.param("dark", 390, 844, id="phone", marks=pytest.mark.slow),
    ],
)
async def test_everything_is_done_by_keyboard(  # noqa: PLR0915  # one way through all pages
    served: Served,
    chromium: Browser,
    tmp_path: Path,
    scheme: Literal["light", "dark"],
    width: int,
    height: int,
) -> None:
    invited = await served.edge.pages.people.invite(
        served.agency.tenant_id,
        Manager("cli:test", is_owner=True),
        email="olga@nw.example",
        name="Olga Ortega",
        role=Role.OWNER,
    )
    context = await chromium.new_context(
        color_scheme=scheme,
        viewport={"width": width, "height": height},
    )
    page = await context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    keys = Keyboard(page, tmp_path)

    await page.goto(f"{served.issuer}{invited.path}")
    await keys.look("01 invitation")
    await keys.fill("New password", PASSWORD)
    await keys.fill("New password again", PASSWORD)
    await keys.press("Save and sign in")
    await keys.look("02 account")

    await keys.press("Add an authenticator")
    await keys.look("03 authenticator")
    secret = await page.locator("code.secret").inner_text()
    totp = pyotp.TOTP(secret)
    await page.goto(f"{served.issuer}/account")
    await keys.fill("Code that the authenticator shows now", totp.at(served.edge.clock()))
    await keys.press("Turn it on")
    await keys.look("04 recovery codes")
    recovery = (await page.locator(".codes li").all_inner_texts())[0]

    await keys.press("Sign out")
    await keys.look("05 sign-in")
    await page.goto(f"{served.issuer}/sign-in")
    assert await page.evaluate("() => document.activeElement.id") == "agency"
    await page.keyboard.type("northwind")
    await keys.fill("E-mail", "olga@nw.example")
    await keys.fill("Password", "wrong wrong wrong")
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    await keys.look("06 refused")
    assert await page.get_by_role("alert").is_visible()
    assert await page.evaluate("() => document.activeElement.id") == "password"
    await page.keyboard.type(PASSWORD)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    await keys.look("07 code")
    await page.keyboard.type(recovery)
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    assert await page.title() == "Account \u00b7 Bosco"

    await keys.press("People")
    await keys.look("08 people")
    await keys.fill("Name", "Vera Viewer")
    await keys.fill("E-mail", "vera@nw.example")
    await keys.reach("Role")
    await page.keyboard.type("Client viewer")
    await keys.reach("canarynorthwind acme")
    await page.keyboard.press("Space")
    await keys.press("Make an invitation link")
    await keys.look("09 link")
    await keys.press("Done")
    await keys.look("10 person")

    await keys.press("Apps")
    await keys.press("Register an app")
    await keys.look("11 new app")
    await keys.fill("Name", "Board")
    await keys.press("Register")
    await keys.look("12 secret")
    await keys.press("Done")
    await keys.look("13 apps")

    async with served.edge.database.session(served.agency.tenant_id) as session:
        await served.edge.pages.approvals.request(
            session,
            Deed("erasure.execute", "subject", "sub_01h455vb4pex5vsknk084sn02q", {"rows": 7}),
            requested_by=f"user:{served.user_id}",
        )
    await keys.press("Approvals")
    await keys.look("14 approvals")
    await keys.press("Approve erasure.execute of sub_01h455vb4pex5vsknk084sn02q")
    await keys.look("15 approved")
    assert errors == [  # of the wrong password
        "Failed to load resource: the server responded with a status of 400 (Bad Request)"
    ]
    await context.close()


async def test_works_where_scripts_are_off(served: Served, chromium: Browser) -> None:
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{served.issuer}/account")
    assert page.url == f"{served.issuer}/sign-in?return_to=%2Faccount"
    await page.get_by_label("Agency", exact=True).fill("northwind")
    await page.get_by_label("E-mail").fill("nobody@nw.example")
    await page.get_by_label("Password").fill("wrong wrong wrong")
    await page.get_by_role("button", name="Sign in").click()
    assert await page.get_by_role("alert").inner_text() == (
        "The agency, the e-mail or the password is wrong.\n\n"
        "Try again, or ask your agency for a new link."
    )
    await context.close()

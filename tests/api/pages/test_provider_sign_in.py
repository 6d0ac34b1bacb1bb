"""Signing in at the agency's own provider: who comes in, and everything that a provider may lie."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey
from sqlalchemy import select

from api.identity.provider_calls import ProviderCalls, ProviderFailedError
from api.pages.services import PageServices
from domain.errors import InvalidInputError
from tenancy.tables import ExternalIdentity, IdentityProvider, PendingSignIn, Role
from tests.api.identity.oidc_provider import CLIENT_ID, SECRET, OidcProvider, serve_provider
from tests.api.identity.world import Agency, World
from tests.api.pages.browser import Browser, NewBrowser

pytestmark = pytest.mark.anyio

EMAIL = "ada@northwind.example"
UNTRUSTED = "What your agency's provider says cannot be trusted."
UNINVITED = "Your agency has not invited you."
OVER = "This sign-in is over, or was begun in another browser."


@pytest.fixture
async def provider(
    world: World, northwind: Agency, pages: PageServices
) -> AsyncIterator[OidcProvider]:
    person = {"sub": "42", "email": EMAIL.upper(), "email_verified": True}
    async with serve_provider(lambda: int(world.clock().timestamp()), person) as served:
        await pages.provider_sign_ins.providers.set(
            northwind.tenant_id,
            issuer=served.issuer,
            client_id=CLIENT_ID,
            secret=SECRET,
            actor="test",
        )
        yield served


@pytest.fixture
async def ada(world: World, northwind: Agency) -> uuid.UUID:
    return await world.add_person(northwind, EMAIL, Role.ANALYST)


async def visit_provider(browser: Browser, agency: str = "northwind") -> str:
    """Where the provider sends the browser back to."""
    gone = await browser.http.get(f"/sign-in/provider?agency={agency}&return_to=/account?x=1")
    assert gone.status_code == 303, gone.text
    async with httpx.AsyncClient() as elsewhere:
        reply = await elsewhere.get(gone.headers["location"])
    assert reply.status_code == 302, reply.text
    return reply.headers["location"]


async def come_back(browser: Browser) -> httpx.Response:
    return await browser.open(await visit_provider(browser))


@pytest.mark.usefixtures("provider")
async def test_an_invited_person_comes_in_and_is_linked(
    world: World, northwind: Agency, ada: uuid.UUID, new_browser: NewBrowser
) -> None:
    browser = new_browser()
    back = await visit_provider(browser)
    assert back.startswith("https://bosco.example/sign-in/callback?code=")
    reply = await browser.open(back)
    assert (reply.status_code, reply.headers["location"]) == (303, "/account?x=1")
    await browser.open("/account")
    assert "Ada Lovelace, ada@northwind.example" in browser.text
    async with world.database.session(northwind.tenant_id) as session:
        linked = (await session.scalars(select(ExternalIdentity))).one()
        assert (linked.subject, linked.user_id) == ("42", ada)
        assert (await session.scalars(select(PendingSignIn))).all() == []
        stored = (await session.scalars(select(IdentityProvider))).one()
        assert SECRET.encode() not in stored.sealed_secret
    actions = [action for _, action, _ in await world.audited(northwind)]
    assert actions == ["identity_provider.set", "identity.linked", "person.signed_in"]


@pytest.mark.usefixtures("ada")
async def test_a_linked_person_is_known_by_subject_whatever_the_address(
    provider: OidcProvider, new_browser: NewBrowser
) -> None:
    assert (await come_back(new_browser())).status_code == 303
    provider.person = {"sub": "42"}
    browser = new_browser()
    assert (await come_back(browser)).status_code == 303
    await browser.open("/account")
    assert EMAIL in browser.text
    # The address now belongs to somebody else there.
    provider.person = {"sub": "43", "email": EMAIL, "email_verified": True}
    await come_back(browser)
    assert browser.alert == UNINVITED


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    "person",
    [
        {"email": "eve@northwind.example", "email_verified": True},
        {"email": EMAIL, "email_verified": False},
        {"email": EMAIL, "email_verified": "true"},
        {"email": EMAIL},
        {"email": [EMAIL], "email_verified": True},
        {},
    ],
)
async def test_nobody_comes_in_who_was_not_invited(
    provider: OidcProvider, new_browser: NewBrowser, person: dict[str, Any]
) -> None:
    provider.person = {"sub": "42", **person}
    browser = new_browser()
    reply = await come_back(browser)
    assert (reply.status_code, browser.alert) == (400, UNINVITED)
    assert browser.cookie is None


@pytest.mark.usefixtures("provider")
async def test_who_is_put_out_stays_out(
    world: World, northwind: Agency, ada: uuid.UUID, new_browser: NewBrowser
) -> None:
    assert (await come_back(new_browser())).status_code == 303
    await world.deactivate(northwind, ada)
    browser = new_browser()
    await come_back(browser)
    assert browser.alert == UNINVITED


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    "lies",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": [CLIENT_ID, "another"]},
        {"aud": [CLIENT_ID, "another"], "azp": "another"},
        {"azp": "another"},
        {"aud": None},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 42},
        {"sub": "x" * 256},
    ],
)
async def test_claims_that_are_wrong_sign_nobody_in(
    provider: OidcProvider, new_browser: NewBrowser, lies: dict[str, Any]
) -> None:
    provider.lies = lies
    browser = new_browser()
    reply = await come_back(browser)
    assert (reply.status_code, browser.alert) == (400, UNTRUSTED)
    assert browser.cookie is None


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256"])
async def test_takes_signatures_of_three_algorithms(
    provider: OidcProvider, new_browser: NewBrowser, algorithm: str
) -> None:
    provider.algorithm = algorithm
    if algorithm == "ES256":
        provider.key = ECKey.generate_key("P-256", {"kid": "ec"})
    provider.lies = {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}
    assert (await come_back(new_browser())).status_code == 303


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("what", ["another key", "HS256 with the secret", "no key"])
async def test_signatures_that_are_wrong_sign_nobody_in(
    provider: OidcProvider, new_browser: NewBrowser, what: str
) -> None:
    provider.published = {"keys": [provider.key.as_dict(private=False)]}
    if what == "another key":
        provider.signs_with = RSAKey.generate_key(2048, {"kid": "one"})
    elif what == "HS256 with the secret":
        provider.algorithm = "HS256"
        provider.signs_with = OctKey.import_key("s" * 32, {"kid": "one"})
    else:
        provider.published = {"keys": []}
    browser = new_browser()
    await come_back(browser)
    unreadable = "Your agency's provider describes itself wrongly: its keys cannot be read."
    assert browser.alert == (unreadable if what == "no key" else UNTRUSTED)


@pytest.mark.usefixtures("ada")
async def test_keys_are_read_again_for_a_new_one_at_most_once_a_minute(
    world: World, provider: OidcProvider, new_browser: NewBrowser
) -> None:
    await come_back(new_browser())
    await come_back(new_browser())
    assert (provider.asked["/keys"], provider.asked["/.well-known/openid-configuration"]) == (1, 1)
    provider.key = RSAKey.generate_key(2048, {"kid": "two"})
    browser = new_browser()
    await come_back(browser)
    assert (browser.alert, provider.asked["/keys"]) == (UNTRUSTED, 1)
    world.clock.advance(minutes=1)
    assert (await come_back(new_browser())).status_code == 303
    assert provider.asked["/keys"] == 2


@pytest.mark.usefixtures("ada")
async def test_the_secret_goes_where_the_provider_takes_it(
    provider: OidcProvider, new_browser: NewBrowser
) -> None:
    provider.auth_methods = ["client_secret_post"]
    assert (await come_back(new_browser())).status_code == 303


@pytest.mark.usefixtures("ada", "provider")
async def test_a_state_is_used_once_in_time_and_by_its_browser(
    world: World, new_browser: NewBrowser
) -> None:
    browser = new_browser()
    back = await visit_provider(browser)
    thief = new_browser()
    await thief.open(back)
    assert thief.alert == OVER
    assert (await browser.open(back)).status_code == 303
    await browser.open(back)
    assert browser.alert == OVER
    back = await visit_provider(browser)
    world.clock.advance(minutes=10)
    await browser.open(back)
    assert browser.alert == OVER
    for text in ("", "?code=x", "?code=x&state=nonsense"):
        await browser.open(f"/sign-in/callback{text}")
        assert browser.alert == OVER


@pytest.mark.usefixtures("ada", "provider")
async def test_two_who_are_under_way_at_once_come_back_to_their_own_question(
    new_browser: NewBrowser,
) -> None:
    browsers = [new_browser(), new_browser()]
    backs = [await visit_provider(browser) for browser in browsers]
    for browser, back in zip(browsers, backs, strict=True):
        assert (await browser.open(back)).status_code == 303


@pytest.mark.usefixtures("ada", "provider")
async def test_a_state_is_none_of_another_agency(
    northwind: Agency, southwind: Agency, new_browser: NewBrowser
) -> None:
    browser = new_browser()
    back = await visit_provider(browser)
    moved = back.replace(northwind.tenant_id.hex, southwind.tenant_id.hex)
    state = moved.rpartition("state=")[2]
    browser.http.cookies.set("__Host-bosco-departure", state, domain="bosco.example", path="/")
    await browser.open(moved)
    assert browser.alert == OVER


@pytest.mark.usefixtures("ada", "provider")
async def test_what_the_provider_refuses_is_told(new_browser: NewBrowser) -> None:
    browser = new_browser()
    state = (await visit_provider(browser)).rpartition("state=")[2]
    await browser.open(
        f"/sign-in/callback?error=access_denied&error_description=<b>no</b>&state={state}"
    )
    assert browser.alert == "The provider did not sign you in."
    assert "<b>no" not in browser.text
    state = (await visit_provider(browser)).rpartition("state=")[2]
    await browser.open(f"/sign-in/callback?code=x&iss=https://evil.example&state={state}")
    assert browser.alert == UNTRUSTED
    state = (await visit_provider(browser)).rpartition("state=")[2]
    await browser.open(f"/sign-in/callback?code=unknown&state={state}")
    assert browser.alert == "Your agency's provider answered 400, and not as it should."


@pytest.mark.parametrize(
    "says",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
async def test_a_provider_that_describes_itself_wrongly_is_not_gone_to(
    provider: OidcProvider, new_browser: NewBrowser, says: dict[str, Any]
) -> None:
    provider.says = says
    browser = new_browser()
    await browser.open("/sign-in/provider?agency=northwind")
    assert browser.alert.startswith("Your agency's provider describes itself wrongly: ")


@pytest.mark.usefixtures("northwind", "southwind")
@pytest.mark.parametrize("agency", ["southwind", "nowhere", ""])
async def test_an_agency_without_a_provider_and_none_are_told_alike(
    new_browser: NewBrowser, agency: str
) -> None:
    browser = new_browser()
    reply = await browser.open(f"/sign-in/provider?agency={agency}")
    assert reply.status_code == 400
    assert browser.alert == "This agency has no provider of its own."


async def test_a_provider_that_was_removed_signs_nobody_in(
    northwind: Agency, pages: PageServices, provider: OidcProvider, new_browser: NewBrowser
) -> None:
    browser = new_browser()
    back = await visit_provider(browser)
    providers = pages.provider_sign_ins.providers
    assert await providers.remove(northwind.tenant_id, actor="test")
    assert not await providers.remove(northwind.tenant_id, actor="test")
    await browser.open(back)
    assert browser.alert == OVER
    assert provider.asked["/token"] == 0


@pytest.mark.parametrize(
    "issuer", ["nonsense", "ftp://a.example", "https://u:p@a.example", "https://a.example/?x=1"]
)
async def test_an_issuer_is_an_address(northwind: Agency, pages: PageServices, issuer: str) -> None:
    with pytest.raises(InvalidInputError):
        await pages.provider_sign_ins.providers.set(
            northwind.tenant_id, issuer=issuer, client_id="x", secret="y", actor="test"
        )


async def test_in_production_no_call_reaches_this_machine(provider: OidcProvider) -> None:
    with pytest.raises(ProviderFailedError):
        await ProviderCalls(public_only=True).get(f"{provider.issuer}/keys")
    assert provider.asked["/keys"] == 0
    assert "keys" in await ProviderCalls(public_only=False).get(f"{provider.issuer}/keys")

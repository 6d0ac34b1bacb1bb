"""The authorization endpoint's rules, before anybody is asked."""

import uuid
from urllib.parse import urlencode

import pytest

from api.oauth.authorization import RedirectedError, UnusableRequestError
from tests.api.graphql.edge import ISSUER, Agency, Edge
from tests.api.oauth.conformance import MUST, SHOULD, requirement
from tests.api.oauth.flow import REDIRECT, App, challenge, parameters, register

pytestmark = pytest.mark.anyio


@pytest.fixture
async def board(edge: Edge, northwind: Agency) -> App:
    return await register(edge, northwind, "board")


@pytest.fixture
async def page(edge: Edge, northwind: Agency) -> App:
    """A public application."""
    return await register(edge, northwind, "page", public=True)


@pytest.fixture
async def ann(edge: Edge, northwind: Agency) -> uuid.UUID:
    return await edge.person(northwind)


async def unusable(app: App, query: str) -> str:
    with pytest.raises(UnusableRequestError) as caught:
        await app.edge.oauth.authorization_requests.read(query)
    return caught.value.message


async def told(app: App, query: str) -> dict[str, str]:
    """What the application is told."""
    with pytest.raises(RedirectedError) as caught:
        await app.edge.oauth.authorization_requests.read(query)
    assert caught.value.location.startswith(f"{REDIRECT}?")
    return parameters(caught.value.location)


async def error_of(app: App, **changed: str | None) -> str:
    answer = await told(app, urlencode(app.request(**changed)))
    assert answer.pop("iss") == ISSUER
    assert answer.pop("state", None) == app.request(**changed).get("state")
    answer.pop("error_description", None)
    error = answer.pop("error")
    assert answer == {}
    return error


@requirement(6749, "4.1.2", MUST, "code and state go to the redirect address in its query")
@requirement(6749, "4.1.2", MUST, "state comes back exactly as it was sent")
@requirement(9207, "2", MUST, "iss names the issuer in a successful answer")
@requirement(9207, "2.4", MUST, "iss is the issuer of the metadata, letter by letter")
@requirement(6749, "10.10", MUST, "a code cannot be guessed: it has 256 random bits")
async def test_consent_sends_a_code_back(edge: Edge, board: App, ann: uuid.UUID) -> None:
    location = await board.allowed(ann)
    assert location.startswith(f"{REDIRECT}?")
    answer = parameters(location)
    assert answer.keys() == {"code", "state", "iss"}
    assert answer["state"] == "st&te= %2F"
    assert answer["iss"] == ISSUER
    assert len(answer["code"]) == 43
    metadata = (await edge.http.get("/.well-known/oauth-authorization-server")).json()
    assert metadata["issuer"] == answer["iss"]


@requirement(6749, "4.1.1", MUST, "state is recommended, and a request without it is served")
async def test_no_state_comes_back_when_none_was_sent(board: App, ann: uuid.UUID) -> None:
    assert parameters(await board.allowed(ann, state=None)).keys() == {"code", "iss"}


@requirement(6749, "3.1.2", MUST, "the query of a redirect address is kept")
async def test_query_of_the_redirect_address_is_kept(
    edge: Edge, northwind: Agency, ann: uuid.UUID
) -> None:
    app = await register(edge, northwind, "q", redirects=("https://board.example/cb?tab=1",))
    location = await app.allowed(ann)
    assert location.startswith("https://board.example/cb?tab=1&")
    assert parameters(location).keys() == {"tab", "code", "state", "iss"}


@requirement(6749, "3.1.2.3", MUST, "an address may be left out when just one is registered")
async def test_the_only_redirect_address_need_not_be_named(board: App, ann: uuid.UUID) -> None:
    location = await board.allowed(ann, redirect_uri=None)
    assert location.startswith(f"{REDIRECT}?")
    reply = await board.redeem(parameters(location)["code"], redirect_uri=None)
    assert reply.status_code == 200


@requirement(6749, "3.1.2.3", MUST, "an address has to be named when several are registered")
async def test_one_of_several_redirect_addresses_must_be_named(
    edge: Edge, northwind: Agency
) -> None:
    app = await register(edge, northwind, "two", redirects=(REDIRECT, f"{REDIRECT}/2"))
    assert await unusable(app, urlencode(app.request(redirect_uri=None))) == (
        "the application is not registered to send people back to this address"
    )


@requirement(6749, "3.1.2.3", MUST, "redirect addresses are compared letter by letter")
@requirement(6749, "3.1.2.4", MUST, "nobody is sent to an address that is not registered")
@requirement(6749, "4.1.2.1", MUST, "a wrong redirect address is told to the person, on a page")
@requirement(9700, "2.1", MUST, "redirect addresses match exactly, but for the port of loopback")
@requirement(9700, "4.11", MUST, "the server is no open redirector")
@pytest.mark.parametrize(
    "uri",
    [
        "https://board.example/callback/",
        "https://board.example/Callback",
        "https://board.example/callback?x=1",
        "https://board.example/callback#x",
        "https://board.example:443/callback",
        "https://board.example.evil.example/callback",
        "https://board.example@evil.example/callback",
        "http://board.example/callback",
        "https://board.example/callback/../../evil",
        "https://board.example/%63allback",
        "//board.example/callback",
        "javascript:alert(1)",
        " https://board.example/callback",
        "https://evil.example/?https://board.example/callback",
    ],
)
async def test_another_redirect_address_is_never_used(board: App, uri: str) -> None:
    assert await unusable(board, urlencode(board.request(redirect_uri=uri))) == (
        "the application is not registered to send people back to this address"
    )


@requirement(8252, "7.3", MUST, "a loopback address may have any port")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_loopback_may_have_any_port(
    edge: Edge, northwind: Agency, ann: uuid.UUID, host: str
) -> None:
    app = await register(edge, northwind, "desk", public=True, redirects=(f"http://{host}/cb",))
    location = await app.allowed(ann, redirect_uri=f"http://{host}:51004/cb")
    assert location.startswith(f"http://{host}:51004/cb?")
    for other in (f"http://{host}:51004/other", "http://localhost:51004/cb", f"https://{host}/cb"):
        await unusable(app, urlencode(app.request(redirect_uri=other)))


@requirement(8252, "7.1", MUST, "a scheme of the application's own is served")
async def test_private_scheme_is_served(edge: Edge, northwind: Agency, ann: uuid.UUID) -> None:
    app = await register(
        edge, northwind, "phone", public=True, redirects=("com.example.board:/cb",)
    )
    assert (await app.allowed(ann)).startswith("com.example.board:/cb?")


@requirement(6749, "4.1.2.1", MUST, "an unknown client is told to the person, on a page")
@pytest.mark.parametrize("client_id", [None, "", "unknown", "board "])
async def test_unknown_applications_go_nowhere(board: App, client_id: str | None) -> None:
    await unusable(board, urlencode(board.request(client_id=client_id)))


async def test_suspended_application_goes_nowhere(edge: Edge, northwind: Agency) -> None:
    await edge.register(northwind, client_id="gone", redirect_uris=(REDIRECT,), suspended=True)
    app = App(edge, "gone", is_public=False, redirect_uri=REDIRECT)
    assert await unusable(app, urlencode(app.request())) == (
        "there is no such application, or it is suspended"
    )


@requirement(6749, "3.1", MUST, "a parameter of the authorization request is not given twice")
@pytest.mark.parametrize("name", ["response_type", "scope", "code_challenge", "anything"])
async def test_repeated_parameter_is_told_to_the_application(board: App, name: str) -> None:
    fields = [*board.request().items(), (name, "x"), (name, "y")]
    answer = await told(board, urlencode(fields))
    assert (answer["error"], answer["state"]) == ("invalid_request", "st&te= %2F")
    assert answer["error_description"] == "a parameter is given more than once"


@requirement(6749, "3.1", MUST, "a repeated client or redirect address is never followed")
@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_repeated_client_or_address_is_told_on_a_page(board: App, name: str) -> None:
    fields = [*board.request().items(), (name, board.request()[name])]
    await unusable(board, urlencode(fields))


@requirement(6749, "3.1", MUST, "parameters that are not known are ignored")
@requirement(6749, "3.1", MUST, "a parameter without a value counts as left out")
async def test_unknown_and_empty_parameters_do_not_matter(board: App, ann: uuid.UUID) -> None:
    location = await board.allowed(ann, ui_locales="de", nonce="n", resource="", prompt="")
    assert "code" in parameters(location)


@requirement(6749, "3.1.1", MUST, "a response type that is not known is unsupported_response_type")
@requirement(9700, "2.1.2", SHOULD, "the implicit grant is not offered")
@pytest.mark.parametrize("kind", ["token", "id_token", "code token", "code id_token", "CODE"])
async def test_other_response_types_are_not_supported(board: App, kind: str) -> None:
    assert await error_of(board, response_type=kind) == "unsupported_response_type"


@requirement(6749, "3.1.1", MUST, "a missing response type is invalid_request")
@requirement(9207, "2", MUST, "iss names the issuer in an error, too")
@pytest.mark.parametrize("kind", [None, ""])
async def test_missing_response_type_is_invalid(board: App, kind: str | None) -> None:
    answer = await told(board, urlencode(board.request(response_type=kind)))
    assert answer == {
        "error": "invalid_request",
        "error_description": "response_type is missing",
        "state": "st&te= %2F",
        "iss": ISSUER,
    }


@requirement(6749, "4.1.2.1", MUST, "a client that may not have codes is unauthorized_client")
async def test_application_without_the_grant_is_refused(edge: Edge, northwind: Agency) -> None:
    await edge.register(northwind, client_id="machine")
    async with edge.database.session(northwind.tenant_id) as session:
        app = await edge.oauth.applications.read(session, "machine")
    assert app is not None
    assert app.grants == {"client_credentials"}
    machine = App(edge, "machine", is_public=False, redirect_uri=REDIRECT)
    await unusable(machine, urlencode(machine.request()))


@requirement(6749, "3.3", MUST, "a scope that the client may not have is invalid_scope")
@pytest.mark.parametrize("scope", ["metrics:write", "metrics:read metrics:write", "nonsense"])
async def test_scope_beyond_the_application_is_refused(board: App, scope: str) -> None:
    assert await error_of(board, scope=scope) == "invalid_scope"


@requirement(6749, "3.3", MUST, "a request without a scope gets a documented default")
async def test_no_scope_asks_for_all_of_the_application(board: App) -> None:
    asked = await board.edge.oauth.authorization_requests.read(urlencode(board.request(scope=None)))
    assert asked.scopes == {"metrics:read", "ingestion:read"}


@requirement(7636, "4.4.1", MUST, "a request without a challenge is invalid_request")
@requirement(9700, "2.1.1", MUST, "public clients use PKCE")
@pytest.mark.parametrize(
    "wrong",
    [None, "", "short", challenge() + "x", challenge()[:-1] + "=", challenge()[:-1] + "+"],
)
async def test_challenge_is_needed_of_the_public(page: App, wrong: str | None) -> None:
    assert await error_of(page, code_challenge=wrong) == "invalid_request"


@requirement(9700, "2.1.1", SHOULD, "confidential clients use PKCE, too")
@pytest.mark.parametrize("wrong", [None, "", "short"])
async def test_challenge_is_needed_of_those_with_a_secret(board: App, wrong: str | None) -> None:
    assert await error_of(board, code_challenge=wrong) == "invalid_request"


@requirement(7636, "4.3", MUST, "a challenge without a method is not taken as S256")
@requirement(7636, "7.2", SHOULD, "the method plain is not used")
@requirement(9700, "2.1.1", SHOULD, "the verifier does not show in the authorization request")
@pytest.mark.parametrize("method", [None, "", "plain", "s256", "S512"])
async def test_only_s256_will_do(board: App, method: str | None) -> None:
    assert await error_of(board, code_challenge_method=method) == "invalid_request"


@requirement(8707, "2", MUST, "a token for a resource that is not known is invalid_target")
async def test_other_resources_are_refused(board: App, ann: uuid.UUID) -> None:
    assert await error_of(board, resource="https://elsewhere.example/") == "invalid_target"
    location = await board.allowed(ann, resource=f"{ISSUER}/graphql")
    assert "code" in parameters(location)


@requirement(6749, "4.1.2.1", MUST, "a person who refuses is access_denied")
async def test_refusal_is_told(board: App) -> None:
    desk = board.edge.oauth.authorization_requests
    asked = await desk.read(urlencode(board.request()))
    assert parameters(desk.deny(asked)) == {
        "error": "access_denied",
        "error_description": "The resource owner or authorization server denied the request",
        "state": "st&te= %2F",
        "iss": ISSUER,
    }


@pytest.mark.parametrize("query", ["client_id=%ff", "a=" + "x" * 9000, "&".join(["a=1"] * 50)])
async def test_what_cannot_be_read_is_told_on_a_page(board: App, query: str) -> None:
    await unusable(board, query)


async def test_consent_is_remembered_for_pages_of_the_web(board: App, ann: uuid.UUID) -> None:
    desk = board.edge.oauth.authorization_requests
    asked = await desk.read(urlencode(board.request()))
    read, more = frozenset({"metrics:read"}), frozenset({"metrics:read", "ingestion:read"})
    assert not await desk.is_allowed_already(asked, ann, read)
    await board.allowed(ann)
    assert await desk.is_allowed_already(asked, ann, read)
    assert not await desk.is_allowed_already(asked, ann, more)
    assert not await desk.is_allowed_already(asked, uuid.uuid4(), read)
    forced = await desk.read(urlencode(board.request(prompt="consent")))
    assert not await desk.is_allowed_already(forced, ann, read)


@requirement(8252, "8.6", SHOULD, "a program on a desk is not granted without asking the person")
async def test_consent_is_not_remembered_for_programs(
    edge: Edge, northwind: Agency, ann: uuid.UUID
) -> None:
    app = await register(edge, northwind, "desk", public=True, redirects=("http://127.0.0.1/cb",))
    await app.allowed(ann)
    desk = edge.oauth.authorization_requests
    asked = await desk.read(urlencode(app.request()))
    assert not await desk.is_allowed_already(asked, ann, frozenset({"metrics:read"}))

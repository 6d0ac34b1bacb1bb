"""The token endpoint, spoken to as RFC 6749 says."""

import base64
from typing import Any
from urllib.parse import quote_plus

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from domain.ids import public_id
from tests.api.graphql.edge import ISSUER, Agency, Edge
from tests.api.oauth.conformance import MUST, SHOULD, requirement

pytestmark = pytest.mark.anyio

GRANT = {"grant_type": "client_credentials"}
# Every letter that HTTP Basic or a form could mangle.
SECRET = "a:b%2B+c &=d/e"
WRONG = "the client id or the secret is wrong, or the application is suspended"


def basic(client_id: str, secret: str) -> dict[str, str]:
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()
    return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}


async def post(edge: Edge, data: dict[str, str], **headers: str) -> Any:
    return await edge.http.post("/oauth/token", data=data, headers=headers)


@pytest.fixture
async def app_id(edge: Edge, northwind: Agency) -> str:
    await edge.register(
        northwind,
        client_id="app:1",
        secret=SECRET,
        scopes=("metrics:read", "ingestion:read"),
        clients=("bolt",),
    )
    return "app:1"


@requirement(6749, "2.3.1", MUST, "HTTP Basic is supported for clients that have a secret")
@requirement(6749, "2.3.1", MUST, "id and secret are form-encoded before they are put into Basic")
@requirement(6749, "4.4.2", MUST, "the client authenticates for the client-credentials grant")
@requirement(6749, "4.4.3", SHOULD, "no refresh token is given for the client-credentials grant")
@requirement(6749, "5.1", MUST, "the answer is JSON with access_token and token_type")
@requirement(6749, "5.1", SHOULD, "the answer says in expires_in how long the token lives")
@requirement(6749, "5.1", MUST, "the answer carries Cache-Control: no-store")
@requirement(
    6749, "3.3", MUST, "the answer names the scope when it is not the one that was asked for"
)
@requirement(9068, "2.1", MUST, "the header says typ at+jwt and a signature algorithm")
@requirement(9068, "2.2", MUST, "the claims iss, exp, aud, sub, client_id, iat and jti are there")
@requirement(9068, "2.2", SHOULD, "sub is the client when no person takes part")
@requirement(9068, "2.2.3", SHOULD, "the claim scope names what was granted")
@requirement(9068, "3", MUST, "aud names the resource that the token is for")
async def test_basic_gives_a_token_that_says_what_it_grants(
    edge: Edge, northwind: Agency, app_id: str
) -> None:
    reply = await post(edge, GRANT, **basic(app_id, SECRET))
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    body = reply.json()
    assert {**body, "access_token": ""} == {
        "access_token": "",
        "token_type": "Bearer",
        "expires_in": 600,
        "scope": "ingestion:read metrics:read",
    }
    keys = (await edge.http.get("/oauth/jwks.json")).json()
    token = jwt.decode(body["access_token"], KeySet.import_key_set(keys), algorithms=["ES256"])
    now = int(edge.clock().timestamp())
    assert token.header["typ"] == "at+jwt"
    assert {**token.claims, "jti": ""} == {
        "iss": ISSUER,
        "aud": f"{ISSUER}/graphql",
        "sub": app_id,
        "client_id": app_id,
        "iat": now,
        "exp": now + 600,
        "jti": "",
        "scope": "ingestion:read metrics:read",
        "tenant": public_id("ten", northwind.tenant_id),
        "clients": [northwind.client("bolt")],
    }


@requirement(7517, "4", MUST, "every key names its type")
@requirement(7517, "9.2", MUST, "private parts of keys are not disclosed")
@requirement(8414, "2", SHOULD, "the keys that verify signatures are published at jwks_uri")
async def test_the_published_keys_hold_no_private_part(edge: Edge, northwind: Agency) -> None:
    await edge.token(northwind)
    (key,) = (await edge.http.get("/oauth/jwks.json")).json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "use", "alg", "kid"}
    assert not ECKey.import_key(key).is_private


@requirement(
    6749, "2.3.1", MUST, "credentials in the body are read from client_id and client_secret"
)
async def test_credentials_in_the_body(edge: Edge, app_id: str) -> None:
    reply = await post(edge, {**GRANT, "client_id": app_id, "client_secret": SECRET})
    assert reply.status_code == 200


@requirement(6749, "3.3", MUST, "a client may ask for less than it was granted")
async def test_a_narrower_scope(edge: Edge, app_id: str) -> None:
    reply = await post(edge, {**GRANT, "scope": "metrics:read"}, **basic(app_id, SECRET))
    assert reply.json()["scope"] == "metrics:read"


@requirement(6749, "5.2", MUST, "a scope that is unknown or exceeds the grant is invalid_scope")
async def test_a_scope_that_was_not_granted(edge: Edge, app_id: str) -> None:
    reply = await post(
        edge, {**GRANT, "scope": "metrics:read metrics:write"}, **basic(app_id, SECRET)
    )
    assert reply.status_code == 400
    assert reply.json()["error"] == "invalid_scope"


@pytest.mark.parametrize(
    ("client_id", "secret"), [("app:1", "wrong"), ("nobody", SECRET), ("app:1", SECRET + " ")]
)
@pytest.mark.parametrize("by_header", [True, False])
@requirement(6749, "5.2", MUST, "credentials that are wrong are invalid_client")
@requirement(
    6749,
    "5.2",
    MUST,
    "credentials that came in the header are refused with 401 and WWW-Authenticate",
)
async def test_unknown_application_and_wrong_secret_look_the_same(
    edge: Edge,
    app_id: str,
    client_id: str,
    secret: str,
    by_header: bool,  # noqa: FBT001
) -> None:
    assert app_id == "app:1"
    if by_header:
        reply = await post(edge, GRANT, **basic(client_id, secret))
    else:
        reply = await post(edge, {**GRANT, "client_id": client_id, "client_secret": secret})
    assert reply.status_code == 401
    assert reply.json() == {"error": "invalid_client", "error_description": WRONG}
    assert reply.headers["www-authenticate"].startswith("Basic ")
    assert reply.headers["cache-control"] == "no-store"


async def test_a_secret_opens_for_its_own_application(
    edge: Edge, northwind: Agency, app_id: str
) -> None:
    await edge.register(northwind, client_id="neighbour", secret="neighbour's")
    form = {"grant_type": "client_credentials"}
    for client_id, secret in ((app_id, "neighbour's"), ("neighbour", "s3cret")):
        reply = await edge.http.post("/oauth/token", data=form, headers=basic(client_id, secret))
        assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")
    reply = await edge.http.post(
        "/oauth/token", data=form, headers=basic("neighbour", "neighbour's")
    )
    assert reply.status_code == 200


async def test_a_suspended_application_gets_no_token(edge: Edge, northwind: Agency) -> None:
    await edge.register(northwind, client_id="sleeper", suspended=True)
    reply = await post(edge, GRANT, **basic("sleeper", "s3cret"))
    assert reply.status_code == 401
    assert reply.json() == {"error": "invalid_client", "error_description": WRONG}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "the parameter grant_type is missing"),
        ("grant_type=", "the parameter grant_type is missing"),
        (
            "grant_type=client_credentials&grant_type=password",
            "a parameter is given more than once",
        ),
        ("grant_type=client_credentials&scope=a&scope=b", "a parameter is given more than once"),
        ("grant_type=%ff", "the body is not a form in UTF-8"),
        ("grant_type", "the body is not a form in UTF-8"),
        ("&".join(f"p{n}=1" for n in range(30)), "the body is not a form in UTF-8"),
    ],
)
@requirement(6749, "5.2", MUST, "a missing parameter is invalid_request")
@requirement(6749, "3.2", MUST, "a parameter is not given more than once")
@requirement(6749, "3.2", MUST, "a parameter without a value counts as missing")
async def test_malformed_forms(edge: Edge, app_id: str, body: str, error: str) -> None:
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        **basic(app_id, SECRET),
    }
    reply = await edge.http.post("/oauth/token", content=body, headers=headers)
    assert (reply.status_code, reply.json()) == (
        400,
        {"error": "invalid_request", "error_description": error},
    )


@requirement(6749, "2.3", MUST, "a request authenticates in one way only")
async def test_two_ways_to_authenticate(edge: Edge, app_id: str) -> None:
    reply = await post(edge, {**GRANT, "client_secret": "wrong"}, **basic(app_id, SECRET))
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")
    reply = await post(edge, {**GRANT, "client_id": "other"}, **basic(app_id, SECRET))
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")


@requirement(6749, "2.3.1", MUST, "credentials are not taken from the address")
async def test_credentials_in_the_query(edge: Edge, app_id: str) -> None:
    reply = await edge.http.post(
        "/oauth/token", params={"client_id": app_id, "client_secret": SECRET}, data=GRANT
    )
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")


@requirement(
    6749, "5.2", MUST, "a grant that the server does not support is unsupported_grant_type"
)
@requirement(9700, "2.4", MUST, "the password grant is not offered")
async def test_other_grants(edge: Edge, app_id: str) -> None:
    form = {"grant_type": "password", "username": "u", "password": "p"}
    reply = await post(edge, form, **basic(app_id, SECRET))
    assert (reply.status_code, reply.json()["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
@requirement(6749, "3.2", MUST, "tokens are asked for by POST")
async def test_other_methods(edge: Edge, method: str) -> None:
    reply = await edge.http.request(method, "/oauth/token")
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
    assert reply.json()["error"] == "invalid_request"


@requirement(6749, "4.4.2", MUST, "the body is a form, application/x-www-form-urlencoded")
async def test_json_is_no_form(edge: Edge, app_id: str) -> None:
    reply = await edge.http.post("/oauth/token", json=GRANT, headers=basic(app_id, SECRET))
    assert (reply.status_code, reply.json()["error"]) == (415, "invalid_request")


async def test_a_huge_form(edge: Edge) -> None:
    reply = await post(edge, {**GRANT, "x": "y" * 20_000})
    assert (reply.status_code, reply.json()["error"]) == (413, "invalid_request")


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        "Basic " + base64.b64encode(b"no-colon").decode(),
        "Basic " + base64.b64encode(b":secret").decode(),
        "Basic " + base64.b64encode(b"id:").decode(),
        "Basic " + base64.b64encode(b"a%00b:secret").decode(),
        "Basic " + base64.b64encode("bücher:secret".encode()).decode(),
        "Bearer abc",
    ],
)
@requirement(7617, "2", MUST, "what is no user-id and password behind Basic is refused")
async def test_broken_basic(edge: Edge, header: str) -> None:
    reply = await post(edge, GRANT, authorization=header)
    assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")
    assert reply.headers["www-authenticate"] == 'Basic realm="bosco", charset="UTF-8"'


@requirement(8414, "2", MUST, "issuer, the token endpoint and the response types are named")
@requirement(8414, "3", MUST, "the document lies at /.well-known/oauth-authorization-server")
@requirement(8414, "3.3", MUST, "issuer is the address that the document was derived from")
async def test_metadata_names_the_endpoints(edge: Edge) -> None:
    body = (await edge.http.get("/.well-known/oauth-authorization-server")).json()
    assert body["issuer"] == ISSUER
    assert body["token_endpoint"] == f"{ISSUER}/oauth/token"
    assert body["authorization_endpoint"] == f"{ISSUER}/oauth/authorize"
    assert body["grant_types_supported"] == [
        *("authorization_code", "client_credentials", "refresh_token"),
    ]
    assert body["response_types_supported"] == ["code"]
    assert body["code_challenge_methods_supported"] == ["S256"]
    assert body["authorization_response_iss_parameter_supported"] is True
    assert body["scopes_supported"] == [
        *("metrics:read", "metrics:write", "features:write"),
        *("ingestion:read", "ingestion:write"),
        *("webhooks:manage", "tokens:introspect", "audit:read"),
        *("privacy:read", "privacy:write"),
    ]

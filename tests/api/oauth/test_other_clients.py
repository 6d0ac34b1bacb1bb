"""Clients of other makers go through every flow that they know, against a running server."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from oauthlib.oauth2 import BackendApplicationClient, InvalidGrantError
from requests_oauth2client import (
    InvalidGrant,
    OAuth2Client,
    PublicApp,
)
from requests_oauthlib import OAuth2Session

from domain.ids import public_id
from tests.api.oauth.flow import REDIRECT
from tests.api.oauth.serving import BOARD, PAGE, SECRET, Served

pytestmark = pytest.mark.anyio

NODE = Path(__file__).parent / "node"
SCOPE = "metrics:read"


async def apart(work: Callable[[], Any]) -> Any:
    """Run a client that blocks beside the server."""
    return await asyncio.to_thread(work)


def whoami(served: Served, token: str) -> tuple[int, Any]:
    reply = requests.post(
        f"{served.issuer}/graphql",
        json={"query": "{ me { application person } }"},
        headers={"authorization": f"Bearer {token}"},
        timeout=60,
    )
    return reply.status_code, reply.json().get("data")


def me(served: Served, application: str) -> tuple[int, Any]:
    person = public_id("usr", served.user_id)
    return 200, {"me": {"application": application, "person": person}}


@pytest.mark.parametrize("client_id", [PAGE, BOARD])
async def test_requests_oauth2client(served: Served, client_id: str) -> None:
    def go() -> None:
        client = OAuth2Client.from_discovery_endpoint(
            f"{served.issuer}/.well-known/oauth-authorization-server",
            issuer=served.issuer,
            auth=PublicApp(PAGE) if client_id == PAGE else (BOARD, SECRET),
            redirect_uri=REDIRECT,
            testing=True,
        )
        asked = client.authorization_request(scope=SCOPE)
        assert asked.code_challenge_method == "S256"
        answer = asked.validate_callback(served.consent(str(asked)))  # state and iss, RFC 9207
        token = client.authorization_code(answer, validate=False)
        assert (token.token_type, str(token.scope)) == ("Bearer", SCOPE)
        assert whoami(served, token.access_token) == me(served, client_id)
        refreshed = client.refresh_token(token)
        assert refreshed.refresh_token != token.refresh_token
        if client_id == BOARD:
            told = client.introspect_token(refreshed.access_token)
            assert told["active"] is True
            assert told["sub"] == public_id("usr", served.user_id)
            own = client.client_credentials(scope=SCOPE)
            assert whoami(served, own.access_token)[0] == 200
            assert client.revoke_access_token(own)
        assert client.revoke_refresh_token(refreshed)
        with pytest.raises(InvalidGrant):
            client.refresh_token(refreshed)

    await apart(go)


@pytest.mark.parametrize("client_id", [PAGE, BOARD])
async def test_requests_oauthlib(
    served: Served, client_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    more = {"include_client_id": True} if client_id == PAGE else {"client_secret": SECRET}
    token_url = f"{served.issuer}/oauth/token"

    def go() -> None:
        session = OAuth2Session(client_id, redirect_uri=REDIRECT, scope=[SCOPE], pkce="S256")
        address, _ = session.authorization_url(f"{served.issuer}/oauth/authorize")
        token = session.fetch_token(
            token_url, authorization_response=served.consent(address), **more
        )
        assert token["scope"] == [SCOPE]
        assert whoami(served, token["access_token"]) == me(served, client_id)
        credentials = {"client_id": client_id}
        credentials |= {} if client_id == PAGE else {"client_secret": SECRET}
        again = session.refresh_token(token_url, token["refresh_token"], **credentials)
        assert whoami(served, again["access_token"]) == me(served, client_id)
        with pytest.raises(InvalidGrantError):
            session.refresh_token(token_url, token["refresh_token"], **credentials)

    await apart(go)


async def test_requests_oauthlib_for_itself(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")

    def go() -> None:
        session = OAuth2Session(client=BackendApplicationClient(BOARD, scope=[SCOPE]))
        token = session.fetch_token(
            f"{served.issuer}/oauth/token", client_id=BOARD, client_secret=SECRET
        )
        status, body = whoami(served, token["access_token"])
        assert (status, body["me"]) == (200, {"application": BOARD, "person": None})

    await apart(go)


@pytest.fixture(scope="module")
def node_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script with its one package, installed by its lock."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no Node here")
    folder = tmp_path_factory.mktemp("node")
    for file in NODE.iterdir():
        shutil.copy(file, folder / file.name)
    installed = subprocess.run(
        ["npm", "ci"],  # noqa: S607  # whatever Node there is
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if installed.returncode != 0:
        pytest.skip(f"npm cannot install oauth4webapi here: {installed.stderr[-300:]}")
    return folder / "client.mjs"


async def test_oauth4webapi(served: Served, node_client: Path) -> None:
    environment = {
        **os.environ,
        "ISSUER": served.issuer,
        "COOKIE": served.cookie,
        "PAGE": PAGE,
        "BOARD": BOARD,
        "SECRET": SECRET,
        "REDIRECT": REDIRECT,
    }

    def go() -> Any:
        done = subprocess.run(  # noqa: S603  # our own script
            ["node", str(node_client)],  # noqa: S607  # whatever Node there is
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    seen = await apart(go)
    person, tenant = public_id("usr", served.user_id), public_id("ten", served.agency.tenant_id)
    assert seen["authorizationServers"] == [served.issuer]
    claims = seen["page"]["claims"]
    assert (claims["sub"], claims["client_id"], claims["tenant"]) == (person, PAGE, tenant)
    answer = {"data": {"me": {"application": PAGE, "person": person, "scopes": [SCOPE]}}}
    assert seen["page"]["answer"] == {"status": 200, "body": answer}
    assert seen["page"]["afterRevocation"] == "invalid_grant"
    for method in ("basic", "post"):
        assert seen[method]["introspected"]["active"] is True
        assert seen[method]["introspected"]["sub"] == person
        assert seen[method]["answer"]["body"]["data"]["me"]["application"] == BOARD
        assert seen[method]["own"] == BOARD

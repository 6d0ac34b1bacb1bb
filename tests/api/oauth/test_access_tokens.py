"""Access tokens: what is verified, and what is refused."""

import asyncio
import uuid
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from sqlalchemy import select, update

from api.oauth.access_tokens import AccessTokens, InvalidTokenError
from api.oauth.caller import Caller, Scope
from api.oauth.signing_keys import KeyStore
from domain.errors import PermissionDeniedError
from domain.ids import ClientId, TenantId
from tenancy.session import Database, DatabaseConfig
from tenancy.tables import SigningKey
from tenancy.vault import MasterKey
from tests.api.graphql.edge import ISSUER, FakeClock

pytestmark = pytest.mark.anyio

CALLER = Caller(
    TenantId(uuid.UUID(int=1)),
    "app",
    frozenset({"metrics:read"}),
    frozenset({ClientId(uuid.UUID(int=2))}),
)
MASTER = MasterKey(bytes(32))


def tokens(database: Database, clock: FakeClock, issuer: str = ISSUER) -> AccessTokens:
    return AccessTokens(
        KeyStore(database, MASTER, clock), issuer=issuer, clock=clock, ids=uuid.uuid4
    )


async def refusal(verifier: AccessTokens, token: str) -> str:
    with pytest.raises(InvalidTokenError) as caught:
        await verifier.verify(token)
    return caught.value.message


async def test_gives_back_who_it_was_issued_for(database: Database) -> None:
    issuer = tokens(database, FakeClock())
    token = issuer.issue(await issuer.key_ring(), CALLER)
    # Another process, with nothing in memory.
    assert await tokens(database, FakeClock()).verify(token) == CALLER


async def test_dies_after_ten_minutes_also_when_remembered(database: Database) -> None:
    clock = FakeClock()
    issuer = tokens(database, clock)
    token = issuer.issue(await issuer.key_ring(), CALLER)
    clock.advance(minutes=10, microseconds=-1)
    assert await issuer.verify(token) == CALLER
    clock.advance(microseconds=1)
    assert await refusal(issuer, token) == "the access token has expired"


async def test_is_for_one_server(database: Database) -> None:
    clock = FakeClock()
    other = tokens(database, clock, issuer="https://other.example")
    token = other.issue(await other.key_ring(), CALLER)
    assert await refusal(tokens(database, clock), token) == "the access token is for another server"


def claims(**changes: Any) -> dict[str, Any]:
    now = int(FakeClock()().timestamp())
    usual = {
        "iss": ISSUER,
        "aud": f"{ISSUER}/graphql",
        "client_id": "app",
        "iat": now,
        "exp": now + 600,
        "scope": "metrics:read",
        "tenant": "ten_00000000000000000000000001",
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tenant": None}, "the access token lacks a claim"),
        ({"tenant": "cli_00000000000000000000000001"}, "the access token lacks a claim"),
        ({"scope": None}, "the access token lacks a claim"),
        ({"scope": 7}, "the access token lacks a claim"),
        ({"exp": None}, "the access token lacks a claim"),
        ({"exp": "soon"}, "the access token lacks a claim"),
        ({"clients": "all"}, "the access token lacks a claim"),
        ({"aud": None}, "the access token is for another server"),
        ({"iat": 4_000_000_000, "exp": 4_000_000_600}, "the access token is not valid yet"),
    ],
)
async def test_every_claim_is_needed(
    database: Database, changes: dict[str, Any], message: str
) -> None:
    verifier = tokens(database, FakeClock())
    key = (await verifier.key_ring()).signer
    header = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid}
    token = jwt.encode(header, claims(**changes), key, algorithms=["ES256"])
    assert await refusal(verifier, token) == message


async def test_only_our_own_signature_counts(database: Database) -> None:
    verifier = tokens(database, FakeClock())
    ours = (await verifier.key_ring()).signer
    foreign = ECKey.generate_key("P-256")
    shared = OctKey.import_key("ours" * 8)
    unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.e30."
    header = {"typ": "at+jwt", "kid": ours.kid}
    forged = [
        jwt.encode({"alg": "ES256", **header}, claims(), foreign, algorithms=["ES256"]),
        jwt.encode({"alg": "HS256", **header}, claims(), shared, algorithms=["HS256"]),
        jwt.encode({"alg": "ES256", **header, "typ": "JWT"}, claims(), ours, algorithms=["ES256"]),
        jwt.encode(
            {"alg": "ES256", "typ": "at+jwt", "kid": "unknown"},
            claims(),
            ours,
            algorithms=["ES256"],
        ),
        jwt.encode({"alg": "ES256", "typ": "at+jwt"}, claims(), ours, algorithms=["ES256"]),
        unsigned,
        "",
        "a.b",
        "\u00e9.\u00e9.\u00e9",
    ]
    for token in forged:
        message = "the access token is malformed or not signed by this server"
        assert await refusal(verifier, token) == message
    assert await refusal(verifier, "x" * 9_000) == "the access token is too long"


async def test_one_key_is_made_however_many_start_at_once(database_url: str) -> None:
    pool = Database(DatabaseConfig(database_url, pool_size=8, overflow=0))
    rings = await asyncio.gather(*(KeyStore(pool, MASTER, FakeClock()).load() for _ in range(8)))
    async with pool.platform_session() as session:
        rows = list(await session.scalars(select(SigningKey)))
    await pool.close()
    assert len(rows) == 1
    assert {ring.signer.kid for ring in rings} == {rows[0].kid}
    assert b'"d"' not in rows[0].wrapped_private_key
    assert "d" not in rows[0].public_jwk


async def test_a_retired_key_verifies_and_a_new_one_signs(database: Database) -> None:
    clock = FakeClock()
    old = tokens(database, clock)
    token = old.issue(await old.key_ring(), CALLER)
    async with database.platform_session() as session:
        await session.execute(update(SigningKey).values(retired_at=clock()))
    clock.advance(seconds=1)
    fresh = tokens(database, clock)
    newer = fresh.issue(await fresh.key_ring(), CALLER)
    assert (await fresh.key_ring()).signer.kid != (await old.key_ring()).signer.kid
    assert await fresh.verify(token) == CALLER
    # The older process learns of the new key by its id, and looks at most every ten seconds.
    message = "the access token is malformed or not signed by this server"
    assert await refusal(old, newer) == message
    clock.advance(seconds=10)
    assert await old.verify(newer) == CALLER


def test_a_caller_lacks_a_scope() -> None:
    CALLER.require(Scope.METRICS_READ)
    with pytest.raises(PermissionDeniedError) as caught:
        CALLER.require(Scope.METRICS_WRITE)
    assert caught.value.message == "the token lacks the scope metrics:write"

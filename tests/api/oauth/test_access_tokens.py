"""Access tokens: what is verified, and what is refused."""

import asyncio
import uuid
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from sqlalchemy import select, update

from api.identity.caller import Caller, Scope
from api.oauth.access_tokens import AccessTokens, InvalidTokenError
from api.oauth.revocation import Revocations
from api.oauth.signing_keys import OVERLAP, PUBLISH_AHEAD, RELOAD_EVERY, SIGNS_FOR, KeyStore
from domain.errors import NotFoundError, PermissionDeniedError
from domain.ids import ClientId, TenantId
from tenancy.session import Database, DatabaseConfig
from tenancy.tables import AppKind, OAuthClient, RevokedToken, SigningKey
from tenancy.unscoped import Doors, TenantProfile
from tenancy.vault import MasterKey
from tests.api.graphql.edge import ISSUER, FakeClock
from tests.api.oauth.conformance import MUST, SHOULD, requirement

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
        KeyStore(database, MASTER, clock),
        Revocations(database, clock),
        issuer=issuer,
        clock=clock,
        ids=uuid.uuid4,
    )


@pytest.fixture
async def database(database: Database) -> Database:
    """With the application of CALLER in it."""
    now = FakeClock()()
    profile = TenantProfile(CALLER.tenant_id, "northwind", "Northwind", "EUR", "UTC", now)
    await Doors(database).create_tenant(profile, wrapped_data_key=b"unused")
    async with database.session(CALLER.tenant_id) as session:
        session.add(
            OAuthClient(
                id=uuid.UUID(int=3),
                client_id="app",
                kind=AppKind.CONFIDENTIAL,
                name="Dashboard",
                grants=["client_credentials"],
                scopes=["metrics:read"],
                client_ids=None,
                metrics=None,
                redirect_uris=[],
                origins=[],
                calls_per_minute=None,
                created_at=now,
                suspended_at=None,
                last_used_at=None,
            )
        )
    return database


async def refusal(verifier: AccessTokens, token: str) -> str:
    with pytest.raises(InvalidTokenError) as caught:
        await verifier.verify(token)
    return caught.value.message


async def test_gives_back_who_it_was_issued_for(database: Database) -> None:
    issuer = tokens(database, FakeClock())
    token = issuer.issue(await issuer.key_ring(), CALLER)
    # Another process, with nothing in memory.
    assert await tokens(database, FakeClock()).verify(token) == CALLER


@requirement(9068, "4", MUST, "a token is refused once it has expired")
async def test_dies_after_ten_minutes_also_when_remembered(database: Database) -> None:
    clock = FakeClock()
    issuer = tokens(database, clock)
    token = issuer.issue(await issuer.key_ring(), CALLER)
    clock.advance(minutes=10, microseconds=-1)
    assert await issuer.verify(token) == CALLER
    clock.advance(microseconds=1)
    assert await refusal(issuer, token) == "the access token has expired"


@requirement(9068, "4", MUST, "iss must be the issuer exactly")
@requirement(9068, "4", MUST, "a token for another audience is refused")
@requirement(9700, "2.3", SHOULD, "a token is for one resource")
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
        "jti": str(uuid.UUID(int=4)),
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tenant": None}, "the access token lacks a claim"),
        ({"tenant": "cli_00000000000000000000000001"}, "the access token lacks a claim"),
        ({"scope": None}, "the access token lacks a claim"),
        ({"scope": 7}, "the access token lacks a claim"),
        ({"jti": None}, "the access token lacks a claim"),
        ({"jti": "first"}, "the access token lacks a claim"),
        ({"exp": None}, "the access token lacks a claim"),
        ({"exp": "soon"}, "the access token lacks a claim"),
        ({"clients": "all"}, "the access token lacks a claim"),
        ({"aud": None}, "the access token is for another server"),
        ({"iat": 4_000_000_000, "exp": 4_000_000_600}, "the access token is not valid yet"),
    ],
)
@requirement(9068, "4", MUST, "a token that lacks a claim is refused")
async def test_every_claim_is_needed(
    database: Database, changes: dict[str, Any], message: str
) -> None:
    verifier = tokens(database, FakeClock())
    key = (await verifier.key_ring()).signer
    header = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid}
    token = jwt.encode(header, claims(**changes), key, algorithms=["ES256"])
    assert await refusal(verifier, token) == message


@requirement(9068, "4", MUST, "the algorithm none is refused")
@requirement(9068, "4", MUST, "a typ other than at+jwt is refused")
@requirement(8725, "3.1", MUST, "only the algorithm that the server signs with is accepted")
@requirement(8725, "3.11", SHOULD, "kinds of JWT are told apart by typ")
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


async def test_a_revoked_token_is_refused_everywhere_within_seconds(database: Database) -> None:
    clock = FakeClock()
    here, there = tokens(database, clock), tokens(database, clock)
    ring = await here.key_ring()
    token, other = here.issue(ring, CALLER), here.issue(ring, CALLER)
    assert await there.verify(token) == CALLER
    assert await here.verify(token) == CALLER
    verified = await here.inspect(token)
    assert verified is not None
    await here.revoke(verified)
    await here.revoke(verified)  # again changes nothing
    message = "the access token is revoked, or its application suspended"
    assert await refusal(here, token) == message
    assert await here.inspect(token) is None
    clock.advance(seconds=3, microseconds=-1)
    assert await there.verify(token) == CALLER
    clock.advance(microseconds=1)
    assert await refusal(there, token) == message
    assert await refusal(there, token) == message
    assert await there.verify(other) == CALLER


@requirement(9700, "2.2", SHOULD, "tokens of a client that is no longer trusted can be cut off")
async def test_a_suspended_application_is_cut_off(database: Database) -> None:
    clock = FakeClock()
    issuer = tokens(database, clock)
    token = issuer.issue(await issuer.key_ring(), CALLER)
    assert await issuer.verify(token) == CALLER
    async with database.session(CALLER.tenant_id) as session:
        await session.execute(update(OAuthClient).values(suspended_at=clock()))
    clock.advance(seconds=3)
    message = "the access token is revoked, or its application suspended"
    assert await refusal(issuer, token) == message


@pytest.mark.parametrize(
    "narrowed",
    [
        {"client_ids": [ClientId(uuid.UUID(int=9))]},
        {"client_ids": []},
        {"metrics": ["spend"]},
        {"scopes": ["ingestion:read"]},
    ],
)
async def test_a_token_that_says_more_than_its_application_may_now_have_is_refused(
    database: Database, narrowed: dict[str, Any]
) -> None:
    clock = FakeClock()
    issuer = tokens(database, clock)
    token = issuer.issue(await issuer.key_ring(), CALLER)
    assert await issuer.verify(token) == CALLER
    async with database.session(CALLER.tenant_id) as session:
        await session.execute(update(OAuthClient).values(narrowed))
    clock.advance(seconds=3)
    message = "the access token is revoked, or its application suspended"
    assert await refusal(issuer, token) == message


async def test_expired_revocations_are_forgotten(database: Database) -> None:
    clock = FakeClock()
    issuer = tokens(database, clock)
    revoked: list[uuid.UUID] = []
    for _ in range(2):
        verified = await issuer.inspect(issuer.issue(await issuer.key_ring(), CALLER))
        assert verified is not None
        await issuer.revoke(verified)
        revoked.append(verified.token_id)
        clock.advance(minutes=10, seconds=1)
    async with database.session(CALLER.tenant_id) as session:
        left = (await session.scalars(select(RevokedToken))).all()
    assert [row.token_id for row in left] == revoked[1:]


async def test_keys_rotate_without_a_gap(database: Database) -> None:
    """Over two months: what a process signs with keys of five minutes ago, any other verifies."""
    clock = FakeClock()
    store = KeyStore(database, MASTER, clock)
    later = await store.load()
    signers = [later.signer.kid]
    for _ in range(61 * 4):
        clock.advance(hours=6, seconds=-RELOAD_EVERY.total_seconds())
        earlier = await store.load()
        clock.advance(seconds=RELOAD_EVERY.total_seconds())
        later = await store.load()
        assert earlier.signer.kid in later.verifiers
        assert later.signer.kid in earlier.verifiers
        if later.signer.kid != signers[-1]:
            signers.append(later.signer.kid)
    assert len(signers) == len(set(signers)) == 3
    assert set(later.verifiers) == {signers[-1]}


@requirement(
    7517, "4.5", SHOULD, "keys of one set have ids of their own, so that keys can be rolled over"
)
async def test_a_successor_is_published_before_it_signs(database: Database) -> None:
    clock = FakeClock()
    store = KeyStore(database, MASTER, clock)
    first = (await store.load()).signer.kid
    clock.advance(seconds=(SIGNS_FOR - PUBLISH_AHEAD).total_seconds() - 1)
    assert set((await store.load()).verifiers) == {first}
    clock.advance(seconds=1)
    ring = await store.load()
    assert (ring.signer.kid, len(ring.verifiers)) == (first, 2)
    clock.advance(seconds=PUBLISH_AHEAD.total_seconds() - 1)
    assert (await store.load()).signer.kid == first
    clock.advance(seconds=1)
    ring = await store.load()
    assert ring.signer.kid != first
    assert set(ring.verifiers) == {first, ring.signer.kid}
    clock.advance(seconds=OVERLAP.total_seconds() - 1)
    assert first in (await store.load()).verifiers
    clock.advance(seconds=1)
    assert first not in (await store.load()).verifiers


async def test_a_revoked_key_verifies_nothing(database: Database) -> None:
    clock = FakeClock()
    store = KeyStore(database, MASTER, clock)
    issuer = tokens(database, clock)
    ring = await issuer.key_ring()
    token = issuer.issue(ring, CALLER)
    assert await issuer.verify(token) == CALLER
    assert ring.signer.kid is not None
    await store.revoke(ring.signer.kid)
    clock.advance(seconds=RELOAD_EVERY.total_seconds())
    message = "the access token is malformed or not signed by this server"
    assert await refusal(issuer, token) == message
    assert await issuer.verify(issuer.issue(await issuer.key_ring(), CALLER)) == CALLER
    with pytest.raises(NotFoundError, match="there is no signing key"):
        await store.revoke(ring.signer.kid)
    with pytest.raises(NotFoundError, match="there is no signing key nobody"):
        await store.revoke("nobody")
    states = [(key.retired_at is None, key.revoked_at is None) for key in await store.list_keys()]
    assert states == [(True, True), (False, False)]


def test_a_caller_lacks_a_scope() -> None:
    CALLER.require(Scope.METRICS_READ)
    with pytest.raises(PermissionDeniedError) as caught:
        CALLER.require(Scope.METRICS_WRITE)
    assert caught.value.message == "the token lacks the scope metrics:write"

"""Codes and refresh tokens: redeemed once, bound to whom they were given, ended together."""

import asyncio
import uuid
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from api.oauth.families import CODE_LIFETIME, FAMILY_LIFETIME, IDLE_LIFETIME
from domain.ids import parse_id, public_id
from tenancy.tables import (
    AuditEntry,
    AuthorizationCode,
    Membership,
    MembershipClient,
    OAuthClient,
    RefreshToken,
    RevocationCause,
    Role,
    TokenFamily,
    User,
)
from tests.api.graphql.edge import ISSUER, Agency, Edge
from tests.api.oauth.conformance import MUST, SHOULD, requirement
from tests.api.oauth.flow import REDIRECT, VERIFIER, App, register
from tests.api.oauth.test_token_endpoint import basic

pytestmark = pytest.mark.anyio

READ = ("metrics:read",)
BOTH = ("metrics:read", "ingestion:read")


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


def refused(reply: Any, error: str = "invalid_grant", status: int = 400) -> bool:
    assert reply.headers["cache-control"] == "no-store"
    return bool(reply.status_code == status and reply.json()["error"] == error)


async def status(edge: Edge, token: str) -> int:
    return (await edge.ask("{ agency { name } }", token)).status_code


async def cause(edge: Edge, agency: Agency) -> list[RevocationCause | None]:
    async with edge.database.session(agency.tenant_id) as session:
        return list(
            await session.scalars(
                select(TokenFamily.revoked_because).order_by(TokenFamily.issued_at)
            )
        )


@requirement(6749, "4.1.4", MUST, "a valid code gives an access token")
@requirement(6749, "1.5", SHOULD, "a refresh token comes with it, for clients that may have one")
@requirement(9068, "2.2", MUST, "sub is the person who took part")
@requirement(7636, "4.6", MUST, "a verifier that hashes to the challenge is accepted")
async def test_code_gives_tokens_of_the_person(
    edge: Edge, northwind: Agency, board: App, ann: uuid.UUID
) -> None:
    reply = await board.redeem(await board.code(ann))
    assert reply.status_code == 200
    body = reply.json()
    assert body.keys() == {
        *("access_token", "token_type", "expires_in", "scope", "refresh_token"),
    }
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 600, READ[0])
    assert len(body["refresh_token"]) == 43
    verified = await edge.tokens.inspect(body["access_token"])
    assert verified is not None
    assert verified.claims["sub"] == public_id("usr", ann)
    assert verified.claims["client_id"] == "board"
    assert verified.claims["aud"] == f"{ISSUER}/graphql"
    assert verified.claims["tenant"] == public_id("ten", northwind.tenant_id)
    assert verified.caller.actor == f"user:{ann}"
    assert await status(edge, body["access_token"]) == 200


@requirement(6749, "4.1.3", MUST, "a code is for the client that it was issued to")
@requirement(6749, "10.5", MUST, "a code is bound to its client, also of one agency")
async def test_code_of_another_application_is_none(
    edge: Edge, northwind: Agency, board: App, page: App, ann: uuid.UUID
) -> None:
    code = await board.code(ann)
    assert refused(await page.redeem(code))
    assert (await board.redeem(code)).status_code == 200  # the try has not spent it
    assert await cause(edge, northwind) == [None]


async def test_code_of_another_agency_is_none(
    edge: Edge, southwind: Agency, northwind: Agency, board: App, ann: uuid.UUID
) -> None:
    foreign = await register(edge, southwind, "foreign")
    code = await board.code(ann)
    assert refused(await foreign.redeem(code))
    body = (await board.redeem(code)).json()
    assert refused(await foreign.refresh(body["refresh_token"]))
    assert (await foreign.revoke(body["refresh_token"])).status_code == 200
    assert (await board.refresh(body["refresh_token"])).status_code == 200
    assert await cause(edge, northwind) == [None]


@requirement(6749, "4.1.3", MUST, "the redirect address is that of the authorization request")
@pytest.mark.parametrize("uri", [None, "", f"{REDIRECT}/", "https://evil.example/"])
async def test_code_is_for_its_redirect_address(
    board: App, ann: uuid.UUID, uri: str | None
) -> None:
    code = await board.code(ann)
    assert refused(await board.redeem(code, redirect_uri=uri))
    assert (await board.redeem(code)).status_code == 200


@requirement(7636, "4.6", MUST, "a verifier of another challenge is invalid_grant")
@requirement(9700, "4.5.3", MUST, "a code that was injected does not fit the verifier")
async def test_wrong_verifier_is_refused(board: App, ann: uuid.UUID) -> None:
    code = await board.code(ann)
    assert refused(await board.redeem(code, code_verifier=VERIFIER[:-1] + "x"))
    assert (await board.redeem(code)).status_code == 200


@requirement(7636, "4.5", MUST, "the verifier is sent with the code")
@requirement(7636, "4.1", MUST, "a verifier has 43 to 128 unreserved letters")
@requirement(9700, "4.8.2", MUST, "leaving the verifier out is no way round PKCE")
@pytest.mark.parametrize("verifier", [None, "", "short", "x" * 129, VERIFIER + " "])
async def test_verifier_is_needed(board: App, ann: uuid.UUID, verifier: str | None) -> None:
    code = await board.code(ann)
    assert refused(await board.redeem(code, code_verifier=verifier), "invalid_request")


@requirement(6749, "4.1.2", MUST, "a code lives a short while, ten minutes at most")
async def test_code_dies_after_a_minute(edge: Edge, board: App, ann: uuid.UUID) -> None:
    assert CODE_LIFETIME.total_seconds() == 60
    late, early = await board.code(ann), await board.code(ann)
    edge.clock.advance(seconds=60, microseconds=-1)
    assert (await board.redeem(early)).status_code == 200
    edge.clock.advance(microseconds=1)
    assert refused(await board.redeem(late))


@requirement(6749, "4.1.2", MUST, "a code is not used twice")
@requirement(6749, "4.1.2", SHOULD, "tokens of a code that is used twice are revoked")
@requirement(6749, "10.5", MUST, "a code is good for one use")
async def test_second_use_of_a_code_ends_what_came_of_it(
    edge: Edge, northwind: Agency, board: App, ann: uuid.UUID
) -> None:
    code = await board.code(ann)
    body = (await board.redeem(code)).json()
    assert await status(edge, body["access_token"]) == 200
    assert refused(await board.redeem(code))
    assert await cause(edge, northwind) == [RevocationCause.CODE_REPLAYED]
    edge.clock.advance(seconds=3)
    assert await status(edge, body["access_token"]) == 401
    assert refused(await board.refresh(body["refresh_token"]))
    async with edge.database.session(northwind.tenant_id) as session:
        entry = await session.scalar(
            select(AuditEntry).where(AuditEntry.action == "tokens.revoked")
        )
    assert entry is not None
    assert entry.actor == "client:board"
    assert entry.details == {"because": "code_replayed", "user": str(ann)}


async def test_replay_by_somebody_else_ends_nothing(
    edge: Edge, northwind: Agency, board: App, page: App, ann: uuid.UUID
) -> None:
    code = await board.code(ann)
    body = (await board.redeem(code)).json()
    assert refused(await page.redeem(code))
    forged = {"grant_type": "authorization_code", "code": code, "client_id": "board"}
    reply = await edge.http.post("/oauth/token", data=forged)
    assert refused(reply, "invalid_client", 401)
    assert await cause(edge, northwind) == [None]
    assert (await board.refresh(body["refresh_token"])).status_code == 200


@requirement(6749, "3.2.1", MUST, "a client that has a secret authenticates")
@requirement(6749, "4.1.3", MUST, "a code alone is not enough for a client that has a secret")
@pytest.mark.parametrize("secret", ["wrong", ""])
async def test_secret_is_needed_of_those_who_have_one(
    edge: Edge, board: App, ann: uuid.UUID, secret: str
) -> None:
    code = await board.code(ann)
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }
    for more in ({"client_id": "board"}, {"client_id": "board", "client_secret": secret}):
        reply = await edge.http.post("/oauth/token", data=fields | more)
        assert refused(reply, "invalid_client", 401)
    reply = await edge.http.post("/oauth/token", data=fields, headers=basic("board", "wrong"))
    assert refused(reply, "invalid_client", 401)
    assert "www-authenticate" in reply.headers
    assert (await board.redeem(code)).status_code == 200


@requirement(6749, "3.2.1", MUST, "a public client names itself by client_id")
@requirement(6749, "2.3", MUST, "a public client is not known by a secret")
async def test_public_application_has_no_secret(edge: Edge, page: App, ann: uuid.UUID) -> None:
    code = await page.code(ann)
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    fields["code_verifier"] = VERIFIER
    for headers, more in (
        (basic("page", "anything"), {}),
        ({}, {"client_id": "page", "client_secret": "anything"}),
    ):
        reply = await edge.http.post("/oauth/token", data=fields | more, headers=headers)
        assert refused(reply, "invalid_client", 401)
    assert (await page.redeem(code)).status_code == 200


@requirement(6749, "4.4", MUST, "client credentials are for confidential clients alone")
async def test_public_application_gets_no_token_for_itself(edge: Edge, page: App) -> None:
    assert page.is_public
    reply = await edge.http.post(
        "/oauth/token", data={"grant_type": "client_credentials", "client_id": "page"}
    )
    assert refused(reply, "invalid_client", 401)


@requirement(6749, "5.2", MUST, "a client that may not use a grant is unauthorized_client")
@pytest.mark.parametrize(
    ("grant_type", "name"), [("authorization_code", "code"), ("refresh_token", "refresh_token")]
)
async def test_application_for_itself_may_not_act_for_people(
    edge: Edge, northwind: Agency, grant_type: str, name: str
) -> None:
    await edge.register(northwind, client_id="machine")
    reply = await edge.http.post(
        "/oauth/token",
        data={"grant_type": grant_type, name: "x"},
        headers=basic("machine", "s3cret"),
    )
    assert refused(reply, "unauthorized_client")


@requirement(6749, "4.1.3", MUST, "a request without the code is invalid_request")
@requirement(6749, "6", MUST, "a request without the refresh token is invalid_request")
async def test_missing_code_and_token_are_told(board: App) -> None:
    assert refused(await board.redeem(""), "invalid_request")
    assert refused(await board.refresh(""), "invalid_request")
    assert refused(await board.redeem("no such code"))
    assert refused(await board.refresh("no such token"))


@requirement(6749, "6", MUST, "a refresh token gives a new access token")
@requirement(9700, "2.2.2", MUST, "refresh tokens of public clients are rotated")
@requirement(6749, "6", MUST, "a refresh without a scope keeps the scope that was granted")
async def test_refresh_gives_new_tokens(edge: Edge, page: App, ann: uuid.UUID) -> None:
    first = await page.tokens(ann, BOTH)
    reply = await page.refresh(first["refresh_token"])
    assert reply.status_code == 200
    second = reply.json()
    assert second["scope"] == "ingestion:read metrics:read"
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert await status(edge, second["access_token"]) == 200
    assert (await page.refresh(second["refresh_token"])).status_code == 200


@requirement(6749, "10.4", MUST, "the use of a refresh token that was replaced is noticed")
@requirement(9700, "4.14.2", MUST, "reuse of a refresh token ends the tokens of its grant")
async def test_reuse_of_a_refresh_token_ends_the_family(
    edge: Edge, northwind: Agency, page: App, ann: uuid.UUID
) -> None:
    first = await page.tokens(ann)
    second = (await page.refresh(first["refresh_token"])).json()
    assert refused(await page.refresh(first["refresh_token"]))
    assert await cause(edge, northwind) == [RevocationCause.REFRESH_TOKEN_REUSED]
    assert refused(await page.refresh(second["refresh_token"]))
    edge.clock.advance(seconds=3)
    assert await status(edge, first["access_token"]) == 401
    assert await status(edge, second["access_token"]) == 401


async def test_other_families_of_the_person_live_on(
    edge: Edge, northwind: Agency, page: App, ann: uuid.UUID
) -> None:
    ended, other = await page.tokens(ann), await page.tokens(ann)
    await page.refresh(ended["refresh_token"])
    assert refused(await page.refresh(ended["refresh_token"]))
    assert (await page.refresh(other["refresh_token"])).status_code == 200
    assert Counter(await cause(edge, northwind)) == Counter(
        [RevocationCause.REFRESH_TOKEN_REUSED, None]
    )


@requirement(6749, "6", MUST, "a refresh token is bound to its client")
async def test_refresh_token_of_another_application_is_none(
    edge: Edge, northwind: Agency, board: App, page: App, ann: uuid.UUID
) -> None:
    body = await board.tokens(ann)
    assert refused(await page.refresh(body["refresh_token"]))
    assert await cause(edge, northwind) == [None]
    assert (await board.refresh(body["refresh_token"])).status_code == 200


@requirement(6749, "6", MUST, "a client that has a secret authenticates to refresh")
async def test_refresh_needs_the_secret(edge: Edge, board: App, ann: uuid.UUID) -> None:
    body = await board.tokens(ann)
    fields = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    reply = await edge.http.post("/oauth/token", data=fields | {"client_id": "board"})
    assert refused(reply, "invalid_client", 401)
    reply = await edge.http.post("/oauth/token", data=fields, headers=basic("board", "wrong"))
    assert refused(reply, "invalid_client", 401)
    assert (await board.refresh(body["refresh_token"])).status_code == 200


@requirement(6749, "6", MUST, "a refresh does not ask for more than was granted")
async def test_refresh_may_ask_for_less_but_not_more(page: App, ann: uuid.UUID) -> None:
    body = await page.tokens(ann, READ)
    assert refused(await page.refresh(body["refresh_token"], scope=" ".join(BOTH)), "invalid_scope")
    wide = await page.tokens(ann, BOTH)
    narrow = (await page.refresh(wide["refresh_token"], scope=READ[0])).json()
    assert narrow["scope"] == READ[0]


@requirement(6749, "6", MUST, "a new refresh token has the scope of the old one")
async def test_narrow_refresh_does_not_narrow_the_family(page: App, ann: uuid.UUID) -> None:
    wide = await page.tokens(ann, BOTH)
    narrow = (await page.refresh(wide["refresh_token"], scope=READ[0])).json()
    again = (await page.refresh(narrow["refresh_token"])).json()
    assert again["scope"] == "ingestion:read metrics:read"


@requirement(9700, "4.14.2", SHOULD, "a refresh token that nobody uses expires")
async def test_refresh_tokens_expire(edge: Edge, page: App, ann: uuid.UUID) -> None:
    body = await page.tokens(ann)
    edge.clock.now += IDLE_LIFETIME
    assert refused(await page.refresh(body["refresh_token"]))


async def test_family_ends_after_ninety_days_of_use(
    edge: Edge, northwind: Agency, page: App, ann: uuid.UUID
) -> None:
    begun = edge.clock()
    token = (await page.tokens(ann))["refresh_token"]
    while edge.clock() + IDLE_LIFETIME / 2 < begun + FAMILY_LIFETIME:
        edge.clock.now += IDLE_LIFETIME / 2
        token = (await page.refresh(token)).json()["refresh_token"]
    async with edge.database.session(northwind.tenant_id) as session:
        expires_at = await session.scalar(
            select(RefreshToken.expires_at).where(RefreshToken.used_at.is_(None))
        )
    assert expires_at == begun + FAMILY_LIFETIME
    edge.clock.now = begun + FAMILY_LIFETIME
    assert refused(await page.refresh(token))
    edge.clock.advance(days=2)
    await page.code(ann)
    async with edge.database.session(northwind.tenant_id) as session:
        assert len((await session.scalars(select(AuthorizationCode))).all()) == 1
        assert (await session.scalars(select(RefreshToken))).all() == []


@requirement(7009, "2.1", MUST, "revoking a refresh token ends the access tokens of its grant")
@requirement(7009, "2", MUST, "refresh tokens can be revoked")
async def test_revoking_a_refresh_token_ends_its_family(
    edge: Edge, northwind: Agency, page: App, ann: uuid.UUID
) -> None:
    body = await page.tokens(ann)
    assert await status(edge, body["access_token"]) == 200
    assert (await page.revoke(body["refresh_token"])).status_code == 200
    assert await cause(edge, northwind) == [RevocationCause.ASKED_FOR]
    assert refused(await page.refresh(body["refresh_token"]))
    edge.clock.advance(seconds=3)
    assert await status(edge, body["access_token"]) == 401
    assert (await page.revoke(body["refresh_token"])).status_code == 200


@requirement(7009, "5", MUST, "a public client may revoke its own tokens, and no others")
async def test_only_its_own_refresh_token_is_revoked(
    edge: Edge, northwind: Agency, board: App, page: App, ann: uuid.UUID
) -> None:
    body = await board.tokens(ann)
    assert refused(await page.revoke(body["refresh_token"]))
    assert await cause(edge, northwind) == [None]


@requirement(7662, "2.2", MUST, "a refresh token is described to its client")
async def test_refresh_token_is_introspected_by_its_client(
    edge: Edge, northwind: Agency, board: App, page: App, ann: uuid.UUID
) -> None:
    body = await board.tokens(ann)
    await edge.register(northwind, client_id="other")

    async def ask(client_id: str, token: str) -> Any:
        headers = basic(client_id, "s3cret")
        reply = await edge.http.post("/oauth/introspect", data={"token": token}, headers=headers)
        return reply.json()

    told = await ask("board", body["refresh_token"])
    assert told == {
        "active": True,
        "client_id": "board",
        "sub": public_id("usr", ann),
        "scope": READ[0],
        "exp": int((edge.clock() + IDLE_LIFETIME).timestamp()),
    }
    assert await ask("other", body["refresh_token"]) == {"active": False}
    await board.refresh(body["refresh_token"])
    assert await ask("board", body["refresh_token"]) == {"active": False}
    data = {"token": body["access_token"], "client_id": page.client_id}
    reply = await edge.http.post("/oauth/introspect", data=data)
    assert refused(reply, "invalid_client", 401)


@pytest.mark.parametrize("by", ["deactivation", "suspension"])
async def test_person_or_application_gone_ends_tokens_within_seconds(
    edge: Edge, northwind: Agency, page: App, ann: uuid.UUID, by: str
) -> None:
    body = await page.tokens(ann)
    assert await status(edge, body["access_token"]) == 200
    now = edge.clock()
    async with edge.database.session(northwind.tenant_id) as session:
        if by == "deactivation":
            await session.execute(update(User).values(deactivated_at=now))
        else:
            await session.execute(update(OAuthClient).values(suspended_at=now))
    edge.clock.advance(seconds=3)
    assert await status(edge, body["access_token"]) == 401
    reply = await page.refresh(body["refresh_token"])
    assert refused(reply, *(() if by == "deactivation" else ("invalid_client", 401)))


async def test_lost_role_narrows_tokens_within_seconds(
    edge: Edge, northwind: Agency, page: App, ann: uuid.UUID
) -> None:
    body = await page.tokens(ann, BOTH)
    assert await status(edge, body["access_token"]) == 200
    async with edge.database.session(northwind.tenant_id) as session:
        await session.execute(update(Membership).values(role=Role.CLIENT_VIEWER))
        membership = (await session.scalars(select(Membership))).one()
        session.add(
            MembershipClient(membership_id=membership.id, client_id=northwind.clients["bolt"])
        )
    edge.clock.advance(seconds=3)
    assert await status(edge, body["access_token"]) == 401
    again = (await page.refresh(body["refresh_token"])).json()
    assert again["scope"] == READ[0]
    verified = await edge.tokens.inspect(again["access_token"])
    assert verified is not None
    assert verified.caller.clients == frozenset({northwind.clients["bolt"]})


async def test_lost_client_narrows_tokens_within_seconds(
    edge: Edge, northwind: Agency, page: App, ann: uuid.UUID
) -> None:
    """The role and its scopes stay; it is only held at one client any more."""
    body = await page.tokens(ann, BOTH)
    async with edge.database.session(northwind.tenant_id) as session:
        membership = (await session.scalars(select(Membership))).one()
        session.add(
            MembershipClient(membership_id=membership.id, client_id=northwind.clients["bolt"])
        )
    edge.clock.advance(seconds=3)
    assert await status(edge, body["access_token"]) == 401
    again = (await page.refresh(body["refresh_token"])).json()
    assert again["scope"] == body["scope"]
    seen = await edge.data("{ clients { slug } }", again["access_token"])
    assert seen == {"clients": [{"slug": "bolt"}]}


async def test_narrowed_application_narrows_tokens_within_seconds(
    edge: Edge, northwind: Agency, page: App, ann: uuid.UUID
) -> None:
    body = await page.tokens(ann, BOTH)
    assert await status(edge, body["access_token"]) == 200
    async with edge.database.session(northwind.tenant_id) as session:
        await session.execute(update(OAuthClient).values(scopes=list(READ)))
    edge.clock.advance(seconds=3)
    assert await status(edge, body["access_token"]) == 401
    assert (await page.refresh(body["refresh_token"])).json()["scope"] == READ[0]


async def test_person_without_any_right_gets_nothing(
    edge: Edge, northwind: Agency, page: App, ann: uuid.UUID
) -> None:
    code = await page.code(ann)
    async with edge.database.session(northwind.tenant_id) as session:
        await session.execute(delete(Membership))
    assert refused(await page.redeem(code), "invalid_scope")


@pytest.mark.parametrize(
    ("of_app", "of_person"), [(("acme",), ("acme", "bolt")), (("acme", "bolt"), ("acme",))]
)
async def test_clients_are_those_of_the_person_and_the_application(
    edge: Edge, northwind: Agency, of_app: tuple[str, ...], of_person: tuple[str, ...]
) -> None:
    limited = await register(edge, northwind, "limited", public=True, clients=of_app)
    viewer = await edge.person(northwind, Role.CLIENT_VIEWER, of_person)
    body = await limited.tokens(viewer)
    verified = await edge.tokens.inspect(body["access_token"])
    assert verified is not None
    assert verified.caller.clients == frozenset({northwind.clients["acme"]})
    assert parse_id("usr", verified.claims["sub"]) == viewer
    seen = await edge.data("{ clients { slug } }", body["access_token"])
    assert seen == {"clients": [{"slug": "acme"}]}


@requirement(9700, "4.14.2", MUST, "of several uses of a refresh token at once, one succeeds")
async def test_sixteen_at_once_have_one_winner(
    edge: Edge, northwind: Agency, page: App, ann: uuid.UUID
) -> None:
    code = await page.code(ann)
    replies = await asyncio.gather(*(page.redeem(code) for _ in range(16)))
    assert Counter(reply.status_code for reply in replies) == {200: 1, 400: 15}
    assert await cause(edge, northwind) == [RevocationCause.CODE_REPLAYED]
    token = (await page.tokens(ann))["refresh_token"]
    replies = await asyncio.gather(*(page.refresh(token) for _ in range(16)))
    assert Counter(reply.status_code for reply in replies) == {200: 1, 400: 15}

"""People of the agency are erased, too: their account goes, and what they did stays told.

request without a client -> account of that address -> two people agree -> account, sessions, tokens
gone -> audit trail under an id that leads to nobody -> certificate
"""

import datetime as dt
import uuid
from typing import Any

import pytest
from sqlalchemy import select, text

from api.identity.rights import read_rights
from api.identity.sessions import Sessions
from domain.errors import ConflictError
from domain.privacy.classification import Classification
from domain.privacy.evidence import TreatmentAction
from domain.privacy.identifiers import email
from domain.privacy.rights import IntakeChannel, RequestState, Right
from gdpr.desk.preview import Previewer
from gdpr.erasure.colleagues import COLLEAGUE_PLAN, StillNamedError
from gdpr.erasure.job import StaffNotErasableError
from gdpr.erasure.run import PlainSteps
from gdpr.requests.identity import Proof
from gdpr.requests.intake import Intake
from gdpr.requests.run import run_row
from tenancy import audit
from tenancy.staff import NoOwnerLeftError
from tenancy.tables import (
    AlertChannel,
    AlertSeverity,
    AppGrant,
    AppKind,
    AuditEntry,
    AuthorizationCode,
    Base,
    BrowserSession,
    ChannelKind,
    ExternalIdentity,
    LinkKind,
    Membership,
    OAuthClient,
    OneTimeLink,
    Password,
    RecoveryCode,
    RefreshToken,
    RevocationCause,
    Role,
    SecondFactor,
    SubjectRequest,
    TokenFamily,
    User,
)
from tenancy.tables.base import HOLDS
from tests.gdpr.erasure.world import VAULT, Agency, World, world
from tests.gdpr.evidence.test_issuing import Works, works

__all__ = ["works", "world"]

pytestmark = pytest.mark.anyio

DANA, OLGA = "dana@northwind.example", "olga@northwind.example"
GONE = (
    *("recovery_codes", "second_factors", "passwords", "external_identities", "memberships"),
    *("one_time_links", "browser_sessions", "authorization_codes", "refresh_tokens"),
)


def test_every_place_of_the_agency_s_own_people_is_planned() -> None:
    planned = {one.place for one in COLLEAGUE_PLAN.treatments}
    held = {
        table.name
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(one := column.info.get(HOLDS), Classification) and one.subjects == "employee"
    }
    assert held - planned == set()
    assert planned - held == {"membership_clients"}  # goes with the role
    for one in COLLEAGUE_PLAN.treatments:
        assert (one.action is TreatmentAction.DELETE) is not bool(one.reason), one.place


async def person(
    world: World, agency: Agency, address: str, *roles: Role, name: str = "Dana Dreyer"
) -> uuid.UUID:
    user_id = world.ids()
    async with world.database.session(agency.tenant_id) as session:
        session.add(
            User(id=user_id, email=address, name=name, created_at=world.now, deactivated_at=None)
        )
        await session.flush()
        for role in roles:
            session.add(Membership(id=world.ids(), user_id=user_id, role=role))
    return user_id


async def everything_of(world: World, agency: Agency, user_id: uuid.UUID) -> str:
    """All that opens something for a person; the cookie of a browser."""
    now, later = world.now, world.now + dt.timedelta(days=1)
    app_id, grant_id, family_id = world.ids(), world.ids(), world.ids()
    sessions = Sessions(world.database, world.clock, world.ids, lambda n: b"c" * n)
    async with world.database.session(agency.tenant_id) as session:
        cookie = await sessions.start(session, user_id, methods=("pwd",), browser="Firefox")
        app: dict[str, Any] = {"grants": [], "scopes": [], "redirect_uris": [], "origins": []}
        none = dict.fromkeys(("client_ids", "metrics", "calls_per_minute"))
        none |= dict.fromkeys(("suspended_at", "last_used_at"))
        session.add(
            OAuthClient(
                id=app_id,
                client_id=f"app_{app_id}",
                kind=next(iter(AppKind)),
                name="App",
                created_at=now,
                **app,
                **none,
            )
        )
        session.add(Password(user_id=user_id, hash="argon2id", changed_at=now))
        session.add(
            SecondFactor(
                user_id=user_id,
                sealed_secret=b"s",
                created_at=now,
                confirmed_at=now,
                last_step=None,
            )
        )
        session.add(
            ExternalIdentity(issuer="https://idp", subject="s-1", user_id=user_id, linked_at=now)
        )
        session.add(
            OneTimeLink(
                id=world.ids(),
                kind=LinkKind.PASSWORD_RESET,
                user_id=user_id,
                token_hash=b"l" * 32,
                created_by="user:olga",
                created_at=now,
                expires_at=later,
                used_at=None,
                withdrawn_at=None,
            )
        )
        await session.flush()
        session.add(RecoveryCode(user_id=user_id, code_hash=b"r" * 32, used_at=None))
        session.add(
            AppGrant(
                id=grant_id,
                app_id=app_id,
                user_id=user_id,
                scopes=["metrics:read"],
                granted_at=now,
                revoked_at=None,
            )
        )
        await session.flush()
        session.add(
            TokenFamily(
                id=family_id,
                grant_id=grant_id,
                scopes=["metrics:read"],
                issued_at=now,
                expires_at=later,
                revoked_at=None,
                revoked_because=None,
            )
        )
        await session.flush()
        session.add(
            AuthorizationCode(
                code_hash=b"a" * 32,
                family_id=family_id,
                redirect_uri="https://app.example",
                code_challenge="c",
                expires_at=later,
                redeemed_at=None,
            )
        )
        session.add(
            RefreshToken(
                token_hash=b"t" * 32,
                family_id=family_id,
                issued_at=now,
                expires_at=later,
                used_at=None,
            )
        )
        audit.record(
            session,
            clock=world.clock,
            ids=world.ids,
            actor=f"user:{user_id}",
            action="client.added",
            object_kind="client",
            object_id=str(agency.client_id),
            details={},
        )
    return cookie


async def rows_of(world: World, agency: Agency) -> dict[str, int]:
    async with world.database.session(agency.tenant_id) as session:
        return {
            table: (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
            for table in GONE
        }


async def file(works: Works, agency: Agency, address: str) -> uuid.UUID:
    """An officer takes the request of a colleague in."""
    intake = Intake(
        client_id=None,
        right=Right.ERASURE,
        channel=IntakeChannel.DESK,
        identifiers=(email(address),),
        received_at=works.world.now,
        requested_by="user:officer",
    )
    return (await works.requests.desk.receive(agency.tenant_id, intake)).request_id


async def agreed(works: Works, agency: Agency, address: str) -> uuid.UUID:
    """A request for which a second person has agreed, and which is being carried out."""
    request = (agency.tenant_id, await file(works, agency, address))
    state = await works.requests.identity.vouch(*request, Proof.DOCUMENT, actor="user:officer")
    assert state is RequestState.APPROVING
    state = await works.requests.decisions.approve(*request, actor="user:second")
    assert state is RequestState.READY
    return request[1]


async def test_a_colleague_is_erased_and_what_they_did_stays_told(
    works: Works, world: World
) -> None:
    agency, other = await world.agency("one"), await world.agency("two")
    await person(world, agency, OLGA, Role.OWNER)
    dana = await person(world, agency, DANA, Role.OWNER, Role.ANALYST)
    namesake = await person(world, other, DANA, Role.OWNER)
    cookie = await everything_of(world, agency, dana)
    request_id = await agreed(works, agency, DANA)
    preview = Previewer(world.database, VAULT, world.clock, world.eraser().plan_of, ())
    asked = await works.row(agency, request_id)
    assert (await preview.preview(asked)).plan_hash == COLLEAGUE_PLAN.hash
    assert min((await rows_of(world, agency)).values()) == 1

    await works.carry_out()

    row = await works.row(agency, request_id)
    assert row.state is RequestState.COMPLETED
    assert await rows_of(world, agency) == {**dict.fromkeys(GONE, 0), "memberships": 1}
    async with world.database.session(agency.tenant_id) as session:
        user = await session.get_one(User, (agency.tenant_id, dana))
        assert (user.email, user.name) == (f"deleted account {dana}", "")
        assert user.deactivated_at == world.now
        assert await read_rights(session, dana) is None
        family = (await session.scalars(select(TokenFamily))).one()
        assert (family.revoked_at, family.revoked_because) == (
            world.now,
            RevocationCause.CONSENT_WITHDRAWN,
        )
        assert (await session.scalars(select(AppGrant.revoked_at))).one() == world.now
        did = select(AuditEntry.action).where(AuditEntry.actor == f"user:{dana}")
        assert (await session.scalars(did)).all() == ["client.added"]
        audited = select(AuditEntry.details).where(AuditEntry.action == "subject.erased")
        (told,) = (await session.scalars(audited)).all()
        assert told["plan"] == COLLEAGUE_PLAN.hash
    sessions = Sessions(world.database, world.clock, world.ids, lambda n: b"d" * n)
    assert await sessions.find(cookie) is None
    async with world.database.session(other.tenant_id) as session:
        untouched = await session.get_one(User, (other.tenant_id, namesake))
        assert (untouched.email, untouched.deactivated_at) == (DANA, None)

    await works.issuing.catch_up()
    said: Any = await works.newest(agency)
    assert said["request"]["outcome"] == "done"
    counted = {one["place"]: one["count"] for one in said["erased"]}
    assert counted == {**dict.fromkeys(GONE, 1), "memberships": 2, "users": 1}
    treated = {one["place"]: one for one in said["plan"]["treatments"]}
    assert treated["audit_entries"]["action"] == "keep"
    assert "GDPR 5(2), 6(1)(f), 17(3)(e)" in treated["audit_entries"]["reason"]
    assert said["rescans"][0]["found"] == 0


async def test_the_only_owner_is_not_erased_before_there_is_another(
    works: Works, world: World
) -> None:
    agency = await world.agency("one")
    dana = await person(world, agency, DANA, Role.OWNER)
    await everything_of(world, agency, dana)
    request = (agency.tenant_id, await file(works, agency, DANA))
    await works.requests.identity.vouch(*request, Proof.DOCUMENT, actor="user:officer")
    with pytest.raises(NoOwnerLeftError, match="the agency's only owner, who cannot be erased"):
        await works.requests.decisions.approve(*request, actor="user:second")
    olga = await person(world, agency, OLGA, Role.OWNER)
    await works.requests.decisions.approve(*request, actor="user:second")
    async with world.database.session(agency.tenant_id) as session:  # and she leaves meanwhile
        (await session.get_one(User, (agency.tenant_id, olga))).deactivated_at = world.now
    before = await rows_of(world, agency)
    await works.carry_out()
    assert await rows_of(world, agency) == before
    async with world.database.session(agency.tenant_id) as session:
        assert (await run_row(session, request[1])).failure == "NO_OWNER_LEFT"
        (await session.get_one(User, (agency.tenant_id, olga))).deactivated_at = None
    await works.requests.jobs.retry(*request, actor="user:officer")
    await works.carry_out()
    assert (await works.row(agency, request[1])).state is RequestState.COMPLETED


async def test_who_is_named_in_a_channel_is_taken_out_there_first(
    works: Works, world: World
) -> None:
    agency = await world.agency("one")
    await person(world, agency, OLGA, Role.OWNER)
    dana = await person(world, agency, DANA, Role.ANALYST)
    await everything_of(world, agency, dana)
    channel_id = world.ids()
    async with world.database.session(agency.tenant_id) as session:
        session.add(
            AlertChannel(
                id=channel_id,
                kind=ChannelKind.EMAIL,
                name="ops",
                settings={"to": ["Dana@Northwind.example"]},
                secrets=None,
                alert_kinds=None,
                client_ids=None,
                lowest_severity=AlertSeverity.INFO,
                created_at=world.now,
                removed_at=None,
            )
        )
    request_id = await agreed(works, agency, DANA)
    before = await rows_of(world, agency)
    await works.carry_out()
    assert await rows_of(world, agency) == before
    with pytest.raises(StillNamedError, match="the person's address is in use: alert_channels"):
        await works.erasing.fulfil(PlainSteps(), agency.tenant_id, request_id)
    async with world.database.session(agency.tenant_id) as session:
        assert (await run_row(session, request_id)).failure == "ERASURE_STILL_NAMED"
        channel = await session.get_one(AlertChannel, (agency.tenant_id, channel_id))
        channel.removed_at = world.now
    await works.requests.jobs.retry(agency.tenant_id, request_id, actor="user:officer")
    await works.carry_out()
    assert (await works.row(agency, request_id)).state is RequestState.COMPLETED
    async with world.database.session(agency.tenant_id) as session:
        channel = await session.get_one(AlertChannel, (agency.tenant_id, channel_id))
        assert channel.settings == {}


async def test_another_agency_s_colleague_is_not_found(works: Works, world: World) -> None:
    agency, other = await world.agency("one"), await world.agency("two")
    await person(world, other, DANA, Role.OWNER)
    request_id = await file(works, agency, DANA)
    row = await works.row(agency, request_id)
    assert (row.state, row.scope) == (RequestState.MATCHING, {})
    async with world.database.session(agency.tenant_id) as session:
        stored = await session.get_one(SubjectRequest, (agency.tenant_id, request_id))
        stored.state = RequestState.RUNNING
    with pytest.raises(StaffNotErasableError):
        await works.erasing.fulfil(PlainSteps(), agency.tenant_id, request_id)
    assert issubclass(StaffNotErasableError, ConflictError)
    async with world.database.session(other.tenant_id) as session:
        assert (await session.scalars(select(User.email))).all() == [DANA]
    async with world.database.session(agency.tenant_id) as session:
        assert (await session.scalars(select(BrowserSession.id))).all() == []

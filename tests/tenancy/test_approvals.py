"""Four eyes: against a model of the rules, against many at once, and never across agencies."""

import asyncio
import datetime as dt
import itertools
import uuid
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from domain.errors import NotFoundError
from tenancy.approvals import (
    ApprovalOverError,
    Approvals,
    Deed,
    NotApprovedError,
    OwnRequestError,
    State,
)
from tenancy.session import Database, DatabaseConfig
from tenancy.tables import ApprovalDecision, AuditEntry
from tests.fixtures.database import FilledTenant

pytestmark = pytest.mark.anyio

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
DEED = Deed("erasure.execute", "subject", "sub_1", {"tables": ["orders"], "rows": 7})
ANN, BEN = "user:ann", "user:ben"
APPROVED, REJECTED = ApprovalDecision.APPROVED, ApprovalDecision.REJECTED


@dataclass(slots=True)
class FakeClock:
    now: dt.datetime = START

    def __call__(self) -> dt.datetime:
        return self.now

    def advance(self, **delta: float) -> None:
        self.now += dt.timedelta(**delta)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def approvals(clock: FakeClock) -> Approvals:
    numbers = itertools.count(1)
    return Approvals(clock, lambda: uuid.UUID(int=(0x0199 << 112) | next(numbers)))


Tenants = tuple[FilledTenant, FilledTenant]


async def test_what_one_asks_for_another_allows_once(
    database: Database, two_tenants: Tenants, approvals: Approvals
) -> None:
    tenant_id = two_tenants[0].tenant_id
    async with database.session(tenant_id) as session:
        asked = await approvals.request(session, DEED, requested_by=ANN)
    async with database.session(tenant_id) as session:
        await approvals.decide(session, asked, APPROVED, decided_by=BEN)
    async with database.session(tenant_id) as session:
        await approvals.use(session, asked, DEED, used_by=ANN)
    async with database.session(tenant_id) as session:
        found = await approvals.find(session, asked)
        assert found is not None
        assert (found.state, found.deed) == (State.USED, DEED)
        assert (found.requested_by, found.decided_by) == (ANN, BEN)
        entries = await session.scalars(
            select(AuditEntry)
            .where(AuditEntry.object_id == str(asked))
            .order_by(AuditEntry.sequence)
        )
        assert [(one.actor, one.action, one.details) for one in entries] == [
            (ANN, "approval.requested", {"deed": "erasure.execute"}),
            (BEN, "approval.approved", {"deed": "erasure.execute"}),
            (ANN, "approval.used", {"deed": "erasure.execute"}),
        ]


@pytest.mark.parametrize(
    "other",
    [
        replace(DEED, action="erasure.plan"),
        replace(DEED, object_kind="agency"),
        replace(DEED, object_id="sub_2"),
        replace(DEED, payload={"tables": ["orders"], "rows": 8}),
        replace(DEED, payload={"tables": ["orders"]}),
        replace(DEED, payload={"tables": ["orders"], "rows": 7, "more": None}),
    ],
)
async def test_an_approval_allows_no_other_deed(
    database: Database, two_tenants: Tenants, approvals: Approvals, other: Deed
) -> None:
    async with database.session(two_tenants[0].tenant_id) as session:
        asked = await approvals.request(session, DEED, requested_by=ANN)
        await approvals.decide(session, asked, APPROVED, decided_by=BEN)
        with pytest.raises(NotApprovedError):
            await approvals.use(session, asked, other, used_by=ANN)
        await approvals.use(session, asked, DEED, used_by=ANN)


async def test_another_agency_sees_and_changes_nothing(
    database: Database, two_tenants: Tenants, approvals: Approvals
) -> None:
    first, second = two_tenants
    async with database.session(first.tenant_id) as session:
        asked = await approvals.request(session, DEED, requested_by=ANN)
    async with database.session(second.tenant_id) as session:
        assert await approvals.find(session, asked) is None
        assert asked not in [one.id for one in await approvals.list_recent(session)]
        with pytest.raises(NotFoundError):
            await approvals.decide(session, asked, APPROVED, decided_by=BEN)
        with pytest.raises(NotApprovedError):
            await approvals.use(session, asked, DEED, used_by=BEN)
    async with database.session(first.tenant_id) as session:
        found = await approvals.find(session, asked)
        assert found is not None
        assert found.state is State.WAITING


async def test_of_64_at_once_one_decides_and_one_uses(
    database_url: str, two_tenants: Tenants, approvals: Approvals
) -> None:
    tenant_id = two_tenants[0].tenant_id
    many = Database(DatabaseConfig(database_url, pool_size=16, overflow=0, wait_seconds=60))
    async with many.session(tenant_id) as session:
        asked = await approvals.request(session, DEED, requested_by=ANN)

    async def decide(number: int) -> bool:
        try:
            async with many.session(tenant_id) as session:
                await approvals.decide(session, asked, APPROVED, decided_by=f"user:{number}")
        except ApprovalOverError:
            return False
        return True

    async def use(_: int) -> bool:
        try:
            async with many.session(tenant_id) as session:
                await approvals.use(session, asked, DEED, used_by=ANN)
        except NotApprovedError:
            return False
        return True

    for work in (decide, use):
        found = await asyncio.gather(*(work(number) for number in range(64)))
        assert sorted(found) == [False] * 63 + [True]
    await many.close()


@dataclass(slots=True)
class Model:
    """The rules, written a second time."""

    requested_by: str
    expires_at: dt.datetime
    decision: ApprovalDecision | None = None
    is_used: bool = False

    def decide(self, who: str, decision: ApprovalDecision, now: dt.datetime) -> type | None:
        if self.decision is None and now < self.expires_at and who == self.requested_by:
            return OwnRequestError
        if self.decision is not None or now >= self.expires_at:
            return ApprovalOverError
        self.decision = decision
        return None

    def use(self, is_same: bool, now: dt.datetime) -> type | None:  # noqa: FBT001
        is_allowed = self.decision is APPROVED and not self.is_used and now < self.expires_at
        if not (is_allowed and is_same):
            return NotApprovedError
        self.is_used = True
        return None

    def state(self, now: dt.datetime) -> State:
        if self.is_used:
            return State.USED
        if self.decision is REJECTED:
            return State.REJECTED
        if now >= self.expires_at:
            return State.EXPIRED
        return State.WAITING if self.decision is None else State.APPROVED


Step = tuple[str, str, ApprovalDecision | bool | int]
PEOPLE = st.sampled_from([ANN, BEN])
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("decide"), PEOPLE, st.sampled_from([APPROVED, REJECTED])),
    st.tuples(st.just("use"), PEOPLE, st.booleans()),
    st.tuples(st.just("wait"), PEOPLE, st.integers(0, 5)),
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(STEPS, max_size=12))
async def test_every_course_follows_the_rules(
    database: Database,
    two_tenants: Tenants,
    approvals: Approvals,
    clock: FakeClock,
    steps: list[Step],
) -> None:
    tenant_id = two_tenants[0].tenant_id
    async with database.session(tenant_id) as session:
        asked = await approvals.request(
            session, DEED, requested_by=ANN, lifetime=dt.timedelta(hours=6)
        )
    model = Model(ANN, clock() + dt.timedelta(hours=6))
    for kind, who, value in steps:
        expected: type | None = None
        async with database.session(tenant_id) as session:
            try:
                if kind == "decide":
                    assert isinstance(value, ApprovalDecision)
                    expected = model.decide(who, value, clock())
                    await approvals.decide(session, asked, value, decided_by=who)
                elif kind == "use":
                    expected = model.use(bool(value), clock())
                    deed = DEED if value else replace(DEED, object_id="another")
                    await approvals.use(session, asked, deed, used_by=who)
                else:
                    clock.advance(hours=int(value))  # type: ignore[arg-type]
                raised: type | None = None
            except (ApprovalOverError, NotApprovedError, OwnRequestError) as error:
                raised = type(error)
            assert raised is expected
            found = await approvals.find(session, asked)
            assert found is not None
            assert found.state is model.state(clock())

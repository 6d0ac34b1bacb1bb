"""Planning inputs are kept, replaced, listed and taken back; what cannot be meant is refused."""

import datetime as dt
import uuid
from decimal import Decimal

import pytest
from sqlalchemy import select
from uuid_utils.compat import uuid7

from domain.errors import ConflictError, InvalidInputError, NotFoundError
from domain.ids import ClientId, public_id
from domain.money import Money
from domain.time_window import DateRange
from ml.panel import Measure
from ml.plans.desk import EVENT, SPEND, PlanDesk, load_plans
from ml.plans.inputs import LiftResult, Target
from tenancy.session import Database
from tenancy.tables import AuditEntry, SpendPlan
from tests.fixtures.database import FilledTenant

pytestmark = pytest.mark.anyio

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
DESK = PlanDesk(lambda: NOW, uuid7)
MARCH = DateRange(dt.date(2026, 3, 1), dt.date(2026, 3, 31))
EUROS = Money(Decimal("1234.50"), "EUR")
ACTOR = "user:ada"


def client_of(tenant: FilledTenant) -> ClientId:
    return ClientId(tenant.rows["clients"]["id"])


def result(**more: object) -> LiftResult:
    given: dict[str, object] = {
        "measure": Measure.REVENUE,
        "spend_change": Money(Decimal(-500), "EUR"),
        "effect": Decimal(-900),
        "standard_error": Decimal(200),
        "source": "geo holdout",
        **more,
    }
    return LiftResult(**given)  # type: ignore[arg-type]


async def test_the_same_period_again_takes_the_place_of_the_amount(
    database: Database, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    own, _ = two_tenants
    target = Target(client_of(own), "paid_search")
    for amount in (EUROS, Money(Decimal(2), "USD")):
        async with database.session(own.tenant_id) as session:
            await DESK.plan_spend(session, target, MARCH, amount, actor=ACTOR)
    async with database.session(own.tenant_id) as session:
        plans = (await load_plans(session, client_of(own))).spend
        entries = (
            await session.scalars(select(AuditEntry).where(AuditEntry.action == "plan.set"))
        ).all()
    kept = [(one.amount, one.currency) for one in plans if one.channel == "paid_search"]
    assert kept == [(Decimal(2), "USD")]
    assert [(one.actor, one.details["from"]) for one in entries] == [(ACTOR, "2026-03-01")] * 2


async def test_periods_of_one_target_do_not_overlap(
    database: Database, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    own, _ = two_tenants
    client_id = client_of(own)
    async with database.session(own.tenant_id) as session:
        kept = await DESK.plan_spend(session, Target(client_id), MARCH, EUROS, actor=ACTOR)
        with pytest.raises(ConflictError) as refused:
            await DESK.plan_spend(session, Target(client_id), MARCH.shifted(30), EUROS, actor=ACTOR)
        assert public_id(SPEND, kept.id) in refused.value.hint
        await DESK.plan_spend(session, Target(client_id), MARCH.shifted(31), EUROS, actor=ACTOR)
        await DESK.plan_spend(session, Target(client_id, "video"), MARCH, EUROS, actor=ACTOR)


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ({"channel": "search"}, "there is no channel 'search'"),
        ({"campaign": "123"}, "'123' is no campaign"),
        ({"campaign": f"{uuid.UUID(int=5)}:1"}, "the client has no such campaign"),
    ],
)
async def test_what_is_not_the_client_s_is_refused(
    database: Database,
    two_tenants: tuple[FilledTenant, FilledTenant],
    target: dict[str, str],
    error: str,
) -> None:
    own, _ = two_tenants
    async with database.session(own.tenant_id) as session:
        with pytest.raises((NotFoundError, InvalidInputError), match=error):
            await DESK.plan_spend(
                session, Target(client_of(own), **target), MARCH, EUROS, actor=ACTOR
            )


@pytest.mark.parametrize(
    "money",
    [
        Money(Decimal(-1), "EUR"),
        Money(Decimal("NaN"), "EUR"),
        Money(Decimal("Infinity"), "EUR"),
        Money(Decimal(10) ** 16, "EUR"),
        Money(Decimal(1), "euros"),
    ],
)
async def test_what_is_no_amount_is_refused(
    database: Database, two_tenants: tuple[FilledTenant, FilledTenant], money: Money
) -> None:
    own, _ = two_tenants
    async with database.session(own.tenant_id) as session:
        with pytest.raises(InvalidInputError):
            await DESK.plan_spend(session, Target(client_of(own)), MARCH, money, actor=ACTOR)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"measure": Measure.SESSIONS}, "says nothing of returns"),
        ({"spend_change": Money(Decimal(0), "EUR")}, "changed no spend"),
        ({"standard_error": Decimal(0)}, "the standard error is 0"),
        ({"effect": Decimal("NaN")}, "the effect is NaN"),
        ({"source": "\n"}, "the source has 0 characters"),
    ],
)
async def test_what_is_no_result_is_refused(
    database: Database,
    two_tenants: tuple[FilledTenant, FilledTenant],
    more: dict[str, object],
    error: str,
) -> None:
    own, _ = two_tenants
    async with database.session(own.tenant_id) as session:
        target = Target(client_of(own), "paid_search")
        with pytest.raises(InvalidInputError, match=error):
            await DESK.note_lift_test(session, target, MARCH, result(**more), actor=ACTOR)


async def test_a_result_names_its_channel(
    database: Database, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    own, _ = two_tenants
    async with database.session(own.tenant_id) as session:
        with pytest.raises(InvalidInputError, match="names no channel"):
            await DESK.note_lift_test(session, Target(client_of(own)), MARCH, result(), actor=ACTOR)
        row = await DESK.note_lift_test(
            session, Target(client_of(own), "video"), MARCH, result(), actor=ACTOR
        )
        assert (row.measure, row.spend_change, row.effect) == (
            "revenue",
            Decimal(-500),
            Decimal(-900),
        )


async def test_what_was_planned_is_taken_back_by_those_who_see_the_client(
    database: Database, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    own, other = two_tenants
    client_id = client_of(own)
    async with database.session(own.tenant_id) as session:
        row = await DESK.plan_event(session, client_id, " summer   sale ", MARCH, actor=ACTOR)
        assert row.name == "summer sale"
    unseen = frozenset({ClientId(uuid.uuid4())})
    for tenant, clients in ((own, unseen), (other, None)):
        async with database.session(tenant.tenant_id) as session:
            with pytest.raises(NotFoundError):
                await DESK.remove(session, EVENT, row.id, clients, actor=ACTOR)
    async with database.session(own.tenant_id) as session:
        await DESK.remove(session, EVENT, row.id, frozenset({client_id}), actor=ACTOR)
    async with database.session(own.tenant_id) as session:
        names = [one.name for one in (await load_plans(session, client_id)).events]
    assert "summer sale" not in names


async def test_another_agency_s_client_is_not_found(
    database: Database, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    own, other = two_tenants
    async with database.session(own.tenant_id) as session:
        with pytest.raises(NotFoundError, match="no such client"):
            await DESK.plan_spend(session, Target(client_of(other)), MARCH, EUROS, actor=ACTOR)
        assert (await session.scalars(select(SpendPlan.client_id))).all() == [client_of(own)]

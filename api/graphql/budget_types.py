"""Budgets as callers ask for them and see them."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import strawberry

from api.entity_ids import parse_entity_id, public_entity_id
from api.graphql.context import Context
from api.graphql.metric_types import Money
from domain.ids import public_id
from feature_repo.entities import CAMPAIGN
from ml.budget.scenario import Outlook
from ml.panel import Measure
from ml.plans.desk import LIFT
from ml.response.curves import Evidence
from ml.spending.question import Bound, Split
from ml.spending.told import Basis, BudgetPlan, BudgetScenario, Part, Unplanned, Verdict
from tenancy.tables import BudgetLevel

__all__ = [
    "CURVES",
    "BudgetBoundInput",
    "BudgetPlanNode",
    "BudgetScenarioNode",
    "BudgetSpendInput",
    "bound_of",
    "plan_of",
    "scenario_of",
    "shown",
    "split_of",
    "today_of",
]

CURVES: Final = "crv"  # prefix of public ids

strawberry.enum(BudgetLevel, description="What a budget is split over.")
strawberry.enum(
    Verdict,
    name="BudgetVerdict",
    description="MOVE: spend as planned. HOLD: keep the present split; a better one is not sure.",
)
strawberry.enum(
    Evidence,
    name="CurveEvidence",
    description="Where a curve comes from: an experiment; the own history, in which spend follows "
    "demand too; half of it; or hardly anything but what is usual in the channel and client.",
)


@strawberry.input(description="What one channel or campaign must get, or may. Name one of the two.")
class BudgetBoundInput:
    """See the description."""

    channel: str | None = None
    campaign: strawberry.ID | None = None
    least: Decimal | None = strawberry.field(default=None, description="Of the whole period.")
    most: Decimal | None = strawberry.field(default=None, description="Of the whole period.")
    most_cost: Decimal | None = strawberry.field(
        default=None, description="Of one conversion; in plans for conversions."
    )
    least_return: Decimal | None = strawberry.field(
        default=None, description="Revenue for one unit of spend; in plans for revenue."
    )


@strawberry.input(description="What one channel or campaign is to get. Name one of the two.")
class BudgetSpendInput:
    """See the description."""

    amount: Decimal = strawberry.field(description="Of the whole period.")
    channel: str | None = None
    campaign: strawberry.ID | None = None


@strawberry.type(description="Bounds that hold what comes so often, as far as the curve is right.")
class OutcomeBand:
    """See the description."""

    low: float
    high: float


@strawberry.type(description="Revenue in the plan's currency, or conversions.")
class BudgetOutcome:
    """See the description."""

    expected: float = strawberry.field(description="Mean of all that is thought possible.")
    band80: OutcomeBand
    band95: OutcomeBand


@strawberry.type(description="One channel or campaign.")
class BudgetPart:
    """See the description."""

    channel: str
    campaign: strawberry.ID | None = strawberry.field(description="null: the whole channel.")
    current: Money = strawberry.field(
        description="What it would get until the end at the pace of the last four weeks."
    )
    spent: Money = strawberry.field(description="Of the period so far.")
    planned: Money = strawberry.field(description="Of the whole period, what is spent included.")
    highest: Money = strawberry.field(
        description="Of the whole period: beyond 1.3 times the 95th percentile of its days nothing "
        "was observed, so nothing is said."
    )
    expected: BudgetOutcome = strawberry.field(description="What the rest of `planned` brings.")
    marginal: BudgetOutcome | None = strawberry.field(
        description="What one more unit of currency would bring; null: beyond `highest`."
    )
    evidence: Evidence
    is_observational: bool = strawberry.field(description="No lift test stands behind it.")
    reason: str = strawberry.field(description="Why the evidence is what it is.")


@strawberry.type(description="One of which too little is known; it goes on as it is.")
class BudgetRest:
    """See the description."""

    channel: str | None = strawberry.field(description="null: it is a campaign.")
    campaign: strawberry.ID | None
    amount: Money = strawberry.field(description="Of the whole period, if it does.")
    reason: str


@strawberry.type(description="A limit that costs something.")
class BudgetLimit:
    """See the description."""

    limit: str
    price: float = strawberry.field(
        description="What the outcome gains when the limit's amount rises by one unit of currency."
    )


@strawberry.type(description="What an answer rests on.")
class BudgetBasis:
    """See the description."""

    curves: strawberry.ID = strawberry.field(description="The fit that was used.")
    as_of: dt.datetime = strawberry.field(description="The fit knew nothing that came later.")
    from_: dt.date = strawberry.field(name="from", description="First day that was learnt from.")
    to: dt.date = strawberry.field(description="The last day whose results were final.")
    days: int
    known_to: dt.date = strawberry.field(description="The last day whose spend is known.")
    code: str = strawberry.field(description="Fingerprint of the program that learnt it.")
    data_hash: str = strawberry.field(description="SHA-256 of the figures.")
    figures: int
    lift_tests: list[strawberry.ID] = strawberry.field(description="Those that count.")


@strawberry.type(name="BudgetPlan", description="How to split a total, and how sure that is.")
class BudgetPlanNode:
    """See the description."""

    verdict: Verdict
    why: str
    level: BudgetLevel
    measure: Measure
    from_: dt.date = strawberry.field(name="from", description="First day that is still planned.")
    total: Money = strawberry.field(description="Exactly what `parts` and `rest` add up to.")
    parts: list[BudgetPart]
    rest: list[BudgetRest] = strawberry.field(description="What cannot be planned yet.")
    expected: BudgetOutcome = strawberry.field(description="What the planned rest brings.")
    current: BudgetOutcome = strawberry.field(
        description="What the present split of the same money brings."
    )
    gain: BudgetOutcome = strawberry.field(description="Of the best split against the present one.")
    probability: float = strawberry.field(description="That the best split brings more.")
    is_observational: bool = strawberry.field(description="A curve has no lift test behind it.")
    limits: list[BudgetLimit] = strawberry.field(description="Those that bind, dearest first.")
    gap: float = strawberry.field(
        description="Share of the outcome by which a better split could beat the best one, at most."
    )
    basis: BudgetBasis


@strawberry.type(name="BudgetScenario", description="What a given split would bring.")
class BudgetScenarioNode:
    """See the description."""

    level: BudgetLevel
    measure: Measure
    from_: dt.date = strawberry.field(name="from", description="First day that is still open.")
    total: Money
    parts: list[BudgetPart]
    rest: list[BudgetRest] = strawberry.field(description="What cannot be judged yet.")
    expected: BudgetOutcome
    current: BudgetOutcome = strawberry.field(description="What going on as it is brings.")
    against_current: BudgetOutcome = strawberry.field(description="Beyond going on as it is.")
    probability: float = strawberry.field(description="That it brings more than going on.")
    is_observational: bool = strawberry.field(description="A curve has no lift test behind it.")
    beyond: list[str] = strawberry.field(
        description="Where it leaves what was observed; that money counts as bringing nothing."
    )
    basis: BudgetBasis


def bound_of(given: BudgetBoundInput) -> Bound:
    """What the caller means."""
    return Bound(
        channel=given.channel,
        campaign=_campaign(given.campaign),
        least=given.least,
        most=given.most,
        most_cost=given.most_cost,
        least_return=given.least_return,
    )


def split_of(given: BudgetSpendInput) -> Split:
    """What the caller means."""
    return Split(given.amount, given.channel, _campaign(given.campaign))


def shown(key: str) -> str:
    """A channel or campaign as callers know it."""
    return public_entity_id(CAMPAIGN, key) if ":" in key else key


def today_of(context: Context) -> dt.date:
    """The present day, where the caller's agency is."""
    return context.services.clock().astimezone(ZoneInfo(context.tenant.time_zone)).date()


def plan_of(told: BudgetPlan) -> BudgetPlanNode:
    """As callers see it."""
    return BudgetPlanNode(
        verdict=told.verdict,
        why=told.why,
        level=told.level,
        measure=told.measure,
        from_=told.planned_from,
        total=Money(amount=told.total, currency=told.currency),
        parts=[_part(one, told.currency) for one in told.parts],
        rest=[_rest(one, told.currency) for one in told.unplanned],
        expected=_outcome(told.expected),
        current=_outcome(told.current),
        gain=_outcome(told.gain),
        probability=told.is_better,
        is_observational=_is_observational(told.parts),
        limits=[BudgetLimit(limit=one.words, price=one.price) for one in told.bindings],
        gap=told.gap,
        basis=_basis(told.basis),
    )


def scenario_of(told: BudgetScenario) -> BudgetScenarioNode:
    """As callers see it."""
    return BudgetScenarioNode(
        level=told.level,
        measure=told.measure,
        from_=told.planned_from,
        total=Money(amount=told.total, currency=told.currency),
        parts=[_part(one, told.currency) for one in told.parts],
        rest=[_rest(one, told.currency) for one in told.unplanned],
        expected=_outcome(told.expected),
        current=_outcome(told.current),
        against_current=_outcome(told.against_current),
        probability=told.is_better,
        is_observational=_is_observational(told.parts),
        beyond=list(told.beyond),
        basis=_basis(told.basis),
    )


def _campaign(given: strawberry.ID | None) -> str | None:
    return None if given is None else parse_entity_id(CAMPAIGN, given)


def _public(key: str) -> strawberry.ID | None:
    return strawberry.ID(shown(key)) if ":" in key else None


def _part(one: Part, currency: str) -> BudgetPart:
    def money(amount: Decimal) -> Money:
        return Money(amount=amount, currency=currency)

    return BudgetPart(
        channel=one.channel,
        campaign=_public(one.key),
        current=money(one.current),
        spent=money(one.spent),
        planned=money(one.planned),
        highest=money(one.highest),
        expected=_outcome(one.expected),
        marginal=None if one.marginal is None else _outcome(one.marginal),
        evidence=one.support.evidence,
        is_observational=one.support.is_observational,
        reason=one.support.reason,
    )


def _rest(one: Unplanned, currency: str) -> BudgetRest:
    campaign = _public(one.key)
    return BudgetRest(
        channel=one.key if campaign is None else None,
        campaign=campaign,
        amount=Money(amount=one.amount, currency=currency),
        reason=one.reason,
    )


def _outcome(one: Outlook) -> BudgetOutcome:
    return BudgetOutcome(
        expected=one.mean,
        band80=OutcomeBand(low=one.low_80, high=one.high_80),
        band95=OutcomeBand(low=one.low_95, high=one.high_95),
    )


def _is_observational(parts: Sequence[Part]) -> bool:
    return any(one.support.is_observational for one in parts)


def _basis(one: Basis) -> BudgetBasis:
    return BudgetBasis(
        curves=strawberry.ID(public_id(CURVES, one.curves)),
        as_of=one.as_of,
        from_=one.first_day,
        to=one.final_day,
        days=(one.final_day - one.first_day).days + 1,
        known_to=one.known_to,
        code=one.code,
        data_hash=one.data_hash,
        figures=one.figures,
        lift_tests=[strawberry.ID(public_id(LIFT, test)) for test in one.lift_tests],
    )

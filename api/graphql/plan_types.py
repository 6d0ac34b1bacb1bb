"""Planning inputs as callers see them."""

import datetime as dt
from decimal import Decimal

import strawberry

from api.entity_ids import parse_entity_id, public_entity_id
from api.graphql.access import own_client_id
from api.graphql.measures import Measure
from api.graphql.metric_types import Money
from domain.ids import ClientId, public_id
from feature_repo.entities import CAMPAIGN
from ml.plans.desk import EVENT, LIFT, SPEND
from ml.plans.inputs import Target
from tenancy.tables import LiftTest, PlannedEvent, SpendPlan

__all__ = [
    "LiftTestNode",
    "PlanTargetInput",
    "PlannedEventNode",
    "SpendPlanNode",
    "event_of",
    "lift_test_of",
    "spend_plan_of",
    "target_of",
]


@strawberry.input(description="A client, or one of its channels or campaigns.")
class PlanTargetInput:
    """See the description."""

    client: strawberry.ID
    channel: str | None = strawberry.field(default=None, description="null: all of them.")
    campaign: strawberry.ID | None = strawberry.field(default=None, description="null: all.")


@strawberry.type(name="SpendPlan", description="Media cost that is planned for a period.")
class SpendPlanNode:
    """See the description."""

    id: strawberry.ID
    client_id: strawberry.ID
    channel: str | None = strawberry.field(description="null: all channels.")
    campaign: strawberry.ID | None = strawberry.field(description="null: all campaigns.")
    from_: dt.date = strawberry.field(name="from")
    to: dt.date = strawberry.field(description="Belongs to the period.")
    amount: Money = strawberry.field(description="Of the whole period.")


@strawberry.type(name="PlannedEvent", description="Days that are not like others.")
class PlannedEventNode:
    """See the description."""

    id: strawberry.ID
    client_id: strawberry.ID
    name: str
    from_: dt.date = strawberry.field(name="from")
    to: dt.date = strawberry.field(description="Belongs to the event.")


@strawberry.type(name="LiftTest", description="What an experiment found.")
class LiftTestNode:
    """See the description."""

    id: strawberry.ID
    client_id: strawberry.ID
    channel: str
    campaign: strawberry.ID | None = strawberry.field(description="null: the whole channel.")
    from_: dt.date = strawberry.field(name="from")
    to: dt.date = strawberry.field(description="Belongs to the period.")
    measure: Measure
    spend_change: Money = strawberry.field(description="Over the period; below 0: less was spent.")
    effect: Decimal = strawberry.field(description="Of the measure, over the period.")
    standard_error: Decimal
    source: str = strawberry.field(description="Who made it, and how.")


def target_of(given: PlanTargetInput, seen: frozenset[ClientId] | None) -> Target:
    """What the caller means; raises as `own_client_id`."""
    campaign = None if given.campaign is None else parse_entity_id(CAMPAIGN, given.campaign)
    return Target(own_client_id(given.client, seen), given.channel, campaign)


def spend_plan_of(row: SpendPlan) -> SpendPlanNode:
    """As callers see it."""
    return SpendPlanNode(
        id=strawberry.ID(public_id(SPEND, row.id)),
        client_id=strawberry.ID(public_id("cli", row.client_id)),
        channel=row.channel,
        campaign=_campaign(row.campaign),
        from_=row.day_from,
        to=row.day_to,
        amount=Money(amount=row.amount, currency=row.currency),
    )


def event_of(row: PlannedEvent) -> PlannedEventNode:
    """As callers see it."""
    return PlannedEventNode(
        id=strawberry.ID(public_id(EVENT, row.id)),
        client_id=strawberry.ID(public_id("cli", row.client_id)),
        name=row.name,
        from_=row.day_from,
        to=row.day_to,
    )


def lift_test_of(row: LiftTest) -> LiftTestNode:
    """As callers see it."""
    return LiftTestNode(
        id=strawberry.ID(public_id(LIFT, row.id)),
        client_id=strawberry.ID(public_id("cli", row.client_id)),
        channel=row.channel,
        campaign=_campaign(row.campaign),
        from_=row.day_from,
        to=row.day_to,
        measure=Measure(row.measure),
        spend_change=Money(amount=row.spend_change, currency=row.currency),
        effect=row.effect,
        standard_error=row.standard_error,
        source=row.source,
    )


def _campaign(value: str | None) -> strawberry.ID | None:
    return None if value is None else strawberry.ID(public_entity_id(CAMPAIGN, value))

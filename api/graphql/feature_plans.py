"""What a plan of a feature view says, in GraphQL."""

import strawberry

from api.graphql.scalars import Count
from feature_repo.registration.changes import ChangeKind
from feature_repo.registration.cost import Cost
from feature_repo.registration.plan import Plan

__all__ = ["FeatureViewCost", "FeatureViewPlan", "cost_of", "plan_of"]

strawberry.enum(ChangeKind, name="FeatureChangeKind", description="What becomes of a feature.")


@strawberry.type(description="Of refreshing a view of the agency once, from above.")
class FeatureViewCost:
    """See the description."""

    rows: Count = strawberry.field(description="Of facts that are read.")
    bytes_read: Count
    queries: int = strawberry.field(description="One for each account or client.")
    usd: str = strawberry.field(description="At BigQuery's on-demand price.")
    usd_a_month: str = strawberry.field(description="Of thirty refreshes.")
    online_bytes: Count = strawberry.field(description="That its values take in the online store.")


@strawberry.type(description="Against the version before.")
class FeatureChange:
    """See the description."""

    feature: str | None = strawberry.field(description="null: the view as a whole.")
    kind: ChangeKind
    is_breaking: bool = strawberry.field(
        description="Who reads the version before would read something else, or nothing."
    )
    before: str | None
    after: str | None


@strawberry.type(description="Both versions on the agency's own entities, as of now.")
class FeatureDifference:
    """See the description."""

    feature: str
    compared: int
    differing: int
    example: str | None = strawberry.field(description="An entity and its two values.")


@strawberry.type(description="A unit test of the file.")
class FeatureTest:
    """See the description."""

    name: str
    passed: bool
    differences: list[str]


@strawberry.type(description="What applying a definition does; nothing is written by planning.")
class FeatureViewPlan:
    """See the description."""

    view: str = strawberry.field(description="Full name, with the version.")
    is_new: bool = strawberry.field(description="The version is not registered yet.")
    earlier: str | None = strawberry.field(description="What it is compared with.")
    may_be_applied: bool
    refusals: list[str]
    notices: list[str]
    changes: list[FeatureChange]
    differences: list[FeatureDifference]
    tests: list[FeatureTest]
    cost: FeatureViewCost


def plan_of(plan: Plan) -> FeatureViewPlan:
    """The plan for GraphQL."""
    return FeatureViewPlan(
        view=plan.definition.view.name,
        is_new=not plan.is_known,
        earlier=plan.earlier or None,
        may_be_applied=not plan.refusals,
        refusals=list(plan.refusals),
        notices=list(plan.notices),
        changes=[
            FeatureChange(
                feature=one.feature or None,
                kind=one.kind,
                is_breaking=one.is_breaking,
                before=one.before or None,
                after=one.after or None,
            )
            for one in plan.changes
        ],
        differences=[
            FeatureDifference(
                feature=one.feature,
                compared=one.compared,
                differing=one.differing,
                example=None if one.example is None else "{}: {} -> {}".format(*one.example),
            )
            for one in plan.differences
        ],
        tests=[
            FeatureTest(
                name=one.name,
                passed=not one.differences,
                differences=[
                    f"{differing.feature}: expected {differing.expected}, found {differing.found}"
                    for differing in one.differences
                ],
            )
            for one in plan.tests
        ],
        cost=cost_of(plan.cost),
    )


def cost_of(cost: Cost) -> FeatureViewCost:
    """The cost for GraphQL."""
    return FeatureViewCost(
        rows=Count(cost.rows),
        bytes_read=Count(cost.bytes_read),
        queries=cost.queries,
        usd=f"{cost.usd:f}",
        usd_a_month=f"{cost.usd_a_month:f}",
        online_bytes=Count(cost.online_bytes),
    )

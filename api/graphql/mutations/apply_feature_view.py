"""The mutation `applyFeatureView`: register a version of a view, and compute its first values.

YAML -> plan, anew -> one row, audited -> durable backfill
"""

from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.feature_plans import FeatureViewPlan, plan_of
from api.graphql.mutations.plan_feature_view import FILE_NAME, FeatureViewInput, require_all_metrics
from api.identity.caller import Scope
from domain.errors import UserError

__all__ = ["APPLY_FEATURE_VIEW"]


@strawberry.type(description="The version is registered; its first values are on their way.")
class FeatureViewApplied:
    """See the description."""

    plan: FeatureViewPlan = strawberry.field(description="That was carried out.")
    is_new: bool = strawberry.field(description="false: it was registered before.")


@strawberry.type(description="It was refused; nothing changed.")
class ApplyFeatureViewError:
    """See the description."""

    code: str
    message: str
    hint: str


ApplyFeatureViewPayload = Annotated[
    FeatureViewApplied | ApplyFeatureViewError, strawberry.union("ApplyFeatureViewPayload")
]


async def _apply(info: EdgeInfo, input: FeatureViewInput) -> ApplyFeatureViewPayload:  # noqa: A002  # the argument's name in GraphQL
    context = info.context
    caller, services = context.caller, context.services
    try:
        require_all_metrics(caller)
        plan, is_new = await services.feature_book.apply(
            caller.scope, input.definition, FILE_NAME, actor=caller.actor
        )
    except UserError as error:
        return ApplyFeatureViewError(code=error.code, message=error.message, hint=error.hint)
    # The same version has the same job: what a crash kept from being queued is queued now.
    await services.feature_backfills.start(caller.tenant_id, plan.definition)
    return FeatureViewApplied(plan=plan_of(plan), is_new=is_new)


APPLY_FEATURE_VIEW = RootField(
    "applyFeatureView",
    Scope.FEATURES_WRITE,
    "Register a version of a feature view of the agency, or new words about one.",
    _apply,
)

"""The mutation `planFeatureView`: what applying a definition would do. Writes nothing.

It is a mutation because it starts work: it runs the file's tests and reads the agency's facts.
"""

from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.feature_plans import FeatureViewPlan, plan_of
from api.identity.caller import Caller, Scope
from domain.errors import PermissionDeniedError, UserError

__all__ = ["FILE_NAME", "PLAN_FEATURE_VIEW", "FeatureViewInput", "require_all_metrics"]

FILE_NAME = "definition"  # in messages, before the line


@strawberry.input(description="A version of a feature view.")
class FeatureViewInput:
    """See the description."""

    definition: str = strawberry.field(description="The YAML file; docs/features.md has one.")


@strawberry.type(description="What applying it would do.")
class FeatureViewPlanned:
    """See the description."""

    plan: FeatureViewPlan


@strawberry.type(description="The file is wrong; `message` tells each line.")
class PlanFeatureViewError:
    """See the description."""

    code: str
    message: str
    hint: str


PlanFeatureViewPayload = Annotated[
    FeatureViewPlanned | PlanFeatureViewError, strawberry.union("PlanFeatureViewPayload")
]


def require_all_metrics(caller: Caller) -> None:
    """Refuse applications that see some metrics only: a plan shows figures of any column.

    Raises:
        PermissionDeniedError: The application is limited (whoever manages it can change that).
    """
    if caller.metrics is not None:
        raise PermissionDeniedError(
            "the application is limited to some metrics",
            hint="an application that registers features sees all of them",
        )


async def _plan(info: EdgeInfo, input: FeatureViewInput) -> PlanFeatureViewPayload:  # noqa: A002  # the argument's name in GraphQL
    context = info.context
    try:
        require_all_metrics(context.caller)
        plan = await context.services.feature_book.plan(
            context.caller.scope, input.definition, FILE_NAME
        )
    except UserError as error:
        return PlanFeatureViewError(code=error.code, message=error.message, hint=error.hint)
    return FeatureViewPlanned(plan=plan_of(plan))


PLAN_FEATURE_VIEW = RootField(
    "planFeatureView",
    Scope.FEATURES_WRITE,
    "Tell what applying a feature view would do; nothing is written.",
    _plan,
)

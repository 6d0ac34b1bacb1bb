"""The mutation `deprecateFeatureView`: a view is served until a day, then gone."""

import datetime as dt
from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.identity.caller import Scope
from domain.errors import UserError

__all__ = ["DEPRECATE_FEATURE_VIEW"]


@strawberry.input(description="Which view, until when, and what instead.")
class DeprecateFeatureViewInput:
    """See the description."""

    view: str = strawberry.field(description="Full name, with the version.")
    last_day: dt.date = strawberry.field(description="UTC day on which it is last served.")
    successor: str | None = strawberry.field(
        default=None, description="Full name of the view to use instead; null: there is none."
    )


@strawberry.type(description="Who reads it is told from now on.")
class FeatureViewDeprecated:
    """See the description."""

    view: str
    notice: str
    retires_at: dt.datetime = strawberry.field(description="From then on there is no such view.")


@strawberry.type(description="It was refused; nothing changed.")
class DeprecateFeatureViewError:
    """See the description."""

    code: str
    message: str
    hint: str


DeprecateFeatureViewPayload = Annotated[
    FeatureViewDeprecated | DeprecateFeatureViewError,
    strawberry.union("DeprecateFeatureViewPayload"),
]


async def _deprecate(
    info: EdgeInfo,
    input: DeprecateFeatureViewInput,  # noqa: A002  # the argument's name in GraphQL
) -> DeprecateFeatureViewPayload:
    caller, book = info.context.caller, info.context.services.feature_book
    try:
        deprecation = await book.deprecate(
            caller.tenant_id,
            input.view,
            last_day=input.last_day,
            successor=input.successor or "",
            actor=caller.actor,
        )
    except UserError as error:
        return DeprecateFeatureViewError(code=error.code, message=error.message, hint=error.hint)
    return FeatureViewDeprecated(
        view=input.view, notice=str(deprecation), retires_at=deprecation.retires_at
    )


DEPRECATE_FEATURE_VIEW = RootField(
    "deprecateFeatureView",
    Scope.FEATURES_WRITE,
    "Say until when a feature view of the agency is served, and what to use instead.",
    _deprecate,
)

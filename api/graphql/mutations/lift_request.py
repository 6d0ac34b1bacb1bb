"""The mutation `liftRequest`: a restriction or an objection ends.

id, reason -> LiftingDesk -> the person is read again
"""

from functools import partial
from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.privacy_decisions import decide
from api.graphql.privacy_types import SubjectRequest
from api.identity.caller import Scope
from domain.errors import UserError

__all__ = ["LIFT_REQUEST"]


@strawberry.type(description="The person is read again, within seconds.")
class RequestLifted:
    """See the description."""

    request: SubjectRequest


@strawberry.type(description="Nothing changed.")
class LiftRequestError:
    """See the description."""

    code: str
    message: str
    hint: str


LiftRequestPayload = Annotated[
    RequestLifted | LiftRequestError, strawberry.union("LiftRequestPayload")
]


async def _lift_request(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of what was granted.")],  # noqa: A002  # the argument's name in GraphQL
    reason: Annotated[
        str, strawberry.argument(description="Of an objection: how the person took it back.")
    ] = "",
) -> LiftRequestPayload:
    try:
        office, actor = info.context.services.privacy, info.context.caller.actor
        verb = partial(office.lifting.lift, reason=reason, actor=actor)
        return RequestLifted(request=await decide(info, id, verb))
    except UserError as error:
        return LiftRequestError(code=error.code, message=error.message, hint=error.hint)


LIFT_REQUEST = RootField(
    "liftRequest",
    Scope.PRIVACY_WRITE,
    "End a restriction whose end was told a week ago, or an objection that was taken back.",
    _lift_request,
)

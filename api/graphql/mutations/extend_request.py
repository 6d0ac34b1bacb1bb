"""The mutation `extendRequest`: two months more, told in time.

id, reason -> DecisionDesk -> later date, letter to the person
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

__all__ = ["EXTEND_REQUEST"]


@strawberry.type(description="There are two months more, and the person is told why.")
class RequestExtended:
    """See the description."""

    request: SubjectRequest


@strawberry.type(description="Nothing changed.")
class ExtendRequestError:
    """See the description."""

    code: str
    message: str
    hint: str


ExtendRequestPayload = Annotated[
    RequestExtended | ExtendRequestError, strawberry.union("ExtendRequestPayload")
]


async def _extend_request(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the request.")],  # noqa: A002  # the argument's name in GraphQL
    reason: Annotated[
        str,
        strawberry.argument(description="For the person: what makes the request complex."),
    ],
) -> ExtendRequestPayload:
    try:
        office, actor = info.context.services.privacy, info.context.caller.actor
        verb = partial(office.decisions.extend, reason=reason, actor=actor)
        return RequestExtended(request=await decide(info, id, verb))
    except UserError as error:
        return ExtendRequestError(code=error.code, message=error.message, hint=error.hint)


EXTEND_REQUEST = RootField(
    "extendRequest",
    Scope.PRIVACY_WRITE,
    "Take two months more; the person is told why. Once, within the first month.",
    _extend_request,
)

"""The mutation `withdrawRequest`: the person takes a request back.

id -> DecisionDesk -> withdrawn
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

__all__ = ["WITHDRAW_REQUEST"]


@strawberry.type(description="The request ends.")
class RequestWithdrawn:
    """See the description."""

    request: SubjectRequest


@strawberry.type(description="Nothing changed.")
class WithdrawRequestError:
    """See the description."""

    code: str
    message: str
    hint: str


WithdrawRequestPayload = Annotated[
    RequestWithdrawn | WithdrawRequestError, strawberry.union("WithdrawRequestPayload")
]


async def _withdraw_request(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the request.")],  # noqa: A002  # the argument's name in GraphQL
) -> WithdrawRequestPayload:
    try:
        office, actor = info.context.services.privacy, info.context.caller.actor
        verb = partial(office.decisions.withdraw, actor=actor)
        return RequestWithdrawn(request=await decide(info, id, verb))
    except UserError as error:
        return WithdrawRequestError(code=error.code, message=error.message, hint=error.hint)


WITHDRAW_REQUEST = RootField(
    "withdrawRequest",
    Scope.PRIVACY_WRITE,
    "Note that the person takes the request back.",
    _withdraw_request,
)

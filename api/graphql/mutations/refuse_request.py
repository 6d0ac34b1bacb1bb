"""The mutation `refuseRequest`: not acted on, with reasons.

id, reason, remedy -> DecisionDesk -> refused, letter to the person
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

__all__ = ["REFUSE_REQUEST"]


@strawberry.type(description="The request ends, and the person is told why.")
class RequestRefused:
    """See the description."""

    request: SubjectRequest


@strawberry.type(description="Nothing changed.")
class RefuseRequestError:
    """See the description."""

    code: str
    message: str
    hint: str


RefuseRequestPayload = Annotated[
    RequestRefused | RefuseRequestError, strawberry.union("RefuseRequestPayload")
]


async def _refuse_request(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the request.")],  # noqa: A002  # the argument's name in GraphQL
    reason: Annotated[str, strawberry.argument(description="For the person.")],
    remedy: Annotated[
        str | None,
        strawberry.argument(description="Authority and courts; null: the general words."),
    ] = None,
) -> RefuseRequestPayload:
    try:
        office, actor = info.context.services.privacy, info.context.caller.actor
        verb = partial(office.decisions.refuse, reason=reason, remedy=remedy, actor=actor)
        return RequestRefused(request=await decide(info, id, verb))
    except UserError as error:
        return RefuseRequestError(code=error.code, message=error.message, hint=error.hint)


REFUSE_REQUEST = RootField(
    "refuseRequest",
    Scope.PRIVACY_WRITE,
    "Do not act on a request; the person is told why, and what they can do.",
    _refuse_request,
)

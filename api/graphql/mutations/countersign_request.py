"""The mutation `countersignRequest`: a second person confirms that nothing was found.

id, a person behind the token -> DecisionDesk -> completed, letter to the person
"""

from functools import partial
from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.privacy_decisions import decide, require_person
from api.graphql.privacy_types import SubjectRequest
from api.identity.caller import Scope
from domain.errors import UserError

__all__ = ["COUNTERSIGN_REQUEST"]


@strawberry.type(description="It is confirmed that nothing was found.")
class RequestCountersigned:
    """See the description."""

    request: SubjectRequest


@strawberry.type(description="Nothing changed.")
class CountersignRequestError:
    """See the description."""

    code: str
    message: str
    hint: str


CountersignRequestPayload = Annotated[
    RequestCountersigned | CountersignRequestError, strawberry.union("CountersignRequestPayload")
]


async def _countersign_request(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the request.")],  # noqa: A002  # the argument's name in GraphQL
) -> CountersignRequestPayload:
    try:
        require_person(info)
        office, actor = info.context.services.privacy, info.context.caller.actor
        verb = partial(office.decisions.countersign, actor=actor)
        return RequestCountersigned(request=await decide(info, id, verb))
    except UserError as error:
        return CountersignRequestError(code=error.code, message=error.message, hint=error.hint)


COUNTERSIGN_REQUEST = RootField(
    "countersignRequest",
    Scope.PRIVACY_WRITE,
    "Confirm as the second person that nothing was found.",
    _countersign_request,
)

"""The mutation `approveErasure`: a second person agrees.

id, a person behind the token -> DecisionDesk -> the request goes on
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

__all__ = ["APPROVE_ERASURE"]


@strawberry.type(description="A second person has agreed.")
class ErasureApproved:
    """See the description."""

    request: SubjectRequest


@strawberry.type(description="Nothing changed.")
class ApproveErasureError:
    """See the description."""

    code: str
    message: str
    hint: str


ApproveErasurePayload = Annotated[
    ErasureApproved | ApproveErasureError, strawberry.union("ApproveErasurePayload")
]


async def _approve_erasure(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the request.")],  # noqa: A002  # the argument's name in GraphQL
) -> ApproveErasurePayload:
    try:
        require_person(info)
        office, actor = info.context.services.privacy, info.context.caller.actor
        verb = partial(office.decisions.approve, actor=actor)
        return ErasureApproved(request=await decide(info, id, verb))
    except UserError as error:
        return ApproveErasureError(code=error.code, message=error.message, hint=error.hint)


APPROVE_ERASURE = RootField(
    "approveErasure",
    Scope.PRIVACY_WRITE,
    "Agree to an erasure as the second person: whoever took it in, chose the person or"
    " vouched may not.",
    _approve_erasure,
)

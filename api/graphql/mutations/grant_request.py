"""The mutation `grantRequest`: an officer rules for the person.

id, reason -> RulingDesk -> completed, letter to the person
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

__all__ = ["GRANT_REQUEST"]


@strawberry.type(description="The request is acted on, and the person is told what is done.")
class RequestGranted:
    """See the description."""

    request: SubjectRequest


@strawberry.type(description="Nothing changed.")
class GrantRequestError:
    """See the description."""

    code: str
    message: str
    hint: str


GrantRequestPayload = Annotated[
    RequestGranted | GrantRequestError, strawberry.union("GrantRequestPayload")
]


async def _grant_request(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the request.")],  # noqa: A002  # the argument's name in GraphQL
    reason: Annotated[str, strawberry.argument(description="For the person: what is done.")],
) -> GrantRequestPayload:
    try:
        office, actor = info.context.services.privacy, info.context.caller.actor
        verb = partial(office.rulings.grant, reason=reason, actor=actor)
        return RequestGranted(request=await decide(info, id, verb))
    except UserError as error:
        return GrantRequestError(code=error.code, message=error.message, hint=error.hint)


GRANT_REQUEST = RootField(
    "grantRequest",
    Scope.PRIVACY_WRITE,
    "Rule for the person on restriction, objection or review of a decision.",
    _grant_request,
)

"""The mutation `lookAgain`: that nothing was found is not believed.

id -> DecisionDesk -> the person is to be chosen again
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

__all__ = ["LOOK_AGAIN"]


@strawberry.type(description="The person is to be chosen again.")
class LookingAgain:
    """See the description."""

    request: SubjectRequest


@strawberry.type(description="Nothing changed.")
class LookAgainError:
    """See the description."""

    code: str
    message: str
    hint: str


LookAgainPayload = Annotated[LookingAgain | LookAgainError, strawberry.union("LookAgainPayload")]


async def _look_again(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the request.")],  # noqa: A002  # the argument's name in GraphQL
) -> LookAgainPayload:
    try:
        office, actor = info.context.services.privacy, info.context.caller.actor
        verb = partial(office.decisions.look_again, actor=actor)
        return LookingAgain(request=await decide(info, id, verb))
    except UserError as error:
        return LookAgainError(code=error.code, message=error.message, hint=error.hint)


LOOK_AGAIN = RootField(
    "lookAgain",
    Scope.PRIVACY_WRITE,
    "Do not confirm that nothing was found: somebody else may be meant.",
    _look_again,
)

"""The mutation `tellLifting`: a person hears that a restriction ends, before it does.

id, reason -> LiftingDesk -> letter to the person
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

__all__ = ["TELL_LIFTING"]


@strawberry.type(description="The letter is written; a week after the person has it, lift.")
class LiftingTold:
    """See the description."""

    request: SubjectRequest


@strawberry.type(description="Nothing changed.")
class TellLiftingError:
    """See the description."""

    code: str
    message: str
    hint: str


TellLiftingPayload = Annotated[
    LiftingTold | TellLiftingError, strawberry.union("TellLiftingPayload")
]


async def _tell_lifting(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of a granted restriction.")],  # noqa: A002  # the argument's name in GraphQL
    reason: Annotated[str, strawberry.argument(description="For the person: why it ends.")],
) -> TellLiftingPayload:
    try:
        office, actor = info.context.services.privacy, info.context.caller.actor
        verb = partial(office.lifting.tell, reason=reason, actor=actor)
        return LiftingTold(request=await decide(info, id, verb))
    except UserError as error:
        return TellLiftingError(code=error.code, message=error.message, hint=error.hint)


TELL_LIFTING = RootField(
    "tellLifting",
    Scope.PRIVACY_WRITE,
    "Tell the person that a restriction ends, a week before it is lifted (GDPR article 18(3)).",
    _tell_lifting,
)

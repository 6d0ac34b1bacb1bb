"""The mutation `declareNobody`: nobody in the data fits.

id -> DecisionDesk -> waits for a countersignature
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

__all__ = ["DECLARE_NOBODY"]


@strawberry.type(description="Another officer has to confirm that nobody fits.")
class NobodyDeclared:
    """See the description."""

    request: SubjectRequest


@strawberry.type(description="Nothing changed.")
class DeclareNobodyError:
    """See the description."""

    code: str
    message: str
    hint: str


DeclareNobodyPayload = Annotated[
    NobodyDeclared | DeclareNobodyError, strawberry.union("DeclareNobodyPayload")
]


async def _declare_nobody(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the request.")],  # noqa: A002  # the argument's name in GraphQL
) -> DeclareNobodyPayload:
    try:
        office, actor = info.context.services.privacy, info.context.caller.actor
        verb = partial(office.decisions.declare_nobody, actor=actor)
        return NobodyDeclared(request=await decide(info, id, verb))
    except UserError as error:
        return DeclareNobodyError(code=error.code, message=error.message, hint=error.hint)


DECLARE_NOBODY = RootField(
    "declareNobody",
    Scope.PRIVACY_WRITE,
    "Say that nobody in the data fits; another officer has to confirm it.",
    _declare_nobody,
)

"""The mutation `searchAgain`: the person is looked for once more.

id -> DecisionDesk -> the request goes on, if somebody fits
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

__all__ = ["SEARCH_AGAIN"]


@strawberry.type(description="The person was looked for in what is known by now.")
class SearchedAgain:
    """See the description."""

    request: SubjectRequest


@strawberry.type(description="Nothing changed.")
class SearchAgainError:
    """See the description."""

    code: str
    message: str
    hint: str


SearchAgainPayload = Annotated[
    SearchedAgain | SearchAgainError, strawberry.union("SearchAgainPayload")
]


async def _search_again(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the request.")],  # noqa: A002  # the argument's name in GraphQL
) -> SearchAgainPayload:
    try:
        office, actor = info.context.services.privacy, info.context.caller.actor
        verb = partial(office.decisions.search, actor=actor)
        return SearchedAgain(request=await decide(info, id, verb))
    except UserError as error:
        return SearchAgainError(code=error.code, message=error.message, hint=error.hint)


SEARCH_AGAIN = RootField(
    "searchAgain",
    Scope.PRIVACY_WRITE,
    "Look for the person again, in what is known by now.",
    _search_again,
)

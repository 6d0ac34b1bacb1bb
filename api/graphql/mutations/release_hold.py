"""The mutation `releaseHold`: data may be erased again.

id -> HoldDesk -> requests that nothing keeps any more go on
"""

from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.privacy_decisions import officer_of
from api.graphql.scalars import Count
from api.identity.caller import Scope
from domain.errors import UserError
from domain.ids import parse_id
from gdpr.requests.holds import HOLD_PREFIX

__all__ = ["RELEASE_HOLD"]


@strawberry.type(description="The hold is over.")
class HoldReleased:
    """See the description."""

    freed: Count = strawberry.field(description="Requests that go on by that.")


@strawberry.type(description="Nothing changed.")
class ReleaseHoldError:
    """See the description."""

    code: str
    message: str
    hint: str


ReleaseHoldPayload = Annotated[
    HoldReleased | ReleaseHoldError, strawberry.union("ReleaseHoldPayload")
]


async def _release_hold(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the hold.")],  # noqa: A002  # the argument's name in GraphQL
) -> ReleaseHoldPayload:
    caller, office = info.context.caller, info.context.services.privacy
    try:
        hold_id = parse_id(HOLD_PREFIX, id)
        freed = await office.release_hold(caller.tenant_id, hold_id, officer_of(info))
    except UserError as error:
        return ReleaseHoldError(code=error.code, message=error.message, hint=error.hint)
    return HoldReleased(freed=Count(freed))


RELEASE_HOLD = RootField(
    "releaseHold",
    Scope.PRIVACY_WRITE,
    "End a legal hold; what nothing keeps any more goes on.",
    _release_hold,
)

"""The mutation `askIdentity`: the requester is asked who they are.

id -> IdentityDesk -> a code to an address that the data carries; the clock stands still
"""

import uuid
from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.privacy_decisions import decide
from api.graphql.privacy_types import SubjectRequest
from api.identity.caller import Scope
from domain.errors import UserError
from domain.ids import TenantId
from gdpr.requests.identity import IdentityAsked as Asked

__all__ = ["ASK_IDENTITY"]


@strawberry.type(description="The requester is asked who they are.")
class IdentityAsked:
    """See the description."""

    request: SubjectRequest
    is_code_sent: bool = strawberry.field(
        description="false: there is no address, or mail does not go; somebody has to vouch."
    )


@strawberry.type(description="Nothing changed.")
class AskIdentityError:
    """See the description."""

    code: str
    message: str
    hint: str


AskIdentityPayload = Annotated[
    IdentityAsked | AskIdentityError, strawberry.union("AskIdentityPayload")
]


async def _ask_identity(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the request.")],  # noqa: A002  # the argument's name in GraphQL
) -> AskIdentityPayload:
    try:
        return await _ask(info, id)
    except UserError as error:
        return AskIdentityError(code=error.code, message=error.message, hint=error.hint)


async def _ask(info: EdgeInfo, public: str) -> IdentityAsked:
    caller, office = info.context.caller, info.context.services.privacy
    asked: list[Asked] = []

    async def ask(tenant_id: TenantId, request_id: uuid.UUID) -> None:
        asked.append(await office.identity.ask(tenant_id, request_id, actor=caller.actor))

    request = await decide(info, public, ask)
    return IdentityAsked(request=request, is_code_sent=asked[0].is_code_sent)


ASK_IDENTITY = RootField(
    "askIdentity",
    Scope.PRIVACY_WRITE,
    "Ask the requester who they are, by a code to an address that the data carries.",
    _ask_identity,
)

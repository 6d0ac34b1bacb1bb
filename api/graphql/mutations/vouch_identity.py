"""The mutation `vouchIdentity`: somebody has seen who the requester is.

id, proof -> IdentityDesk -> the request goes on
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
from gdpr.requests.identity import Proof

__all__ = ["VOUCH_IDENTITY"]

strawberry.enum(Proof, name="IdentityProof", description="What somebody has seen.")


@strawberry.type(description="The requester is the person.")
class IdentityVouched:
    """See the description."""

    request: SubjectRequest


@strawberry.type(description="Nothing changed.")
class VouchIdentityError:
    """See the description."""

    code: str
    message: str
    hint: str


VouchIdentityPayload = Annotated[
    IdentityVouched | VouchIdentityError, strawberry.union("VouchIdentityPayload")
]


async def _vouch_identity(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the request.")],  # noqa: A002  # the argument's name in GraphQL
    proof: Annotated[Proof, strawberry.argument(description="What was seen.")],
) -> VouchIdentityPayload:
    try:
        office, actor = info.context.services.privacy, info.context.caller.actor
        verb = partial(office.identity.vouch, proof=proof, actor=actor)
        return IdentityVouched(request=await decide(info, id, verb))
    except UserError as error:
        return VouchIdentityError(code=error.code, message=error.message, hint=error.hint)


VOUCH_IDENTITY = RootField(
    "vouchIdentity",
    Scope.PRIVACY_WRITE,
    "Say that you have seen who the requester is.",
    _vouch_identity,
)

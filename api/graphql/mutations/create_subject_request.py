"""The mutation `createSubjectRequest`: what a person asked for comes to the desk.

client, right, identifiers -> Intake -> RequestDesk -> the request, or the one that there is

What a person gave of themselves goes in and never comes out again.
"""

import datetime as dt
from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.privacy_decisions import officer_of
from api.graphql.privacy_types import SubjectRequest, request_of
from api.identity.caller import Scope
from domain.errors import UserError
from domain.ids import ClientId, ConnectionId, parse_id
from domain.privacy.identifiers import IdentifierKind
from domain.privacy.rights import IdentityLevel, IntakeChannel, Right
from gdpr.desk.new_request import GivenIdentifier, NewRequest

__all__ = ["CREATE_SUBJECT_REQUEST"]


@strawberry.type(description="The desk has the request.")
class SubjectRequestCreated:
    """See the description."""

    request: SubjectRequest
    is_new: bool = strawberry.field(description="false: the same was asked for before.")


@strawberry.type(description="There is no new request.")
class CreateSubjectRequestError:
    """See the description."""

    code: str
    message: str
    hint: str


CreateSubjectRequestPayload = Annotated[
    SubjectRequestCreated | CreateSubjectRequestError,
    strawberry.union("CreateSubjectRequestPayload"),
]


@strawberry.input(description="Something that names a person; it is never shown again.")
class IdentifierInput:
    """See the description."""

    kind: IdentifierKind
    value: str
    connection: strawberry.ID | None = strawberry.field(
        default=None, description="Of PLATFORM and ORDER: the account whose id it is."
    )


@strawberry.input(description="What a person asks for.")
class CreateSubjectRequestInput:
    """See the description."""

    client: strawberry.ID = strawberry.field(description="Whose data.")
    right: Right
    identifiers: list[IdentifierInput] = strawberry.field(
        description="What the person gave of themselves; at least one."
    )
    received_at: dt.datetime | None = strawberry.field(
        default=None, description="From when the law counts, with an offset; null: now."
    )
    identity: IdentityLevel = strawberry.field(
        default=IdentityLevel.CLAIMED, description="How surely the requester is the person."
    )
    purposes: list[str] = strawberry.field(
        default_factory=list,
        description="Of a withdrawal or an objection; empty: everything.",
    )
    is_special: bool = strawberry.field(
        default=False, description="Special categories of data are touched (GDPR article 9)."
    )
    language: str = strawberry.field(default="en", description="Of letters, ISO 639-1.")


async def _create_subject_request(
    info: EdgeInfo,
    input: CreateSubjectRequestInput,  # noqa: A002  # the argument's name in GraphQL
) -> CreateSubjectRequestPayload:
    try:
        return await _create(info, input)
    except UserError as error:
        return CreateSubjectRequestError(code=error.code, message=error.message, hint=error.hint)


async def _create(info: EdgeInfo, given: CreateSubjectRequestInput) -> SubjectRequestCreated:
    caller, office = info.context.caller, info.context.services.privacy
    new = NewRequest(
        client_id=ClientId(parse_id("cli", given.client)),
        right=given.right,
        identifiers=[_identifier(one) for one in given.identifiers],
        received_at=given.received_at,
        identity=given.identity,
        purposes=given.purposes,
        is_special=given.is_special,
        language=given.language,
    )
    officer = officer_of(info)
    received = await office.create(caller.tenant_id, new, IntakeChannel.API, officer)
    line = await office.find(caller.tenant_id, received.request_id, officer)
    return SubjectRequestCreated(request=request_of(line), is_new=received.is_new)


def _identifier(given: IdentifierInput) -> GivenIdentifier:
    connection = given.connection
    return GivenIdentifier(
        given.kind,
        given.value,
        None if connection is None else ConnectionId(parse_id("con", connection)),
    )


CREATE_SUBJECT_REQUEST = RootField(
    "createSubjectRequest",
    Scope.PRIVACY_WRITE,
    "Bring to the desk what a person asked for; asked for again it is the same request.",
    _create_subject_request,
)

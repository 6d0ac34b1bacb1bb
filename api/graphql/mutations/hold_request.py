"""The mutation `holdRequest`: data of a person may not be erased for now.

id, basis, owner -> person of the request -> HoldDesk -> hold; requests that it keeps wait
"""

import datetime as dt
from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.privacy_decisions import officer_of
from api.graphql.privacy_types import SubjectRequest, request_of
from api.identity.caller import Scope
from domain.errors import InvalidInputError, UserError
from domain.ids import parse_id, public_id
from gdpr.requests.holds import HOLD_PREFIX, NewHold

__all__ = ["HOLD_REQUEST"]


@strawberry.type(description="Data of the person is kept.")
class RequestHeld:
    """See the description."""

    request: SubjectRequest
    hold_id: strawberry.ID


@strawberry.type(description="Nothing changed.")
class HoldRequestError:
    """See the description."""

    code: str
    message: str
    hint: str


HoldRequestPayload = Annotated[
    RequestHeld | HoldRequestError, strawberry.union("HoldRequestPayload")
]


@strawberry.input(description="Why data of the person of a request may not be erased.")
class HoldRequestInput:
    """See the description."""

    request: strawberry.ID = strawberry.field(description="Its person must be chosen.")
    basis: str = strawberry.field(description="The law or the proceeding; names no person.")
    owner: str = strawberry.field(description="Who answers for it.")
    category: str | None = strawberry.field(default=None, description="Of data; null: all.")
    expires_at: dt.datetime | None = strawberry.field(
        default=None, description="With an offset; null: until it is released."
    )


async def _hold_request(info: EdgeInfo, input: HoldRequestInput) -> HoldRequestPayload:  # noqa: A002  # the argument's name in GraphQL
    try:
        return await _hold(info, input)
    except UserError as error:
        return HoldRequestError(code=error.code, message=error.message, hint=error.hint)


async def _hold(info: EdgeInfo, given: HoldRequestInput) -> RequestHeld:
    caller, office = info.context.caller, info.context.services.privacy
    officer, request_id = officer_of(info), parse_id("req", given.request)
    if given.expires_at is not None and given.expires_at.tzinfo is None:
        raise InvalidInputError(
            "expiresAt has no offset", hint="write it like 2026-03-01T09:00:00+01:00"
        )
    client_id, pseudonym = await office.name_person(caller.tenant_id, request_id, officer)
    hold = NewHold(
        client_id=client_id,
        basis=given.basis,
        owner=given.owner,
        pseudonym=pseudonym,
        category=given.category,
        expires_at=given.expires_at,
    )
    hold_id = await office.put_hold(caller.tenant_id, hold, officer)
    line = await office.find(caller.tenant_id, request_id, officer)
    return RequestHeld(
        request=request_of(line), hold_id=strawberry.ID(public_id(HOLD_PREFIX, hold_id))
    )


HOLD_REQUEST = RootField(
    "holdRequest",
    Scope.PRIVACY_WRITE,
    "Keep data of the person of a request from being erased, by a legal hold.",
    _hold_request,
)

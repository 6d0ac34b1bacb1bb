"""The field `subjectRequest`: one request and all that belongs to it."""

from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.privacy_types import SubjectRequestFile, file_of
from api.identity.caller import Scope
from domain.errors import NotFoundError
from domain.ids import parse_id
from gdpr.desk.request_file import load_request_file

__all__ = ["SUBJECT_REQUEST"]


async def _subject_request(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the request.")],  # noqa: A002  # the argument's name in GraphQL
) -> SubjectRequestFile | None:
    caller, services = info.context.caller, info.context.services
    request_id = parse_id("req", id)
    try:
        async with services.database.session(caller.tenant_id) as session:
            file = await load_request_file(
                session, request_id, now=services.clock(), seen=caller.clients
            )
    except NotFoundError:
        return None
    return file_of(file)


SUBJECT_REQUEST = RootField(
    "subjectRequest",
    Scope.PRIVACY_READ,
    "One request: where it stands, what happened to it, and what can be done; null: there is none.",
    _subject_request,
)

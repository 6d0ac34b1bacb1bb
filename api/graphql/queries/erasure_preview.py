"""The field `erasurePreview`: what erasing the person of a request comes to, before it is done."""

from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.erasure_types import ErasurePreview, preview_of
from api.graphql.privacy_decisions import officer_of
from api.identity.caller import Scope
from domain.errors import NotFoundError
from domain.ids import parse_id

__all__ = ["ERASURE_PREVIEW"]


async def _erasure_preview(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the request.")],  # noqa: A002  # the argument's name in GraphQL
) -> ErasurePreview | None:
    caller, office = info.context.caller, info.context.services.privacy
    request_id = parse_id("req", id)
    try:
        line = await office.find(caller.tenant_id, request_id, officer_of(info))
    except NotFoundError:
        return None
    return preview_of(await office.previewer.preview(line.row))


ERASURE_PREVIEW = RootField(
    "erasurePreview",
    Scope.PRIVACY_READ,
    "What erasing the person of a request comes to: rows, what goes, what stays and why; null:"
    " there is no such request.",
    _erasure_preview,
)

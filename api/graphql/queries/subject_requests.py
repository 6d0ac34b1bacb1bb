"""The field `subjectRequests`: what people asked for about their data, the most urgent first."""

from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.metric_types import PageInfo
from api.graphql.paging import read_page
from api.graphql.privacy_types import SubjectRequest, request_of
from api.identity.caller import Scope
from domain.ids import ClientId, parse_id
from domain.privacy.rights import RequestState, Right
from gdpr.desk.queue import QueueFilter, list_queue

__all__ = ["SUBJECT_REQUESTS"]

_MAXIMUM = 500


@strawberry.type(description="A page of requests.")
class SubjectRequestPage:
    """See the description."""

    nodes: list[SubjectRequest]
    page_info: PageInfo


async def _subject_requests(  # the arguments of the field
    info: EdgeInfo,
    *,
    state: Annotated[
        RequestState | None, strawberry.argument(description="Only in this state.")
    ] = None,
    right: Annotated[Right | None, strawberry.argument(description="Only for this right.")] = None,
    client: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only of this client.")
    ] = None,
    at_risk: Annotated[
        bool, strawberry.argument(description="Only overdue ones and those that are near it.")
    ] = False,
    first: Annotated[int, strawberry.argument(description="At most 500.")] = 50,
    after: Annotated[
        str | None, strawberry.argument(description="`endCursor` of the page before.")
    ] = None,
) -> SubjectRequestPage | None:
    caller, services = info.context.caller, info.context.services
    page = read_page(first, after, maximum=_MAXIMUM)
    wanted = QueueFilter(
        state=state,
        right=right,
        client=None if client is None else ClientId(parse_id("cli", client)),
        is_at_risk=at_risk,
        seen=caller.clients,
    )
    async with services.database.session(caller.tenant_id) as session:
        lines = await list_queue(
            session, wanted, now=services.clock(), limit=page.limit + 1, offset=page.offset
        )
    nodes = [request_of(line) for line in lines[: page.limit]]
    return SubjectRequestPage(
        nodes=nodes, page_info=page.info(len(nodes), has_next=len(lines) > page.limit)
    )


SUBJECT_REQUESTS = RootField(
    "subjectRequests",
    Scope.PRIVACY_READ,
    "Requests of people about their data: overdue and near ones first, ended ones last.",
    _subject_requests,
)

"""The field `quarantine`: rows that a source sent and that do not fit.

The raw row stays inside: it may hold personal data, and a token with `ingestion:read` is no reason
to see it. The message names the field and what was expected.
"""

import datetime as dt
from typing import Annotated

import strawberry
from sqlalchemy import select

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.metric_types import PageInfo
from api.graphql.paging import read_page
from api.graphql.scalars import Count
from api.identity.caller import Scope
from domain.ids import public_id
from tenancy.tables import Connection, QuarantinedRow, QuarantineState

__all__ = ["QUARANTINE"]

_MAXIMUM = 500

strawberry.enum(
    QuarantineState, description="What became of a bad row; SUPERSEDED: a later sync told it again."
)


@strawberry.type(description="A row that a source sent and that does not fit its stream.")
class BadRow:
    """See the description."""

    id: strawberry.ID
    sync_id: strawberry.ID
    connection_id: strawberry.ID
    source: str
    stream: str
    row_number: Count = strawberry.field(description="In the sync, from 1; of a file: its line.")
    field: str | None = strawberry.field(description="null: the row as a whole.")
    reason: str = strawberry.field(description="Machine-readable.")
    message: str
    state: QuarantineState
    created_at: dt.datetime
    resolved_at: dt.datetime | None
    resolution: str | None = strawberry.field(description="Why it was closed; null: it is open.")


@strawberry.type(description="A page of rows in quarantine.")
class QuarantinePage:
    """See the description."""

    nodes: list[BadRow]
    page_info: PageInfo


async def _quarantine(
    info: EdgeInfo,
    state: Annotated[
        QuarantineState | None, strawberry.argument(description="Only in this state.")
    ] = QuarantineState.OPEN,
    first: Annotated[int, strawberry.argument(description="At most 500.")] = 50,
    after: Annotated[
        str | None, strawberry.argument(description="`endCursor` of the page before.")
    ] = None,
) -> QuarantinePage | None:
    context = info.context
    page = read_page(first, after, maximum=_MAXIMUM)
    query = select(QuarantinedRow).order_by(QuarantinedRow.id.desc())
    if context.caller.clients is not None:
        visible = select(Connection.id).where(Connection.client_id.in_(context.caller.clients))
        query = query.where(QuarantinedRow.connection_id.in_(visible))
    if state is not None:
        query = query.where(QuarantinedRow.state == state)
    async with context.services.database.session(context.caller.tenant_id) as session:
        rows = list(await session.scalars(query.limit(page.limit + 1).offset(page.offset)))
    nodes = [_bad_row(row) for row in rows[: page.limit]]
    return QuarantinePage(
        nodes=nodes, page_info=page.info(len(nodes), has_next=len(rows) > page.limit)
    )


def _bad_row(row: QuarantinedRow) -> BadRow:
    return BadRow(
        id=strawberry.ID(public_id("qua", row.id)),
        sync_id=strawberry.ID(public_id("syn", row.sync_id)),
        connection_id=strawberry.ID(public_id("con", row.connection_id)),
        source=row.source,
        stream=row.stream,
        row_number=Count(row.row_number),
        field=row.field,
        reason=row.reason,
        message=row.message,
        state=row.state,
        created_at=row.created_at,
        resolved_at=row.resolved_at,
        resolution=row.resolution,
    )


QUARANTINE = RootField(
    "quarantine",
    Scope.INGESTION_READ,
    "Rows that do not fit their stream, the latest first.",
    _quarantine,
)

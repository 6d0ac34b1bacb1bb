"""The field `syncs`: what was fetched, when, and how it went."""

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
from domain.ids import parse_id, public_id
from tenancy.tables import Sync as SyncRow
from tenancy.tables import SyncState

__all__ = ["SYNCS", "Sync", "sync_of"]

_MAXIMUM = 500

strawberry.enum(
    SyncState,
    description="How far a sync has come; PUBLISHED: its data answers; HELD: it looks wrong.",
)


@strawberry.type(description="One run of a stream of a connection over a slice.")
class Sync:
    """See the description."""

    id: strawberry.ID
    client_id: strawberry.ID
    connection_id: strawberry.ID
    source: str
    stream: str
    fact: str = strawberry.field(description="What it is unified into.")
    state: SyncState
    api_version: str = strawberry.field(description="Version of the source's API.")
    slice_from: dt.date | None = strawberry.field(description="First reporting date.")
    slice_to: dt.date | None = strawberry.field(description="Last reporting date, included.")
    rows: Count
    quarantined: Count = strawberry.field(description="Rows that do not fit the stream.")
    screened: Count = strawberry.field(
        description="Rows about people who are erased, or whose data is past its time: left out,"
        " or kept without the person."
    )
    requests: Count = strawberry.field(description="Calls made to the source.")
    error_code: str | None
    error_message: str | None
    started_at: dt.datetime | None
    finished_at: dt.datetime | None


@strawberry.type(description="A page of syncs.")
class SyncPage:
    """See the description."""

    nodes: list[Sync]
    page_info: PageInfo


async def _syncs(
    info: EdgeInfo,
    connection: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only of this connection.")
    ] = None,
    state: Annotated[
        SyncState | None, strawberry.argument(description="Only in this state.")
    ] = None,
    first: Annotated[int, strawberry.argument(description="At most 500.")] = 50,
    after: Annotated[
        str | None, strawberry.argument(description="`endCursor` of the page before.")
    ] = None,
) -> SyncPage | None:
    context = info.context
    page = read_page(first, after, maximum=_MAXIMUM)
    query = select(SyncRow).order_by(SyncRow.started_at.desc().nulls_last(), SyncRow.id.desc())
    if context.caller.clients is not None:
        query = query.where(SyncRow.client_id.in_(context.caller.clients))
    if connection is not None:
        query = query.where(SyncRow.connection_id == parse_id("con", connection))
    if state is not None:
        query = query.where(SyncRow.state == state)
    async with context.services.database.session(context.caller.tenant_id) as session:
        rows = list(await session.scalars(query.limit(page.limit + 1).offset(page.offset)))
    nodes = [sync_of(row) for row in rows[: page.limit]]
    return SyncPage(nodes=nodes, page_info=page.info(len(nodes), has_next=len(rows) > page.limit))


def sync_of(row: SyncRow) -> Sync:
    """A sync as callers see it."""
    return Sync(
        id=strawberry.ID(public_id("syn", row.id)),
        client_id=strawberry.ID(public_id("cli", row.client_id)),
        connection_id=strawberry.ID(public_id("con", row.connection_id)),
        source=row.source,
        stream=row.stream,
        fact=row.fact,
        state=row.state,
        api_version=row.api_version,
        slice_from=None if row.slice_to is None else row.slice_from,
        slice_to=row.slice_to,
        rows=Count(row.rows),
        quarantined=Count(row.quarantined),
        screened=Count(row.screened),
        requests=Count(row.requests),
        error_code=row.error_code,
        error_message=row.error_message,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


SYNCS = RootField("syncs", Scope.INGESTION_READ, "Syncs, the latest first.", _syncs)

"""The field `incidents`: what checks found in the data, until it is put right."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
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
from tenancy.session import TenantSession
from tenancy.tables import Incident as IncidentRow
from tenancy.tables import (
    IncidentEvent,
    IncidentEventKind,
    IncidentSeverity,
    IncidentState,
)

__all__ = ["INCIDENTS", "Incident", "incidents_of"]

_MAXIMUM = 500

strawberry.enum(IncidentSeverity, description="CRITICAL: the sync is held back.")
strawberry.enum(IncidentState, description="ACKNOWLEDGED: somebody looks after it.")
strawberry.enum(IncidentEventKind, description="What happened to an incident.")


@strawberry.type(name="IncidentEvent", description="Who did what about an incident, and why.")
class Event:
    """See the description."""

    at: dt.datetime
    kind: IncidentEventKind
    actor: str
    reason: str


@strawberry.type(description="What one check found in one stream of a connection.")
class Incident:
    """See the description."""

    id: strawberry.ID
    client_id: strawberry.ID
    connection_id: strawberry.ID
    stream: str
    check: str = strawberry.field(description="For example unit_slip; docs/quality.md lists them.")
    severity: IncidentSeverity
    state: IncidentState
    message: str = strawberry.field(description="What was found last, with days and figures.")
    hint: str = strawberry.field(description="What to do about it.")
    times_found: Count = strawberry.field(description="Since it was opened last.")
    opened_at: dt.datetime
    last_found_at: dt.datetime
    sync_id: strawberry.ID | None = strawberry.field(description="null: not about one sync.")
    events: list[Event] = strawberry.field(description="Its story, the first event first.")


@strawberry.type(description="A page of incidents.")
class IncidentPage:
    """See the description."""

    nodes: list[Incident]
    page_info: PageInfo


async def _incidents(
    info: EdgeInfo,
    state: Annotated[
        IncidentState | None, strawberry.argument(description="Only in this state.")
    ] = None,
    severity: Annotated[
        IncidentSeverity | None, strawberry.argument(description="Only of this severity.")
    ] = None,
    client: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only of this client.")
    ] = None,
    connection: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only of this connection.")
    ] = None,
    first: Annotated[int, strawberry.argument(description="At most 500.")] = 50,
    after: Annotated[
        str | None, strawberry.argument(description="`endCursor` of the page before.")
    ] = None,
) -> IncidentPage | None:
    context = info.context
    page = read_page(first, after, maximum=_MAXIMUM)
    query = select(IncidentRow).order_by(IncidentRow.last_found_at.desc(), IncidentRow.id.desc())
    if context.caller.clients is not None:
        query = query.where(IncidentRow.client_id.in_(context.caller.clients))
    if state is not None:
        query = query.where(IncidentRow.state == state)
    if severity is not None:
        query = query.where(IncidentRow.severity == severity)
    if client is not None:
        query = query.where(IncidentRow.client_id == parse_id("cli", client))
    if connection is not None:
        query = query.where(IncidentRow.connection_id == parse_id("con", connection))
    async with context.services.database.session(context.caller.tenant_id) as session:
        rows = list(await session.scalars(query.limit(page.limit + 1).offset(page.offset)))
        nodes = await incidents_of(session, rows[: page.limit])
    return IncidentPage(
        nodes=nodes, page_info=page.info(len(nodes), has_next=len(rows) > page.limit)
    )


async def incidents_of(session: TenantSession, rows: Sequence[IncidentRow]) -> list[Incident]:
    """Incidents as callers see them; their stories in one query."""
    stories = await _stories(session, [row.id for row in rows])
    return [
        Incident(
            id=strawberry.ID(public_id("inc", row.id)),
            client_id=strawberry.ID(public_id("cli", row.client_id)),
            connection_id=strawberry.ID(public_id("con", row.connection_id)),
            stream=row.stream,
            check=row.check_name,
            severity=row.severity,
            state=row.state,
            message=row.message,
            hint=row.hint,
            times_found=Count(row.times_found),
            opened_at=row.opened_at,
            last_found_at=row.last_found_at,
            sync_id=None if row.sync_id is None else strawberry.ID(public_id("syn", row.sync_id)),
            events=stories[row.id],
        )
        for row in rows
    ]


async def _stories(
    session: TenantSession, incident_ids: Iterable[uuid.UUID]
) -> defaultdict[uuid.UUID, list[Event]]:
    query = select(IncidentEvent).where(IncidentEvent.incident_id.in_(incident_ids))
    stories: defaultdict[uuid.UUID, list[Event]] = defaultdict(list)
    for row in await session.scalars(query.order_by(IncidentEvent.id)):
        event = Event(at=row.at, kind=row.kind, actor=row.actor, reason=row.reason)
        stories[row.incident_id].append(event)
    return stories


INCIDENTS = RootField(
    "incidents",
    Scope.INGESTION_READ,
    "What checks found in the data, the latest first.",
    _incidents,
)

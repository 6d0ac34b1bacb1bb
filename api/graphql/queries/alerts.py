"""The field `alerts`: what is wrong now, and what was."""

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
from tenancy.tables import AlertKind, AlertSeverity, RaisedAlert

__all__ = ["ALERTS"]

_MAXIMUM = 500

strawberry.enum(AlertKind, description="What sort of thing is wrong.")
strawberry.enum(AlertSeverity, description="CRITICAL: somebody has to act now.")


@strawberry.type(description="Something that is, or was, wrong.")
class Alert:
    """See the description."""

    id: strawberry.ID
    kind: AlertKind
    severity: AlertSeverity
    client_id: strawberry.ID | None = strawberry.field(description="null: the agency as a whole.")
    title: str = strawberry.field(description="What is wrong; alerts of one cause share it.")
    details: str = strawberry.field(description="What makes this one different.")
    hint: str = strawberry.field(description="What to do; empty: nothing.")
    due_at: dt.datetime | None = strawberry.field(description="By when it has to be put right.")
    is_open: bool
    raised_at: dt.datetime
    opened_at: dt.datetime = strawberry.field(description="When it was raised or came back last.")
    cleared_at: dt.datetime | None
    relapses: Count = strawberry.field(description="How often it came back.")


@strawberry.type(description="A page of alerts.")
class AlertPage:
    """See the description."""

    nodes: list[Alert]
    page_info: PageInfo


async def _alerts(
    info: EdgeInfo,
    is_open: Annotated[
        bool | None, strawberry.argument(description="Only open ones, or only those that are over.")
    ] = None,
    kind: Annotated[AlertKind | None, strawberry.argument(description="Only of this kind.")] = None,
    severity: Annotated[
        AlertSeverity | None, strawberry.argument(description="Only of this severity.")
    ] = None,
    client: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only of this client.")
    ] = None,
    first: Annotated[int, strawberry.argument(description="At most 500.")] = 50,
    after: Annotated[
        str | None, strawberry.argument(description="`endCursor` of the page before.")
    ] = None,
) -> AlertPage | None:
    context = info.context
    page = read_page(first, after, maximum=_MAXIMUM)
    query = select(RaisedAlert).order_by(RaisedAlert.opened_at.desc(), RaisedAlert.id.desc())
    if context.caller.clients is not None:
        query = query.where(RaisedAlert.client_id.in_(context.caller.clients))
    if is_open is not None:
        is_cleared = RaisedAlert.cleared_at.is_not(None)
        query = query.where(~is_cleared if is_open else is_cleared)
    if kind is not None:
        query = query.where(RaisedAlert.kind == kind)
    if severity is not None:
        query = query.where(RaisedAlert.severity == severity)
    if client is not None:
        query = query.where(RaisedAlert.client_id == parse_id("cli", client))
    async with context.services.database.session(context.caller.tenant_id) as session:
        rows = list(await session.scalars(query.limit(page.limit + 1).offset(page.offset)))
    nodes = [_alert(row) for row in rows[: page.limit]]
    return AlertPage(nodes=nodes, page_info=page.info(len(nodes), has_next=len(rows) > page.limit))


def _alert(row: RaisedAlert) -> Alert:
    return Alert(
        id=strawberry.ID(public_id("alr", row.id)),
        kind=row.kind,
        severity=row.severity,
        client_id=None if row.client_id is None else strawberry.ID(public_id("cli", row.client_id)),
        title=row.title,
        details=row.details,
        hint=row.hint,
        due_at=row.due_at,
        is_open=row.cleared_at is None,
        raised_at=row.raised_at,
        opened_at=row.opened_at,
        cleared_at=row.cleared_at,
        relapses=Count(row.relapses),
    )


ALERTS = RootField(
    "alerts",
    Scope.INGESTION_READ,
    "What is wrong, or was, the latest first; of the token's clients only, if it is limited to"
    " some.",
    _alerts,
)

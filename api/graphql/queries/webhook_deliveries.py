"""The field `webhookDeliveries`: what endpoints were told, and how that went."""

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
from api.webhooks.endpoints import endpoints_for, parse_endpoint_id, public_endpoint_id
from domain.ids import public_id
from tenancy.tables import DeliveryState, WebhookEndpoint, WebhookEvent, WebhookEventType
from tenancy.tables import WebhookDelivery as DeliveryRow

__all__ = ["WEBHOOK_DELIVERIES"]

_MAXIMUM = 500

strawberry.enum(
    DeliveryState,
    name="WebhookDeliveryState",
    description="FAILED: given up; replayWebhook tells it again.",
)


@strawberry.type(description="One event on its way to one endpoint.")
class WebhookDelivery:
    """See the description."""

    message_id: strawberry.ID = strawberry.field(description="The header webhook-id.")
    endpoint_id: strawberry.ID
    event_type: WebhookEventType
    client_id: strawberry.ID
    occurred_at: dt.datetime
    state: DeliveryState
    attempts: Count = strawberry.field(description="Since it happened, or was replayed last.")
    last_status: int | None = strawberry.field(description="Of HTTP; null: no answer yet.")
    failure: str | None = strawberry.field(description="Of the last attempt.")
    next_attempt_at: dt.datetime | None = strawberry.field(description="null: there is none.")
    ended_at: dt.datetime | None = strawberry.field(description="When it was taken or given up.")


@strawberry.type(description="A page of deliveries.")
class WebhookDeliveryPage:
    """See the description."""

    nodes: list[WebhookDelivery]
    page_info: PageInfo


async def _webhook_deliveries(
    info: EdgeInfo,
    endpoint: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only to this endpoint.")
    ] = None,
    state: Annotated[
        DeliveryState | None, strawberry.argument(description="Only in this state.")
    ] = None,
    first: Annotated[int, strawberry.argument(description="At most 500.")] = 50,
    after: Annotated[
        str | None, strawberry.argument(description="`endCursor` of the page before.")
    ] = None,
) -> WebhookDeliveryPage | None:
    context = info.context
    page = read_page(first, after, maximum=_MAXIMUM)
    seen = endpoints_for(context.caller.clients).with_only_columns(WebhookEndpoint.id)
    query = (
        select(DeliveryRow, WebhookEndpoint, WebhookEvent)
        .join(
            WebhookEndpoint,
            (WebhookEndpoint.tenant_id == DeliveryRow.tenant_id)
            & (WebhookEndpoint.id == DeliveryRow.endpoint_id),
        )
        .join(
            WebhookEvent,
            (WebhookEvent.tenant_id == DeliveryRow.tenant_id)
            & (WebhookEvent.id == DeliveryRow.event_id),
        )
        .where(WebhookEndpoint.id.in_(seen))
        .order_by(WebhookEvent.occurred_at.desc(), WebhookEvent.id.desc(), WebhookEndpoint.id)
    )
    if endpoint is not None:
        query = query.where(WebhookEndpoint.id == parse_endpoint_id(endpoint))
    if state is not None:
        query = query.where(DeliveryRow.state == state)
    async with context.services.database.session(context.caller.tenant_id) as session:
        rows = (await session.execute(query.limit(page.limit + 1).offset(page.offset))).all()
    nodes = [_delivery(*row) for row in rows[: page.limit]]
    return WebhookDeliveryPage(
        nodes=nodes, page_info=page.info(len(nodes), has_next=len(rows) > page.limit)
    )


def _delivery(row: DeliveryRow, endpoint: WebhookEndpoint, event: WebhookEvent) -> WebhookDelivery:
    is_over = row.state is not DeliveryState.PENDING
    return WebhookDelivery(
        message_id=strawberry.ID(public_id("msg", event.id)),
        endpoint_id=strawberry.ID(public_endpoint_id(endpoint)),
        event_type=event.type,
        client_id=strawberry.ID(public_id("cli", event.client_id)),
        occurred_at=event.occurred_at,
        state=row.state,
        attempts=Count(row.attempts),
        last_status=row.last_status,
        failure=row.failure,
        next_attempt_at=None if is_over else row.next_attempt_at,
        ended_at=row.ended_at,
    )


WEBHOOK_DELIVERIES = RootField(
    "webhookDeliveries",
    Scope.WEBHOOKS_MANAGE,
    "What endpoints were told in the last 30 days, the latest event first.",
    _webhook_deliveries,
)

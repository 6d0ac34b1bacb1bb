"""The field `webhookEndpoints`: programs that are told what happens."""

import datetime as dt

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.identity.caller import Scope
from api.webhooks.endpoints import endpoints_for, public_endpoint_id
from domain.ids import public_id
from tenancy.tables import EndpointState, WebhookEventType
from tenancy.tables import WebhookEndpoint as EndpointRow

__all__ = ["WEBHOOK_ENDPOINTS", "WebhookEndpoint", "endpoint_of"]

strawberry.enum(WebhookEventType, description="What happened; docs/webhooks.md has the data.")
strawberry.enum(
    EndpointState,
    name="WebhookEndpointState",
    description="DISABLED: it said that it is gone, or took nothing for days.",
)


@strawberry.type(description="An address that is told what happens; its secret is not shown.")
class WebhookEndpoint:
    """See the description."""

    id: strawberry.ID
    url: str
    description: str
    event_types: list[WebhookEventType] | None = strawberry.field(description="null: all.")
    client_ids: list[strawberry.ID] | None = strawberry.field(description="null: all.")
    state: EndpointState
    disabled_because: str | None
    failing_since: dt.datetime | None = strawberry.field(
        description="First failure after the last event that it took; null: it is sound."
    )
    created_at: dt.datetime


async def _webhook_endpoints(info: EdgeInfo) -> list[WebhookEndpoint] | None:
    context = info.context
    async with context.services.database.session(context.caller.tenant_id) as session:
        rows = await session.scalars(endpoints_for(context.caller.clients))
        return [endpoint_of(row) for row in rows]


def endpoint_of(row: EndpointRow) -> WebhookEndpoint:
    """An endpoint as callers see it."""
    types, clients = row.event_types, row.client_ids
    return WebhookEndpoint(
        id=strawberry.ID(public_endpoint_id(row)),
        url=row.url,
        description=row.description,
        event_types=None if types is None else [WebhookEventType(kind) for kind in types],
        client_ids=None
        if clients is None
        else [strawberry.ID(public_id("cli", client)) for client in clients],
        state=row.state,
        disabled_because=row.disabled_because,
        failing_since=row.failing_since,
        created_at=row.created_at,
    )


WEBHOOK_ENDPOINTS = RootField(
    "webhookEndpoints",
    Scope.WEBHOOKS_MANAGE,
    "Programs that are told what happens, the oldest first; for a token that is limited to some"
    " clients those that hear of no others.",
    _webhook_endpoints,
)

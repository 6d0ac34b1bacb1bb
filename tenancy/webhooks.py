"""Events for programs: what happened, written down in the transaction of the deed.

    work -> record_event(session, Event) -> webhook_events, one webhook_deliveries row for each
        endpoint that asks for it -> COMMIT of all -> delivery in its own time

An agency without such an endpoint costs one look. Done again, the deed tells nothing twice: of one
type and subject there is one event.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Select, Uuid, any_, literal, select
from sqlalchemy.dialects.postgresql import insert

from domain.ids import ClientId
from domain.ports import IdFactory
from tenancy.session import TenantSession
from tenancy.tables import (
    DeliveryState,
    EndpointState,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookEventType,
)

__all__ = ["Event", "WebhookEventType", "record_event"]

JsonScalar = str | int | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the data of one client.

    Attributes:
        type: What.
        subject: What it is about, for example `sync:<uuid>`; with `type` it is the key.
        client_id: Whose data.
        data: Public ids, names of ours, dates; never figures, personal data or texts of others.
    """

    type: WebhookEventType
    subject: str
    client_id: ClientId
    data: Mapping[str, JsonScalar | list[str]]


async def record_event(
    session: TenantSession, event: Event, *, now: dt.datetime, ids: IdFactory
) -> None:
    """Have an event told; stored when the session commits.

    Args:
        session: Where the deed is done; of the agency.
        event: What happened.
        now: UTC instant.
        ids: Gives the event its id.

    Raises:
        TenantChangeError: The session has no tenant (our bug).
    """
    wanted_by = (await session.scalars(_endpoints_for(event))).all()
    if not wanted_by:
        return
    stored = await session.execute(
        insert(WebhookEvent)
        .values(
            tenant_id=session.tenant_id,
            id=ids(),
            type=event.type,
            subject=event.subject,
            client_id=event.client_id,
            data=dict(event.data),
            occurred_at=now,
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "type", "subject"])
        .returning(WebhookEvent.id)
    )
    event_id = stored.scalar_one_or_none()
    if event_id is None:
        return
    session.add_all(
        WebhookDelivery(
            endpoint_id=endpoint_id,
            event_id=event_id,
            state=DeliveryState.PENDING,
            attempts=0,
            next_attempt_at=now,
        )
        for endpoint_id in wanted_by
    )


def _endpoints_for(event: Event) -> Select[uuid.UUID]:
    types, clients = WebhookEndpoint.event_types, WebhookEndpoint.client_ids
    return (
        select(WebhookEndpoint.id)
        .where(
            WebhookEndpoint.state == EndpointState.ACTIVE,
            WebhookEndpoint.removed_at.is_(None),
            types.is_(None) | (literal(event.type.value) == any_(types)),
            clients.is_(None) | (literal(event.client_id, Uuid()) == any_(clients)),
        )
        .order_by(WebhookEndpoint.id)
    )

"""Telling events again: their deliveries wait once more, with the ids that they had.

chosen deliveries that have ended -> pending, as if they were new -> the next round sends them
"""

import datetime as dt

from sqlalchemy import ColumnElement, select, update

from domain.errors import NotFoundError
from domain.ids import parse_id
from tenancy.session import TenantSession
from tenancy.tables import DeliveryState, WebhookDelivery, WebhookEndpoint, WebhookEvent

__all__ = ["replay_failed", "replay_message"]


async def replay_message(
    session: TenantSession, endpoint: WebhookEndpoint, message: str, *, now: dt.datetime
) -> int:
    """Have one event told again, whatever became of it.

    Returns:
        1; 0 when it is still on its way.

    Raises:
        InvalidInputError: That is no id of a message.
        NotFoundError: The endpoint was not told of it, or that is more than a month ago.
    """
    chosen = WebhookDelivery.event_id == parse_id("msg", message)
    known = select(WebhookDelivery.event_id).where(
        WebhookDelivery.endpoint_id == endpoint.id, chosen
    )
    if await session.scalar(known) is None:
        raise NotFoundError(
            f"the endpoint was not told of a message {message!r}",
            hint="bosco webhooks deliveries shows those of the last 30 days",
        )
    return await _replay(session, endpoint, chosen, now)


async def replay_failed(
    session: TenantSession, endpoint: WebhookEndpoint, since: dt.datetime, *, now: dt.datetime
) -> int:
    """Have everything told again that was given up and happened since an instant.

    Returns:
        Number of events.
    """
    recent = select(WebhookEvent.id).where(WebhookEvent.occurred_at >= since)
    is_failed = WebhookDelivery.state == DeliveryState.FAILED
    chosen = is_failed & WebhookDelivery.event_id.in_(recent)
    return await _replay(session, endpoint, chosen, now)


async def _replay(
    session: TenantSession,
    endpoint: WebhookEndpoint,
    chosen: ColumnElement[bool],
    now: dt.datetime,
) -> int:
    replayed = await session.scalars(
        update(WebhookDelivery)
        .where(
            WebhookDelivery.endpoint_id == endpoint.id,
            WebhookDelivery.state != DeliveryState.PENDING,
            chosen,
        )
        .values(
            state=DeliveryState.PENDING,
            attempts=0,
            next_attempt_at=now,
            last_status=None,
            failure=None,
            ended_at=None,
        )
        .returning(WebhookDelivery.event_id)
    )
    return len(replayed.all())

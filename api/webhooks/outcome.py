"""What follows from an attempt, in one transaction.

    Answer -> delivery: delivered | tried again later | given up
           -> endpoint: sound | failing | asked to be left alone | switched off
           -> alert: raised when an event is given up, cleared when one is taken again

An endpoint is switched off when it says that it is gone (410), and when an event was given up while
none has been taken for five days.
"""

import datetime as dt
import uuid
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import select

from api.outbound.answer import Answer
from api.webhooks.endpoints import public_endpoint_id
from api.webhooks.schedule import next_wait, read_retry_after
from domain.ports import IdFactory
from tenancy.alerts import Alert, AlertKind, AlertSeverity, clear_alert, raise_alert
from tenancy.session import TenantSession
from tenancy.tables import DeliveryState, EndpointState, WebhookDelivery, WebhookEndpoint

__all__ = ["note_attempt", "withdraw_alert"]

_GONE: Final = 410
_PATIENCE: Final = dt.timedelta(days=5)

_HINT: Final = "mend it, see bosco webhooks deliveries, then bosco webhooks replay"
_HINT_OFF: Final = "mend it, try bosco webhooks test, then bosco webhooks resume and replay"


async def note_attempt(
    session: TenantSession,
    key: tuple[uuid.UUID, uuid.UUID],
    answer: Answer,
    *,
    now: dt.datetime,
    jitter: float,
    ids: IdFactory,
) -> None:
    """Write down how an attempt went.

    Args:
        session: Of the agency; stores it when it commits.
        key: Endpoint and event.
        answer: Of the endpoint.
        now: UTC instant.
        jitter: Random, in [0, 1).
        ids: Gives a new alert its id.
    """
    endpoint_id, event_id = key
    endpoint = (
        await session.scalars(
            select(WebhookEndpoint)
            .where(WebhookEndpoint.id == endpoint_id)
            .with_for_update(key_share=True)  # does not hold up who writes new events for it
        )
    ).one()
    delivery = (
        await session.scalars(
            select(WebhookDelivery)
            .where(
                WebhookDelivery.endpoint_id == endpoint_id,
                WebhookDelivery.event_id == event_id,
                # Another process may have had it taken, after a pause of this one.
                WebhookDelivery.state == DeliveryState.PENDING,
            )
            .with_for_update()
        )
    ).one_or_none()
    if delivery is None:
        return
    delivery.last_status, delivery.failure = answer.status, answer.failure or None
    if answer.is_taken:
        delivery.state, delivery.ended_at = DeliveryState.DELIVERED, now
        await _note_success(session, endpoint, now)
        return
    asked = read_retry_after(answer.retry_after, now)
    wait = (
        None if answer.status == _GONE else next_wait(delivery.attempts, jitter=jitter, asked=asked)
    )
    endpoint.failing_since = endpoint.failing_since or now
    if asked is not None:
        endpoint.not_before = now + asked
    if wait is not None:
        delivery.next_attempt_at = now + wait
        return
    delivery.state, delivery.ended_at = DeliveryState.FAILED, now
    await _note_loss(session, endpoint, answer, now, ids)


async def withdraw_alert(
    session: TenantSession, endpoint: WebhookEndpoint, *, now: dt.datetime
) -> None:
    """Say that nothing is wrong with an endpoint any more."""
    await clear_alert(session, AlertKind.WEBHOOK_FAILED, _subject(endpoint), now=now)


async def _note_success(
    session: TenantSession, endpoint: WebhookEndpoint, now: dt.datetime
) -> None:
    if endpoint.failing_since is not None:
        endpoint.failing_since = endpoint.not_before = None
        await withdraw_alert(session, endpoint, now=now)


async def _note_loss(
    session: TenantSession,
    endpoint: WebhookEndpoint,
    answer: Answer,
    now: dt.datetime,
    ids: IdFactory,
) -> None:
    """An event was given up; the endpoint may be, too."""
    if endpoint.removed_at is not None:
        return
    since = endpoint.failing_since or now
    if answer.status == _GONE:
        endpoint.disabled_because = "it answered 410: it is gone"
    elif now - since >= _PATIENCE:
        endpoint.disabled_because = f"it took nothing since {since:%Y-%m-%d}: {answer.failure}"
    if endpoint.disabled_because is not None:
        endpoint.state = EndpointState.DISABLED
    await raise_alert(session, _alert(endpoint, answer), now=now, ids=ids)


def _alert(endpoint: WebhookEndpoint, answer: Answer) -> Alert:
    is_off = endpoint.state is EndpointState.DISABLED
    name = endpoint.description or urlsplit(endpoint.url).hostname
    reason = endpoint.disabled_because if is_off else answer.failure
    return Alert(
        kind=AlertKind.WEBHOOK_FAILED,
        severity=AlertSeverity.CRITICAL if is_off else AlertSeverity.WARNING,
        subject=_subject(endpoint),
        client_id=None,
        title="a webhook was switched off" if is_off else "a webhook does not take events",
        text=f"{name} ({public_endpoint_id(endpoint)}): {reason}",
        hint=_HINT_OFF if is_off else _HINT,
    )


def _subject(endpoint: WebhookEndpoint) -> str:
    return f"webhook:{endpoint.id}"

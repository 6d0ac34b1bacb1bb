"""Programs that an agency has told: `bosco webhooks`."""

import datetime as dt
from collections.abc import AsyncIterator, Mapping
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from api.commands.lookup import find_agency, find_client, suggest
from api.control.protocol import Arguments, DoneEvent, Event, LineEvent, TableEvent
from api.runtime import Runtime
from api.webhooks.desk import OLD_SECRET_SIGNS_FOR, Operator, WebhookDesk, read_wish
from api.webhooks.endpoints import (
    endpoints_for,
    find_endpoint,
    open_secrets,
    public_endpoint_id,
)
from api.webhooks.message import trial_message
from domain.errors import InvalidInputError
from domain.ids import ClientId, public_id
from tenancy.tables import (
    Client,
    DeliveryState,
    EndpointState,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookEventType,
)
from tenancy.vault import Secret

__all__ = [
    "add_webhook",
    "list_deliveries",
    "list_webhooks",
    "remove_webhook",
    "replay_webhook",
    "resume_webhook",
    "rotate_webhook",
    "try_webhook",
]

_COLUMNS: Final = ("id", "url", "description", "events", "clients", "state")
_DELIVERY_COLUMNS: Final = ("message", "event", "happened", "client", "state", "attempts", "answer")
_TYPES: Final = {kind.value: kind for kind in WebhookEventType}


async def add_webhook(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco webhooks add`: prints the endpoint's secret, once."""
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        clients = [(await find_client(session, slug)).id for slug in arguments["clients"]]
    wish = read_wish(
        arguments["url"],
        description=arguments["description"],
        event_types=[_known_type(word) for word in arguments["events"]],
        clients=clients,
        is_production=runtime.settings.env == "production",
    )
    operator = Operator(arguments["actor"])
    endpoint, secret = await _desk(runtime).add(tenant.tenant_id, wish, operator)
    public = public_endpoint_id(endpoint)
    yield LineEvent(f"endpoint  {public}")
    for line in _show_once(secret):
        yield line
    yield LineEvent(f"next: bosco webhooks test {tenant.slug} {public}")


async def list_webhooks(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco webhooks list`: without secrets."""
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        endpoints = (await session.scalars(endpoints_for(None))).all()
        slugs = {client.id: client.slug for client in (await session.scalars(select(Client))).all()}
    zone = ZoneInfo(tenant.time_zone)
    rows = tuple(_row(endpoint, slugs, zone) for endpoint in endpoints)
    yield TableEvent(f"webhooks of {tenant.slug}", _COLUMNS, rows)
    if not rows:
        yield LineEvent(f"make one with: bosco webhooks add {tenant.slug} URL")


async def try_webhook(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco webhooks test`: sends an event `webhook.test` now. Exit code 1 when it fails."""
    tenant = await find_agency(runtime, arguments["tenant"])
    now = runtime.clock()
    async with runtime.database.session(tenant.tenant_id) as session:
        endpoint = await find_endpoint(session, arguments["endpoint"])
        secrets = await open_secrets(runtime.vault, session, endpoint, now=now)
    message = trial_message(runtime.ids(), now, public_endpoint_id(endpoint))
    answer = await runtime.webhooks.sender.send(endpoint.url, secrets, message)
    if not answer.is_taken:
        yield LineEvent(f"FAILED  {message.id} to {endpoint.url}  {answer.failure}")
        yield DoneEvent(1)
    else:
        yield LineEvent(f"sent  {message.id} to {endpoint.url}  it answered {answer.status}")


async def remove_webhook(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco webhooks remove`: its secrets are forgotten."""
    tenant = await find_agency(runtime, arguments["tenant"])
    operator = Operator(arguments["actor"])
    endpoint = await _desk(runtime).remove(tenant.tenant_id, arguments["endpoint"], operator)
    yield LineEvent(f"{public_endpoint_id(endpoint)} of {tenant.slug} removed: {endpoint.url}")


async def resume_webhook(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco webhooks resume`: an endpoint that was switched off is told again."""
    tenant = await find_agency(runtime, arguments["tenant"])
    public, operator = arguments["endpoint"], Operator(arguments["actor"])
    await _desk(runtime).resume(tenant.tenant_id, public, operator)
    yield LineEvent(f"{public} is told of new events again")
    yield LineEvent(
        f"earlier ones: bosco webhooks replay {tenant.slug} {public} --failed-since DAY"
    )


async def rotate_webhook(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco webhooks rotate`: prints the new secret, once."""
    tenant = await find_agency(runtime, arguments["tenant"])
    secret = await _desk(runtime).rotate(
        tenant.tenant_id,
        arguments["endpoint"],
        Operator(arguments["actor"]),
        at_once=arguments["at_once"],
    )
    for line in _show_once(secret):
        yield line
    if arguments["at_once"]:
        yield LineEvent("the old one signs nothing any more")
    else:
        hours = OLD_SECRET_SIGNS_FOR // dt.timedelta(hours=1)
        yield LineEvent(f"for {hours} hours the old one signs too: give the receiver the new one")


async def list_deliveries(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco webhooks deliveries`: the latest event first."""
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        endpoint = await find_endpoint(session, arguments["endpoint"])
        query = (
            select(WebhookDelivery, WebhookEvent, Client.slug)
            .join(
                WebhookEvent,
                (WebhookEvent.tenant_id == WebhookDelivery.tenant_id)
                & (WebhookEvent.id == WebhookDelivery.event_id),
            )
            .join(
                Client,
                (Client.tenant_id == WebhookEvent.tenant_id)
                & (Client.id == WebhookEvent.client_id),
            )
            .where(WebhookDelivery.endpoint_id == endpoint.id)
            .order_by(WebhookEvent.occurred_at.desc(), WebhookEvent.id.desc())
            .limit(arguments["limit"])
        )
        if arguments["failed"]:
            query = query.where(WebhookDelivery.state == DeliveryState.FAILED)
        found = (await session.execute(query)).all()
    zone = ZoneInfo(tenant.time_zone)
    rows = tuple(
        (
            public_id("msg", event.id),
            event.type.value,
            f"{event.occurred_at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
            slug,
            delivery.state.value,
            delivery.attempts,
            _answer(delivery, zone),
        )
        for delivery, event, slug in found
    )
    yield TableEvent(f"deliveries to {endpoint.url}", _DELIVERY_COLUMNS, rows)


async def replay_webhook(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco webhooks replay`: one message, or all that failed since then; with their old ids."""
    tenant = await find_agency(runtime, arguments["tenant"])
    message, since = arguments["message"] or "", arguments["failed_since"] or ""
    if bool(message) == bool(since):
        raise InvalidInputError(
            "nothing says what to replay",
            hint="give --message ID or --failed-since DAY, one of them",
        )
    desk, public = _desk(runtime), arguments["endpoint"]
    operator = Operator(arguments["actor"])
    if message:
        number = await desk.replay_message(tenant.tenant_id, public, message, operator)
    else:
        instant = _read_instant(since, ZoneInfo(tenant.time_zone))
        number = await desk.replay_failed(tenant.tenant_id, public, instant, operator)
    yield LineEvent(f"{number} {'event is' if number == 1 else 'events are'} on the way again")


def _desk(runtime: Runtime) -> WebhookDesk:
    return WebhookDesk(
        runtime.database, runtime.vault, runtime.clock, runtime.ids, runtime.random_bytes
    )


def _show_once(secret: Secret) -> tuple[LineEvent, ...]:
    return (
        LineEvent(f"secret    {secret.reveal()}"),
        LineEvent("the secret is not shown again"),
    )


def _known_type(word: str) -> WebhookEventType:
    if word not in _TYPES:
        raise InvalidInputError(
            f"--event is {word!r}: there is no such event", hint=suggest(word, _TYPES, none="")
        )
    return _TYPES[word]


def _read_instant(text: str, zone: ZoneInfo) -> dt.datetime:
    """A day or an instant; without an offset it is the agency's own time."""
    try:
        instant = dt.datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(
            f"--failed-since is {text!r}: that is no day or instant",
            hint="write it as 2026-10-01 or 2026-10-01T08:00",
        ) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=zone)


def _row(
    endpoint: WebhookEndpoint, slugs: Mapping[ClientId, str], zone: ZoneInfo
) -> tuple[str, ...]:
    types, clients = endpoint.event_types, endpoint.client_ids
    return (
        public_endpoint_id(endpoint),
        endpoint.url,
        endpoint.description,
        "all" if types is None else ", ".join(types),
        "all" if clients is None else ", ".join(slugs[client] for client in clients),
        _state(endpoint, zone),
    )


def _state(endpoint: WebhookEndpoint, zone: ZoneInfo) -> str:
    if endpoint.state is EndpointState.DISABLED:
        return f"switched off: {endpoint.disabled_because}"
    if endpoint.failing_since is not None:
        return f"failing since {endpoint.failing_since.astimezone(zone):%Y-%m-%d %H:%M}"
    return "active"


def _answer(delivery: WebhookDelivery, zone: ZoneInfo) -> str:
    """How the last attempt went, and when the next one is."""
    if delivery.state is DeliveryState.DELIVERED:
        return f"it answered {delivery.last_status}"
    if delivery.state is DeliveryState.FAILED or not delivery.failure:
        return delivery.failure or ""
    return f"{delivery.failure}; again at {delivery.next_attempt_at.astimezone(zone):%m-%d %H:%M}"

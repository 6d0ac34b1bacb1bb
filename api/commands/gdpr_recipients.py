"""Others who were given people's data: `bosco gdpr recipients`."""

from collections.abc import AsyncIterator
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from api.commands.lookup import find_agency, find_client, suggest
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.outbound.address import read_url
from api.recipients.mail import mailbox_of
from api.runtime import Runtime
from api.webhooks.signing import new_secret
from domain.errors import InvalidInputError, NotFoundError
from domain.ids import ConnectionId, parse_id, public_id
from domain.privacy.recipients import RecipientKind
from gdpr.recipients.desk import NewRecipient, RecipientDesk
from gdpr.recipients.kinds import check_input
from tenancy.session import TenantSession
from tenancy.tables import Client, Connection, NoticeState, Recipient, RecipientNotice

__all__ = [
    "acknowledge_notice",
    "add_recipient",
    "list_recipients",
    "remove_recipient",
    "retry_notice",
]

_COLUMNS: Final = ("client", "name", "kind", "since", "state")
_OPEN_COLUMNS: Final = ("notice", "recipient", "request", "state", "attempts", "answer")
_KINDS: Final = {kind.value: kind for kind in RecipientKind}
_EXAMPLE: Final = "https://privacy.example.com/requests"


async def add_recipient(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr recipients add`: its secrets are sealed; a webhook's is shown, once."""
    tenant = await find_agency(runtime, arguments["tenant"])
    kind = _KINDS.get(arguments["kind"])
    if kind is None:
        raise InvalidInputError(
            f"there is no kind of recipient {arguments['kind']!r}",
            hint=suggest(arguments["kind"], _KINDS, none=""),
        )
    settings, secrets = _pairs(arguments["settings"]), dict(arguments["credentials"])
    is_production = runtime.settings.env == "production"
    if kind is RecipientKind.WEBHOOK:
        secrets["signing_secret"] = new_secret(runtime.random_bytes).reveal()
    check_input(kind, settings, secrets)
    if kind is RecipientKind.WEBHOOK:
        read_url(settings["url"], named="the URL", example=_EXAMPLE, is_production=is_production)
    if kind is RecipientKind.EMAIL:
        mailbox_of(settings, secrets, is_production=is_production)
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"])
        connection_id = await _connection(session, client, arguments["source"])
    if kind is RecipientKind.GA4 and connection_id is None:
        raise InvalidInputError(
            "a recipient of ga4 knows people by the ids of a connection", hint="give --source ga4"
        )
    new = NewRecipient(client.id, kind, arguments["name"], settings, secrets, connection_id)
    await _desk(runtime).add(tenant.tenant_id, new, actor=arguments["actor"])
    yield LineEvent(f"recipient {new.name} of {client.slug} added: {kind.value}")
    if kind is RecipientKind.WEBHOOK:
        yield LineEvent(f"secret  {secrets['signing_secret']}")
        yield LineEvent("the secret is not shown again")


async def list_recipients(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr recipients list`: who there is, and which notices are open; no secrets."""
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        slugs = {one.id: one.slug for one in (await session.scalars(select(Client))).all()}
        recipients = (await session.scalars(select(Recipient).order_by(Recipient.id))).all()
        names = {one.id: one.name for one in recipients}
        query = (
            select(RecipientNotice)
            .where(RecipientNotice.state != NoticeState.ACKNOWLEDGED)
            .order_by(RecipientNotice.created_at, RecipientNotice.id)
        )
        notices = (await session.scalars(query)).all()
    zone = ZoneInfo(tenant.time_zone)
    rows = tuple(
        (
            slugs[one.client_id],
            one.name,
            one.kind.value,
            f"{one.created_at.astimezone(zone):%Y-%m-%d}",
            "current" if one.removed_at is None else "removed",
        )
        for one in recipients
    )
    yield TableEvent(f"recipients of {tenant.slug}", _COLUMNS, rows)
    if not rows:
        yield LineEvent(f"add one with: bosco gdpr recipients add {tenant.slug} CLIENT KIND NAME")
    if notices:
        open_rows = tuple(
            (
                public_id("not", one.id),
                names[one.recipient_id],
                public_id("req", one.request_id),
                one.state.value,
                one.attempts,
                one.failure or "",
            )
            for one in notices
        )
        yield TableEvent("not confirmed yet", _OPEN_COLUMNS, open_rows)


async def remove_recipient(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr recipients remove`: its secrets are forgotten."""
    tenant = await find_agency(runtime, arguments["tenant"])
    desk = _desk(runtime)
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"])
        await desk.remove(session, client.id, arguments["name"], actor=arguments["actor"])
    yield LineEvent(f"recipient {arguments['name']} of {client.slug} removed")


async def acknowledge_notice(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr recipients acknowledge`: it has told somebody here that it has done it."""
    tenant = await find_agency(runtime, arguments["tenant"])
    desk, notice = _desk(runtime), parse_id("not", arguments["notice"])
    async with runtime.database.session(tenant.tenant_id) as session:
        await desk.acknowledge(session, notice, actor=arguments["actor"])
    yield LineEvent(f"{arguments['notice']} is confirmed; whom it was about is forgotten here")


async def retry_notice(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr recipients retry`: one that refused, or was down for too long."""
    tenant = await find_agency(runtime, arguments["tenant"])
    desk, notice = _desk(runtime), parse_id("not", arguments["notice"])
    async with runtime.database.session(tenant.tenant_id) as session:
        await desk.retry(session, notice, actor=arguments["actor"])
    yield LineEvent(f"{arguments['notice']} is on the way again")


def _desk(runtime: Runtime) -> RecipientDesk:
    return RecipientDesk(runtime.database, runtime.vault, runtime.clock, runtime.ids)


def _pairs(texts: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name in found:
            raise InvalidInputError(f"--set {text!r} is no NAME=VALUE, or doubled")
        found[name] = value
    return found


async def _connection(
    session: TenantSession, client: Client, source: str | None
) -> ConnectionId | None:
    if source is None:
        return None
    query = select(Connection.id).where(
        Connection.client_id == client.id, Connection.source == source
    )
    found = (await session.scalars(query)).all()
    if len(found) != 1:
        raise NotFoundError(
            f"the client does not have one connection to {source!r}", hint="bosco connections list"
        )
    return found[0]

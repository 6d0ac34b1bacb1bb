"""Where an agency hears of alerts: `bosco alerts channels`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from api.alerts.channels import load_addressee, open_target, seal_target
from api.alerts.outgoing import trial_message
from api.alerts.target import Target, describe
from api.alerts.target_input import read_email, read_slack, read_webhook
from api.commands.lookup import find_agency, find_client, suggest
from api.control.protocol import Arguments, DoneEvent, Event, LineEvent, TableEvent
from api.runtime import Runtime
from domain.errors import ConflictError, InvalidInputError, NotFoundError
from domain.ids import ClientId
from tenancy import audit
from tenancy.session import TenantSession
from tenancy.tables import (
    AlertChannel,
    AlertKind,
    AlertMessage,
    AlertSeverity,
    ChannelKind,
    Client,
    MessageState,
)

__all__ = ["add_channel", "list_channels", "remove_channel", "try_channel"]

_COLUMNS: Final = ("name", "kind", "to", "about", "severity", "clients", "state")
_KINDS: Final = tuple(kind.value for kind in AlertKind)
_SEVERITIES: Final = tuple(severity.value for severity in AlertSeverity)


async def add_channel(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco alerts channels add`: its secrets are sealed, and not shown again."""
    tenant = await find_agency(runtime, arguments["tenant"])
    target = _read_target(runtime, arguments)
    kinds = [_known(word, _KINDS, "--about") for word in arguments["about"]]
    severity = AlertSeverity(_known(arguments["severity"], _SEVERITIES, "--severity"))
    name = arguments["name"]
    if not name.isprintable() or not name.strip():
        raise InvalidInputError(f"{name!r} cannot be a name", hint="use letters and digits")
    try:
        async with runtime.database.session(tenant.tenant_id) as session:
            clients = [(await find_client(session, slug)).id for slug in arguments["clients"]]
            channel_id = runtime.ids()
            settings, sealed = await seal_target(runtime.vault, session, channel_id, target)
            channel = AlertChannel(
                id=channel_id,
                kind=target.kind,
                name=name,
                settings=settings,
                secrets=sealed,
                alert_kinds=kinds or None,
                lowest_severity=severity,
                client_ids=clients or None,
                created_at=runtime.clock(),
            )
            session.add(channel)
            _record(runtime, session, arguments["actor"], channel, "created")
    except IntegrityError as error:
        if "uq_alert_channels__current_name" not in str(error.orig):
            raise
        raise ConflictError(
            f"the agency has a channel {name!r} already", hint="choose another name"
        ) from error
    leads_to = describe(channel.kind, settings)
    yield LineEvent(f"channel {name} of {tenant.slug} made: {channel.kind.value} to {leads_to}")
    yield LineEvent(f"next: bosco alerts channels test {tenant.slug} {name}")


async def list_channels(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco alerts channels list`: without secrets."""
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        slugs = {client.id: client.slug for client in (await session.scalars(select(Client))).all()}
        rows = [
            await _row(session, channel, slugs, ZoneInfo(tenant.time_zone))
            for channel in await _current(session)
        ]
    yield TableEvent(f"alert channels of {tenant.slug}", _COLUMNS, tuple(rows))
    if not rows:
        yield LineEvent(f"make one with: bosco alerts channels add email {tenant.slug} NAME")


async def try_channel(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco alerts channels test`: sends a message now. Exit code 1 when it fails."""
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        channel = await _find(session, arguments["name"])
        target = await open_target(runtime.vault, session, channel)
        to = await load_addressee(session)
    message = trial_message(
        channel.kind, channel.name, to, message_id=runtime.ids(), now=runtime.clock()
    )
    outcome = await runtime.alerts.sender.send(target, message)
    name = f"{channel.name}  {describe(channel.kind, channel.settings)}"
    if not outcome.is_sent:
        yield LineEvent(f"FAILED  {name}  {outcome.remark}")
        yield DoneEvent(1)
    else:
        yield LineEvent(f"sent  {name}  {outcome.remark}".rstrip())


async def remove_channel(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco alerts channels remove`: its secrets and addresses are forgotten."""
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        channel = await _find(session, arguments["name"])
        channel.removed_at, channel.secrets, channel.settings = runtime.clock(), None, {}
        _record(runtime, session, arguments["actor"], channel, "removed")
    yield LineEvent(f"channel {channel.name} of {tenant.slug} removed")


def _read_target(runtime: Runtime, arguments: Arguments) -> Target:
    credentials = arguments["credentials"]
    is_production = runtime.settings.env == "production"
    match ChannelKind(arguments["kind"]):
        case ChannelKind.EMAIL:
            return read_email(
                recipients=arguments["to"],
                sender=arguments["sender"],
                server=arguments["server"],
                security=arguments["security"],
                user=arguments.get("user") or "",
                credentials=credentials,
                is_production=is_production,
            )
        case ChannelKind.SLACK:
            endpoint = arguments.get("endpoint") or ""
            return read_slack(credentials, endpoint=endpoint, is_production=is_production)
        case ChannelKind.WEBHOOK:
            return read_webhook(credentials, is_production=is_production)


def _known(word: str, known: Sequence[str], option: str) -> str:
    if word not in known:
        raise InvalidInputError(
            f"{option} is {word!r}: there is no such word", hint=f"there are {', '.join(known)}"
        )
    return word


async def _current(session: TenantSession) -> Sequence[AlertChannel]:
    query = select(AlertChannel).where(AlertChannel.removed_at.is_(None))
    return (await session.scalars(query.order_by(AlertChannel.name))).all()


async def _find(session: TenantSession, name: str) -> AlertChannel:
    channels = {channel.name: channel for channel in await _current(session)}
    if name not in channels:
        raise NotFoundError(
            f"the agency has no alert channel {name!r}",
            hint=suggest(name, channels, none="make one with: bosco alerts channels add"),
        )
    return channels[name]


async def _row(
    session: TenantSession, channel: AlertChannel, slugs: Mapping[ClientId, str], zone: ZoneInfo
) -> tuple[str, ...]:
    latest = await session.scalar(
        select(AlertMessage)
        .where(AlertMessage.channel_id == channel.id)
        .order_by(AlertMessage.composed_at.desc())
        .limit(1)
    )
    return (
        channel.name,
        channel.kind.value,
        describe(channel.kind, channel.settings),
        "all" if channel.alert_kinds is None else ", ".join(channel.alert_kinds),
        channel.lowest_severity.value,
        "all" if channel.client_ids is None else ", ".join(slugs[i] for i in channel.client_ids),
        _state(latest, zone),
    )


def _state(latest: AlertMessage | None, zone: ZoneInfo) -> str:
    """How the latest message fares."""
    if latest is None:
        return "nothing sent yet"
    if latest.state is MessageState.SENT and latest.ended_at is not None:
        sent = f"sent {latest.ended_at.astimezone(zone):%Y-%m-%d %H:%M}"
        return f"{sent}; {latest.failure}" if latest.failure else sent
    if latest.failure is None:
        return "sending"
    since = f"{latest.composed_at.astimezone(zone):%Y-%m-%d %H:%M}"
    return f"failing since {since}, {latest.attempts} attempts: {latest.failure}"


def _record(
    runtime: Runtime, session: TenantSession, actor: str, channel: AlertChannel, done: str
) -> None:
    audit.record(
        session,
        clock=runtime.clock,
        ids=runtime.ids,
        actor=actor,
        action=f"alert_channel.{done}",
        object_kind="alert_channel",
        object_id=str(channel.id),
        details={"kind": channel.kind.value, "name": channel.name},
    )

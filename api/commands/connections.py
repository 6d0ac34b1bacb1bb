"""Accounts at the platforms: `bosco connections`."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from api.commands.lookup import (
    find_agency,
    find_client,
    find_source,
    list_connections,
    parse_day,
)
from api.control.protocol import Arguments, DoneEvent, Event, LineEvent, TableEvent
from api.runtime import Runtime
from domain.errors import InvalidInputError, UserError
from ingestion.files.feeds import FILE_SOURCE
from ingestion.keep_connection import NewCredentials, keep_connection
from ingestion.plan import earliest_day
from ingestion.sync_alerts import withdraw
from tenancy import audit
from tenancy.tables import Client, Connection, ConnectionState
from tenancy.unscoped import TenantProfile

__all__ = [
    "NewConnection",
    "add_connection",
    "check_connections",
    "check_endpoint",
    "create_connection",
    "discover_accounts",
    "parse_settings",
    "pause_connections",
    "resume_connections",
    "show_connections",
]

_CHECKED_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True, repr=False)
class NewConnection:
    """An account to connect.

    Attributes:
        client: Slug of the client.
        source: Name of the source file.
        account_id: The provider's own id.
        credentials: As the source's `auth` needs them.
        start: First reporting date to fetch.
        settings: Not secret, for example `manager_id`.
        endpoint: Base URL in place of the platform's own (a simulator); development only.
    """

    client: str
    source: str
    account_id: str
    credentials: Mapping[str, Any]
    start: dt.date
    settings: Mapping[str, str] = field(default_factory=dict)
    endpoint: str = ""


async def create_connection(
    runtime: Runtime, tenant: TenantProfile, new: NewConnection, *, actor: str
) -> Connection:
    """Prove the credentials with the provider, then store the connection with them sealed.

    An account that the client has already gets the new credentials and keeps its data and start.

    Raises:
        NotFoundError: No such source or client.
        UserError: The provider refuses, in its own words.
    """
    source = find_source(runtime, new.source)
    settings = dict(new.settings)
    if new.endpoint:
        settings["endpoint"] = check_endpoint(runtime, new.endpoint)
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, new.client)
    account, credentials = await runtime.extraction.prove(
        source, new.account_id, settings, new.credentials
    )
    async with runtime.database.session(tenant.tenant_id) as session:
        kept = await keep_connection(
            session,
            runtime.extraction.credentials,
            NewCredentials(client, source, account, settings, credentials, new.start),
            actor=actor,
        )
    return kept.connection


async def add_connection(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco connections add`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    new = NewConnection(
        client=arguments["client"],
        source=arguments["source"],
        account_id=arguments["account"],
        credentials=arguments["credentials"],
        start=parse_day(arguments["start"], "--start")
        if arguments.get("start")
        else (runtime.clock() - dt.timedelta(days=90)).date(),
        settings=parse_settings(arguments["settings"]),
        endpoint=arguments.get("endpoint") or "",
    )
    connection = await create_connection(runtime, tenant, new, actor=arguments["actor"])
    yield LineEvent(
        f"{connection.source} account {connection.account_id} ({connection.label}) connected: "
        f"{connection.settings['currency']}, {connection.settings['time_zone']}"
    )
    for line in _shorter_histories(runtime, connection):
        yield LineEvent(line)
    yield LineEvent(f"next: bosco sync {tenant.slug} --client {new.client}")


def _shorter_histories(runtime: Runtime, connection: Connection) -> Iterator[str]:
    """What the provider cannot answer of the history that is asked for."""
    now, time_zone = runtime.clock(), connection.settings["time_zone"]
    streams: dict[tuple[dt.date, str], list[str]] = {}
    for stream in find_source(runtime, connection.source).streams.values():
        first = earliest_day(stream.history_days, now=now, time_zone=time_zone)
        if first > connection.start_date:
            streams.setdefault((first, stream.history_because), []).append(stream.name)
    for (first, because), names in streams.items():
        yield f"from {first}, not {connection.start_date}: {', '.join(names)} ({because})"


async def show_connections(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco connections list`."""
    tenant = await find_agency(runtime, arguments["tenant"])
    rows = tuple(
        (
            client.slug,
            connection.source,
            connection.account_id,
            connection.label,
            connection.settings.get("currency", ""),
            connection.settings.get("time_zone", ""),
            connection.start_date.isoformat(),
            _until(connection),
            connection.state.value,
        )
        for connection, client in await list_connections(runtime, tenant.tenant_id, arguments)
    )
    columns = (
        *("client", "source", "account", "label", "currency", "time zone", "from"),
        *("access until", "state"),
    )
    yield TableEvent(f"connections of {tenant.slug}", columns, rows)


def _until(connection: Connection) -> str:
    ends_at = connection.credentials_expire_at
    return "" if ends_at is None else ends_at.date().isoformat()


async def check_connections(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco connections check`: ask each provider with the stored credentials.

    Each is shown as soon as it has answered. Exit code 1 when one of them refuses.
    """
    are_good = True
    tenant = await find_agency(runtime, arguments["tenant"])
    places = asyncio.Semaphore(_CHECKED_AT_ONCE)
    asked = [
        asyncio.create_task(_check_connection(runtime, places, connection, client))
        for connection, client in await list_connections(runtime, tenant.tenant_id, arguments)
        if connection.source != FILE_SOURCE  # a map's files: there is nobody to ask
    ]
    try:
        for answered in asyncio.as_completed(asked):
            is_good, line = await answered
            are_good = are_good and is_good
            yield LineEvent(line)
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    if not are_good:
        yield DoneEvent(1)


async def _check_connection(
    runtime: Runtime, places: asyncio.Semaphore, connection: Connection, client: Client
) -> tuple[bool, str]:
    """Whether a connection is good, and the line that says so."""
    name = f"{client.slug}  {connection.source}  {connection.account_id}"
    async with places:
        try:
            find_source(runtime, connection.source)
            account = await runtime.extraction.check_connection(connection)
        except UserError as error:
            return False, f"FAILED  {name}  {error}"
    return True, f"ok  {name}  {account.label}  {account.currency}  {account.time_zone}"


async def pause_connections(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco connections pause`: leave accounts out of syncs; what they brought stays."""
    async for event in _change_state(runtime, arguments, ConnectionState.PAUSED, "paused"):
        yield event


async def resume_connections(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco connections resume`: sync accounts again, from where they were."""
    async for event in _change_state(runtime, arguments, ConnectionState.ACTIVE, "resumed"):
        yield event
    tenant = await find_agency(runtime, arguments["tenant"])
    for connection, client in await list_connections(runtime, tenant.tenant_id, arguments):
        if _has_only_history(runtime, connection):
            yield LineEvent(
                f"left    {client.slug}  {connection.source}  {connection.account_id}: it only has "
                "history; `bosco connections add` connects it"
            )


async def _change_state(
    runtime: Runtime, arguments: Arguments, state: ConnectionState, done: str
) -> AsyncIterator[Event]:
    tenant = await find_agency(runtime, arguments["tenant"])
    pairs = await list_connections(runtime, tenant.tenant_id, arguments)
    changed = [
        (connection, client)
        for connection, client in pairs
        if connection.source != FILE_SOURCE and connection.state is not state
        if state is not ConnectionState.ACTIVE or not _has_only_history(runtime, connection)
    ]
    async with runtime.database.session(tenant.tenant_id) as session:
        for connection, _ in changed:
            (await session.get_one(Connection, (tenant.tenant_id, connection.id))).state = state
            if state is ConnectionState.PAUSED:
                await withdraw(session, connection.id, now=runtime.clock())
            audit.record(
                session,
                clock=runtime.clock,
                ids=runtime.ids,
                actor=arguments["actor"],
                action=f"connection.{done}",
                object_kind="connection",
                object_id=str(connection.id),
                details={},
            )
    for connection, client in changed:
        yield LineEvent(f"{done}  {client.slug}  {connection.source}  {connection.account_id}")
    if not changed:
        yield LineEvent(f"nothing to do: no such connection of {tenant.slug} is in another state")


def _has_only_history(runtime: Runtime, connection: Connection) -> bool:
    """Whether the account was never connected: an earlier system's export brought it."""
    source = runtime.sources.get(connection.source)
    needs_credentials = source is not None and source.auth.kind != "none"
    return needs_credentials and connection.credentials is None


async def discover_accounts(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco connections discover`: what accounts the credentials can see."""
    source = find_source(runtime, arguments["source"])
    settings = parse_settings(arguments["settings"])
    if arguments.get("endpoint"):
        settings["endpoint"] = check_endpoint(runtime, arguments["endpoint"])
    accounts = await runtime.extraction.discover(source, settings, arguments["credentials"])
    rows = tuple(
        (
            account.account_id,
            account.label,
            account.currency,
            account.time_zone,
            " ".join(f"--set {name}={value}" for name, value in account.settings.items()),
        )
        for account in accounts
    )
    columns = ("account", "label", "currency", "time zone", "connect with")
    yield TableEvent(f"accounts at {source.label}", columns, rows)


def check_endpoint(runtime: Runtime, url: str) -> str:
    """A base URL in place of the platform's own.

    Raises:
        InvalidInputError: In production, or no URL.
    """
    if runtime.settings.env == "production":
        raise InvalidInputError(
            "--endpoint is for development", hint="in production a source has one base URL"
        )
    if urlsplit(url).scheme not in {"http", "https"}:
        raise InvalidInputError(f"--endpoint is {url!r}: that is no http:// or https:// URL")
    return url.rstrip("/")


def parse_settings(pairs: list[str]) -> dict[str, str]:
    """Read `name=value` pairs.

    Raises:
        InvalidInputError: One has no value.
    """
    settings = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise InvalidInputError(
                f"--set {pair!r} has no value", hint="write --set manager_id=1234567890"
            )
        settings[name] = value
    return settings

"""Links by which people connect accounts: `bosco connections link`."""

import datetime as dt
from collections.abc import AsyncIterator, Mapping
from typing import Any

from api.commands.connections import check_endpoint, parse_settings
from api.commands.lookup import find_agency, find_client, find_source, list_connections, parse_day
from api.control.protocol import Arguments, Event, LineEvent
from api.runtime import Runtime
from domain.errors import InvalidInputError, NotFoundError
from domain.ids import parse_id
from ingestion.connecting import LINK_LASTS, Invitation
from tenancy.tables import Connection
from tenancy.unscoped import TenantProfile

__all__ = ["make_link"]

_HISTORY: Any = dt.timedelta(days=90)


async def make_link(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco connections link`: what to send to somebody who may see the account."""
    tenant = await find_agency(runtime, arguments["tenant"])
    source = find_source(runtime, arguments["source"])
    renewed = await _renewed(runtime, tenant, arguments)
    settings: dict[str, Any] = {**(renewed.settings if renewed else {})}
    settings |= parse_settings(arguments["settings"])
    if arguments.get("endpoint"):
        settings["endpoint"] = check_endpoint(runtime, arguments["endpoint"])
    start = arguments.get("start")
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"])
        link = await runtime.connecting.invite(
            session,
            Invitation(
                client_id=client.id,
                source=source,
                start=parse_day(start, "--start") if start else (runtime.clock() - _HISTORY).date(),
                account_id=renewed.account_id if renewed else arguments.get("account") or "",
                connection_id=renewed.id if renewed else None,
                settings=settings,
            ),
            requested_by=arguments["actor"],
        )
    yield LineEvent(link)
    hours = int(LINK_LASTS.total_seconds() // 3600)
    what = f"account {renewed.account_id} again" if renewed else "one account"
    yield LineEvent(
        f"it connects {what} at {source.label} for {client.slug}, and is good for {hours} hours: "
        "send it to somebody who may see the account, and to nobody else"
    )


async def _renewed(
    runtime: Runtime, tenant: TenantProfile, arguments: Mapping[str, Any]
) -> Connection | None:
    """The connection that shall get new credentials; None: the link makes one.

    Raises:
        NotFoundError: The client has no such connection at the source.
        InvalidInputError: An account is named as well.
    """
    name = arguments.get("reconnect")
    if not name:
        return None
    if arguments.get("account"):
        raise InvalidInputError(
            "--reconnect and --account are both given", hint="a connection has its account"
        )
    found = [
        connection
        for connection, _ in await list_connections(runtime, tenant.tenant_id, arguments)
        if name == connection.account_id or _is_id(name, connection)
    ]
    if not found:
        raise NotFoundError(
            f"{arguments['client']} has no connection {name!r} at {arguments['source']}",
            hint=f"bosco connections list {tenant.slug} --client {arguments['client']}",
        )
    return found[0]


def _is_id(name: str, connection: Connection) -> bool:
    return name.startswith("con_") and parse_id("con", name) == connection.id

"""What is wrong: `bosco alerts list`."""

from collections.abc import AsyncIterator
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import case, select

from api.commands.lookup import find_agency, find_client
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.runtime import Runtime
from tenancy.tables import AlertSeverity, Client, RaisedAlert

__all__ = ["list_alerts"]

_COLUMNS: Final = ("severity", "what", "client", "details", "since", "due by", "to do")
_GRAVEST_FIRST: Final = case(
    *((RaisedAlert.severity == severity, -rank) for rank, severity in enumerate(AlertSeverity))
)


async def list_alerts(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco alerts list`: open ones, or also those that are over."""
    tenant = await find_agency(runtime, arguments["tenant"])
    query = (
        select(RaisedAlert, Client.name)
        .outerjoin(
            Client,
            (Client.tenant_id == RaisedAlert.tenant_id) & (Client.id == RaisedAlert.client_id),
        )
        .limit(arguments["limit"])
    )
    if arguments["all"]:
        query = query.order_by(RaisedAlert.opened_at.desc(), RaisedAlert.id)
    else:
        query = query.where(RaisedAlert.cleared_at.is_(None)).order_by(
            _GRAVEST_FIRST, RaisedAlert.opened_at, RaisedAlert.id
        )
    async with runtime.database.session(tenant.tenant_id) as session:
        if arguments.get("client"):
            client = await find_client(session, arguments["client"])
            query = query.where(RaisedAlert.client_id == client.id)
        found = (await session.execute(query)).all()
    zone = ZoneInfo(tenant.time_zone)
    rows = tuple(_row(alert, name or "all", zone) for alert, name in found)
    yield TableEvent(f"alerts of {tenant.slug}, times in {tenant.time_zone}", _COLUMNS, rows)
    if not rows:
        yield LineEvent("none")


def _row(alert: RaisedAlert, client: str, zone: ZoneInfo) -> tuple[str, ...]:
    since = f"{alert.opened_at.astimezone(zone):%Y-%m-%d %H:%M}"
    if alert.cleared_at is not None:
        since += f" to {alert.cleared_at.astimezone(zone):%Y-%m-%d %H:%M}"
    due = "" if alert.due_at is None else f"{alert.due_at.astimezone(zone):%Y-%m-%d %H:%M}"
    return (
        alert.severity.value,
        alert.title,
        client,
        alert.details,
        since,
        due,
        "" if alert.cleared_at is not None else alert.hint,
    )

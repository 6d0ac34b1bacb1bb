"""How fresh the data is: `bosco freshness`."""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from api.commands.lookup import find_agency
from api.control.protocol import Arguments, Event, TableEvent
from api.runtime import Runtime
from ingestion.schedule.freshness import FreshnessStatus, StreamFreshness, read_freshness
from tenancy.unscoped import TenantProfile

__all__ = ["show_freshness"]

_COLUMNS: Final = (
    "client", "source", "account", "status", "there up to", "final up to", "next due", "expected",
    "last error",
)  # fmt: skip
_WORST_FIRST: Final = list(FreshnessStatus)


async def show_freshness(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco freshness`: one line for each account, of one agency or of all."""
    if arguments.get("tenant"):
        agencies = [await find_agency(runtime, arguments["tenant"])]
    else:
        agencies = await runtime.doors.list_tenants()
    for tenant in agencies:
        yield await _table(runtime, tenant)


async def _table(runtime: Runtime, tenant: TenantProfile) -> TableEvent:
    async with runtime.database.session(tenant.tenant_id) as session:
        found = await read_freshness(session, runtime.sources, runtime.clock())
    accounts = groupby(found, key=lambda stream: stream.connection.id)
    rows = tuple(_row(list(streams)) for _, streams in accounts)
    return TableEvent(f"freshness of {tenant.slug}", _COLUMNS, rows)


def _row(streams: Sequence[StreamFreshness]) -> tuple[str, ...]:
    """An account is as fresh as its least fresh stream."""
    worst = min(streams, key=lambda stream: _WORST_FIRST.index(stream.status))
    covered = [None if one.state is None else one.state.covered_to for one in streams]
    finals = [one.final_to for one in streams]
    zone = worst.client.time_zone
    return (
        worst.client.slug,
        worst.connection.source,
        worst.connection.label or worst.connection.account_id,
        worst.status.value.replace("_", " "),
        _day(_least(covered)),
        _day(_least(finals)),
        _instant(worst.deadline_at, zone),
        _instant(worst.expected_at, zone),
        worst.last_error or "",
    )


def _least(days: Sequence[dt.date | None]) -> dt.date | None:
    known = [day for day in days if day is not None]
    return min(known) if len(known) == len(days) else None


def _day(day: dt.date | None) -> str:
    return "-" if day is None else day.isoformat()


def _instant(at: dt.datetime | None, zone: str) -> str:
    return "-" if at is None else f"{at.astimezone(ZoneInfo(zone)):%d %b %H:%M} {zone}"

"""What is due, running and expected: `bosco night`."""

import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from api.commands.lookup import find_agency
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.runtime import Runtime
from ingestion.schedule.wording import reason_of
from tenancy.tables import Client, Connection, DueState, DueSync, ProviderOutage
from tenancy.unscoped import TenantProfile

__all__ = ["show_night"]

_COLUMNS: Final = (
    "agency", "client", "source", "account", "day", "ready", "due", "state", "expected", "zone",
    "note",
)  # fmt: skip
# Of what is done, as much is shown as belongs to the night that has just passed.
_SHOWN_FOR: Final = dt.timedelta(hours=18)


@dataclass(frozen=True, slots=True)
class _Entry:
    tenant: TenantProfile
    row: DueSync
    connection: Connection
    client: Client

    @property
    def is_late(self) -> bool:
        """Whether the deadline has passed without it, or is expected to."""
        row = self.row
        return row.state is not DueState.DONE and (
            row.missed_at is not None or row.miss_cause is not None
        )


async def show_night(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco night`: the schedule of one agency, or of all, the nearest deadline first."""
    if arguments.get("tenant"):
        agencies = [await find_agency(runtime, arguments["tenant"])]
    else:
        agencies = await runtime.doors.list_tenants()
    entries = [entry for tenant in agencies for entry in await _entries(runtime, tenant)]
    entries.sort(key=lambda entry: (entry.row.deadline_at, entry.row.connection_id))
    yield TableEvent("the night", _COLUMNS, tuple(_row(runtime, entry) for entry in entries))
    yield LineEvent(_summary(entries))
    for line in await _outages(runtime):
        yield LineEvent(line)
    capacity = await runtime.jobs.sync_capacity()
    yield LineEvent(f"workers read {capacity.slots} accounts at once")


async def _entries(runtime: Runtime, tenant: TenantProfile) -> list[_Entry]:
    since = runtime.clock() - _SHOWN_FOR
    query = (
        select(DueSync, Connection, Client)
        .join(
            Connection,
            (Connection.tenant_id == DueSync.tenant_id) & (Connection.id == DueSync.connection_id),
        )
        .join(
            Client, (Client.tenant_id == Connection.tenant_id) & (Client.id == Connection.client_id)
        )
        .where(DueSync.state.in_((DueState.WAITING, DueState.RUNNING)) | (DueSync.done_at >= since))
    )
    async with runtime.database.session(tenant.tenant_id) as session:
        rows = (await session.execute(query)).all()
    return [_Entry(tenant, row[0], row[1], row[2]) for row in rows]


def _row(runtime: Runtime, entry: _Entry) -> tuple[str, ...]:
    row, zone = entry.row, ZoneInfo(entry.client.time_zone)
    return (
        entry.tenant.slug,
        entry.client.slug,
        row.source,
        entry.connection.label or entry.connection.account_id,
        row.day.isoformat(),
        _local(row.ready_at, zone),
        _local(row.deadline_at, zone),
        _state(row, zone),
        "-" if row.state is DueState.DONE else _local(row.expected_at, zone),
        entry.client.time_zone,
        _note(runtime, row),
    )


def _state(row: DueSync, zone: ZoneInfo) -> str:
    match row.state:
        case DueState.DONE:
            return f"done {_local(row.done_at, zone)}"
        case DueState.RUNNING:
            return f"running since {_local(row.started_at, zone)}"
    return "waiting" if not row.attempts else f"waiting, tried {row.attempts} times"


def _note(runtime: Runtime, row: DueSync) -> str:
    """Why it is late, or will be, and what the last try was told."""
    source = runtime.sources.get(row.source)
    label = row.source if source is None else source.label
    verdict = ""
    if row.missed_at is not None or (row.done_at is not None and row.done_at > row.deadline_at):
        verdict = "late"
    elif row.miss_cause is not None:
        verdict = "will be late"
    reason = "" if row.miss_cause is None else reason_of(row.miss_cause, label)
    told = f"{verdict}: {reason}" if verdict and reason else verdict
    return "; ".join(part for part in (told, row.error_message) if part)


def _summary(entries: Sequence[_Entry]) -> str:
    states = Counter(entry.row.state for entry in entries)
    late = sum(entry.is_late for entry in entries)
    return (
        f"{states[DueState.DONE]} done, {states[DueState.RUNNING]} running,"
        f" {states[DueState.WAITING]} waiting; {late} late or expected to be"
    )


async def _outages(runtime: Runtime) -> list[str]:
    query = select(ProviderOutage).where(ProviderOutage.ended_at.is_(None))
    async with runtime.database.platform_session() as session:
        found = (await session.scalars(query.order_by(ProviderOutage.source))).all()
    return [
        f"{runtime.sources[one.source].label} has not answered since {one.since:%d %b %H:%M} UTC;"
        f" asked last at {one.asked_at:%H:%M}"
        for one in found
        if one.source in runtime.sources
    ]


def _local(at: dt.datetime | None, zone: ZoneInfo) -> str:
    return "-" if at is None else f"{at.astimezone(zone):%d %b %H:%M}"

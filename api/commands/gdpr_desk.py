"""What waits for officers, and figures for a regulator: `bosco gdpr queue` and `statistics`.

agency, or all -> list_queue -> the most urgent requests first
agency, days -> compute_statistics -> table, CSV or JSON
"""

import json
from collections.abc import AsyncIterator
from typing import Any, Final

from api.commands.lookup import find_agency, parse_day
from api.control.protocol import Arguments, Event, JsonEvent, LineEvent, TableEvent
from api.runtime import Runtime
from domain.ids import public_id
from gdpr.desk.queue import QueueFilter, QueueLine, count_open, list_queue
from gdpr.desk.statistics import (
    CSV_COLUMNS,
    PrivacyStatistics,
    compute_statistics,
    statistics_rows,
    write_csv,
)
from tenancy.unscoped import TenantProfile

__all__ = ["show_queue", "show_statistics"]

_COLUMNS: Final = ("how near", "answer by", "right", "client", "state", "request")


async def show_queue(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr queue`: what is open, overdue and near ones first."""
    if arguments.get("tenant"):
        agencies = [await find_agency(runtime, arguments["tenant"])]
    else:
        agencies = await runtime.doors.list_tenants()
    wanted = QueueFilter(is_open=True, is_at_risk=arguments["at_risk"])
    for tenant in agencies:
        async for event in _queue(runtime, tenant, wanted, arguments["limit"]):
            yield event


async def _queue(
    runtime: Runtime, tenant: TenantProfile, wanted: QueueFilter, limit: int
) -> AsyncIterator[Event]:
    now = runtime.clock()
    async with runtime.database.session(tenant.tenant_id) as session:
        lines = await list_queue(session, wanted, now=now, limit=limit)
        total, at_risk = await count_open(session, now=now)
    title = f"requests to {tenant.slug}: {total:,} open, {at_risk:,} at risk"
    yield TableEvent(title, _COLUMNS, tuple(map(_row, lines)))


async def show_statistics(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr statistics`: requests that were received in a period, and what became of them.

    Raises:
        InvalidInputError: A day cannot be read, or the period ends before it begins.
    """
    tenant = await find_agency(runtime, arguments["tenant"])
    first, last = parse_day(arguments["first"], "--from"), parse_day(arguments["last"], "--to")
    async with runtime.database.session(tenant.tenant_id) as session:
        figures = await compute_statistics(session, first, last, now=runtime.clock())
    match arguments["format"]:
        case "csv":
            for line in write_csv(figures).splitlines():
                yield LineEvent(line)
        case "json":
            yield JsonEvent(_json(figures))
        case _:
            rows = tuple(
                (client, measure, name, "" if value is None else value)
                for client, measure, name, value in statistics_rows(figures)
            )
            title = f"requests to {tenant.slug} received from {first} to {last}"
            yield TableEvent(title, ("client", "measure", "", "figure"), rows)


def _row(line: QueueLine) -> tuple[str, ...]:
    return (
        line.words,
        line.due_on.isoformat(),
        line.row.right.value.replace("_", " "),
        line.client or "own people",
        line.row.state.value,
        public_id("req", line.row.id),
    )


def _json(figures: PrivacyStatistics) -> dict[str, Any]:
    names = [name for name in CSV_COLUMNS if name not in {"from", "to"}]
    rows = [dict(zip(names, row, strict=True)) for row in statistics_rows(figures)]
    period = {"from": figures.first, "to": figures.last, "timeZone": figures.time_zone}
    told: dict[str, Any] = json.loads(json.dumps({**period, "figures": rows}, default=str))
    return told

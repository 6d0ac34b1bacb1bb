"""Rows that did not fit: `bosco quarantine list` and `show`."""

import json
from collections.abc import AsyncIterator

from sqlalchemy import select

from api.commands.lookup import find_agency, find_source
from api.commands.quarantine_rows import find_row, record_deed
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.runtime import Runtime
from domain.ids import public_id
from tenancy.tables import QuarantinedRow, QuarantineState

__all__ = ["list_quarantine", "show_quarantined"]


async def list_quarantine(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco quarantine list`: the newest open rows, or all."""
    tenant = await find_agency(runtime, arguments["tenant"])
    query = select(QuarantinedRow).order_by(QuarantinedRow.id.desc()).limit(arguments["limit"])
    is_all = bool(arguments.get("all"))
    if not is_all:
        query = query.where(QuarantinedRow.state == QuarantineState.OPEN)
    if arguments.get("source"):
        query = query.where(QuarantinedRow.source == find_source(runtime, arguments["source"]).name)
    async with runtime.database.session(tenant.tenant_id) as session:
        found = (await session.scalars(query)).all()
    rows = tuple(
        (
            public_id("qua", row.id),
            f"{row.source}.{row.stream}",
            row.row_number,
            row.field or "",
            row.reason,
            row.message,
            *((row.state.value,) if is_all else ()),
        )
        for row in found
    )
    columns = ("id", "stream", "row", "field", "reason", "what", *(("state",) if is_all else ()))
    yield TableEvent(f"quarantine of {tenant.slug}", columns, rows)
    if rows:
        yield LineEvent(f"one in full: bosco quarantine show {tenant.slug} ID")


async def show_quarantined(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco quarantine show`: one row as the provider sent it."""
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        row = await find_row(session, tenant, arguments["id"])
        # What a platform sent may hold personal data: who looked at it is on record.
        record_deed(runtime, session, arguments, "quarantine.viewed", str(row.id), [row])
    yield LineEvent(f"{row.source}.{row.stream}, row {row.row_number}: {row.message}")
    yield LineEvent(json.dumps(row.raw, indent=2, ensure_ascii=False))
    if row.repair:
        yield LineEvent(f"given by hand: {json.dumps(row.repair, ensure_ascii=False)}")
    if row.resolved_at is not None:
        told = f"{row.state.value} {row.resolved_at:%Y-%m-%d %H:%M} UTC by {row.resolved_by}"
        yield LineEvent(f"{told}: {row.resolution}")

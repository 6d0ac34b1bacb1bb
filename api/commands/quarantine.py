"""Rows that did not fit: `bosco quarantine`."""

import json
from collections.abc import AsyncIterator

from sqlalchemy import select

from api.commands.lookup import find_agency, find_source
from api.control.protocol import Arguments, Event, LineEvent, TableEvent
from api.runtime import Runtime
from domain.errors import NotFoundError
from domain.ids import parse_id, public_id
from tenancy.tables import QuarantinedRow, QuarantineState

__all__ = ["list_quarantine", "show_quarantined"]


async def list_quarantine(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco quarantine list`: the newest open rows."""
    tenant = await find_agency(runtime, arguments["tenant"])
    query = (
        select(QuarantinedRow)
        .where(QuarantinedRow.state == QuarantineState.OPEN)
        .order_by(QuarantinedRow.id.desc())
        .limit(arguments["limit"])
    )
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
        )
        for row in found
    )
    yield TableEvent(
        f"quarantine of {tenant.slug}", ("id", "stream", "row", "field", "reason", "what"), rows
    )
    if rows:
        yield LineEvent(f"one in full: bosco quarantine show {tenant.slug} ID")


async def show_quarantined(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco quarantine show`: one row as the provider sent it."""
    tenant = await find_agency(runtime, arguments["tenant"])
    row_id = parse_id("qua", arguments["id"])
    async with runtime.database.session(tenant.tenant_id) as session:
        row = (
            await session.scalars(select(QuarantinedRow).where(QuarantinedRow.id == row_id))
        ).one_or_none()
    if row is None:
        raise NotFoundError(
            f"{arguments['id']} is not in the quarantine of {tenant.slug}",
            hint=f"bosco quarantine list {tenant.slug} shows what is",
        )
    yield LineEvent(f"{row.source}.{row.stream}, row {row.row_number}: {row.message}")
    yield LineEvent(json.dumps(row.raw, indent=2, ensure_ascii=False))

"""Putting rows right: `bosco quarantine replay`."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select

from api.commands.lookup import find_agency, suggest
from api.commands.quarantine_rows import choose_rows, record_deed
from api.control.protocol import Arguments, DoneEvent, Event, LineEvent, TableEvent
from api.runtime import Runtime
from domain.errors import InvalidInputError
from domain.ids import RunId, public_id
from ingestion.files.feeds import FILE_SOURCE
from ingestion.files.map_file import load_map
from tenancy.tables import (
    QuarantinedRow,
    QuarantineState,
    RunState,
    Sync,
    SyncRun,
)
from tenancy.unscoped import TenantProfile

__all__ = ["replay_rows"]

_SHOWN = 50


async def replay_rows(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco quarantine replay`: read rows again, and publish those that fit now.

    Raises:
        NotFoundError: There is nothing to replay.
        InvalidInputError: A value is given for no field, or a map is missing.
        ConflictError: The row is closed, or waits in a sync that is not published.
    """
    tenant = await find_agency(runtime, arguments["tenant"])
    repair = _read_pairs(arguments)
    file_map = await _read_map(arguments)
    run_id = RunId(runtime.ids())
    async with runtime.database.session(tenant.tenant_id) as session:
        rows = await choose_rows(runtime, session, tenant, arguments)
        rows = _of_one_kind(rows, has_map=file_map is not None)
        _check_repair(runtime, rows, repair)
        session.add(
            SyncRun(
                id=run_id,
                requested_by=arguments["actor"],
                state=RunState.RUNNING,
                started_at=runtime.clock(),
            )
        )
        await session.flush()
        for row in rows:
            row.replay_run_id, row.replay_sync_id = run_id, None
            row.repair = {**(row.repair or {}), **repair} or None
        record_deed(runtime, session, arguments, "quarantine.replayed", str(run_id), rows)
        ids = [row.id for row in rows]
        connections = list(dict.fromkeys(row.connection_id for row in rows))
    handles = [
        await runtime.corrections.start_replay(tenant.tenant_id, run_id, connection_id, file_map)
        for connection_id in connections
    ]
    await asyncio.gather(*(handle.result() for handle in handles))
    async for event in _report(runtime, tenant, ids):
        yield event


def _read_pairs(arguments: Arguments) -> dict[str, str]:
    pairs: list[str] = arguments["set"]
    if pairs and not arguments.get("id"):
        raise InvalidInputError("values are given for one row at a time", hint="name its id")
    repair = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InvalidInputError(
                f"{pair!r} is not a value", hint="write it as field=value; field= for no value"
            )
        repair[name] = value
    return repair


async def _read_map(arguments: Arguments) -> tuple[Path, str] | None:
    if not arguments.get("map"):
        return None
    path = arguments.resolve_path(arguments["map"]).resolve()
    file_map = await asyncio.to_thread(load_map, path)
    return path, file_map.content_hash


def _of_one_kind(rows: Sequence[QuarantinedRow], *, has_map: bool) -> Sequence[QuarantinedRow]:
    """Rows of files with a map, rows of platforms without."""
    fitting = [row for row in rows if (row.source == FILE_SOURCE) == has_map]
    if fitting:
        return fitting
    if has_map:
        raise InvalidInputError("--map reads files, and these rows are of a platform")
    raise InvalidInputError(
        "these rows are of a file", hint="name the map that reads it: --map FILE"
    )


def _check_repair(
    runtime: Runtime, rows: Sequence[QuarantinedRow], repair: Mapping[str, str]
) -> None:
    for row in rows if repair else ():
        known = _fields(runtime, row)
        for name in repair:
            if name not in known:
                raise InvalidInputError(
                    f"{row.source}.{row.stream} has no field {name!r}",
                    hint=suggest(name, known, none=""),
                )


def _fields(runtime: Runtime, row: QuarantinedRow) -> Sequence[str]:
    if row.source == FILE_SOURCE:
        return list(row.raw)
    stream = runtime.sources[row.source].streams.get(row.stream)
    return [] if stream is None else [field.name for field in stream.fields]


async def _report(
    runtime: Runtime, tenant: TenantProfile, ids: Sequence[Any]
) -> AsyncIterator[Event]:
    async with runtime.database.session(tenant.tenant_id) as session:
        query = (
            select(QuarantinedRow, Sync)
            .outerjoin(Sync, Sync.id == QuarantinedRow.replay_sync_id)
            .where(QuarantinedRow.id.in_(ids))
            .order_by(QuarantinedRow.id)
        )
        found = (await session.execute(query)).all()
    rows = tuple(
        (
            public_id("qua", row.id),
            f"{row.source}.{row.stream}",
            row.row_number,
            row.state.value,
            _told(row, sync),
        )
        for row, sync in found
    )
    yield TableEvent("replayed", ("id", "stream", "row", "state", "what"), rows[:_SHOWN])
    counts = Counter(row.state.value for row, _ in found)
    yield LineEvent(", ".join(f"{count:,} {state}" for state, count in sorted(counts.items())))
    if counts[QuarantineState.OPEN.value]:
        yield DoneEvent(1)


def _told(row: QuarantinedRow, sync: Sync | None) -> str:
    if row.state is not QuarantineState.OPEN:
        return row.resolution or ""
    if sync is None:
        return f"{row.field} {row.message}" if row.field else row.message
    return f"its sync is {sync.state.value}: {sync.error_message}"
